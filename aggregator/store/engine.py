"""The connection to the database, and the two kinds of transaction.

SQLite: WAL, so that readers and the one writer do not wait for each other. Reads begin plainly;
writes begin with the write lock, since a transaction that first reads and then writes can be
refused at its second step. Our own writers queue up in front of it; other processes' wait in it.
synchronous=NORMAL: a power cut can lose the last polls but damages nothing, and what comes in
again comes in under the same ids, as these depend on the source and the guid alone
(`core.stories.published_id`).

PostgreSQL: one snapshot per read; writes are read committed and lock what they decide by.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    closing,
    nullcontext,
    suppress,
)
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from aggregator.core.errors import StoreError
from aggregator.store.faults import explain

BUSY_TIMEOUT = 30.0
"""Seconds that we wait for another process to end its transaction on SQLite."""

_CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to PostgreSQL."""

_OPENING_TRIES = 20
_OPENING_PAUSE = 0.05
"""Seconds."""

_BEGIN = "aggregator_begin"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Database:
    """An open database. `place` names it in messages, without a password."""

    def __init__(self, engine: AsyncEngine, place: str) -> None:
        self.place = place
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        if self.is_sqlite:
            self._reader = engine
            self._writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock()
        else:
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = engine
            self._turn = nullcontext()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database. Raises StoreError."""
        async with self._transaction(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; an exception undoes all of it. Raises StoreError."""
        async with self._turn, self._transaction(self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        try:
            async with engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(explain(error, self.place)) from error

    async def aclose(self) -> None:
        await self._engine.dispose()


def unbroken(
    method: Callable[_Arguments, Coroutine[Any, Any, _Result]],
) -> Callable[_Arguments, Coroutine[Any, Any, _Result]]:
    """Lets a transaction come to its end although whoever waits for it is cancelled.

    A statement that is dropped half-way can outlive its connection on SQLite, and keeps the
    database locked meanwhile (https://sqlite.org/c3ref/close.html). Transactions are short.
    """

    @wraps(method)
    async def to_its_end(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        work = asyncio.ensure_future(method(*args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():  # a second cancellation must not reach it either
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            raise

    return to_its_end


def connect(url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> Database:
    """Prepares for a database of the configuration; a server is not spoken to before its first use.

    Raises StoreError where the address names no database, an SQLite file cannot be opened, or a
    driver is not installed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise StoreError(f"the database's address cannot be read; {_FORMS}") from None
    match parsed.drivername:
        case "sqlite" if parsed.database:
            return Database(_sqlite(parsed, parsed.database, busy_timeout), parsed.database)
        case "postgresql":
            return Database(_postgresql(parsed), parsed.render_as_string(hide_password=True))
        case _:
            raise StoreError(f"the database's address is of no known kind; {_FORMS}")


def is_there(url: str) -> bool:
    """Whether the database is there as far as its address tells: a server is not asked."""
    parsed = make_url(url)
    file = Path(parsed.database or "")
    return parsed.drivername != "sqlite" or (file.is_file() and file.stat().st_size > 0)


_FORMS = 'write "sqlite:///FILE" or "postgresql://USER@HOST/NAME"'


def _sqlite(url: URL, path: str, busy_timeout: float) -> AsyncEngine:
    # The asynchronous driver fails to open a file in a thread of its own, which then may find
    # our loop closed and complain. So the likeliest failure of a start is found out before it.
    try:
        with closing(sqlite3.connect(path)) as connection:
            modules = {name for (name,) in connection.execute("PRAGMA module_list")}
    except sqlite3.Error as error:
        raise StoreError(explain(error, path)) from error
    if "fts5" not in modules:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version}, as this Python has it, cannot search: it was built "
            "without FTS5; take another Python (Debian's has it), or PostgreSQL"
        )
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # isolation_level None keeps the driver from opening transactions by itself.
        connect_args={"isolation_level": None, "timeout": busy_timeout},
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    try:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            _set(cursor, pragma)
        cursor.close()
    except BaseException:
        connection.close()  # nobody else does yet, and its thread would stay
        raise


def _set(cursor: Any, pragma: str) -> None:
    """The change to WAL does not wait for others who open the file; they take a moment at most."""
    for _ in range(_OPENING_TRIES):
        try:
            cursor.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(_OPENING_PAUSE)
        else:
            return
    cursor.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _postgresql(url: URL) -> AsyncEngine:
    try:
        return create_async_engine(
            # libpq's name of the setting, which people know, for the driver's.
            _renamed(url, "sslmode", "ssl").set(drivername="postgresql+asyncpg"),
            connect_args={
                "timeout": _CONNECT_TIMEOUT,
                "server_settings": {"application_name": "aggregator"},
            },
            pool_pre_ping=True,  # a server that was restarted left dead connections behind
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs a driver: install aggregator with the extra `postgres`"
        ) from error


def _renamed(url: URL, old: str, new: str) -> URL:
    if old not in url.query:
        return url
    return url.difference_update_query([old]).update_query_dict({new: url.query[old]})
