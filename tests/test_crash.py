"""kill -9 in the middle of a round: nothing is lost, and nothing is there twice."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.loopback import configuration, loopback, rss

SOURCES = 30
ITEMS = ("one", "two", "three")
AGGREGATOR = [sys.executable, "-m", "aggregator"]


@pytest.mark.parametrize("rows_before_the_kill", [0, 1, 12])
def test_a_killed_round_is_made_good_by_the_next(tmp_path, rows_before_the_kill):
    documents = {f"s{n}": rss(f"s{n}", *ITEMS) for n in range(SOURCES)}
    with loopback(**documents) as site:
        config = tmp_path / "config.toml"
        config.write_text(configuration(site), "utf-8")
        fetch = [*AGGREGATOR, "--config", str(config), "fetch", "--all", "--json"]
        killed = subprocess.Popen(fetch, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert killed.stdout
        for _ in range(rows_before_the_kill):
            killed.stdout.readline()
        killed.kill()
        killed.communicate()

        rows = json_lines(fetch)
        again = json_lines(fetch)
        entries = json_lines(
            [*AGGREGATOR, "--config", str(config), "entries", "--limit", "1000", "--json"]
        )

    assert {row["outcome"] for row in rows} <= {"new", "not_modified"}
    assert Counter((entry["source"], entry["guid"]) for entry in entries) == {
        (f"s{n}", item): 1 for n in range(SOURCES) for item in ITEMS
    }
    assert [(row["entries_new"], row["entries_updated"]) for row in again] == [(0, 0)] * SOURCES


def json_lines(command: list[str]) -> list[dict[str, Any]]:
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]
