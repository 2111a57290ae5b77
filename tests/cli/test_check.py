"""check with rules, as a shell runs it."""

import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.loopback import configuration, loopback, rss

RULES = """
[filters]
exclude = [
  "title: two",
  "nowhere",
  "title ~ (i?)",
]
"""


@pytest.fixture
def path(tmp_path):
    with loopback(a=rss("a", "one", "two"), b=rss("b", "three")) as site:
        path = tmp_path / "config.toml"
        path.write_text(configuration(site) + RULES)
        yield path


def run(path, *arguments: str):
    return CliRunner().invoke(app, [*arguments, "--config", str(path)])


def place(path, index: int) -> str:
    first = path.read_text().splitlines().index("exclude = [") + 2
    return f"{path}:{first + index}: filters.exclude[{index}]"


def test_what_rules_do_to_stored_entries_is_counted(path):
    run(path, "fetch")
    ran, as_json = run(path, "check"), run(path, "check", "--json")

    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[1:] == [
        f"{place(path, 0)}: hides 1 of the 3 stored entries",
        f"{place(path, 1)}: matches none of the 3 stored entries",
        f"{place(path, 2)}: hides all of the 3 stored entries",
    ]
    assert as_json.stdout == ""
    assert "matches none of the 3" in as_json.stderr


def test_a_rule_that_looks_wrong_is_doubted(path):
    ran = run(path, "check")

    assert ran.stderr.startswith(f'{place(path, 2)}: looks wrong: "(i?)" is a letter i')


def test_without_a_database_there_is_none_after_the_check_either(path):
    ran = run(path, "check")

    assert ran.exit_code == 0
    assert "the rules were not tried: there is no database" in ran.stderr
    assert not list(path.parent.glob("*.db*"))


def test_a_database_of_another_version_is_left_alone(path):
    database = path.parent / "aggregator.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        ran = run(path, "check")
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()

    assert "there is no database of this version yet" in ran.stderr
    assert tables == [("alembic_version",)]


def test_a_database_that_cannot_be_read_is_no_mistake_of_the_file(path):
    (path.parent / "aggregator.db").write_text("no database at all")
    ran = run(path, "check")

    assert ran.exit_code == 0
    assert "the rules were not tried: " in ran.stderr


def test_without_rules_nothing_is_said_of_them(path):
    path.write_text(path.read_text().replace(RULES, ""))
    ran = run(path, "check")

    assert (ran.exit_code, ran.stderr) == (0, "")


def test_a_mistake_in_a_rule_is_told_with_its_place(path):
    path.write_text(path.read_text().replace("nowhere", "titel: nowhere"))
    ran = run(path, "check")

    assert ran.exit_code == 2
    assert ran.stderr.startswith(f'{place(path, 1)}: unknown field; did you mean "title: …"?')


def test_templates_are_tried(path):
    templates = path.parent / "templates"
    templates.mkdir()
    text = path.read_text().replace("[site]", '[site]\ntemplates = "templates"')
    path.write_text(text)
    (templates / "entries.html").write_text("\n{{ nobody }}")

    ran = run(path, "check")

    assert ran.exit_code == 1
    assert f"{templates}/entries.html:2: UndefinedError: 'nobody' is undefined" in ran.stderr
    assert "good" not in ran.stdout
