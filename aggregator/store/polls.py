"""What a poll reads of what is stored: its entries, its memory, its past."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import BindParameter, Connection, Integer, Select, bindparam, select

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
from aggregator.store.schema import documents, edits, entries, polls, sources, tombstones
from aggregator.store.statements import chunks

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
_OWN = entries.c.source_id == bindparam("source_id")
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_BURIED = select(tombstones.c.digest).where(
    tombstones.c.source_id == bindparam("source_id"), tombstones.c.digest.in_(_THESE)
)
_ITS_KNOWN = select(*_KNOWN).select_from(_WITH_EDITS).where(_OWN).order_by(entries.c.id)
_BY_DIGEST = _ITS_KNOWN.where(entries.c.digest.in_(_THESE))
_BY_LINK = _ITS_KNOWN.where(entries.c.link_digest.in_(_THESE))
_SIGHTINGS = (
    select(entries.c.first_seen_at, entries.c.published_at)
    .where(_OWN)
    .order_by(entries.c.published_at.desc())
    .limit(bindparam("most", type_=Integer))
)
_REMEMBERED = select(documents.c.memory).where(documents.c.source_id == bindparam("source_id"))


def known(
    connection: Connection,
    source_id: int,
    digests: Collection[bytes],
    links: Collection[bytes],
) -> Knowledge:
    dead: set[bytes] = set()
    for chunk in chunks(digests):
        dead.update(connection.scalars(_BURIED, {"source_id": source_id, "values": chunk}))
    by_digest = _known_by(connection, source_id, _BY_DIGEST, digests)
    by_link = _known_by(connection, source_id, _BY_LINK, links)
    return Knowledge(
        by_digest={entry.digest: entry for entry in by_digest},
        # Of several entries with one link the newest stands for it.
        by_link={entry.link_digest: entry for entry in by_link if entry.link_digest},
        tombstones=frozenset(dead),
    )


def _known_by(
    connection: Connection,
    source_id: int,
    statement: Select[Any],
    values: Collection[bytes],
) -> list[KnownEntry]:
    """In the order in which they were stored."""
    found: list[KnownEntry] = []
    for chunk in chunks(values):
        its_own = {"source_id": source_id, "values": chunk}
        found += map(known_entry, connection.execute(statement, its_own))
    return found


def recall(
    connection: Connection, source_id: int, ids: Collection[int] | None, limit: int
) -> list[RecalledEntry]:
    newest_first = (entries.c.published_at.desc(), entries.c.id.desc())
    statement = (
        select(*_KNOWN, entries.c.title, entries.c.text)
        .select_from(_WITH_EDITS)
        .where(entries.c.source_id == source_id)
        .order_by(*newest_first)
        .limit(limit)
    )
    chosen = [statement]
    if ids is not None:
        chosen = [statement.where(entries.c.id.in_(chunk)) for chunk in chunks(ids)]
    rows = [row for one in chosen for row in connection.execute(one)]
    return [RecalledEntry(known=known_entry(row), title=row.title, text=row.text) for row in rows]


def sightings(connection: Connection, source_id: int, limit: int) -> list[Sighting]:
    """Off the index that retention uses, too."""
    rows = connection.execute(_SIGHTINGS, {"source_id": source_id, "most": limit}).all()
    return [Sighting(first_seen, published) for first_seen, published in rows]


def remembered(connection: Connection, source_id: int) -> Memory | None:
    packed = connection.scalar(_REMEMBERED, {"source_id": source_id})
    return Memory.unpacked(packed) if packed else None


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
