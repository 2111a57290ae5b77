"""explain, as a shell runs it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.loopback import configuration, loopback, rss

FIELDS = [
    "query",
    "found",
    "exact",
    "id",
    "guid",
    "link",
    "title",
    "source",
    "also_in",
    "published",
    "updated",
    "first_seen",
    "rank",
    "lead",
    "entries",
    "publications",
    "taken_down",
]
LOST_FIELDS = ["query", "found", "reason", "tombstones", "sources", "taken_down"]


@pytest.fixture
def site():
    with loopback(a=rss("a", "one", "two", "three"), b=rss("b", "four")) as site:
        yield site


@pytest.fixture
def path(site, tmp_path):
    """Source a keeps two of its entries, and hides one of them."""
    path = tmp_path / "config.toml"
    head, tail = configuration(site).split("[sources.b]")
    path.write_text(
        f"{head}backfill = 2\nexclude = ['title: two']\n[sources.b]{tail}\n"
        "[publications.only-b]\nsources = ['b']\n"
    )
    for key in "ba":  # the later one ranks higher where dates are the same
        assert run(path, "fetch", key).exit_code == 0
    return path


def run(path, *arguments: str):
    return CliRunner().invoke(app, [*arguments, "--config", str(path)])


def row(path, text: str) -> Any:
    (line,) = run(path, "explain", text, "--json").stdout.splitlines()
    return json.loads(line)


def test_an_entry_is_explained_as_one_object(path):
    found = row(path, "https://a.example/one")

    assert list(found) == FIELDS
    assert (found["source"], found["title"], found["exact"]) == ("a", "one of a", True)
    assert found["lead"] == {"source": "a", "reason": "it is the only entry of its story"}
    assert found["entries"][0]["guid"] == "one"
    assert found["publications"] == [
        {"publication": "latest", "shown": True, "position": 1, "reason": None},
        {
            "publication": "only-b",
            "shown": False,
            "position": None,
            "reason": "the publication does not take from a",
        },
    ]


def test_the_rule_that_hides_it_is_named_with_its_line(path):
    found, ran = row(path, "two"), run(path, "explain", "two")
    line = path.read_text().splitlines().index("exclude = ['title: two']") + 1
    place = f"{path}:{line}: sources.a.exclude[0]"

    assert ran.exit_code == 0
    assert found["source"] is None
    assert found["entries"][0]["hidden_by"] == {"where": place, "rule": "title: two"}
    assert f"hidden by {place}: title: two" in ran.stdout
    assert "hidden everywhere" in ran.stdout


def test_for_people_there_are_lines(path):
    ran = run(path, "explain", "one")

    assert ran.exit_code == 0
    assert ran.stdout.startswith("one of a\n")
    assert "publication  latest: number 1" in ran.stdout
    assert "publication  only-b: not shown: the publication does not take from a" in ran.stdout


def test_what_was_left_out_is_exit_status_one(path):
    ran, lost = run(path, "explain", "three"), row(path, "three")

    assert ran.exit_code == 1
    assert "left out by backfill when a was new" in ran.stdout
    assert list(lost) == LOST_FIELDS
    assert lost["tombstones"] == [{"source": "a", "pruned_at": None}]


def test_what_was_pruned_is_told_with_the_time(path):
    path.write_text(path.read_text() + "[retention]\nkeep = 0\nkeep_per_source = 0\n")
    assert run(path, "prune").exit_code == 0
    lost = row(path, "one")

    assert "a had it; [retention] dropped it 20" in lost["reason"]
    assert lost["tombstones"][0]["pruned_at"].endswith("Z")


def test_what_was_never_seen_names_the_source_on_its_host(path):
    ran, lost = run(path, "explain", "https://www.b.example/9"), row(path, "b.example/9")

    assert ran.exit_code == 1
    assert "never seen; b is on its host, last polled 20" in ran.stdout
    assert [each["key"] for each in lost["sources"]] == ["b"]


def test_what_nobody_knows_is_told(path):
    ran = run(path, "explain", "nonsense")

    assert (ran.exit_code, ran.stdout) == (
        1,
        "nonsense: never seen, and no source is on its host\n",
    )


def test_nothing_is_no_question(path):
    assert run(path, "explain", " ").exit_code == 2


def test_who_asks_for_more_than_is_told_hears_that_there_is_more(tmp_path):
    items = [f"item-{number:02}" for number in range(25)]
    with loopback(a=rss("a", *items)) as site:
        path = tmp_path / "config.toml"
        path.write_text(f'{configuration(site)}\nbackfill = "all"\n')
        CliRunner().invoke(app, ["fetch", "--config", str(path)])
        ran = CliRunner().invoke(app, ["explain", "item-", "--json", "--config", str(path)])

    assert len(ran.stdout.splitlines()) == 20
    assert ran.stderr == "these are the newest 20; to see others name more of them\n"
