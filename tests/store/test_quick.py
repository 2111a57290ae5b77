"""What is run in less time does what SQLAlchemy would have it do."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from aggregator.core.errors import StoreError
from aggregator.store.column_types import Json, UtcMicros
from aggregator.store.engine import connect
from aggregator.store.faults import is_refused_value
from aggregator.store.quick import fetch, run

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("bytes", LargeBinary),
    Column("good", Boolean),
    Column("at", UtcMicros),
    Column("told", Json),
    Column("times", Integer, server_default="0"),
)
ADD = insert(THINGS)
ALL = select(THINGS).order_by(THINGS.c.id)
SOME = ALL.where(
    THINGS.c.id.in_(bindparam("ids", expanding=True)),
    THINGS.c.name.in_(bindparam("names", expanding=True)),
    THINGS.c.id > bindparam("above"),
)
COUNT = update(THINGS).where(THINGS.c.id == bindparam("this")).values(times=THINGS.c.times + 1)


def thing(id, **columns):
    plain = {"name": f"no. {id}", "bytes": None, "good": None, "at": None, "told": None}
    return {"id": id, **plain, **columns}


@pytest.fixture
async def within(database_url):
    """Runs a piece of work in a transaction of its own, where there is a table of things."""
    database = connect(database_url)

    def work(connection, doing):
        THINGS.metadata.create_all(connection)
        return doing(connection)

    yield lambda doing: database.write(work, doing)
    await database.write(THINGS.metadata.drop_all)
    await database.aclose()


async def test_values_come_back_as_they_went_in(within):
    full = thing(1, bytes=b"\0\xff", good=True, at=NOON, told={"é": [None, 1]})

    def doing(connection):
        run(connection, ADD, [full, thing(2, good=False)])
        return fetch(connection, ALL)

    rows = await within(doing)

    assert [tuple(row) for row in rows] == [
        (1, "no. 1", b"\0\xff", True, NOON, {"é": [None, 1]}, 0),
        (2, "no. 2", None, False, None, None, 0),
    ]
    assert rows[0].at == NOON
    assert rows[1].good is False


@pytest.mark.parametrize("number", [0, 1, 2, 3, 5, 100, 700])
async def test_lists_of_any_length_are_looked_for(within, number):
    def doing(connection):
        run(connection, ADD, [thing(n) for n in range(800)])
        asked = {"ids": {*range(number)}, "names": [f"no. {n}" for n in range(800)], "above": 0}
        return fetch(connection, SOME, asked)

    assert [row.id for row in await within(doing)] == [*range(1, number)]


async def test_what_a_statement_brings_along_is_bound_for_each_row(within):
    def doing(connection):
        run(connection, ADD, [thing(1), thing(2), thing(3)])
        run(connection, COUNT, [{"this": 1}, {"this": 3}, {"this": 3}])
        return fetch(connection, ALL)

    assert [row.times for row in await within(doing)] == [1, 0, 2]


async def test_rows_with_other_names_are_another_statement(within):
    def doing(connection):
        run(connection, ADD, [{"id": 1, "name": "one"}])
        run(connection, ADD, [{"id": 2, "name": "two", "at": NOON}])
        return fetch(connection, ALL)

    assert [(row.name, row.at) for row in await within(doing)] == [("one", None), ("two", NOON)]


async def test_nothing_is_run_for_no_rows(within):
    def doing(connection):
        run(connection, ADD, [])
        return fetch(connection, ALL)

    assert await within(doing) == []


async def test_an_error_is_told_as_sqlalchemy_tells_it_and_without_the_values(within):
    secret = thing(1, name="secret")

    def doing(connection):
        with pytest.raises(IntegrityError) as caught:
            run(connection, ADD, [secret, secret])
        raise caught.value

    with pytest.raises(Exception, match="failed") as told:
        await within(doing)

    assert isinstance(told.value.__cause__, SQLAlchemyError)
    assert "secret" not in str(told.value.__cause__)


async def test_a_question_that_fails_is_told_so_too(within):
    def doing(connection):
        THINGS.metadata.drop_all(connection)
        fetch(connection, SOME, {"ids": [1], "names": ["secret"], "above": 0})

    with pytest.raises(StoreError, match="things") as told:
        await within(doing)

    assert isinstance(told.value.__cause__, DBAPIError)
    assert "secret" not in str(told.value.__cause__)


async def test_nobody_can_ask_for_what_no_column_can_hold(within):
    def doing(connection):
        with pytest.raises(StatementError) as caught:
            fetch(connection, SOME, {"ids": [1], "names": ["\ud800"], "above": 0})
        return caught.value

    assert is_refused_value(await within(doing))


@pytest.mark.parametrize("bad", [{"at": NOON.replace(tzinfo=None)}, {"told": {1j}}])
async def test_a_value_that_no_column_can_hold_is_a_refused_one(within, bad):
    def doing(connection):
        with pytest.raises(StatementError) as caught:
            run(connection, ADD, [thing(1, **bad)])
        return caught.value

    assert is_refused_value(await within(doing))


async def test_an_offset_is_no_other_time(within):
    east = NOON.astimezone(timezone(timedelta(hours=8)))

    def doing(connection):
        run(connection, ADD, [thing(1, at=east)])
        return fetch(connection, ALL)

    (row,) = await within(doing)
    assert row.at == NOON
    assert row.at.utcoffset() == timedelta()
