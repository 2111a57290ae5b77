from pathlib import Path

import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app


def copy(source: str, target: str):
    return CliRunner().invoke(app, ["copy-database", source, target])


def test_a_copy_holds_the_same_entries(config, tmp_path, monkeypatch):
    listing = ["entries", "--json", "--config", str(config)]
    before = CliRunner().invoke(app, listing).stdout
    monkeypatch.chdir(tmp_path)

    result = copy("sqlite:///aggregator.db", "sqlite:///new.db")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("copied: sources 1, entries 2;")
    Path("new.db").replace("aggregator.db")
    assert CliRunner().invoke(app, listing).stdout == before
    assert before.count("\n") == 2


@pytest.mark.parametrize("password", ["secret", "with@secret"])
def test_an_address_that_is_none_is_a_mistake_of_usage_and_shows_no_password(tmp_path, password):
    result = copy(f"sqlite:///{tmp_path}/a.db", f"mysql://me:{password}@there/db")

    assert result.exit_code == 2
    assert "there/db: must be" in result.stderr
    assert "secret" not in result.stderr


def test_a_database_is_not_copied_onto_itself(config):
    url = f"sqlite:///{config.parent}/aggregator.db"

    assert copy(url, url).exit_code == 2


def test_a_database_that_is_not_there_is_exit_status_one(tmp_path):
    result = copy(f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/new.db")

    assert result.exit_code == 1
    assert "no such database file" in result.stderr
