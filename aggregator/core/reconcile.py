"""What a document changes among the entries that we know of its source.

Rule 1: the first document of a source is its past: entries rank by their own date, and `backfill`
        says how many come in at all. What it leaves out never returns as new.
Rule 2: later entries rank by the time we saw them, so that a late or back-dated one still surfaces.
Rule 3: an edit changes an entry where it stands; a date alone is no edit.
        An entry that an older version of ours took in is refreshed, which is no edit.
Rule 4: no date is later than the time we first saw the entry; a missing one is that time, once.
Rule 5: when nearly all known links come with new guids, the source changed its guids: the entries
        are the ones we know, and older ones among the rest are not news.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from aggregator.core.model import EditedEntry, Entry, EntryChanges, KnownEntry, NewEntry
from aggregator.core.normalize import comparable

OLDEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)
"""An earlier date is a fault of the source's software: there were no feeds, nor a web."""

FEWEST_MOVED = 3
MOVED_SHARE = 0.9

Backfill = int | timedelta | None
"""How much of a new source's past comes in: so many entries, so long ago at most, or (None) all."""

Updates = Literal["silent", "bump", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A source's policy for its entries."""

    backfill: Backfill = 10
    updates: Updates = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What we know of the entries of one document, and of its source's entries with its links."""

    by_digest: Mapping[bytes, KnownEntry]
    by_link: Mapping[bytes, KnownEntry]
    """Of several entries with one link, the newest."""
    tombstones: frozenset[bytes]
    """Digests that must not come back."""


def reconcile(
    entries: Sequence[Entry], known: Knowledge, intake: Intake, *, first: bool, now: datetime
) -> EntryChanges:
    """Decides what a poll at `now` does; carrying it out twice changes nothing the second time."""
    held = {entry.digest: found for entry in entries if (found := _held(entry, known))}
    fresh = [
        entry
        for entry in entries
        if entry.digest not in held and known.tombstones.isdisjoint((entry.digest, entry.apart))
    ]
    moved = {} if first else _moved(entries, held, known)
    same = held | {entry.digest: known.by_link[link] for link, entry in moved.items()}
    takes_edits = intake.updates != "ignore"
    if first:
        news, past = _backfilled(fresh, intake.backfill, now)
    else:
        news, past = _split_news(fresh, entries, moved, known)
    return EntryChanges(
        new=_in_order([_new(one, now, rank_at=_date(one, now) if first else now) for one in news]),
        edited=tuple(_edits(entries, same, intake, now)) if takes_edits else (),
        refreshed=tuple(_refreshed(entries, same)) if takes_edits else (),
        migrated=tuple((known.by_link[link].id, entry) for link, entry in moved.items()),
        left_out=tuple(entry.digest for entry in past),
    )


def _held(entry: Entry, known: Knowledge) -> KnownEntry | None:
    """The known entry that this is, though its guid may have had other company when we met it."""
    before = known.by_digest.get(entry.apart)
    if before is None and (before := known.by_digest.get(entry.alone)):
        is_alone = entry.digest == entry.alone
        same_link = entry.link_digest is not None and before.link_digest == entry.link_digest
        return before if is_alone or same_link else None
    return before


def _edits(
    entries: Sequence[Entry], held: Mapping[bytes, KnownEntry], intake: Intake, now: datetime
) -> list[EditedEntry]:
    return [
        EditedEntry(
            id=before.id,
            entry=entry,
            updated=_later(before, entry.updated),
            rank_at=now if intake.updates == "bump" else None,
        )
        for entry in entries
        if (before := held.get(entry.digest))
        and before.fingerprint != entry.fingerprint
        and comparable(before.fingerprint, entry.fingerprint)
    ]


def _refreshed(entries: Sequence[Entry], held: Mapping[bytes, KnownEntry]) -> list[EditedEntry]:
    return [
        EditedEntry(id=before.id, entry=entry, updated=before.updated)
        for entry in entries
        if (before := held.get(entry.digest))
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


def _moved(
    entries: Sequence[Entry], held: Mapping[bytes, KnownEntry], known: Knowledge
) -> dict[bytes, Entry]:
    """Entries by link digest that are known ones under new guids; empty without such a change."""
    present = {found.id for found in held.values()}
    familiar = [entry for entry in entries if entry.link_digest in known.by_link]
    moved = {
        entry.link_digest: entry
        for entry in familiar
        if entry.link_digest
        and entry.digest not in held
        and known.by_link[entry.link_digest].id not in present
    }
    enough = len(familiar) >= FEWEST_MOVED and len(moved) >= MOVED_SHARE * len(familiar)
    return moved if enough else {}


def _split_news(
    fresh: Sequence[Entry],
    entries: Sequence[Entry],
    moved: Mapping[bytes, Entry],
    known: Knowledge,
) -> tuple[list[Entry], list[Entry]]:
    """After a change of guids, what is really new and what was left out once under another guid.

    By date where there is one; else by place, since documents go from new to old.
    """
    if not moved:
        return list(fresh), []
    moved_digests = {entry.digest for entry in moved.values()}
    first_known = min(n for n, entry in enumerate(entries) if entry.digest in moved_digests)
    above = {entry.digest for entry in entries[:first_known]}
    newest = max(known.by_link[link].published for link in moved)
    rest = [entry for entry in fresh if entry.digest not in moved_digests]

    def is_news(entry: Entry) -> bool:
        date = plausible(entry.published) or plausible(entry.updated)
        return date > newest if date else entry.digest in above

    return [one for one in rest if is_news(one)], [one for one in rest if not is_news(one)]


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
    return min(plausible(entry.published) or plausible(entry.updated) or now, now)


def plausible(date: datetime | None) -> datetime | None:
    """The date, unless it is older than any feed."""
    return date if date and date >= OLDEST_DATE else None


def _in_order(new: Sequence[NewEntry]) -> tuple[NewEntry, ...]:
    # Documents go from new to old: among equals the last of the document is the oldest.
    oldest_first = new[::-1]
    return tuple(sorted(oldest_first, key=lambda item: (item.rank_at, item.published)))
