from pathlib import Path

from typer.testing import CliRunner

from aggregator.cli.main import app


def publish(config: Path, folder: Path):
    return CliRunner().invoke(app, ["publish", str(folder), "--config", str(config)])


def test_a_second_run_has_nothing_to_write(config, tmp_path):
    first = publish(config, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*m*")}
    second = publish(config, tmp_path / "out")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "one of a" in (tmp_path / "out/feed.json").read_text("utf-8")
    assert second.stdout.startswith("0 written, ")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_folder_that_cannot_be_written_is_exit_status_one(config, tmp_path):
    result = publish(config, tmp_path / "no/where")

    assert result.exit_code == 1
    assert "cannot write" in result.stderr
