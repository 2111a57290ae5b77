"""Ids are given out before their rows are there, and each to one row for ever."""

import pytest
from sqlalchemy import delete, func, insert, select

from aggregator.store.engine import connect
from aggregator.store.schema import stories
from aggregator.store.statements import new_ids
from tests.builders import NOON
from tests.store.steps import configure, poll, story

HIGHEST = func.max(stories.c.id)


@pytest.fixture
async def database(sql_store, database_url):
    """One that has a few stories already."""
    await configure(sql_store, "a")
    await poll(sql_store, "a", story("one"), story("two"))
    database = connect(database_url)
    yield database
    await database.aclose()


def opened(connection, number):
    """Stories under new ids."""
    ids = new_ids(connection, stories, number)
    rows = [
        {
            "id": id,
            "published_id": f"urn:{id}",
            "published_digest": b"%d" % id,
            "rank_at": NOON,
            "changed_at": NOON,
            "opened_in": 1,
            "changed_in": 1,
        }
        for id in ids
    ]
    connection.execute(insert(stories), rows)
    return [*ids]


async def test_new_ids_come_behind_all_there_are_in_the_order_of_their_rows(database):
    highest = await database.read(lambda connection: connection.scalar(select(HIGHEST)))

    first = await database.write(opened, 3)
    then = await database.write(opened, 2)

    assert [highest, *first, *then] == sorted({highest, *first, *then})


async def test_the_id_of_a_row_that_is_gone_is_never_given_again(database):
    gone = await database.write(opened, 2)
    await database.write(
        lambda connection: connection.execute(delete(stories).where(stories.c.id.in_(gone)))
    )

    assert min(await database.write(opened, 1)) > max(gone)


async def test_for_no_rows_nothing_is_asked(database):
    assert await database.write(lambda connection: [*new_ids(connection, stories, 0)]) == []
