"""Transactions of several processes on PostgreSQL do not wait for each other.

Whoever locks several rows of a table goes by their keys: while the first one is somebody else's,
the others are free.
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.util.concurrency import await_

from aggregator.core.deliveries import NewDelivery
from aggregator.core.errors import StoreError
from aggregator.service.frontier import Ending
from aggregator.store import frontier, statements
from aggregator.store.delivery_schema import deliveries
from aggregator.store.engine import TRIES, connect
from aggregator.store.schema import hosts, sources
from tests.builders import NOON
from tests.patience import PATIENCE
from tests.store.steps import HOUR, claim_due, configure, open_due, poll, record, story

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
KEYS = ["b", "c", "a"]


@pytest.fixture
def database_url(postgres):
    """SQLite has one writer at a time."""
    return postgres


@pytest.fixture
async def other(postgres):
    database = connect(postgres)
    yield database
    await database.aclose()


@asynccontextmanager
async def holding(database, row):
    """Another process has locked that row."""
    held, over = asyncio.Event(), asyncio.Event()

    def hold(connection):
        connection.execute(row.with_for_update()).all()
        held.set()
        await_(over.wait())

    task = asyncio.create_task(database.write(hold))
    await held.wait()
    try:
        yield
    finally:
        over.set()
        await task


async def is_in_order(work, other, column):
    """Whether `work` locks no row of the column's table while it waits for the first one."""
    everything = select(column).order_by(column)
    rows = await other.read(lambda connection: [*connection.scalars(everything)])
    # A scan of the table finds this one last.
    await other.write(
        lambda connection: connection.execute(
            column.table.update().where(column == rows[0]).values({column: column})
        )
    )
    free = select(column).where(column != rows[0]).with_for_update(skip_locked=True)
    async with asyncio.timeout(PATIENCE), holding(other, select(column).where(column == rows[0])):
        task = asyncio.create_task(work())
        while not await other.read(lambda connection: connection.scalar(WAITING)):
            assert not task.done()
            await asyncio.sleep(0.01)  # the server tells nobody
        found = await other.write(lambda connection: [*connection.scalars(free)])
    await task
    return sorted(found) == rows[1:]


async def claim_named(store):
    return lambda: store.claim(sorted(KEYS), lease_until=NOON + HOUR)


async def claim_all(store):
    return lambda: store.claim(None, lease_until=NOON + HOUR)


async def hasten(store):
    intervals = dict.fromkeys(sorted(KEYS), HOUR)
    return lambda: store.hasten(intervals, now=NOON - HOUR, reason="sooner")


async def postpone(store):
    ids = [one.source_id for one in await store.overdue(now=NOON)]
    times = dict.fromkeys(reversed(ids), NOON + HOUR)
    return lambda: store.postpone(times, now=NOON, reason="later")


async def mend(store):
    return lambda: store.mend(now=NOON - timedelta(days=500))


async def release(store):
    leases = [source.lease for source in await claim_due(store)]
    return lambda: store.release(leases[::-1])


async def forgive(store):
    claimed = await claim_due(store)
    for source in claimed:
        await store.save_poll(record(source.lease, failures=1))
    ids = [source.lease.source_id for source in reversed(claimed)]
    return lambda: store.forgive(ids, at=NOON, reason="forgiven")


async def save_polls(store):
    claimed = await claim_due(store)

    async def save():
        await asyncio.gather(*(store.save_poll(record(one.lease)) for one in reversed(claimed)))

    return save


async def prune(store):
    for key in KEYS:
        await poll(store, key, story(key))
    return lambda: store.prune(before=NOON + HOUR, keep_per_source=0, now=NOON)


@pytest.mark.parametrize(
    "prepare",
    [claim_named, claim_all, hasten, postpone, mend, release, forgive, save_polls, prune],
)
async def test_whoever_locks_several_sources_goes_by_their_ids(
    sql_store, other, monkeypatch, prepare
):
    await configure(sql_store, *KEYS)
    work = await prepare(sql_store)
    monkeypatch.setattr(statements, "_CHUNK", 1)

    assert await is_in_order(work, other, sources.c.id)


async def renew(store, runs):
    await store.renew(runs[::-1], until=NOON + HOUR)


async def complete(store, runs):
    await store.complete([Ending(run, None) for run in reversed(runs)])


async def open_again(store, _):
    await open_due(store, NOON + 2 * HOUR)


@pytest.mark.parametrize("work", [renew, complete, open_again])
async def test_whoever_locks_several_hosts_goes_by_their_names(sql_store, other, work):
    await configure(sql_store, *KEYS)
    runs = await open_due(sql_store)

    assert await is_in_order(lambda: work(sql_store, runs), other, hosts.c.host)


def test_the_order_of_hosts_is_not_that_of_the_servers_language():
    renewing = frontier._RENEW["postgresql"].compile(dialect=postgresql.dialect())

    assert 'ORDER BY hosts.host COLLATE "C"' in str(renewing)


async def pause(store):
    await store.pause_domain("hub.example", ["webhook"], until=NOON + HOUR)


async def test_a_pause_of_deliveries_goes_by_their_digests(sql_store, other):
    wanted = [
        NewDelivery(kind="webhook", topic=f"t{n}", url="https://hub.example/x", secret=None)
        for n in range(5)
    ]
    await sql_store.sync_deliveries("webhook", wanted, now=NOON)

    assert await is_in_order(lambda: pause(sql_store), other, deliveries.c.digest)


class Crossing:
    """Two transactions that lock the same two sources the other way round."""

    def __init__(self):
        self.tries = 0
        self.done = 0
        self._ready = asyncio.Barrier(2)

    def lock(self, ids, *, times):
        """`times` tells how often it meets the other one."""

        def work(connection):
            connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            self.tries += 1
            for n, one in enumerate(ids):
                connection.execute(select(sources).where(sources.c.id == one).with_for_update())
                if n == 0 and next(times, None) is not None:
                    await_(self._ready.wait())
            self.done += 1

        return work


async def test_of_two_that_wait_for_each_other_one_begins_anew(sql_store, other):
    await configure(sql_store, "a", "b")
    crossing, ids = Crossing(), [1, 2]

    await asyncio.gather(
        other.write(crossing.lock(ids, times=iter([1]))),
        other.write(crossing.lock(ids[::-1], times=iter([1]))),
    )

    assert crossing.tries in {3, 4}  # where the machine is busy, both may be undone
    assert crossing.done == 2


async def test_whoever_is_undone_again_and_again_is_told(other):
    tries = []

    def work(connection):
        tries.append(1)
        connection.execute(text("DO $$BEGIN RAISE SQLSTATE '40P01'; END$$"))

    with pytest.raises(StoreError):
        await other.write(work)

    assert len(tries) == TRIES
