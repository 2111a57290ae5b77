"""What a document changes among the entries that we know of its source.

Rule 1: the first document of a source is its past: entries rank by their own date, and `backfill`
        says how many come in at all. What it leaves out never returns as new.
Rule 2: later entries rank by the time we saw them, so that a late or back-dated one still surfaces.
        Many at once that are older than all that we hold are more of the past: a document that
        goes further back than before, or an archive that was moved in. They rank by their own
        date, but all of them come in: `backfill` is for what is new to us.
Rule 3: an edit changes an entry where it stands; a date alone is no edit. See `edits.py` for how
        many are taken, and which are news. An entry that an older version of ours took in is
        refreshed, which is no edit.
Rule 4: no date is later than the time we first saw the entry; a missing one is that time, once.
        A date that all of several entries share with the moment of the poll counts as missing.
Rule 5: an entry that we know under another guid is the one we know (`renaming.py`). When a source
        changed its guids all at once, older ones among the rest are not news.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from aggregator.core.dates import AROUND_NOW, believed, own_date, plausible
from aggregator.core.edits import edits_after
from aggregator.core.knowledge import Knowledge, held, strangers
from aggregator.core.model import EditedEntry, Entry, EntryChanges, KnownEntry, NewEntry
from aggregator.core.normalize import comparable
from aggregator.core.renaming import Held, Renamed, renamed

_STEP = timedelta(microseconds=1)

FEWEST_OF_THE_PAST = 5
"""Fewer may be what somebody wrote up later."""

Backfill = int | timedelta | None
"""How much of a new source's past comes in: so many entries, so long ago at most, or (None) all."""

Updates = Literal["silent", "bump", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A source's policy for its entries."""

    backfill: Backfill = 10
    updates: Updates = "silent"


def reconcile(
    entries: Sequence[Entry], known: Knowledge, intake: Intake, *, first: bool, now: datetime
) -> EntryChanges:
    """Decides what a poll at `now` does; carrying it out twice changes nothing the second time."""
    entries = believed(entries, lambda date: abs(date - now) <= AROUND_NOW)
    holding = {entry.digest: found for entry in entries if (found := held(entry, known))}
    moved = renamed(entries, holding, known)
    fresh = [one for one in strangers(entries, known) if one.digest not in moved.known]
    same = {**holding, **moved.known}
    takes_edits = intake.updates != "ignore"
    past = list(fresh) if first else _of_the_past(fresh, entries, moved, known)
    digests = {one.digest for one in past}
    news = [one for one in fresh if one.digest not in digests]
    later = 0 if moved.all_at_once else None
    older, left_out = _backfilled(past, intake.backfill if first else later, now)
    new = [_new(one, now, rank_at=now) for one in news]
    return EntryChanges(
        new=_in_order([*new, *(_new(one, now, rank_at=_date(one, now)) for one in older)]),
        edited=tuple(_edits(entries, same, now)) if takes_edits else (),
        refreshed=tuple(_refreshed(entries, same, now)) if takes_edits else (),
        migrated=tuple(
            (moved.known[entry.digest].id, entry)
            for entry in entries
            if entry.digest in moved.known
        ),
        left_out=tuple(entry.digest for entry in left_out),
    )


def _edits(entries: Sequence[Entry], same: Held, now: datetime) -> list[EditedEntry]:
    return [
        EditedEntry(
            id=before.id,
            entry=entry,
            updated=_later(before, entry.updated),
            edits=edits,
            edited_at=now,
        )
        for entry in entries
        if (before := same.get(entry.digest)) and before.fingerprint != entry.fingerprint
        if comparable(before.fingerprint, entry.fingerprint)
        if (edits := edits_after(before, now))
    ]


def _refreshed(entries: Sequence[Entry], same: Held, now: datetime) -> list[EditedEntry]:
    return [
        EditedEntry(
            id=before.id,
            entry=entry,
            updated=before.updated,
            edits=before.edits,
            edited_at=before.edited_at or now,
        )
        for entry in entries
        if (before := same.get(entry.digest))
        and not comparable(before.fingerprint, entry.fingerprint)
    ]


def _later(before: KnownEntry, claimed: datetime | None) -> datetime:
    """The source's own word for when it edited, as far as rule 4 lets it."""
    return max(before.updated, min(plausible(claimed) or before.updated, before.first_seen))


def _backfilled(
    fresh: Sequence[Entry], backfill: Backfill, now: datetime
) -> tuple[list[Entry], list[Entry]]:
    # Newest first; `sorted` is stable, so that undated entries keep the document's order.
    newest = sorted(fresh, key=lambda entry: _date(entry, now), reverse=True)
    if backfill is None:
        return newest, []
    if isinstance(backfill, int):
        return newest[:backfill], newest[backfill:]
    recent = [entry for entry in newest if _date(entry, now) >= now - backfill]
    return recent, newest[len(recent) :]


def _of_the_past(
    fresh: Sequence[Entry], entries: Sequence[Entry], moved: Renamed, known: Knowledge
) -> list[Entry]:
    """What of a later document is no news."""
    if moved.all_at_once:
        return _older_than_moved(fresh, entries, moved)
    oldest = known.oldest
    older = [one for one in fresh if oldest and (date := own_date(one)) and date < oldest]
    return older if len(older) >= FEWEST_OF_THE_PAST else []


def _older_than_moved(
    fresh: Sequence[Entry], entries: Sequence[Entry], moved: Renamed
) -> list[Entry]:
    """After a change of guids, what was left out once under another guid.

    By date where there is one; else by place, since documents go from new to old.
    """
    first_known = min(n for n, entry in enumerate(entries) if entry.digest in moved.known)
    above = {entry.digest for entry in entries[:first_known]}
    newest = max(before.published for before in moved.known.values())

    def is_news(entry: Entry) -> bool:
        date = own_date(entry)
        return date > newest if date else entry.digest in above

    return [one for one in fresh if not is_news(one)]


def _new(entry: Entry, now: datetime, *, rank_at: datetime) -> NewEntry:
    published = _date(entry, now)
    updated = min(plausible(entry.updated) or published, now)
    return NewEntry(
        entry=entry,
        published=published,
        updated=max(published, updated),
        first_seen=now,
        rank_at=rank_at,
    )


def _date(entry: Entry, now: datetime) -> datetime:
    return min(own_date(entry) or now, now)


def _in_order(new: Sequence[NewEntry]) -> tuple[NewEntry, ...]:
    # Documents go from new to old: among equals the last of the document is the oldest.
    oldest_first = new[::-1]
    ordered = sorted(oldest_first, key=lambda item: (item.rank_at, item.published))
    return tuple(_in_turn(ordered[::-1]))[::-1]


def _in_turn(newest_first: Iterable[NewEntry]) -> Iterator[NewEntry]:
    """Each a microsecond below the newer one at least.

    Where many entries of several sources have one date, such as a day without a time, the sources
    take turns then: their newest ones come first, then the second of each.
    """
    above: datetime | None = None
    for item in newest_first:
        above = min(item.rank_at, above - _STEP) if above else item.rank_at
        yield item if item.rank_at == above else replace(item, rank_at=above)
