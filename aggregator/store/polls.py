"""What a poll reads of what is stored: its entries, its memory, its past."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Select, bindparam, or_, select

from aggregator.core.knowledge import Knowledge
from aggregator.core.memory import Memory
from aggregator.core.model import (
    KnownEntry,
    RecalledEntry,
)
from aggregator.core.rhythm import Sighting
from aggregator.service.ports import PastPoll
from aggregator.store.mapping import (
    known_entry,
    past_poll,
)
from aggregator.store.one_of import one_of
from aggregator.store.quick import fetch
from aggregator.store.schema import documents, edits, entries, polls, sources, tombstones
from aggregator.store.statements import chunks, chunks_of_sources

KEPT_POLLS = 30
"""Of each source."""


_KNOWN = (
    entries.c.id,
    entries.c.digest,
    entries.c.link_digest,
    entries.c.fingerprint,
    entries.c.published_at,
    entries.c.updated_at,
    entries.c.first_seen_at,
    edits.c.number.label("edits"),
    edits.c.last_at.label("edited_at"),
)

_WITH_EDITS = entries.outerjoin(edits, edits.c.entry_id == entries.c.id)


# Put together once: that takes longer than to run them.
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_SOURCES: BindParameter[Any] = bindparam("sources", expanding=True)
_BURIED = select(tombstones.c.source_id, tombstones.c.digest).where(
    tombstones.c.source_id.in_(_SOURCES), tombstones.c.digest.in_(_THESE)
)
_THEIR_KNOWN = (
    select(*_KNOWN, entries.c.source_id)
    .select_from(_WITH_EDITS)
    .where(entries.c.source_id.in_(_SOURCES))
    .order_by(entries.c.id)
)
_BY_DIGEST = _THEIR_KNOWN.where(entries.c.digest.in_(_THESE))
_BY_LINK = _THEIR_KNOWN.where(entries.c.link_digest.in_(_THESE))
_SIGHTINGS = (
    select(entries.c.first_seen_at, entries.c.published_at)
    .where(entries.c.source_id == bindparam("source_id"))
    .order_by(entries.c.published_at.desc())
    .limit(bindparam("most", type_=Integer))
)
_RECALLED = (
    select(*_KNOWN, entries.c.title, entries.c.text)
    .select_from(_WITH_EDITS)
    .where(entries.c.source_id == bindparam("source_id"))
    .order_by(entries.c.published_at.desc(), entries.c.id.desc())
    .limit(bindparam("most", type_=Integer))
)
_RECALLED_OF_THESE = _RECALLED.where(entries.c.id.in_(_THESE))
_REMEMBERED = select(documents).where(one_of(documents.c.source_id, "sources"))
_WITH_ANY = select(sources.c.id).where(
    one_of(sources.c.id, "sources"),
    or_(
        select(entries.c.id).where(entries.c.source_id == sources.c.id).exists(),
        select(tombstones.c.digest).where(tombstones.c.source_id == sources.c.id).exists(),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """For which of its entries a source's document asks."""

    source_id: int
    digests: frozenset[bytes]
    links: frozenset[bytes]


def known(connection: Connection, asked: Sequence[Asked]) -> list[Knowledge]:
    """Of each, in their order."""
    ids = {one.source_id for one in asked}
    # A first document asks for hundreds of digests, when nothing is there yet.
    there = fetch(connection, _WITH_ANY, {"sources": [*ids]})
    digests: dict[int, set[bytes]] = {row.id: set() for row in there}
    links: dict[int, set[bytes]] = {row.id: set() for row in there}
    for one in asked:
        if one.source_id in digests:
            digests[one.source_id].update(one.digests)
            links[one.source_id].update(one.links)
    dead: set[tuple[int, bytes]] = set()
    for some, chunk in chunks_of_sources(digests):
        rows = fetch(connection, _BURIED, {"sources": some, "values": chunk})
        dead.update((row.source_id, row.digest) for row in rows)
    by_digest = _known_by(connection, _BY_DIGEST, digests)
    by_link = _known_by(connection, _BY_LINK, links)
    return [
        Knowledge(
            by_digest={
                entry.digest: entry
                for entry in by_digest.get(one.source_id, ())
                if entry.digest in one.digests
            },
            # Of several entries with one link the newest stands for it.
            by_link={
                entry.link_digest: entry
                for entry in by_link.get(one.source_id, ())
                if entry.link_digest and entry.link_digest in one.links
            },
            tombstones=frozenset(d for d in one.digests if (one.source_id, d) in dead),
            nothing=one.source_id not in digests,
        )
        for one in asked
    ]


def _known_by(
    connection: Connection, statement: Select[Any], values: Mapping[int, Collection[bytes]]
) -> dict[int, list[KnownEntry]]:
    """By source, in the order in which they were stored."""
    found: dict[int, list[KnownEntry]] = {source_id: [] for source_id in values}
    for ids, chunk in chunks_of_sources(values):
        for row in fetch(connection, statement, {"sources": ids, "values": chunk}):
            found[row.source_id].append(known_entry(row))
    return found


def recall(
    connection: Connection, source_id: int, ids: Collection[int] | None, limit: int
) -> list[RecalledEntry]:
    its_own = {"source_id": source_id, "most": limit}
    if ids is None:
        rows = fetch(connection, _RECALLED, its_own)
    else:
        chosen = [{**its_own, "values": chunk} for chunk in chunks(ids)]
        rows = [row for one in chosen for row in fetch(connection, _RECALLED_OF_THESE, one)]
    return [RecalledEntry(known=known_entry(row), title=row.title, text=row.text) for row in rows]


def sightings(connection: Connection, asked: Sequence[tuple[int, int]]) -> list[list[Sighting]]:
    """Of each source as many as are asked for, off the index that retention uses, too."""
    return [_sightings(connection, source_id, limit) for source_id, limit in asked]


def _sightings(connection: Connection, source_id: int, limit: int) -> list[Sighting]:
    rows = fetch(connection, _SIGHTINGS, {"source_id": source_id, "most": limit})
    return [Sighting(*row) for row in rows]


def remembered(connection: Connection, source_ids: Sequence[int]) -> list[Memory | None]:
    """Of each source, in their order."""
    rows = fetch(connection, _REMEMBERED, {"sources": [*source_ids]})
    found = {row.source_id: row.memory for row in rows}
    return [Memory.unpacked(found[id]) if id in found else None for id in source_ids]


def past_polls(connection: Connection, key: str) -> list[PastPoll]:
    statement = (
        select(polls, sources.c.poll_count)
        .join(sources, sources.c.id == polls.c.source_id)
        .where(sources.c.key == key)
    )
    rows = connection.execute(statement).all()
    # By place in the ring, since the clock may have been set back between two polls.
    newest_first = sorted(rows, key=lambda row: (row.poll_count - 1 - row.slot) % KEPT_POLLS)
    return [past_poll(row) for row in newest_first]
