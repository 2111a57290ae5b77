"""Which of the dates that a source gives can be true.

Some software stamps every entry with the moment in which it built the document, or answered the
request. Where all of several entries carry exactly that, their dates say nothing, and count as
missing: such an entry is dated by when we first saw it, once, instead of anew with each build.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aggregator.core.model import Entry, ReadEntry

OLDEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)
"""An earlier date is a fault of the source's software: there were no feeds, nor a web."""

FEWEST_STAMPED = 5
"""A small feed may well hold the posts of one day, or one post in three languages."""

AROUND_NOW = timedelta(minutes=10)
"""How far a server's clock, or its cache, may be from the moment in which we asked."""

_Dated = TypeVar("_Dated", ReadEntry, Entry)


def own_date(entry: Entry) -> datetime | None:
    """When the source says that it was published."""
    return plausible(entry.published) or plausible(entry.updated)


def plausible(date: datetime | None) -> datetime | None:
    """The date, unless it is older than any feed."""
    return date if date and date >= OLDEST_DATE else None


def believable(date: datetime, *, first_seen: datetime, changed_at: datetime) -> datetime:
    """A date of a stored entry that readers can take for true: not before there were feeds, and not
    after we last learned something of the entry. All are aware.
    """
    latest = max(OLDEST_DATE, first_seen, changed_at)
    return min(plausible(date) or plausible(first_seen) or latest, latest)


def attributed_at(updated: datetime | None, entry: datetime) -> datetime:
    """When a source was updated, as an entry of it tells that was last updated at `entry`.

    What a source does later leaves the entry alone. Both are aware.
    """
    return min(plausible(updated) or entry, entry)


def believed(entries: Sequence[_Dated], is_stamp: Callable[[datetime], bool]) -> tuple[_Dated, ...]:
    """The entries, without dates that all of them share and that only stamp the document."""
    if len(entries) < FEWEST_STAMPED:
        return tuple(entries)
    shared = {
        "published": {entry.published for entry in entries},
        "updated": {entry.updated for entry in entries},
    }
    stamps: dict[str, Any] = {
        name: None
        for name, (date, *others) in shared.items()
        if date and not others and is_stamp(date)
    }
    return tuple(replace(entry, **stamps) for entry in entries) if stamps else tuple(entries)
