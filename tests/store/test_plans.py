"""Nothing that a tick, a poll, a page or a feed asks of SQLite looks through a whole table."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from aggregator.service.frontier import Ending
from aggregator.service.ports import Selection
from aggregator.store import quick
from aggregator.store.sql import open_store
from tests.builders import NOON, ago
from tests.store.steps import (
    EVERYTHING,
    HOUR,
    claim_due,
    claim_one,
    configure,
    open_due,
    poll,
    record,
    story,
)

GROWING = {"sources", "polls", "entries", "edits", "stories", "marks", "tombstones"}
GROWING |= {"documents", "hosts", "archived", "pushes", "callbacks", "served"}

IN_ORDER = (
    "ix_stories_rank_at_id",
    "ix_sources_due",
    "ix_sources_failing",
    "ix_sources_unlisted",
)
"""Indexes that are read from their beginning as far as a LIMIT goes."""


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/plans.db")
    await configure(opened, "a", "b", "gone")
    await poll(opened, "a", *(story(str(n)) for n in range(30)))
    await configure(opened, "a", "b")
    yield opened
    await opened.aclose()


@contextmanager
def plans():
    """The lines of SQLite's plans for what is run in the block."""
    found: set[str] = set()

    def explain(driver, statement, parameters):
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            plan = driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.update(row[3] for row in plan.fetchall())

    def hear(connection, _cursor, statement, parameters, _context, many):
        explain(driver_of(connection), statement, parameters[0] if many else parameters)

    def overheard(connection):
        return Overheard(driver_of(connection), explain)

    driver_of = quick.driver_of
    event.listen(Engine, "before_cursor_execute", hear)
    quick.driver_of = overheard
    try:
        yield found
    finally:
        quick.driver_of = driver_of
        event.remove(Engine, "before_cursor_execute", hear)


class Overheard:
    """The driver, as `quick` speaks to it."""

    def __init__(self, driver, explain):
        self._driver = driver
        self._explain = explain

    def execute(self, statement, parameters):
        self._explain(self._driver, statement, parameters)
        return self._driver.execute(statement, parameters)

    def executemany(self, statement, rows):
        rows = [*rows]
        self._explain(self._driver, statement, rows[0])
        return self._driver.executemany(statement, rows)


def scanned(found):
    """The growing tables that are read from one end to the other."""
    lines = [line for line in found if line.startswith("SCAN") and not line.endswith(IN_ORDER)]
    return {line for line in lines if line.split()[1].removesuffix("_1") in GROWING}


async def test_a_tick_scans_nothing(store):
    with plans() as found:
        await store.mend(now=NOON)
        (run, *_) = await open_due(store)
        await store.renew([run], until=NOON + HOUR)
        await store.complete([Ending(run, NOON)])
        await store.next_due(after=NOON)
        await store.revision()
        await store.due_pushes(now=NOON, limit=9)

    assert found
    assert scanned(found) == set()


async def test_a_poll_scans_nothing(store):
    (claimed, *_) = await claim_due(store)
    with plans() as found:
        await store.known(claimed.lease.source_id, [bytes(16)], [bytes(16)])
        await store.remembered(claimed.lease.source_id)
        await store.sightings(claimed.lease.source_id, limit=9)
        await store.recall(claimed.lease.source_id, limit=9)
        await store.save_poll(record(claimed.lease, domain_paused_until=NOON + HOUR))
        await poll(store, "a", story("new"))
        await store.release([(await claim_one(store, "b")).lease])

    assert found
    assert scanned(found) == set()


async def test_a_page_and_a_feed_scan_nothing(store):
    with plans() as found:
        await store.stories(EVERYTHING, limit=9)
        await store.whole_stories(EVERYTHING, limit=9)
        await store.count_stories(EVERYTHING)
        await store.count_stories(Selection(since=ago(days=1)), most=9)
        await store.stories(Selection(sources={"a"}), limit=9)
        await store.sources({"a"})
        await store.past_polls("a")
        await store.first_due(None, now=NOON)
        await store.first_due({"a"}, now=NOON)
        await store.takedowns()
        for selection in (EVERYTHING, Selection(sources={"a"})):
            before = await store.standing(selection, limit=9)
            await poll(store, "a", story(f"new {before.at.revision}"))
            await store.moved(selection, before.at, most=9)

    assert found
    assert scanned(found) == set()


async def test_pruning_reads_an_index_and_deletes_by_keys(store):
    await poll(store, "b", *(story(f"b{n}", at=ago(days=99)) for n in range(9)))
    with plans() as found:
        await store.prune(before=NOON - timedelta(days=90), keep_per_source=2, now=NOON)

    assert scanned(found) == set()
