"""What we ship to start the daemon with starts it: the compose file, and systemd's units."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from aggregator.cli.main import app
from aggregator.config.load import load

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
UNITS = sorted((ROOT / "systemd").glob("*.service"))
COMMAND = get_command(app)


def parses(arguments: list[str]) -> bool:
    """Whether our command line understands them; nothing is run."""
    parsed = COMMAND.make_context("aggregator", list(arguments), resilient_parsing=False)
    name, *rest = [*parsed._protected_args, *parsed.args]
    command = vars(COMMAND)["commands"][name]
    with command.make_context(name, rest, parent=parsed):
        return True


@pytest.mark.parametrize(
    ("profile", "names"),
    [("embedded", {"aggregator"}), ("fleet", {"db", "migrate", "web", "worker"})],
)
def test_a_profile_starts_what_belongs_to_it(profile, names):
    assert {name for name, its in SERVICES.items() if profile in its["profiles"]} == names


@pytest.mark.parametrize("name", OURS)
def test_every_service_of_ours_runs_a_command_of_ours(name):
    entrypoint = re.search(
        r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert entrypoint
    program, *options = yaml.safe_load(entrypoint[1])

    assert program == "aggregator"
    assert parses([*options, *OURS[name]["command"]])


@pytest.mark.parametrize("name", OURS)
def test_every_service_of_ours_finds_its_configuration_and_can_write_only_where_it_must(name):
    service = OURS[name]
    mounts = [mount.split(":") for mount in service["volumes"]]

    assert ["./config.toml", "/etc/aggregator/config.toml", "ro"] in mounts
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_every_volume_is_there_and_used():
    used = {mount.split(":")[0] for its in SERVICES.values() for mount in its.get("volumes", ())}

    assert {name for name in used if not name.startswith(".")} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_the_shipped_configuration_takes_what_a_service_gets_from_the_environment(name):
    given = OURS[name]["environment"]
    environ = {key: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for key, value in given.items()}

    settings = load(ROOT / "config.toml", environ)

    assert settings.server.host == "0.0.0.0"
    assert settings.database.url == environ["AGGREGATOR_DATABASE"]


def test_the_fleet_waits_for_the_database_and_its_schema():
    assert "healthcheck" in SERVICES["db"]
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in ("web", "worker"):
        condition = {"condition": "service_completed_successfully"}
        assert SERVICES[name]["depends_on"] == {"migrate": condition}


@pytest.mark.parametrize("name", ["aggregator", "web"])
def test_who_serves_is_asked_whether_it_is_ready(name):
    said = SERVICES[name]["healthcheck"]["test"]

    assert said[:3] == ["CMD", "python", "-c"]
    assert "/readyz" in said[3]
    compile(said[3], "healthcheck", "exec")


def directives(unit: Path) -> dict[str, str]:
    lines = unit.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_runs_a_command_of_ours_without_rights_that_it_does_not_need(unit):
    its = directives(unit)
    program, *arguments = shlex.split(its["ExecStart"])

    assert program.endswith("/bin/aggregator")
    assert parses(arguments)
    assert its["DynamicUser"] == its["NoNewPrivileges"] == "yes"
    assert its["ProtectSystem"] == "strict"
    assert its["CapabilityBoundingSet"] == ""


def test_a_port_of_a_unit_comes_from_the_environment():
    assert load(ROOT / "config.toml", {"AGGREGATOR_PORT": "8001"}).server.port == 8001


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_every_unit(unit, tmp_path):
    installed = tmp_path / "etc/systemd/system"
    installed.mkdir(parents=True)
    for each in UNITS:
        shutil.copy(each, installed)
    for program in ("opt/aggregator/.venv/bin/aggregator", "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)

    checked = subprocess.run(
        [
            *("systemd-analyze", f"--root={tmp_path}", "--man=no", "--recursive-errors=no"),
            *("verify", unit.name.replace("@.", "@8001.")),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )

    assert (checked.returncode, checked.stderr) == (0, "")
