"""Ways of running a statement that several places share."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Executable,
    Insert,
    Integer,
    Table,
    TextualSelect,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.util.concurrency import await_, in_greenlet

from aggregator.store.faults import is_refused_value
from aggregator.store.quick import fetch, run

_CHUNK = 900
"""Values in one IN list; SQLite takes 999 variables in a statement wherever it is built small."""

T = TypeVar("T")


def chunks(values: Collection[T], *, variables: int = 1) -> Iterator[list[T]]:
    """`variables` is how many of a statement's each value takes."""
    remaining = iter(values)
    while chunk := list(islice(remaining, _CHUNK // variables)):
        yield chunk


_MOST_PAIRS = _CHUNK
"""Of sources and digests that one statement may look for: it looks for each with each."""


def chunks_of_sources(values: Mapping[int, Collection[T]]) -> Iterator[tuple[list[int], list[T]]]:
    """Sources with their values, for statements that look for each source with each value."""
    for ids in _neighbours(values):
        for chunk in chunks([value for source_id in ids for value in values[source_id]]):
            yield ids, chunk


def _neighbours(values: Mapping[int, Collection[T]]) -> Iterator[list[int]]:
    """Sources that go into one statement, or one alone that may need more."""
    ids: list[int] = []
    number = 0
    for source_id, its_own in values.items():
        if ids and (len(ids) + 1) * (number + len(its_own)) > _MOST_PAIRS:
            yield ids
            ids, number = [], 0
        if its_own:
            ids.append(source_id)
            number += len(its_own)
    if ids:
        yield ids


_LAST_ID = text("SELECT seq FROM sqlite_sequence WHERE name = :table").columns(seq=Integer)


@cache
def _next_ids(table: Table) -> TextualSelect:
    return text(
        f"SELECT nextval('{table.name}_id_seq') AS id FROM generate_series(1, :number)"  # noqa: S608
    ).columns(id=BigInteger)


def new_ids(connection: Connection, table: Table, number: int) -> Sequence[int]:
    """Ids for rows that are to be inserted now, in their order; none was ever given to another.

    To give them is to know them: what was inserted need not be read for them.
    """
    if not number:
        return ()
    if connection.dialect.name == "sqlite":  # where nobody else writes meanwhile
        last = fetch(connection, _LAST_ID, {"table": table.name})
        first = last[0].seq + 1 if last else 1
        return range(first, first + number)
    return [id for (id,) in fetch(connection, _next_ids(table), {"number": number})]


def insert_missing(connection: Connection, table: Table) -> Insert:
    """An INSERT that passes over rows that are there already."""
    return _insert_missing(connection.dialect.name, table)


@cache
def _insert_missing(dialect: str, table: Table) -> Insert:
    return _insert(dialect, table).on_conflict_do_nothing()


def insert_or_replace(
    connection: Connection, table: Table, *, keep: Collection[str] = ()
) -> Insert:
    """An INSERT that puts its row in the place of the one with the same primary key.

    Where there is one, the columns to `keep` stay as they are.
    """
    return _insert_or_replace(connection.dialect.name, table, frozenset(keep))


@cache  # to put one together takes longer than to run it
def _insert_or_replace(dialect: str, table: Table, keep: frozenset[str]) -> Insert:
    columns = (column for column in table.columns if not column.primary_key)
    values = [column.name for column in columns if column.name not in keep]
    insert = _insert(dialect, table)
    replaced = {name: insert.excluded[name] for name in values}
    return insert.on_conflict_do_update(index_elements=table.primary_key, set_=replaced)


def replace_other(connection: Connection, table: Table, column: Column[Any]) -> Insert:
    """An INSERT that puts its value of the column in the place of another one of the same row."""
    return _replace_other(connection.dialect.name, table, column)


@cache
def _replace_other(dialect: str, table: Table, column: Column[Any]) -> Insert:
    insert = _insert(dialect, table)
    coming = insert.excluded[column.name]
    return insert.on_conflict_do_update(
        index_elements=table.primary_key, set_={column.name: coming}, where=column != coming
    )


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The two databases say the same of conflicts, each in a class of its own."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def run_for_each(
    connection: Connection, statement: Executable, rows: Sequence[dict[str, Any]]
) -> list[int]:
    """Runs a statement for all rows at once; returns the places of rows that the database refused.

    When their values are refused, the rows go one by one, so that one cannot take the others
    with it. Every other error is raised.
    """
    if not rows or _accepted(connection, statement, rows):
        return []
    return [n for n, row in enumerate(rows) if not _accepted(connection, statement, [row])]


def _accepted(
    connection: Connection, statement: Executable, rows: Sequence[dict[str, Any]]
) -> bool:
    # SQLite undoes a refused row alone; PostgreSQL refuses all that follows in the transaction.
    # What went in before it goes in again, which changes nothing.
    one_by_one = connection.dialect.name == "sqlite"
    try:
        with nullcontext() if one_by_one else connection.begin_nested():
            run(connection, statement, rows)
    except Exception as error:
        if is_refused_value(error):
            return False
        raise
    return True


def give_way() -> None:
    """Lets others have their turn where the transaction runs in the event loop (PostgreSQL)."""
    if in_greenlet():
        await_(asyncio.sleep(0))
