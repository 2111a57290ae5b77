import os
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.config.fingerprint import Fingerprint


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "config.toml"
    found.write_text("one")
    return found


def fingerprint(path, *, later=timedelta(hours=1)):
    """As it is taken some time after the file was written."""
    written = datetime.fromtimestamp(path.stat().st_ctime, UTC)
    return Fingerprint(path, lambda: written + later)


def write_later(path, text):
    """So that the file system's clock, which may tick some hundred times a second, moves."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        path.write_text(text)


def test_another_text_has_another_fingerprint(path):
    file = fingerprint(path)
    before = file.take()
    write_later(path, "two")

    assert file.take() not in {before, None}


def test_a_file_that_was_written_without_moving_its_time_is_seen(path):
    file = fingerprint(path)
    before, times = file.take(), path.stat()
    write_later(path, "two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert file.take() != before


def test_a_file_that_nobody_wrote_to_is_not_read_again(path, monkeypatch):
    file = fingerprint(path)
    before = file.take()
    monkeypatch.setattr(type(path), "read_bytes", lambda _: b"read again")

    assert file.take() == before


def test_a_file_that_was_written_just_now_is_read_again(path, monkeypatch):
    file = fingerprint(path, later=timedelta())
    before = file.take()
    monkeypatch.setattr(type(path), "read_bytes", lambda _: b"within the precision of its times")

    assert file.take() != before


def test_a_file_that_went_and_came_back_has_the_same_fingerprint(path):
    file = fingerprint(path)
    before = file.take()
    path.unlink()

    assert file.take() is None
    path.write_text("one")
    assert file.take() == before
