"""preview, as a shell runs it."""

import json

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.cli.test_main import ENTRY_FIELDS
from tests.loopback import configuration, loopback, rss


@pytest.fixture
def site():
    with loopback(a=rss("a", *(f"n{n}" for n in range(12)))) as site:
        yield site


@pytest.fixture
def path(site, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(configuration(site) + "backfill = 2\nlanguage = 'nl'\n")
    return path


def run(path, *arguments: str):
    return CliRunner().invoke(app, ["preview", *arguments, "--config", str(path)])


def rows(path, url: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in run(path, url, "--json").stdout.splitlines()]


def test_a_new_source_is_shown_with_what_its_first_poll_would_store(path, site):
    site.documents["/b"] = rss("b", *(f"n{n}" for n in range(11)))
    entries = rows(path, f"{site.origin}/b")

    assert [list(entry) for entry in entries] == [ENTRY_FIELDS] * 10
    assert [entry["guid"] for entry in entries] == [f"n{n}" for n in range(10)]
    assert {entry["source"] for entry in entries} == {"b"}
    assert not list(path.parent.glob("*.db"))


def test_a_configured_source_is_shown_by_its_settings(path, site):
    entries = rows(path, f"{site.origin}/a#x")

    assert [(e["guid"], e["source"], e["language"]) for e in entries] == [
        ("n0", "a", "nl"),
        ("n1", "a", "nl"),
    ]


def test_what_is_shown_is_what_is_stored(path, site):
    shown = rows(path, f"{site.origin}/a")
    CliRunner().invoke(app, ["fetch", "--config", str(path)])
    ran = CliRunner().invoke(app, ["entries", "--json", "--config", str(path)])
    stored = [json.loads(line) for line in ran.stdout.splitlines()]

    for entry in (*stored, *shown):
        del entry["first_seen"]
    assert shown == stored


def test_the_feed_behind_a_page_is_shown(path, site):
    site.documents["/"] = b'<link rel="alternate" type="application/rss+xml" href="/a">'
    ran = run(path, f"{site.origin}/")

    assert ran.exit_code == 0
    assert "n0 of a" in ran.stdout
    assert f"{site.origin}/a: a, 2 of 12 entries would be stored" in ran.stderr


def test_what_is_no_feed_is_exit_status_one(path, site):
    ran = run(path, f"{site.origin}/missing")

    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "HTTP 404 Not Found" in ran.stderr
