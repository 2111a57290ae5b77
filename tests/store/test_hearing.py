"""Other processes' changes are heard of when they are committed."""

import asyncio

import pytest
from sqlalchemy import text

from aggregator.core.errors import StoreError
from aggregator.store.engine import connect
from aggregator.store.sql import open_store
from tests.patience import PATIENCE
from tests.store.steps import claim_one, configure, poll, record, story


class Ear:
    """Listens, and knows how often it was called."""

    def __init__(self, store):
        self.calls = 0
        self._called = asyncio.Event()
        self.task = asyncio.create_task(store.hear(self._hear))

    def _hear(self):
        self.calls += 1
        self._called.set()

    async def until(self, calls):
        async with asyncio.timeout(PATIENCE):
            while self.calls < calls:
                self._called.clear()
                await self._called.wait()

    async def close(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
def database_url(postgres):
    """SQLite does not tell."""
    return postgres


@pytest.fixture
async def others(second_store):
    await configure(second_store, "a", "b")
    return second_store


@pytest.fixture
async def ear(sql_store, others):  # noqa: ARG001  # what they do first is not to be heard
    listening = Ear(sql_store)
    await listening.until(1)
    yield listening
    await listening.close()


async def test_what_another_process_saves_is_heard_once_however_much_it_is(ear, others):
    await poll(others, "a", story("1"), story("2"))
    await ear.until(2)

    await poll(others, "b", story("3"))
    await ear.until(3)

    assert ear.calls == 3


async def test_a_poll_that_finds_nothing_tells_nobody(ear, others):
    claimed = await claim_one(others, "a")
    assert await others.save_poll(record(claimed.lease))
    await poll(others, "b", story("1"))
    await ear.until(2)

    assert ear.calls == 2


async def test_a_lost_connection_is_an_error_and_listening_again_begins_with_a_call(
    ear, sql_store, postgres
):
    other = connect(postgres)
    ending = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.write(lambda connection: connection.execute(ending))

    with pytest.raises(StoreError, match="does not answer"):
        await asyncio.wait_for(ear.task, timeout=PATIENCE)
    again = Ear(sql_store)
    await again.until(1)
    await again.close()
    await other.aclose()


async def test_sqlite_says_nothing_after_the_first_call(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/test.db")
    ear = Ear(store)
    await configure(store, "a")
    await poll(store, "a", story("1"))

    assert ear.calls == 1
    assert not ear.task.done()
    await ear.close()
    await store.aclose()
