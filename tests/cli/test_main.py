"""The commands as scripts use them: exit statuses, what goes to stdout, the shape of the JSON."""

import json
import subprocess
import sys
from xml.sax.saxutils import escape

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.loopback import configuration, loopback, rss

POLL_FIELDS = [
    "source",
    "outcome",
    "status",
    "entries_new",
    "entries_updated",
    "bytes",
    "elapsed_ms",
    "next_poll_at",
    "error",
]
SOURCE_FIELDS = [
    "key",
    "url",
    "name",
    "tags",
    "state",
    "last_poll_at",
    "last_success_at",
    "next_poll_at",
    "next_poll_reason",
    "failures",
    "last_error",
    "entries",
    "moved_to",
    "suggested_url",
    "hub",
    "hub_state",
    "hub_lease_until",
    "hub_error",
    "last_push_at",
]
PAST_POLL_FIELDS = [
    "polled_at",
    "outcome",
    "status",
    "bytes",
    "elapsed_ms",
    "error",
    "sent",
    "received",
]
ENTRY_FIELDS = [
    "id",
    "guid",
    "source",
    "also_in",
    "link",
    "title",
    "authors",
    "published",
    "updated",
    "first_seen",
    "language",
    "summary",
    "content_html",
    "excerpt",
    "categories",
    "enclosures",
    "image",
]


class Shell:
    """Runs commands with one configuration."""

    def __init__(self, config) -> None:
        self.config = config

    def __call__(self, *arguments: str, env=None):
        return CliRunner().invoke(app, [*arguments, "--config", str(self.config)], env=env)

    def rows(self, *arguments: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self(*arguments, "--json").stdout.splitlines()]


@pytest.fixture
def site():
    with loopback(a=rss("a", "one", "two"), b=rss("b", "three")) as site:
        yield site


@pytest.fixture
def shell(site, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(configuration(site) + '\n[publications.only-a]\nsources = ["a"]\n')
    return Shell(config)


def test_fetch_polls_what_is_due_and_then_nothing(shell):
    first, second = shell.rows("fetch"), shell.rows("fetch")

    assert {row["source"]: row["outcome"] for row in first} == {"a": "new", "b": "new"}
    assert second == []


def test_people_are_told_that_nothing_is_due(shell):
    shell("fetch")
    ran = shell("fetch")

    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == "nothing is due; --all polls all the same\n"


def test_the_rows_of_fetch_have_the_documented_fields(shell):
    for row in shell.rows("fetch", "--all"):
        assert list(row) == POLL_FIELDS
        assert row["next_poll_at"].endswith("Z")


def test_fetch_with_keys_polls_just_those(shell, site):
    shell.rows("fetch", "b")

    assert site.paths() == ["/b"]


def test_a_part_that_failed_is_exit_status_one(shell, site):
    del site.documents["/b"]
    ran = shell("fetch", "--all", "--json")
    outcomes = {row["source"]: row for row in map(json.loads, ran.stdout.splitlines())}

    assert ran.exit_code == 1
    assert (outcomes["a"]["outcome"], outcomes["b"]["outcome"]) == ("new", "failed")
    assert outcomes["b"]["error"] == "HTTP 404 Not Found"


def test_without_json_people_get_a_table_on_stdout(shell):
    ran = shell("fetch", "--all")

    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[0].split()[:3] == ["source", "outcome", "status"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch", "nobody"],
        ["sources", "nobody"],
        ["entries", "--source", "nobody"],
        ["entries", "--publication", "nothing"],
        ["fetch", "--no-such-option"],
        ["no-such-command"],
    ],
)
def test_what_is_not_there_is_exit_status_two(shell, arguments):
    assert shell(*arguments).exit_code == 2


def test_a_misspelt_key_gets_a_suggestion(shell):
    ran = shell("entries", "--publication", "only-b")

    assert 'did you mean "only-a"?' in ran.stderr


def test_a_broken_configuration_is_exit_status_two_with_every_mistake(shell):
    shell.config.write_text('[site]\ntitel = "x"\n\n[sources.a]\nurl = "nowhere"\n')
    ran = shell("fetch")

    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert ran.stderr.count(f"{shell.config}:") >= 3
    assert 'did you mean "title"?' in ran.stderr


def test_the_rows_of_sources_have_the_documented_fields(shell):
    before = shell.rows("sources")
    shell.rows("fetch", "--all")
    after = shell.rows("sources")

    assert [list(row) for row in (*before, *after)] == [SOURCE_FIELDS] * 4
    assert [row["entries"] for row in after] == [2, 1]
    assert {row["state"] for row in after} == {"active"}
    assert before[0]["last_poll_at"] is None
    assert after[0]["next_poll_reason"].startswith("every 1h")


