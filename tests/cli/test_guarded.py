"""Nothing that a command does leads to this machine unless the configuration opens it."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.loopback import configuration, loopback, rss
from tests.patience import PATIENCE

BROKEN = """
import sys
from aggregator.fetch import guard
{damage}
from aggregator.cli.main import app
app(sys.argv[1:])
"""

DAMAGES = {
    "every address may be dialled": "guard.may_dial = lambda *_: True",
    "no judging at all": """
import httpcore
async def connect(self, host, port, *_, **__):
    return await httpcore.AnyIOBackend().connect_tcp(host, port)
guard.GuardedBackend.connect_tcp = connect
""",
    "httpx's own transport": """
import httpx
from aggregator.fetch import ways
ways.GuardedTransport = lambda *_, **__: httpx.AsyncHTTPTransport()
""",
    "no judging on the way that most polls take": """
from aggregator.fetch import direct
direct.admitted_addresses = lambda resolver, host, *_: resolver.addresses(host)
""",
    "httpx's own transport on the way that most polls take": """
import httpx
from aggregator.fetch import ways
ways.DirectTransport = lambda *_, **__: httpx.AsyncHTTPTransport()
""",
}


@pytest.fixture
def site():
    with loopback(a=rss("a", "one")) as site:
        yield site


@pytest.fixture
def path(site, tmp_path):
    """A configuration that opens no network."""
    path = tmp_path / "config.toml"
    path.write_text(configuration(site).replace('"127.0.0.0/8"', ""), encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["run", "fetch"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_build_without_its_guard_does_not_start(command, damage, path, site):
    ran = subprocess.run(
        [sys.executable, "-c", BROKEN.format(damage=damage), command, "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ran.returncode != 0
    assert "do not poll with this build" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert site.requests == []


@pytest.mark.parametrize(
    "command",
    [
        "fetch",
        "fetch --all",
        "preview {}/a",
        "preview {}/",
        "add {}/b",
        "add {}/",
        "check --online",
    ],
)
def test_no_command_asks_this_machine(command, path, site):
    words = command.replace("{}", site.origin).split()

    ran = CliRunner().invoke(app, [*words, "--config", str(path)])

    assert "private or reserved address" in ran.output
    assert ran.exit_code == 1
    assert site.requests == []


def test_an_import_asks_nobody(path, site, tmp_path):
    opml = tmp_path / "list.opml"
    opml.write_text(
        f'<opml version="2.0"><body><outline xmlUrl="{site.origin}/b" text="b"/></body></opml>'
    )

    ran = CliRunner().invoke(app, ["import", str(opml), "--config", str(path)])

    assert ran.exit_code == 0
    assert site.requests == []
