"""The contract of engines: that of one process, and that of a fleet."""

import asyncio
import gc
import logging
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from aggregator.service.frontier import Due
from aggregator.service.local_engine import LocalEngine
from aggregator.store import queue
from tests.patience import PATIENCE, until
from tests.store.relay import relay_to

A, B, C = (Due(f"{name}.example", (number,), number) for number, name in enumerate("abc"))

needs_pgqueuer = pytest.mark.skipif(not queue.is_installed(), reason="the extra `fleet` is missing")


END_LISTENING = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN%'"""


def complain(doing: str, error: Exception) -> None:
    raise AssertionError(doing) from error


@pytest.fixture(params=["local", pytest.param("pgqueuer", marks=needs_pgqueuer)])
def queue_url(request):
    return None if request.param == "local" else request.getfixturevalue("empty_postgres")


@pytest.fixture
async def make_engine(queue_url):
    """Makes engines of one fleet."""
    local = LocalEngine()
    if queue_url is None:
        return lambda: local
    return lambda: queue.QueueEngine(queue_url, complain)


class Handler:
    """Holds hosts until told to let go."""

    def __init__(self) -> None:
        self.begun: list[Due] = []
        self.under_way: set[str] = set()
        self.twice: list[str] = []
        self.open = asyncio.Event()

    async def __call__(self, due: Due) -> None:
        if due.host in self.under_way:
            self.twice.append(due.host)
        self.begun.append(due)
        self.under_way.add(due.host)
        try:
            await self.open.wait()
        finally:
            self.under_way.discard(due.host)


@asynccontextmanager
async def running(engine, handler, concurrency: int = 4):
    task = asyncio.create_task(engine.run(handler, concurrency=concurrency))
    try:
        async with asyncio.timeout(PATIENCE):
            while await engine.wanted(8) <= 0:  # noqa: ASYNC110  # it connects
                await asyncio.sleep(0.01)
        yield task
    finally:
        handler.open.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def hosts(handler) -> list[str]:
    return [due.host for due in handler.begun]


async def test_what_is_submitted_is_handed_out_with_what_is_due_of_it(make_engine):
    engine, handler = make_engine(), Handler()
    async with running(engine, handler):
        await engine.submit([A, B])
        await until(lambda: len(handler.begun) == 2)

    assert sorted(handler.begun, key=lambda due: due.host) == [A, B]


async def test_a_host_is_handed_out_once_while_it_waits_or_is_polled(make_engine):
    engine, other, handler = make_engine(), make_engine(), Handler()
    async with AsyncExitStack() as stack:
        for each in {engine, other}:
            await stack.enter_async_context(running(each, handler, concurrency=2))
        await engine.submit([A])
        await other.submit([A, B])
        await until(lambda: len(handler.begun) == 2)
        await engine.submit([A, B])
        await engine.submit([C])

    assert handler.twice == []


async def test_a_host_that_was_polled_can_be_submitted_again(make_engine):
    engine, handler = make_engine(), Handler()
    handler.open.set()
    async with running(engine, handler):
        for count in (1, 2, 3):
            async with asyncio.timeout(PATIENCE):
                while len(handler.begun) < count:  # the last one may not be noted as done yet
                    await engine.submit([A])
                    await asyncio.sleep(0.05)

    assert set(hosts(handler)) == {A.host}


async def test_no_more_hosts_are_polled_at_a_time_than_allowed(make_engine):
    engine, handler = make_engine(), Handler()
    async with running(engine, handler, concurrency=2):
        await engine.submit([A, B, C])
        await until(lambda: len(handler.begun) == 2)
        await asyncio.sleep(0.2)
        assert len(handler.under_way) == 2
        handler.open.set()
        await until(lambda: len(handler.begun) == 3)


async def test_of_those_that_wait_the_longest_overdue_comes_first(make_engine):
    engine, handler = make_engine(), Handler()
    async with running(engine, handler, concurrency=2):
        await engine.submit([Due("x.example"), Due("y.example")])
        await until(lambda: len(handler.begun) == 2)
        await engine.submit([A, C, B])
        handler.open.set()
        await until(lambda: len(handler.begun) == 5)

    assert hosts(handler)[2:] == [C.host, B.host, A.host]


async def test_an_engine_that_ends_waits_for_what_is_under_way(make_engine):
    engine, handler = make_engine(), Handler()
    async with running(engine, handler):
        await engine.submit([A])
        await until(lambda: handler.under_way)

    assert handler.under_way == set()


@needs_pgqueuer
async def test_a_queue_that_was_emptied_takes_what_the_next_sweep_finds(empty_postgres):
    engine, handler = queue.QueueEngine(empty_postgres, complain), Handler()
    async with running(engine, handler, concurrency=2):
        await engine.submit([A, B])
        await until(lambda: len(handler.begun) == 2)
        await engine.submit([C])
        await engine._queries.clear_queue()
        handler.open.set()
        await engine.submit([C])
        await until(lambda: C.host in hosts(handler))


