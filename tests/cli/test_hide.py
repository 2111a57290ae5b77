"""hide and unhide, as a shell runs them."""

import json

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.loopback import configuration, loopback, rss


@pytest.fixture
def path(tmp_path):
    """Sources a and b have three entries; two of them have one guid."""
    with loopback(a=rss("a", "one", "two"), b=rss("b", "one")) as site:
        path = tmp_path / "config.toml"
        path.write_text(configuration(site))
        assert run(path, "fetch", "--all").exit_code == 0
        yield path


def run(path, *arguments: str):
    return CliRunner().invoke(app, [*arguments, "--config", str(path)])


def titles(path) -> set[str]:
    lines = run(path, "entries", "--json").stdout.splitlines()
    return {json.loads(line)["title"] for line in lines}


def test_a_story_is_hidden_and_put_back(path):
    ran = run(path, "hide", "https://a.example/two", "--reason", "its author asked")

    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "taken down: two of a")
    assert titles(path) == {"one of a", "one of b"}

    ran = run(path, "unhide", "two")

    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "put back: two of a")
    assert titles(path) == {"one of a", "two of a", "one of b"}


def test_it_stays_hidden_when_its_source_is_fetched_again(path):
    run(path, "hide", "two")

    assert run(path, "fetch", "--all").exit_code == 0
    assert titles(path) == {"one of a", "one of b"}


def test_of_several_none_is_hidden_and_all_are_named(path):
    ran = run(path, "hide", "one")

    assert ran.exit_code == 1
    assert "nothing was done: several stories bear the name one; name one by its id:" in ran.stderr
    assert "one of a" in ran.stderr
    assert "one of b" in ran.stderr
    assert len(titles(path)) == 3

    id = next(line.split()[0] for line in ran.stderr.splitlines() if line.endswith("one of b"))
    assert run(path, "hide", id).exit_code == 0
    assert titles(path) == {"one of a", "two of a"}


def test_a_part_of_a_name_hides_nothing(path):
    ran = run(path, "hide", "example/tw")

    assert ran.exit_code == 1
    assert "no story has the name example/tw; name one by its id:" in ran.stderr
    assert "two of a" in ran.stderr


@pytest.mark.parametrize(
    ("command", "where"), [("hide", "entries --json"), ("unhide", "hide --list")]
)
def test_what_is_not_there_is_told_and_where_names_are_found(path, command, where):
    ran = run(path, command, "https://z.example/")

    assert ran.exit_code == 1
    assert ran.stderr.startswith("nothing was done: no story")
    assert ran.stderr.endswith(
        f"; a name is a whole id, guid or link, as in `aggregator {where}`\n"
    )
    assert ran.stdout == ""


def test_what_is_hidden_is_listed(path):
    assert run(path, "hide", "--list").stdout == ""
    as_json = run(path, "hide", "two", "--reason", "asked", "--json")

    ran = run(path, "hide", "--list", "--json")

    [row] = [json.loads(line) for line in ran.stdout.splitlines()]
    assert list(row) == ["id", "taken_at", "reason", "title", "link", "sources"]
    assert (row["reason"], row["title"], row["sources"]) == ("asked", "two of a", ["a"])
    assert json.loads(as_json.stdout) == row
    assert "  reason asked" in run(path, "hide", "--list").stdout


@pytest.mark.parametrize("arguments", [(), (" ",), ("two", "--list")])
def test_a_story_or_the_list_has_to_be_named(path, arguments):
    assert run(path, "hide", *arguments).exit_code == 2


def test_a_story_to_be_put_back_has_to_be_named(path):
    ran = run(path, "unhide", " ")

    assert ran.exit_code == 2
    assert ran.stderr.startswith("name a story by")


def test_explain_says_when_and_why(path):
    run(path, "hide", "two", "--reason", "its author asked")
    ran = run(path, "explain", "two")
    row = json.loads(run(path, "explain", "two", "--json").stdout)

    assert ran.exit_code == 0
    assert "hidden everywhere" in ran.stdout
    assert "taken down 20" in ran.stdout
    assert "with `aggregator hide`: its author asked" in ran.stdout
    assert "latest: not shown: it was taken down" in ran.stdout
    assert (row["source"], row["taken_down"][0]["reason"]) == (None, "its author asked")
    assert row["taken_down"][0]["id"] == row["id"]


def test_explain_says_so_when_its_row_is_gone(path):
    run(path, "hide", "https://a.example/two")
    path.write_text(path.read_text() + "[retention]\nkeep = 0\nkeep_per_source = 0\n")
    assert run(path, "prune").exit_code == 0

    row = json.loads(run(path, "explain", "https://a.example/two", "--json").stdout)

    assert row["found"] is False
    assert row["reason"].startswith("taken down 20")
    assert len(row["taken_down"]) == 1
