"""Everything from one database into another, of whichever kind, with all ids.

refuse     where the first is not of this schema, or the second holds anything
| copy     table by table, in the order of the references, a batch at a time
| go on    the ids that come next are those that would have come next there
| index    the words of all entries: each kind has its own index
| compare  nobody wrote to the first meanwhile, or all of it is undone
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, insert, select, text, tuple_
from sqlalchemy.util.concurrency import await_, in_greenlet

from aggregator.core.errors import StoreError
from aggregator.store import delivery_schema, searching
from aggregator.store.engine import Database, connect, is_there
from aggregator.store.migrate import is_current, upgrade
from aggregator.store.schema import revision, sources

_BATCH = 200
"""Rows in memory."""

_TABLES = delivery_schema.deliveries.metadata.sorted_tables
"""All of them: those of deliveries stand in a module of their own."""

Tell = Callable[[str, int], None]
"""Says of which table how many rows have been copied so far."""

_Row = Mapping[str, Any]
_Result = TypeVar("_Result")


async def copy_database(source_url: str, target_url: str, tell: Tell) -> dict[str, int]:
    """Copies all rows, and returns how many of each table: all of them, or none where it raises.

    Raises StoreError. `tell` may be called from another thread.
    """
    if not is_there(source_url):
        raise StoreError("there is nothing to copy: no such database file")
    source, target = connect(source_url), connect(target_url)
    try:
        if not await is_current(source):
            raise StoreError(
                f"the database {source.place} is not of this version's schema: "
                "bring it there first with `aggregator migrate`"
            )
        await upgrade(target)
        return await _copied(source, target, tell)
    finally:
        await source.aclose()
        await target.aclose()


async def _copied(source: Database, target: Database, tell: Tell) -> dict[str, int]:
    """Ends soon where it is cancelled, though a transaction cannot be (`engine.unbroken`)."""
    rows = _Rows(source, asyncio.get_running_loop())
    copying = asyncio.ensure_future(target.write(_fill, rows, tell))
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        rows.stopped = True
        await asyncio.wait([copying])
        raise


@dataclass
class _Rows:
    """What is read of the source, for a transaction of the target."""

    source: Database
    loop: asyncio.AbstractEventLoop
    stopped: bool = False

    def read(self, work: Callable[..., _Result], *args: Any) -> _Result:
        """Raises StoreError."""
        if self.stopped:
            raise StoreError("the copy was called off")
        return self._wait(self.source.read(work, *args))

    def _wait(self, result: Awaitable[_Result]) -> _Result:
        if in_greenlet():  # PostgreSQL's transactions run in the event loop
            return await_(result)
        return asyncio.run_coroutine_threadsafe(_as_coroutine(result), self.loop).result()


async def _as_coroutine(result: Awaitable[_Result]) -> _Result:
    return await result


def _fill(connection: Connection, rows: _Rows, tell: Tell) -> dict[str, int]:
    if any(_holds(connection, table) for table in _TABLES if table is not revision):
        raise StoreError("the database to copy into is not empty: name a new one")
    state = rows.read(_state)
    connection.execute(revision.delete())  # a new database has that one row
    copied = {table.name: _copy_table(connection, table, rows, tell) for table in _TABLES}
    for table in filter(_gives_ids, _TABLES):
        _go_on_after(connection, table, rows.read(_last_id, table))
    tell("words", 0)
    searching.refill(connection)
    if rows.read(_state) != state:
        raise StoreError(
            f"the database {rows.source.place} was written to meanwhile, so that the copy was "
            "undone: stop what runs on it, and copy again"
        )
    return copied


def _copy_table(connection: Connection, table: Table, rows: _Rows, tell: Tell) -> int:
    copied, last = 0, None
    while batch := rows.read(_batch, table, last):
        connection.execute(insert(table), batch)
        copied += len(batch)
        last = [batch[-1][column.name] for column in table.primary_key]
        tell(table.name, copied)
    return copied


def _batch(connection: Connection, table: Table, last: Sequence[Any] | None) -> list[_Row]:
    """The rows that come after `last`, a primary key."""
    key = list(table.primary_key)
    statement = select(table).order_by(*key).limit(_BATCH)
    if last is not None:
        statement = statement.where(tuple_(*key) > tuple_(*last, types=[each.type for each in key]))
    return [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001  # public


def _holds(connection: Connection, table: Table) -> bool:
    return connection.execute(select(*table.primary_key).limit(1)).first() is not None


def _state(connection: Connection) -> tuple[Any, ...]:
    """Differs after every poll and every change of what is shown."""
    polled = select(func.sum(sources.c.poll_count)).scalar_subquery()
    return tuple(connection.execute(select(revision.c.number, revision.c.changed_at, polled)).one())


def _gives_ids(table: Table) -> bool:
    return table.autoincrement_column is not None


def _last_id(connection: Connection, table: Table) -> int:
    """The highest that was ever given out, 0 before the first: none may come back."""
    (key,) = table.primary_key
    last: int = connection.scalar(select(func.coalesce(func.max(key), 0))) or 0
    if connection.dialect.name == "postgresql":
        sequence = connection.scalar(_SEQUENCE, {"table": table.name, "column": key.name})
        given = connection.scalar(text(f"SELECT last_value FROM {sequence} WHERE is_called"))  # noqa: S608  # its own name
    elif table.dialect_options["sqlite"]["autoincrement"]:
        given = connection.scalar(
            text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table.name}
        )
    else:
        given = None
    return max(last, given or 0)


_SEQUENCE = text("SELECT pg_get_serial_sequence(:table, :column)")


def _go_on_after(connection: Connection, table: Table, last: int) -> None:
    (key,) = table.primary_key
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :last, :given)"),
            {
                "table": table.name,
                "column": key.name,
                "last": max(last, 1),
                "given": last > 0,
            },
        )
    elif table.dialect_options["sqlite"]["autoincrement"]:
        row = {"table": table.name, "last": last}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), row)
        connection.execute(text("INSERT INTO sqlite_sequence VALUES (:table, :last)"), row)
