"""Results on stdout: JSON Lines for programs, tables for people."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator.core.shown import Shown
from aggregator.core.wire import Validators
from aggregator.service.looking import Look
from aggregator.service.ports import PastPoll
from aggregator.service.reports import PollReport
from aggregator.service.source_rows import second

_PIPE_WIDTH = 10_000

_LONGEST_WHOLE = 16
"""Characters of a word that a narrow column does not break."""

_TIME = re.compile(r"\A(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\dZ)\Z")
"""RFC 3339; people read it with a space, and narrow columns break it there."""


def print_json(row: dict[str, Any]) -> None:
    """One object, one line, at once."""
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def poll_row(report: PollReport) -> dict[str, Any]:
    """The row of `fetch --json`."""
    return {
        "source": report.source,
        "outcome": report.outcome,
        "status": report.status,
        "entries_new": report.entries_new,
        "entries_updated": report.entries_updated,
        "bytes": report.bytes,
        "elapsed_ms": round(report.elapsed.total_seconds() * 1000),
        "next_poll_at": second(report.next_poll_at),
        "error": report.error,
    }


def past_poll_row(poll: PastPoll) -> dict[str, Any]:
    """One of `polls` in the row of `sources KEY --json`."""
    return {
        "polled_at": second(poll.polled_at),
        "outcome": poll.outcome,
        "status": poll.status,
        "bytes": poll.bytes,
        "elapsed_ms": round(poll.elapsed.total_seconds() * 1000),
        "error": poll.error,
        "sent": _validators_row(poll.sent),
        "received": _validators_row(poll.received),
    }


def _validators_row(validators: Validators) -> dict[str, str | None]:
    return {"etag": validators.etag, "last_modified": validators.last_modified}


def look_row(look: Look) -> dict[str, Any]:
    """The row of `check --online --json`."""
    return {
        "source": look.source,
        "status": look.status,
        "format": look.format,
        "title": look.title,
        "entries": look.entries,
        "error": look.error,
    }


def print_looks(looks: Iterable[Look]) -> None:
    columns = ("source", "status", "format", "entries", "title", "error")
    rows = (look_row(look) for look in sorted(looks, key=lambda look: look.source))
    _print_table(columns, ([row[column] for column in columns] for row in rows))


def print_polls(reports: Iterable[PollReport]) -> None:
    columns = {
        "source": "source",
        "outcome": "outcome",
        "status": "status",
        "new": "entries_new",
        "updated": "entries_updated",
        "bytes": "bytes",
        "ms": "elapsed_ms",
        "error": "error",
    }
    rows = (poll_row(report) for report in sorted(reports, key=lambda report: report.source))
    _print_table([*columns], ([row[field] for field in columns.values()] for row in rows))


def print_sources(rows: Iterable[dict[str, Any]]) -> None:
    health = ("state", "entries", "failures", "last_success_at", "next_poll_at", "last_error")
    columns = ("key", *health)
    names = [column.replace("_", " ") for column in columns]
    _print_table(names, ([row[column] for column in columns] for row in rows))


def print_source(row: dict[str, Any]) -> None:
    """One source with its last polls, newest first, and what the operator might change."""
    console = _console()
    for name, value in row.items():
        if name != "polls" and value not in (None, []):
            shown = ", ".join(value) if isinstance(value, list) else value
            console.print(_plain(f"{name.replace('_', ' '):18}{shown}"), soft_wrap=True)
    for field, words in _OFFERS.items():
        if row[field]:
            change = f'[sources.{row["key"]}]\nurl = "{row[field]}"'
            console.print(_plain(words, style="bold"), soft_wrap=True)
            for line in change.split("\n"):
                console.print(_plain(f"    {line}"), soft_wrap=True)
    columns = ("polled at", "outcome", "status", "bytes", "ms", "sent", "received", "error")
    polls = []
    for poll in row["polls"]:
        told = (poll["polled_at"], poll["outcome"], poll["status"], poll["bytes"])
        pairs = (_pair(poll["sent"]), _pair(poll["received"]))
        polls.append((*told, poll["elapsed_ms"], *pairs, poll["error"]))
    _print_table(columns, polls)


_OFFERS = {
    "moved_to": "It has moved for good. To have the new address in config.toml:",
    "suggested_url": "A feed was found elsewhere. If it is the one, in config.toml:",
}


def _pair(validators: dict[str, str | None]) -> str:
    return " · ".join(value for value in validators.values() if value)


def print_entries(entries: Iterable[Shown]) -> None:
    console = _console()
    for shown in entries:
        entry = shown.entry
        title = entry.content.title or shown.excerpt[:80] or "(no title)"
        date = entry.published.strftime("%Y-%m-%d %H:%M")
        also = f" · also in {', '.join(s.key for s in entry.also_in)}" if entry.also_in else ""
        console.print(_plain(title, style="bold"), soft_wrap=True)
        console.print(_plain(f"  {date} · {entry.source.name}{also}", style="dim"), soft_wrap=True)
        if entry.content.link:
            console.print(_plain(f"  {entry.content.link}"), soft_wrap=True)


def _console() -> Console:
    # A pipe has no width: there a row stays a line.
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """In a narrow terminal cells break between words, and times between their day and hour."""
    table = Table(box=None, pad_edge=False)
    cells = [[_cell(value) for value in row] for row in rows]
    for at, column in enumerate(columns):
        words = [column, *(row[at].plain for row in cells)]
        longest = max(len(word) for text in words for word in text.split() or [""])
        table.add_column(column, overflow="fold", min_width=min(longest, _LONGEST_WHOLE))
    for row in cells:
        table.add_row(*row)
    _console().print(table, crop=False)


def _cell(value: object) -> Text:
    text = "" if value is None else str(value)
    return _plain(_TIME.sub(r"\1 \2", text) if sys.stdout.isatty() else text)


def _plain(text: str, *, style: str = "") -> Text:
    """As it is, without markup; control characters would move a terminal's cursor."""
    return Text("".join(character for character in text if character.isprintable()), style=style)
