import sys

import pytest
from rich.console import Console

from aggregator.cli import output

ROW = {
    "key": "a-key",
    "state": "throttled",
    "entries": 12,
    "failures": 0,
    "last_success_at": "2026-03-01T12:00:00Z",
    "next_poll_at": "2026-03-01T13:00:00Z",
    "last_error": "HTTP 429 Too Many Requests, and so on at length",
}


@pytest.mark.parametrize("width", [40, 80])
def test_in_a_narrow_terminal_no_word_of_a_table_is_broken(monkeypatch, capsys, width):
    monkeypatch.setattr(output, "_console", lambda: Console(width=width, force_terminal=False))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.print_sources([ROW])
    words = capsys.readouterr().out.split()

    for whole in ("throttled", "failures", "2026-03-01", "12:00:00Z", "13:00:00Z", "Requests,"):
        assert whole in words


def test_in_a_pipe_a_row_is_a_line_and_a_time_is_one_word(capsys):
    output.print_sources([ROW])
    _, line = capsys.readouterr().out.splitlines()

    assert "2026-03-01T13:00:00Z" in line.split()
    assert line.rstrip().endswith("at length")
