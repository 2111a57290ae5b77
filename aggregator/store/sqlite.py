"""SQLite: each transaction as one piece of work in a thread, since the library blocks.

WAL, so that readers and the one writer do not wait for each other. Reads begin plainly; writes
begin with the write lock, since a transaction that first reads and then writes can be refused at
its second step. Our own writes queue up in front of it; other processes' wait in it.
synchronous=NORMAL: a power cut can lose the last polls but damages nothing, and what comes in
again comes in under the same ids, as these depend on the source and the guid alone
(`core.stories.published_id`).
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event

from aggregator.core.errors import StoreError
from aggregator.store.faults import explain

READERS = 8
"""Transactions that read at the same time: one that takes long leaves the others free."""

_WRITING = ("cache_size=-32000", "wal_autocheckpoint=4000")
"""Of the connection that writes. What polls touch among very many sources is spread over the file:
the upper pages of all indexes stay in memory (32 MB at the most), and what is written is moved from
the log into the file less often (16 MB of it). A poll among a million costs a tenth less so."""

_OPENING_TRIES = 20
_OPENING_PAUSE = 0.05
"""Seconds."""

_Result = TypeVar("_Result")


class Threads:
    """Runs transactions: one at a time that writes, and beside it some that read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = _Pool(engine, READERS, "store-read", "BEGIN")
        self._writer = _Pool(engine, 1, "store-write", "BEGIN IMMEDIATE", _WRITING)

    def read(self, work: Callable[[Connection], _Result]) -> Awaitable[_Result]:
        return self._readers.run(work)

    def write(self, work: Callable[[Connection], _Result]) -> Awaitable[_Result]:
        return self._writer.run(work)

    async def hear(self, heard: Callable[[], None]) -> None:
        """A file tells nobody of its changes."""
        heard()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.close()
        self._writer.close()
        self._engine.dispose()


class _Pool:
    """Threads that each keep a connection: to take one anew costs more than a small query."""

    def __init__(
        self, engine: Engine, size: int, name: str, begin: str, pragmas: Sequence[str] = ()
    ) -> None:
        self._engine = engine
        self._begin = begin
        self._pragmas = pragmas
        self._threads = ThreadPoolExecutor(size, name)
        self._own = threading.local()
        self._connections: list[Connection] = []

    def run(self, work: Callable[[Connection], _Result]) -> Awaitable[_Result]:
        return asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)

    def _transact(self, work: Callable[[Connection], _Result]) -> _Result:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._engine.connect()
            self._connections.append(connection)
            _set_up(connection, self._pragmas)
        with connection.begin():
            # Not by an event: with one listener every statement is offered to all there may be.
            connection.exec_driver_sql(self._begin)
            return work(connection)

    def close(self) -> None:
        """Waits for what is running."""
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()


def open_threads(url: URL, path: str, busy_timeout: float) -> Threads:
    """Raises StoreError where the file cannot be opened."""
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
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        # isolation_level None keeps the driver from opening transactions by itself.
        connect_args={"isolation_level": None, "timeout": busy_timeout},
        pool_size=READERS + 1,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    return Threads(engine)


def _set_up(connection: Connection, pragmas: Sequence[str]) -> None:
    with connection.begin():  # as SQLAlchemy has it: nothing is begun in the database
        for pragma in pragmas:
            connection.exec_driver_sql(f"PRAGMA {pragma}")


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        _set(cursor, pragma)
    cursor.close()


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
