"""Everything of one database in another."""

import asyncio

import pytest
from sqlalchemy import func, insert, select

from aggregator.core.errors import StoreError
from aggregator.service.ports import Selection
from aggregator.store import copying
from aggregator.store.copying import copy_database
from aggregator.store.engine import connect
from aggregator.store.schema import entries, metadata, stories
from aggregator.store.sql import open_store
from tests.builders import NOON
from tests.published_site import stock
from tests.store.steps import configure, poll, spec, story

KINDS = ["sqlite", "postgres"]


def silently(_table, _rows):
    pass


@pytest.fixture
async def stocked(tmp_path):
    url = f"sqlite:///{tmp_path}/stocked.db"
    await stock(url)
    return url


@pytest.fixture(params=KINDS)
def empty(request, tmp_path):
    """The address of a database that nobody has used."""
    if request.param == "postgres":
        return request.getfixturevalue("empty_postgres")
    return f"sqlite:///{tmp_path}/empty.db"


async def rows_of(url):
    database = connect(url)
    found = {}
    for table in metadata.sorted_tables:
        found[table.name] = sorted(map(repr, await database.read(_all, table)))
    await database.aclose()
    return found


def _all(connection, table):
    return connection.execute(select(table)).all()


async def test_every_row_arrives_with_its_ids(stocked, empty):
    copied = await copy_database(stocked, empty, silently)

    before = await rows_of(stocked)
    assert await rows_of(empty) == before
    assert copied == {name: len(rows) for name, rows in before.items()}
    assert copied["entries"] > 5


async def test_there_and_back_nothing_is_different(stocked, empty_postgres, tmp_path):
    back = f"sqlite:///{tmp_path}/back.db"

    await copy_database(stocked, empty_postgres, silently)
    await copy_database(empty_postgres, back, silently)

    assert await rows_of(back) == await rows_of(stocked)


async def test_more_rows_than_fit_into_one_batch_arrive(stocked, empty, monkeypatch):
    monkeypatch.setattr(copying, "_BATCH", 2)

    await copy_database(stocked, empty, silently)

    assert await rows_of(empty) == await rows_of(stocked)


async def test_words_are_found_in_the_copy(stocked, empty):
    await copy_database(stocked, empty, silently)

    before, after = await open_store(stocked), await open_store(empty)
    selection = Selection(search="shared")
    found = await after.stories(selection, limit=5)
    assert found
    assert found == await before.stories(selection, limit=5)
    await before.aclose()
    await after.aclose()


async def test_no_id_comes_back_that_was_given_out_before(stocked, empty):
    await spend_ids(stocked)
    await copy_database(stocked, empty, silently)

    store = await open_store(empty)
    await configure(store, spec("new"), now=NOON)
    await poll(store, "new", story("later"))
    await store.aclose()

    database = connect(empty)
    assert await database.read(_highest, entries) > SPENT
    assert await database.read(_highest, stories) > SPENT
    await database.aclose()


SPENT = 5_000


async def spend_ids(url):
    """As if the newest stories and entries had been dropped by retention."""
    database = connect(url)
    await database.write(_spend)
    await database.aclose()


def _spend(connection):
    for table in (stories, entries):
        row = dict(connection.execute(select(table).limit(1)).one()._mapping)
        row["id"] = SPENT
        for column in ("link_digest", "published_digest", "digest"):
            if column in row:
                row[column] = b"spent"
        connection.execute(insert(table).values(row))
        connection.execute(table.delete().where(table.c.id == SPENT))


def _highest(connection, table):
    return connection.scalar(select(func.max(table.c.id)))


async def test_a_database_that_holds_something_is_not_copied_into(stocked, tmp_path):
    full = f"sqlite:///{tmp_path}/full.db"
    await stock(full)
    before = await rows_of(full)

    with pytest.raises(StoreError, match="is not empty"):
        await copy_database(stocked, full, silently)

    assert await rows_of(full) == before


async def test_what_is_not_there_is_not_copied(tmp_path):
    with pytest.raises(StoreError, match="no such database"):
        await copy_database(
            f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/new.db", silently
        )

    assert not list(tmp_path.iterdir())


async def test_a_database_of_another_version_is_not_copied(tmp_path, empty):
    older = tmp_path / "older.db"
    database = connect(f"sqlite:///{older}")
    await database.write(lambda connection: connection.exec_driver_sql("CREATE TABLE t (x INT)"))
    await database.aclose()

    with pytest.raises(StoreError, match="aggregator migrate"):
        await copy_database(f"sqlite:///{older}", empty, silently)


async def test_a_copy_is_undone_where_somebody_polled_meanwhile(stocked, empty, monkeypatch):
    states = iter(range(2))  # each look finds another
    monkeypatch.setattr(copying, "_state", lambda _connection: next(states))

    with pytest.raises(StoreError, match="written to meanwhile"):
        await copy_database(stocked, empty, silently)

    assert not any(rows for name, rows in (await rows_of(empty)).items() if name != "revision")


async def test_a_poll_and_a_change_are_seen_as_writing(stocked):
    database, store = connect(stocked), await open_store(stocked)
    states = [await database.read(copying._state)]
    await poll(store, "a")
    states.append(await database.read(copying._state))
    await store.put_back((await store.takedowns())[0].id, now=NOON)
    states.append(await database.read(copying._state))
    await store.aclose()
    await database.aclose()

    assert len(set(states)) == 3


async def test_a_copy_that_is_called_off_leaves_nothing(stocked, empty):
    def call_off(_table, _rows):
        loop.call_soon_threadsafe(task.cancel)

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(copy_database(stocked, empty, call_off))
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not any(rows for name, rows in (await rows_of(empty)).items() if name != "revision")
