"""What becomes of results when the other end of stdout is closed, full or gone."""

import json
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.cli.progress import RoundWatch
from aggregator.service.reports import throttled
from tests.loopback import configuration, loopback, rss

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REPORT = throttled("a", NOON, now=NOON)


def run(arguments: str, redirected: str, config) -> subprocess.CompletedProcess[str]:
    command = f"{shlex.quote(sys.executable)} -m aggregator --config {config} {arguments}"
    return subprocess.run(
        ["/bin/sh", "-c", f"{command} {redirected}"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_closed_ends_no_command(config, closed):
    ran = run("sources --json", closed, config)

    assert (ran.returncode, ran.stderr) == (0, "")
    if ">" not in closed:
        assert json.loads(ran.stdout)["key"] == "a"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is full")
@pytest.mark.parametrize("command", ["sources --json", "entries", "export"])
def test_a_full_disk_is_a_failure_told_in_one_line(config, command):
    ran = run(command, ">/dev/full", config)

    assert ran.returncode == 1
    assert ran.stderr.splitlines() == ["aggregator: [Errno 28] No space left on device"]


def test_polls_go_on_when_whoever_reads_their_rows_has_enough(tmp_path):
    path = tmp_path / "config.toml"
    with loopback(a=rss("a", "one"), b=rss("b", "two")) as site:
        path.write_text(configuration(site))
        ran = run("fetch --all --json", "| true", path)
        health = run("sources --json", "", path).stdout.splitlines()

    assert ran.stderr == ""
    assert [json.loads(row)["entries"] for row in health] == [1, 1]


def test_a_row_that_cannot_be_printed_is_no_failure_of_the_poll(monkeypatch):
    def closed(_: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(sys.stdout, "write", closed)
    advanced: list[str] = []
    watch = RoundWatch(as_json=True)
    watch.advance = advanced.append
    watch.polled(REPORT)
    watch.polled(REPORT)

    assert advanced == [REPORT.source] * 2
    assert isinstance(watch.unprinted, BrokenPipeError)
