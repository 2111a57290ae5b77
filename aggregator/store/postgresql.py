"""PostgreSQL: one snapshot per read; writes are read committed and lock what they decide by.

The work of a transaction runs in the event loop, and gives it back at each statement.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DBAPIError, DisconnectionError

from aggregator.core.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_CONNECT_TIMEOUT = 10.0
"""Seconds for a connection."""

CHANNEL = "aggregator_revision"
"""Where a transaction that moved the revision on tells so."""

_Result = TypeVar("_Result")


class Server:
    """Runs transactions on a server, as many at a time as its pool has connections."""

    def __init__(self, engine: "AsyncEngine") -> None:
        self._engine = engine
        self._reading = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        return await _transact(self._reading, work)

    async def write(self, work: Callable[[Connection], _Result]) -> _Result:
        return await _transact(self._engine, work)

    async def hear(self, heard: Callable[[], None]) -> None:
        """Keeps a connection for it. A pooler that shares connections by transaction passes
        nothing on (https://www.pgbouncer.org/features.html).
        """
        from asyncpg import (  # noqa: PLC0415  an extra
            InterfaceError,
            InternalClientError,
            PostgresError,
        )

        lost = asyncio.Event()
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101  # it is connected
            try:
                driver.add_termination_listener(lambda _: lost.set())
                await driver.add_listener(CHANNEL, lambda *_: heard())
                heard()
                await lost.wait()
            except (InterfaceError, InternalClientError, PostgresError) as error:
                raise ConnectionError(str(error)) from error
            finally:
                await connection.invalidate()  # nobody else shall get one that listens
        raise ConnectionError("it ended the connection that tells of changes")

    async def aclose(self) -> None:
        await self._engine.dispose()


async def _transact(engine: "AsyncEngine", work: Callable[[Connection], _Result]) -> _Result:
    """Once more, over another connection, where the first is lost before the work is done. After
    it a commit may be under way: nobody knows then whether it was made.
    """
    is_done = False

    def watched(connection: Connection) -> _Result:
        nonlocal is_done
        outcome = work(connection)
        is_done = True
        return outcome

    try:
        async with engine.begin() as connection:
            return await connection.run_sync(watched)
    except DBAPIError as error:
        if is_done or not error.connection_invalidated:
            raise
    async with engine.begin() as connection:
        return await connection.run_sync(work)


def open_server(url: URL) -> Server:
    """Prepares only. Raises StoreError where the driver is not installed."""
    # It takes 7 MB, SQLAlchemy's ORM among it, of which SQLite needs nothing.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    try:
        engine = create_async_engine(
            # libpq's name of the setting, which people know, for the driver's.
            _renamed(url, "sslmode", "ssl").set(drivername="postgresql+asyncpg"),
            connect_args={
                "timeout": _CONNECT_TIMEOUT,
                "server_settings": {"application_name": "aggregator"},
            },
            pool_use_lifo=True,  # the one whose process has plans and pages at hand
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs a driver: install aggregator with the extra `postgres`"
        ) from error
    event.listen(engine.sync_engine.pool, "checkout", _leave_dead)
    return Server(engine)


def _leave_dead(connection: Any, _record: object, _proxy: object) -> None:
    """A server that was restarted left dead connections behind. That they are is known here: to ask
    the server (`pool_pre_ping`) takes three more turns before each transaction.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _renamed(url: URL, old: str, new: str) -> URL:
    if old not in url.query:
        return url
    return url.difference_update_query([old]).update_query_dict({new: url.query[old]})
