"""The store as the services know it. One public method is one transaction, `prune` excepted."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import select

from aggregator.core.archives import Archive, Archived, Unarchived
from aggregator.core.knowledge import Knowledge
from aggregator.core.memory import Memory
from aggregator.core.model import PublishedEntry, RecalledEntry, Story, Takedown
from aggregator.core.positions import ChangedStory, Step
from aggregator.core.rhythm import Sighting
from aggregator.core.subscribers import FeedReader
from aggregator.service.ports import (
    ClaimedSource,
    Lease,
    Overdue,
    PastPoll,
    PollRecord,
    Revision,
    Selection,
    SourceHealth,
    SourceSpec,
    Tombstone,
)
from aggregator.store import (
    archives,
    changed,
    claims,
    finding,
    listing,
    polls,
    readers,
    reads,
    retention,
    revisions,
    served,
    takedowns,
)
from aggregator.store.claims import NewToken
from aggregator.store.delivery_store import DeliveryMethods
from aggregator.store.engine import Database, connect, is_there, unbroken
from aggregator.store.keeping_pushes import KeepsPushes
from aggregator.store.migrate import is_current, upgrade
from aggregator.store.place import DomainOf
from aggregator.store.schema import revision


def _new_token() -> str:
    return uuid4().hex


def _itself(host: str) -> str:
    return host


async def open_store(
    url: str, *, domain_of: DomainOf = _itself, new_token: NewToken = _new_token
) -> "SqlStore":
    """Opens the database of the configuration and upgrades its schema. Raises StoreError."""
    database = connect(url)
    try:
        await upgrade(database)
    except BaseException:
        await database.aclose()
        raise
    return SqlStore(database, domain_of=domain_of, new_token=new_token)


@asynccontextmanager
async def existing_store(url: str) -> AsyncIterator["SqlStore | None"]:
    """The database as it is, to be read: neither made nor upgraded. None where there is none of
    this schema yet. Raises StoreError.
    """
    if not is_there(url):
        yield None
        return
    database = connect(url)
    try:
        yield SqlStore(database) if await is_current(database) else None
    finally:
        await database.aclose()


class SqlStore(KeepsPushes, DeliveryMethods):
    """Signs what `service.ports` asks of a store, `TakedownStore`, `PushStore` and `DeliveryStore`.

    Every method may raise StoreError.
    """

    def __init__(
        self,
        database: Database,
        *,
        domain_of: DomainOf = _itself,
        new_token: NewToken = _new_token,
    ) -> None:
        self._database = database
        self._domain_of = domain_of
        self._new_token = new_token

    async def aclose(self) -> None:
        await self._database.aclose()

    @unbroken
    async def sync_sources(self, specs: Sequence[SourceSpec], *, now: datetime) -> None:
        async with self._database.writing() as connection:
            await listing.sync_sources(connection, specs, self._domain_of, now=now)

    @unbroken
    async def claim_due(
        self,
        *,
        now: datetime,
        lease_until: datetime,
        limit: int,
        failing: int,
        per_host: int,
        busy_hosts: Collection[str],
    ) -> list[ClaimedSource]:
        async with self._database.writing() as connection:
            return await claims.claim_due(
                connection,
                self._new_token,
                now=now,
                lease_until=lease_until,
                limit=limit,
                failing=failing,
                per_host=per_host,
                busy_hosts=busy_hosts,
            )

    @unbroken
    async def claim(
        self, keys: Collection[str] | None, *, lease_until: datetime
    ) -> list[ClaimedSource]:
        async with self._database.writing() as connection:
            return await claims.claim(connection, self._new_token, keys, lease_until=lease_until)

    @unbroken
    async def release(self, leases: Collection[Lease]) -> None:
        async with self._database.writing() as connection:
            await claims.release(connection, leases)

    @unbroken
    async def next_due(self, *, after: datetime) -> datetime | None:
        async with self._database.reading() as connection:
            return await claims.next_due(connection, after=after)

    @unbroken
    async def overdue(self, *, now: datetime) -> list[Overdue]:
        async with self._database.reading() as connection:
            return await claims.overdue(connection, now=now)

    @unbroken
    async def postpone(self, times: Mapping[int, datetime], *, now: datetime, reason: str) -> None:
        async with self._database.writing() as connection:
            await claims.postpone(connection, times, now=now, reason=reason)

    @unbroken
    async def recent_hosts(self, *, since: datetime) -> dict[str, datetime]:
        async with self._database.reading() as connection:
            return await claims.recent_hosts(connection, since=since)

    @unbroken
    async def sightings(self, source_id: int, *, limit: int) -> list[Sighting]:
        async with self._database.reading() as connection:
            return await polls.sightings(connection, source_id, limit)

    @unbroken
    async def known(
        self, source_id: int, digests: Collection[bytes], links: Collection[bytes]
    ) -> Knowledge:
        async with self._database.reading() as connection:
            return await polls.known(connection, source_id, digests, links)

    @unbroken
    async def recall(
        self, source_id: int, *, ids: Collection[int] | None = None, limit: int
    ) -> list[RecalledEntry]:
        async with self._database.reading() as connection:
            return await polls.recall(connection, source_id, ids, limit)

    @unbroken
    async def remembered(self, source_id: int) -> Memory | None:
        async with self._database.reading() as connection:
            return await polls.remembered(connection, source_id)

    @unbroken
    async def save_poll(self, record: PollRecord) -> bool:
        async with self._database.writing() as connection:
            return await polls.save_poll(connection, record, self._domain_of)

    @unbroken
    async def suggest(self, source_id: int, url: str) -> None:
        async with self._database.writing() as connection:
            await claims.suggest(connection, source_id, url)

    @unbroken
    async def hasten(self, intervals: Mapping[str, timedelta], *, now: datetime) -> None:
        async with self._database.writing() as connection:
            await claims.hasten(connection, intervals, now=now)

    @unbroken
    async def forgive(self, source_ids: Collection[int], *, next_poll_at: datetime) -> None:
        async with self._database.writing() as connection:
            await claims.forgive(connection, source_ids, next_poll_at=next_poll_at)

    @unbroken
    async def revision(self) -> Revision:
        async with self._database.reading() as connection:
            return await revisions.current(connection)

    @unbroken
    async def stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[PublishedEntry]:
        async with self._database.reading() as connection:
            return await reads.list_stories(connection, selection, limit=limit, offset=offset)

    @unbroken
    async def count_stories(self, selection: Selection) -> int:
        async with self._database.reading() as connection:
            return await reads.count_stories(connection, selection)

    @unbroken
    async def whole_stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[Story]:
        async with self._database.reading() as connection:
            return await reads.whole_stories(connection, selection, limit=limit, offset=offset)

    @unbroken
    async def changed_stories(self, after: Step, *, limit: int) -> list[ChangedStory]:
        async with self._database.reading() as connection:
            return await changed.changed_stories(connection, after, limit=limit)

    @unbroken
    async def count_changes(self, after: Step, *, most: int) -> int:
        async with self._database.reading() as connection:
            return await changed.count_changes(connection, after, most=most)

    @unbroken
    async def first_change(self, since: datetime) -> Step:
        async with self._database.reading() as connection:
            return await changed.first_change(connection, since)

    @unbroken
    async def find_stories(self, text: str, *, limit: int) -> list[Story]:
        async with self._database.reading() as connection:
            return await finding.find_stories(connection, text, limit=limit)

    @unbroken
    async def tombstones(self, digests: Collection[bytes]) -> list[Tombstone]:
        async with self._database.reading() as connection:
            return await finding.find_tombstones(connection, digests)

    @unbroken
    async def takedowns(self) -> list[Takedown]:
        async with self._database.reading() as connection:
            return await takedowns.list_takedowns(connection)

    @unbroken
    async def take_down(self, published_id: str, *, reason: str, now: datetime) -> bool:
        async with self._database.writing() as connection:
            return await takedowns.take_down(connection, published_id, reason=reason, at=now)

    @unbroken
    async def put_back(self, published_id: str, *, now: datetime) -> bool:
        async with self._database.writing() as connection:
            return await takedowns.put_back(connection, published_id, at=now)

    @unbroken
    async def sources(self, keys: Collection[str] | None = None) -> list[SourceHealth]:
        async with self._database.reading() as connection:
            return await reads.list_sources(connection, keys)

    @unbroken
    async def first_due(self, keys: Collection[str] | None, *, now: datetime) -> datetime | None:
        async with self._database.reading() as connection:
            return await claims.first_due(connection, keys, now=now)

    @unbroken
    async def past_polls(self, key: str) -> list[PastPoll]:
        async with self._database.reading() as connection:
            return await polls.past_polls(connection, key)

    @unbroken
    async def archive(self, path: str) -> Archive | None:
        async with self._database.reading() as connection:
            return await archives.find(connection, path)

    @unbroken
    async def unarchived(
        self, archive: Archive, sources: Collection[str] | None, *, limit: int
    ) -> Unarchived:
        async with self._database.reading() as connection:
            return await archives.unarchived(connection, archive, sources, limit=limit)

    @unbroken
    async def extend_archive(
        self, before: Archive, after: Archive, stories: Sequence[int]
    ) -> Archive | None:
        async with self._database.writing() as connection:
            return await archives.extend(connection, before, after, stories)

    @unbroken
    async def archived(self, path: str, start: int, stop: int) -> list[Archived]:
        async with self._database.reading() as connection:
            return await archives.list_archived(connection, path, start, stop)

    @unbroken
    async def archived_beside(self, path: str, start: int, stop: int) -> tuple[int | None, ...]:
        async with self._database.reading() as connection:
            return await archives.beside(connection, path, start, stop)

    @unbroken
    async def numbered_stories(self, numbers: Collection[int]) -> dict[int, Story]:
        async with self._database.reading() as connection:
            return await archives.numbered_stories(connection, numbers)

    @unbroken
    async def note_served(self, names: Collection[tuple[str, str]]) -> None:
        async with self._database.writing() as connection:
            await served.note(connection, names)

    @unbroken
    async def was_served(self, kind: str, name: str) -> bool:
        async with self._database.reading() as connection:
            return await served.is_noted(connection, kind, name)

    @unbroken
    async def ping(self) -> None:
        async with self._database.reading() as connection:
            await connection.execute(select(revision.c.number))

    @unbroken
    async def save_readers(self, seen: Sequence[FeedReader]) -> None:
        async with self._database.writing() as connection:
            await readers.save_readers(connection, seen)

    @unbroken
    async def readers(self, *, since: datetime) -> list[FeedReader]:
        async with self._database.reading() as connection:
            return await readers.list_readers(connection, since=since)

    @unbroken
    async def forget_readers(self, *, before: datetime, keep: int) -> None:
        async with self._database.writing() as connection:
            await readers.forget_readers(connection, before=before, keep=keep)

    async def prune(self, *, before: datetime, keep_per_source: int, now: datetime) -> int:
        """Deletes what was published and first seen before then, and returns how many entries.

        Each source keeps its newest `keep_per_source`. What is deleted does not return as new.
        It goes in batches, one transaction each; what is done when one fails stays done.
        """
        deleted = 0
        async with self._database.reading() as connection:
            ids = await retention.source_ids(connection)
        for source_id in ids:
            batch = retention.BATCH
            while batch == retention.BATCH:
                batch = await self._delete_old(source_id, before, keep_per_source, now)
                deleted += batch
        return deleted

    @unbroken
    async def _delete_old(self, source_id: int, before: datetime, keep: int, now: datetime) -> int:
        async with self._database.writing() as connection:
            return await retention.delete_old(
                connection, source_id, before=before, keep=keep, at=now
            )
