"""What polls write, as many at a time as there are. Whatever fails undoes all of them.

save_polls
| lock       on stories, if a document was read
| fence      the lease is still ours, or nothing is written
| state      of the sources: what each poll changes, and the rest where it differs
| ring       what happened, in place of the oldest poll that is kept
| documents  of those that were read: the feed, the memory, the entries (`applying`)
| offers     of hubs, where they differ
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from aggregator.core.memory import Memory
from aggregator.core.model import EntryChanges, FeedInfo
from aggregator.service.ports import Lease, PollRecord
from aggregator.store.applying import Incoming, apply
from aggregator.store.mapping import (
    AnyRow,
    Columns,
    facts_columns,
    info_columns,
    info_of,
    past_poll_columns,
    schedule_columns,
)
from aggregator.store.newcomers import Whose
from aggregator.store.one_of import one_of
from aggregator.store.place import DomainOf, place_columns
from aggregator.store.polls import KEPT_POLLS
from aggregator.store.pushes import keep_offers, note_heard, note_missed
from aggregator.store.quick import fetch, run
from aggregator.store.revisions import lock_stories
from aggregator.store.schema import documents, polls, sources
from aggregator.store.statements import insert_or_replace, replace_other


def save_polls(
    connection: Connection, records: Sequence[PollRecord], domain_of: DomainOf
) -> list[bool]:
    """Whether each was saved: not where its lease is lost."""
    if any(record.read for record in records):
        lock_stories(connection)
    rows = _held(connection, [record.lease for record in records])
    saved: dict[Lease, PollRecord] = {}
    for record in records:
        if record.lease in rows:
            saved.setdefault(record.lease, record)
    held = [(rows[lease], record) for lease, record in saved.items()]
    if held:
        _save_states(connection, held, domain_of)
        polled = [_past_poll_row(row, record) for row, record in held]
        run(connection, insert_or_replace(connection, polls), polled)
    _take_in(connection, [record for _, record in held if record.read])
    offers = {record.lease.source_id: record.offer for _, record in held}
    keep_offers(connection, {id: offer for id, offer in offers.items() if offer is not None})
    for _, record in held:
        if record.missed_at is not None:
            note_missed(connection, record.lease.source_id, record.missed_at)
    return [saved.get(record.lease) is record for record in records]


_FACTS = (
    sources.c.etag,
    sources.c.last_modified,
    sources.c.body_digest,
    sources.c.failures,
    sources.c.gone_count,
    sources.c.throttles,
    sources.c.paused_until,
    sources.c.domain_paused_until,
    sources.c.last_error,
    sources.c.moved_to,
    sources.c.moving_to,
    sources.c.moving_since,
    sources.c.suggested_url,
    sources.c.last_news_at,
    sources.c.habits,
)
"""What a poll leaves as it was more often than not."""

_HELD = (
    select(
        *_FACTS,
        sources.c.id,
        sources.c.lease_token,
        sources.c.url,
        sources.c.poll_count,
        sources.c.last_success_at,
    )
    .where(one_of(sources.c.id, "ids"))
    .order_by(sources.c.id)
    .with_for_update()
)

_ITS_OWN = sources.c.id == bindparam("source_id")
_SCHEDULE: Columns = {
    name: bindparam(name)
    for name in (
        "lease_token",
        "lease_until",
        "next_poll_at",
        "next_poll_reason",
        "not_before",
        "last_poll_at",
        "last_success_at",
        "last_status",
        "poll_count",
    )
}
_SAVE_SCHEDULE = update(sources).where(_ITS_OWN).values(_SCHEDULE)
_SAVE_ALL = _SAVE_SCHEDULE.values({column.name: bindparam(column.name) for column in _FACTS})


def _held(connection: Connection, leases: Sequence[Lease]) -> dict[Lease, AnyRow]:
    """The rows of those sources whose lease is still held; locked in one order by everybody."""
    rows = fetch(connection, _HELD, {"ids": [lease.source_id for lease in leases]})
    return {Lease(source_id=row.id, token=row.lease_token): row for row in rows}


def _save_states(
    connection: Connection, held: Sequence[tuple[AnyRow, PollRecord]], domain_of: DomainOf
) -> None:
    alike, other = [], []
    for row, record in held:
        schedule, facts = schedule_columns(record, row), facts_columns(record, row)
        if tuple(facts.values()) == row[: len(_FACTS)]:
            alike.append(schedule)
        else:
            other.append({**schedule, **facts})
    run(connection, _SAVE_SCHEDULE, alike)
    run(connection, _SAVE_ALL, other)
    for row, record in held:
        if record.moves.to != row.moved_to:
            place = place_columns(record.moves.to or row.url, domain_of)
            connection.execute(update(sources).where(sources.c.id == row.id).values(place))


def _past_poll_row(row: AnyRow, record: PollRecord) -> Columns:
    slot = row.poll_count % KEPT_POLLS
    return {"source_id": row.id, "slot": slot, **past_poll_columns(record.poll)}


_READ = select(
    sources.c.id, sources.c.key, sources.c.url, sources.c.ever_read, sources.c.info
).where(one_of(sources.c.id, "ids"))
_SAVE_INFO = update(sources).where(_ITS_OWN).values(ever_read=True, info=bindparam("info"))


def _take_in(connection: Connection, records: Collection[PollRecord]) -> None:
    """What their documents said of the feeds, and the changes among the entries."""
    if not records:
        return
    found = fetch(connection, _READ, {"ids": [record.lease.source_id for record in records]})
    rows = {row.id: row for row in found}
    _keep_memories(connection, {one.lease.source_id: one.memory for one in records})
    incoming, infos = [], []
    for record in records:
        row = rows[record.lease.source_id]
        before = info_of(row.info)
        info = _info_to_keep(before, record)
        if info != before or not row.ever_read:
            infos.append({"source_id": row.id, "info": info_columns(info)})
        whose = _whose(row, record.info)
        at, shown = record.poll.polled_at, info != before
        incoming.append(Incoming(source=whose, changes=record.changes, at=at, shown=shown))
    run(connection, _SAVE_INFO, infos)
    _apply(connection, incoming)


def _apply(connection: Connection, incoming: Sequence[Incoming]) -> None:
    for source_id, refusal in apply(connection, incoming).items():
        told = {"last_error": refusal, "habits": None}
        connection.execute(update(sources).where(sources.c.id == source_id).values(told))
        _keep_memories(connection, {source_id: None})  # they are tried, and told of, again


def _info_to_keep(before: FeedInfo, record: PollRecord) -> FeedInfo:
    """Many servers call a document updated whenever it is asked for; alone, that is no change."""
    if record.changes.empty and replace(record.info, updated=before.updated) == before:
        return before
    return record.info


def _whose(source: AnyRow, info: FeedInfo) -> Whose:
    return Whose(id=source.id, key=source.key, url=source.url, site_url=info.link)


_FORGET = delete(documents).where(documents.c.source_id == bindparam("source_id"))


def _keep_memories(connection: Connection, memories: dict[int, Memory | None]) -> None:
    kept = [
        {"source_id": source_id, "memory": memory.packed()}
        for source_id, memory in memories.items()
        if memory is not None
    ]
    forgotten = [{"source_id": id} for id, memory in memories.items() if memory is None]
    run(connection, replace_other(connection, documents, documents.c.memory), kept)
    run(connection, _FORGET, forgotten)


def save_pushed(
    connection: Connection,
    lease: Lease,
    changes: EntryChanges,
    *,
    came_at: datetime,
    heard_at: datetime,
) -> bool:
    """The document may be a part of the source's, so that all else stays as the last poll left it.

    `came_at` is the wall clock's, `heard_at` the steady one's.
    """
    lock_stories(connection)
    held = (sources.c.id == lease.source_id) & (sources.c.lease_token == lease.token)
    source = connection.execute(select(sources).where(held).with_for_update()).one_or_none()
    if source is None:
        return False
    news = {"last_news_at": came_at, "habits": None} if changes.new else {}
    freed = {"lease_token": None, "lease_until": None, **news}
    connection.execute(update(sources).where(sources.c.id == source.id).values(freed))
    note_heard(connection, source.id, heard_at)
    whose = _whose(source, info_of(source.info))
    _apply(connection, [Incoming(source=whose, changes=changes, at=came_at)])
    return True
