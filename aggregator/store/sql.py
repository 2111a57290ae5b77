"""The store as the services know it. One public method is one transaction, `prune` excepted."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from uuid import uuid4

from sqlalchemy import Connection

from aggregator.core.archives import Archive, Archived, Unarchived
from aggregator.core.knowledge import Knowledge
from aggregator.core.memory import Memory
from aggregator.core.model import PublishedEntry, RecalledEntry, Story, Takedown
from aggregator.core.positions import ChangedStory, Step
from aggregator.core.rhythm import Sighting
from aggregator.core.subscribers import FeedReader
from aggregator.service.frontier import Due, Ending, FrontierStats, HostRun
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
    clocks,
    finding,
    frontier,
    listing,
    polls,
    readers,
    reads,
    retention,
    revisions,
    saving,
    served,
    takedowns,
)
from aggregator.store.claims import NewToken
from aggregator.store.delivery_store import DeliveryMethods
from aggregator.store.engine import Database, connect, is_there
from aggregator.store.faults import is_its_own
from aggregator.store.grouping import Groups
from aggregator.store.keeping_pushes import KeepsPushes
from aggregator.store.migrate import is_current, upgrade
from aggregator.store.outline_store import OutlineMethods
from aggregator.store.place import DomainOf
from aggregator.store.polls import Asked
from aggregator.tasks.lots import Lots

QUESTIONS = 50
"""Of those that come while the database is asked, answered by one transaction."""


def _new_token() -> str:
    return uuid4().hex


_Saved = PollRecord | Sequence[Ending]


def _weight(item: _Saved) -> int:
    """How much there is to be written, in polls that found nothing."""
    if not isinstance(item, PollRecord):
        return len(item)
    changes = item.changes
    return 1 + len(changes.new) + len(changes.edited) + len(changes.refreshed)


def _write(connection: Connection, items: Sequence[_Saved], domain_of: DomainOf) -> list[bool]:
    """Polls, and the ends of runs."""
    records = [one for one in items if isinstance(one, PollRecord)]
    saved = iter(saving.save_polls(connection, records, domain_of) if records else ())
    endings = [one for one in items if not isinstance(one, PollRecord)]
    frontier.complete(connection, [*chain.from_iterable(endings)])
    return [next(saved) if isinstance(one, PollRecord) else True for one in items]


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


class SqlStore(KeepsPushes, DeliveryMethods, OutlineMethods):
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
        self._under_way: set[int | str] = set()
        """Sources that were claimed, until their poll is saved or they are given back, and a host
        of each lot whose runs end.
        """
        self._saving: Groups[_Saved, bool] = Groups(
            self._save, weight=_weight, expected=lambda: len(self._under_way)
        )
        self._known: Lots[Asked, Knowledge] = Lots(
            lambda asked: database.read(polls.known, asked), most=QUESTIONS
        )
        self._remembered: Lots[int, Memory | None] = Lots(
            lambda asked: database.read(polls.remembered, asked), most=QUESTIONS
        )
        self._sightings: Lots[tuple[int, int], list[Sighting]] = Lots(
            lambda asked: database.read(polls.sightings, asked), most=QUESTIONS
        )

    @property
    def moves(self) -> int:
        return self._database.moves

    async def aclose(self) -> None:
        await self._database.aclose()

    async def sync_sources(self, specs: Sequence[SourceSpec], *, now: datetime) -> None:
        await self._database.write(listing.sync_sources, specs, self._domain_of, now=now)

    async def claim(
        self, keys: Collection[str] | None, *, lease_until: datetime
    ) -> list[ClaimedSource]:
        claimed = await self._database.write(
            claims.claim, self._new_token, keys, lease_until=lease_until
        )
        self._under_way.update(source.lease.source_id for source in claimed)
        return claimed

    async def sweep(self, *, now: datetime, limit: int, failing: int, per_host: int) -> list[Due]:
        return await self._database.read(
            frontier.sweep, now=now, limit=limit, failing=failing, per_host=per_host
        )

    async def open_hosts(
        self, hosts: Sequence[Due], *, now: datetime, until: datetime, delay: timedelta
    ) -> list[HostRun]:
        runs = await self._database.write(
            frontier.open_hosts, self._new_token, hosts, now=now, until=until, delay=delay
        )
        opened = chain.from_iterable(run.sources for run in runs)
        self._under_way.update(source.lease.source_id for source in opened)
        return runs

    async def renew(self, runs: Collection[HostRun], *, until: datetime) -> set[str]:
        return await self._database.write(frontier.renew, runs, until=until)

    async def mend(self, *, now: datetime) -> None:
        await self._database.write(frontier.mend, now=now)

    async def forget_hosts(self, *, before: datetime) -> None:
        await self._database.write(frontier.forget_hosts, before=before)

    async def frontier_stats(self, *, now: datetime) -> FrontierStats:
        return await self._database.read(frontier.frontier_stats, now=now)

    async def release(self, leases: Collection[Lease]) -> None:
        try:
            await self._database.write(claims.release, leases)
        finally:  # nobody polls them any more
            self._under_way.difference_update(lease.source_id for lease in leases)

    async def next_due(self, *, after: datetime) -> datetime | None:
        return await self._database.read(claims.next_due, after=after)

    async def overdue(self, *, now: datetime) -> list[Overdue]:
        return await self._database.read(claims.overdue, now=now)

    async def postpone(self, times: Mapping[int, datetime], *, now: datetime, reason: str) -> None:
        await self._database.write(claims.postpone, times, now=now, reason=reason)

    async def sightings(self, source_id: int, *, limit: int) -> list[Sighting]:
        return await self._sightings.put((source_id, limit))

    async def known(
        self, source_id: int, digests: Collection[bytes], links: Collection[bytes]
    ) -> Knowledge:
        asked = Asked(source_id=source_id, digests=frozenset(digests), links=frozenset(links))
        return await self._known.put(asked)

    async def recall(
        self, source_id: int, *, ids: Collection[int] | None = None, limit: int
    ) -> list[RecalledEntry]:
        return await self._database.read(polls.recall, source_id, ids, limit)

    async def remembered(self, source_id: int) -> Memory | None:
        return await self._remembered.put(source_id)

    async def save_poll(self, record: PollRecord) -> bool:
        try:
            return await self._saving.add(record)
        finally:
            self._under_way.discard(record.lease.source_id)

    async def complete(self, endings: Sequence[Ending]) -> None:
        if not endings:
            return
        one = endings[0].run.host
        self._under_way.add(one)
        try:
            await self._saving.add(endings)
        finally:
            self._under_way.discard(one)

    async def _save(self, items: Sequence[_Saved]) -> list[bool | Exception]:
        """All at once; where one makes that fail, each by itself."""
        try:
            return [*await self._database.write(_write, items, self._domain_of)]
        except Exception as error:
            if len(items) == 1 or not is_its_own(error):
                raise
        return [outcome for one in items for outcome in await self._save_alone(one)]

    async def _save_alone(self, item: _Saved) -> list[bool | Exception]:
        try:
            return await self._save([item])
        except Exception as error:  # noqa: BLE001  # the others of its group are saved
            return [error]

    async def suggest(self, source_id: int, url: str) -> None:
        await self._database.write(claims.suggest, source_id, url)

    async def hasten(
        self, intervals: Mapping[str, timedelta], *, now: datetime, reason: str
    ) -> None:
        await self._database.write(claims.hasten, intervals, now=now, reason=reason)

    async def forgive(self, source_ids: Collection[int], *, at: datetime, reason: str) -> None:
        await self._database.write(claims.forgive, source_ids, at=at, reason=reason)

    async def hear(self, heard: Callable[[], None]) -> None:
        await self._database.hear(heard)

    async def revision(self) -> Revision:
        return await self._database.read(revisions.current)

    async def stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[PublishedEntry]:
        return await self._database.read(reads.list_stories, selection, limit=limit, offset=offset)

    async def count_stories(self, selection: Selection, *, most: int | None = None) -> int:
        return await self._database.read(reads.count_stories, selection, most=most)

    async def whole_stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[Story]:
        return await self._database.read(reads.whole_stories, selection, limit=limit, offset=offset)

    async def changed_stories(self, after: Step, *, limit: int) -> list[ChangedStory]:
        return await self._database.read(changed.changed_stories, after, limit=limit)

    async def count_changes(self, after: Step, *, most: int) -> int:
        return await self._database.read(changed.count_changes, after, most=most)

    async def first_change(self, since: datetime) -> Step:
        return await self._database.read(changed.first_change, since)

    async def find_stories(self, text: str, *, limit: int) -> list[Story]:
        return await self._database.read(finding.find_stories, text, limit=limit)

    async def tombstones(self, digests: Collection[bytes]) -> list[Tombstone]:
        return await self._database.read(finding.find_tombstones, digests)

    async def takedowns(self) -> list[Takedown]:
        return await self._database.read(takedowns.list_takedowns)

    async def take_down(self, published_id: str, *, reason: str, now: datetime) -> bool:
        return await self._database.write(takedowns.take_down, published_id, reason=reason, at=now)

    async def put_back(self, published_id: str, *, now: datetime) -> bool:
        return await self._database.write(takedowns.put_back, published_id, at=now)

    async def sources(self, keys: Collection[str] | None = None) -> list[SourceHealth]:
        return await self._database.read(reads.list_sources, keys)

    async def first_due(self, keys: Collection[str] | None, *, now: datetime) -> datetime | None:
        return await self._database.read(claims.first_due, keys, now=now)

    async def past_polls(self, key: str) -> list[PastPoll]:
        return await self._database.read(polls.past_polls, key)

    async def archive(self, path: str) -> Archive | None:
        return await self._database.read(archives.find, path)

    async def unarchived(
        self, archive: Archive, sources: Collection[str] | None, *, limit: int
    ) -> Unarchived:
        return await self._database.read(archives.unarchived, archive, sources, limit=limit)

    async def extend_archive(
        self, before: Archive, after: Archive, stories: Sequence[int]
    ) -> Archive | None:
        return await self._database.write(archives.extend, before, after, stories)

    async def archived(self, path: str, start: int, stop: int) -> list[Archived]:
        return await self._database.read(archives.list_archived, path, start, stop)

    async def archived_beside(self, path: str, start: int, stop: int) -> tuple[int | None, ...]:
        return await self._database.read(archives.beside, path, start, stop)

    async def numbered_stories(self, numbers: Collection[int]) -> dict[int, Story]:
        return await self._database.read(archives.numbered_stories, numbers)

    async def note_served(self, names: Collection[tuple[str, str]]) -> None:
        await self._database.write(served.note, names)

    async def was_served(self, kind: str, name: str) -> bool:
        return await self._database.read(served.is_noted, kind, name)

    async def time(self) -> datetime | None:
        return await self._database.read(clocks.time)

    async def ping(self) -> None:
        await self._database.read(revisions.current)

    async def save_readers(self, seen: Sequence[FeedReader]) -> None:
        await self._database.write(readers.save_readers, seen)

    async def readers(self, *, since: datetime) -> list[FeedReader]:
        return await self._database.read(readers.list_readers, since=since)

    async def forget_readers(self, *, before: datetime, keep: int) -> None:
        await self._database.write(readers.forget_readers, before=before, keep=keep)

    async def prune(self, *, before: datetime, keep_per_source: int, now: datetime) -> int:
        """Deletes what was published and first seen before then, and returns how many entries.

        Each source keeps its newest `keep_per_source`. What is deleted does not return as new.
        It goes in batches, one transaction each; what is done when one fails stays done.
        """
        deleted, after = 0, 0
        look = partial(retention.sources_with_old, before=before, keep=keep_per_source)
        delete = partial(retention.delete_old, before=before, keep=keep_per_source, at=now)
        while ids := await self._database.read(look, after=after):
            after = ids[-1]
            left: Sequence[int] = ids
            while left:
                count, left = await self._database.write(delete, left)
                deleted += count
        return deleted