def test_a_named_source_comes_with_its_last_polls(shell):
    shell.rows("fetch", "--all")
    shell.rows("fetch", "a")
    (row,) = shell.rows("sources", "a")

    assert list(row) == [*SOURCE_FIELDS, "polls"]
    assert [list(poll) for poll in row["polls"]] == [PAST_POLL_FIELDS] * 2
    assert [poll["outcome"] for poll in row["polls"]] == ["not_modified", "new"]
    assert row["polls"][0]["sent"] == row["polls"][1]["received"]


def test_a_disabled_source_has_no_next_poll(shell):
    shell.rows("fetch", "--all")
    text = shell.config.read_text()
    shell.config.write_text(text.replace("[sources.a]", "[sources.a]\nenabled = false"))
    (row,) = shell.rows("sources", "a")

    assert row["state"] == "disabled"
    assert (row["next_poll_at"], row["next_poll_reason"]) == (None, None)
    assert row["last_poll_at"]


def test_people_see_the_last_polls_of_a_named_source(shell):
    shell.rows("fetch", "--all")
    ran = shell("sources", "a")

    assert ran.exit_code == 0
    assert "next poll reason" in ran.stdout
    assert "polled at" in ran.stdout


def test_the_rows_of_entries_have_the_documented_fields(shell):
    shell.rows("fetch", "--all")
    rows = shell.rows("entries")

    assert [list(row) for row in rows] == [ENTRY_FIELDS] * 3
    assert rows[0]["published"] == "2026-03-01T12:00:00Z"
    assert {row["excerpt"] for row in rows} == {"Text of one", "Text of two", "Text of three"}


@pytest.mark.parametrize(
    ("arguments", "guids"),
    [
        (["--source", "b"], {"three"}),
        (["--publication", "only-a"], {"one", "two"}),
        (["--publication", "only-a", "--source", "b"], set()),
        (["--search", "OF THREE"], {"three"}),
        (["--limit", "2"], {"one", "three"}),
    ],
)
def test_entries_are_chosen_by_source_publication_and_text(shell, arguments, guids):
    shell.rows("fetch", "--all")

    assert {row["guid"] for row in shell.rows("entries", *arguments)} == guids


NASTY = ["\\[/x]", "\\[x^2\\]", "ends in \\", ":warning: [bold]", "a\x1b[31mred"]


def test_titles_are_printed_as_they_are(shell, site):
    site.documents["/a"] = rss("a", *(escape(title) for title in NASTY))
    shell.rows("fetch", "--all")
    ran = shell("entries", "--source", "a")

    assert ran.exit_code == 0
    for title in NASTY:
        assert f"{title} of a".replace("\x1b", "") in ran.stdout


def test_entries_are_printed_in_utf_8_whatever_the_locale(shell, site):
    site.documents["/a"] = rss("a", "\u4e2d\u6587")
    shell.rows("fetch", "--all")
    command = [sys.executable, "-m", "aggregator", "--config", str(shell.config), "entries"]
    environment = {"PATH": "", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    ran = subprocess.run(command, capture_output=True, check=True, env=environment)

    assert "\u4e2d\u6587 of a" in ran.stdout.decode()


def test_the_configuration_may_be_named_before_the_command_or_by_the_environment(shell):
    before = CliRunner().invoke(app, ["--config", str(shell.config), "check"])
    by_environment = CliRunner().invoke(
        app, ["check"], env={"AGGREGATOR_CONFIG": str(shell.config)}
    )
    wins = CliRunner().invoke(
        app, ["--config", str(shell.config), "check"], env={"AGGREGATOR_CONFIG": "/nowhere"}
    )

    assert [ran.exit_code for ran in (before, by_environment, wins)] == [0, 0, 0]


def test_check_says_that_all_is_good(shell):
    ran = shell("check")

    assert ran.exit_code == 0
    assert "good; 2 source(s), 2 publication(s)" in ran.stdout


def test_check_online_looks_without_storing(shell, site):
    site.documents["/b"] = b"<html>no feed</html>"
    ran = shell("check", "--online", "--json")
    looks = {row["source"]: row for row in map(json.loads, ran.stdout.splitlines())}

    assert ran.exit_code == 1
    assert (looks["a"]["format"], looks["a"]["entries"]) == ("rss20", 2)
    assert looks["b"]["error"] == "an HTML page, not a feed"
    assert not list(shell.config.parent.glob("*.db"))


def test_a_database_that_cannot_be_opened_is_said_in_a_sentence(shell):
    text = shell.config.read_text()
    shell.config.write_text(f'{text}\n[database]\nurl = "sqlite:////nowhere/at/all.db"\n')
    ran = shell("sources")

    assert ran.exit_code == 1
    assert ran.stderr.startswith("aggregator: ")
    assert "Traceback" not in ran.stderr


def test_prune_and_migrate_say_what_they_did(shell):
    assert shell("migrate").stdout == "the database is up to date\n"
    assert shell("prune").stdout == "0 entries dropped\n"


def test_the_version_is_said_without_a_configuration():
    ran = CliRunner().invoke(app, ["--version"])

    assert (ran.exit_code, ran.stdout.split()[0]) == (0, "aggregator")
