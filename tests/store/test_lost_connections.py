"""A connection that ends in the middle of a transaction, on the real PostgreSQL."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection, text

from aggregator.core.errors import StoreError
from aggregator.store.engine import Database, connect

OWN_END = text("SELECT pg_terminate_backend(pg_backend_pid())")
OTHERS = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""

ENDS_AT_THE_COMMIT = (
    """CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'""",
    """CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON noted DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION die()""",
)


@pytest.fixture
async def database(empty_postgres):
    database = connect(empty_postgres)
    await do(database, "CREATE TABLE noted (number integer)")
    yield database
    await database.aclose()


async def do(database: Database, *statements: str) -> None:
    await database.write(lambda connection: [connection.execute(text(each)) for each in statements])


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM noted")).scalar_one())


class Work:
    """Loses its connection, so many times."""

    def __init__(self, losses: int) -> None:
        self.runs = 0
        self._losses = losses

    def write(self, connection: Connection) -> int:
        connection.execute(text("INSERT INTO noted VALUES (1)"))
        return self.read(connection)

    def read(self, connection: Connection) -> int:
        self.runs += 1
        if self.runs <= self._losses:
            connection.execute(OWN_END)
        return count(connection)


async def test_what_was_to_be_read_is_read_over_another_connection(database):
    work = Work(losses=1)

    assert await database.read(work.read) == 0
    assert work.runs == 2


async def test_what_was_to_be_written_is_written_once_over_another_connection(database):
    work = Work(losses=1)

    assert await database.write(work.write) == 1
    assert await database.read(count) == 1


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_whoever_loses_each_connection_is_told(database, kind):
    work = Work(losses=100)
    with pytest.raises(StoreError):
        await getattr(database, kind)(work.read)

    assert 1 < work.runs <= 3


async def test_what_may_have_been_committed_is_not_written_once_more(database):
    await do(database, *ENDS_AT_THE_COMMIT)
    work = Work(losses=0)
    with pytest.raises(StoreError):
        await database.write(work.write)

    assert work.runs == 1


async def test_connections_that_ended_unnoticed_cost_no_transaction(database, empty_postgres):
    """The event loop stands still meanwhile, so that nobody hears of it."""
    await asyncio.gather(*(database.read(count) for _ in range(3)))

    ending = threading.Thread(target=asyncio.run, args=(end_others(empty_postgres),))
    ending.start()
    ending.join()

    await asyncio.gather(*(database.read(count) for _ in range(3)))
    await do(database, "INSERT INTO noted VALUES (2)")
    assert await database.read(count) == 1


async def end_others(url: str) -> None:
    import asyncpg  # noqa: PLC0415  # an extra; who comes here has it

    connection = await asyncpg.connect(url)
    await connection.execute(OTHERS)
    await connection.close()