@needs_pgqueuer
async def test_a_queue_that_cannot_be_made_is_told_and_tried_again(monkeypatch):
    monkeypatch.setattr(queue, "AGAIN", 0.01)
    told: list[str] = []
    engine = queue.QueueEngine(
        "postgresql://nobody@127.0.0.1:1/x", lambda _, error: told.append(str(error))
    )
    task = asyncio.create_task(engine.run(Handler(), concurrency=2))
    await until(lambda: len(told) > 1)
    task.cancel()

    assert told[0].startswith("the tables of the queue could not be made: ")
    with pytest.raises(asyncio.CancelledError):
        await task


@needs_pgqueuer
@pytest.mark.parametrize("trouble", [ConnectionError, ZeroDivisionError])
async def test_whatever_befalls_the_queue_it_is_tried_again(empty_postgres, monkeypatch, trouble):
    monkeypatch.setattr(queue, "AGAIN", 0.01)
    told: list[str] = []
    engine, handler = (
        queue.QueueEngine(empty_postgres, lambda doing, _: told.append(doing)),
        Handler(),
    )
    serve = engine._serve

    async def fails_once(*args):
        if not told:
            raise trouble
        await serve(*args)

    monkeypatch.setattr(engine, "_serve", fails_once)
    async with running(engine, handler):
        await engine.submit([A])
        await until(lambda: handler.begun)

    assert told == ["taking hosts from the queue"]


@needs_pgqueuer
async def test_a_database_that_is_away_is_told_of_in_lines_that_say_so(
    empty_postgres, monkeypatch, caplog
):
    monkeypatch.setattr(queue, "AGAIN", 0.05)
    told: list[str] = []
    handler = Handler()
    async with relay_to(empty_postgres) as relay:
        engine = queue.QueueEngine(relay.url, lambda _, error: told.append(str(error)))
        async with running(engine, handler):
            await engine.submit([A, B])
            await until(lambda: len(handler.begun) == 2)
            relay.cut()
            handler.open.set()  # what is done is to be written down, and cannot be
            await until(lambda: len(told) > 2)
            await relay.mend()
            async with asyncio.timeout(PATIENCE):
                while await engine.wanted(8) <= 0:  # noqa: ASYNC110  # it connects
                    await asyncio.sleep(0.01)
            await engine.submit([C])
            await until(lambda: C.host in hosts(handler))

    assert [line for line in told if not line.startswith("the database does not answer: ")] == []
    assert [line for line in told if not line.endswith("; polls go on when it does")] == []
    assert caplog.records == []


async def stop_without_listening(url: str) -> None:
    import asyncpg  # noqa: PLC0415  # an extra

    engine, handler = queue.QueueEngine(url, complain), Handler()
    task = asyncio.create_task(engine.run(handler, concurrency=2))
    other = await asyncpg.connect(url)
    async with asyncio.timeout(PATIENCE):
        while not await other.fetch(END_LISTENING):  # noqa: ASYNC110  # it may not have begun
            await asyncio.sleep(0.01)
    await other.close()
    task.cancel()
    await asyncio.wait([task])


@needs_pgqueuer
async def test_the_connection_that_listens_may_be_lost_before_a_stop(empty_postgres, caplog):
    await stop_without_listening(empty_postgres)
    gc.collect()  # what nobody has looked at is told of when it is forgotten

    assert caplog.records == []


@needs_pgqueuer
def test_what_else_goes_wrong_in_the_queue_is_logged_as_it_is(caplog):
    queue.QueueEngine("postgresql://nobody@127.0.0.1:1/x", complain)
    log = logging.getLogger("pgqueuer")
    for error in (OSError("gone"), ZeroDivisionError("a mistake")):
        log.error("it failed", exc_info=error)
        try:
            raise error
        except (OSError, ZeroDivisionError):
            log.warning("and was not ended")
    log.warning("something to know")

    lines = [(record.message, record.exc_info and record.exc_info[0]) for record in caplog.records]
    assert lines == [
        ("it failed", ZeroDivisionError),
        ("and was not ended", None),
        ("something to know", None),
    ]


@needs_pgqueuer
async def test_a_connection_that_is_lost_meanwhile_wants_no_hosts(empty_postgres):
    engine, handler = queue.QueueEngine(empty_postgres, complain), Handler()
    async with running(engine, handler):
        wanting = asyncio.create_task(engine.wanted(8))
        await asyncio.sleep(0)
        queries, engine._queries = engine._queries, None
        assert await wanting == 0
        engine._queries = queries


@needs_pgqueuer
async def test_the_tables_of_the_queue_are_made_once_by_however_many(empty_postgres):
    await asyncio.gather(*(queue.prepare_queue(empty_postgres) for _ in range(3)))
