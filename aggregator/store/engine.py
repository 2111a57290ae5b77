"""The connection to the database, and the two kinds of transaction.

A transaction is a plain function of its connection. SQLite runs it in a thread (`sqlite`),
PostgreSQL in the event loop (`postgresql`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from aggregator.core.errors import StoreError
from aggregator.store.faults import explain, is_undone
from aggregator.store.postgresql import open_server
from aggregator.store.sqlite import open_threads

BUSY_TIMEOUT = 30.0
"""Seconds that we wait for another process to end its transaction on SQLite."""

MOVED = "aggregator_moved"
"""Where a connection tells that its transaction moves the revision on."""

TRIES = 3
"""Of a transaction that the server undoes since it and another one wait for each other."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _Runner(Protocol):
    """Runs a piece of work in a transaction of its own; an exception undoes all of it."""

    def read(self, work: Callable[[Connection], _Result]) -> Awaitable[_Result]: ...

    def write(self, work: Callable[[Connection], _Result]) -> Awaitable[_Result]: ...

    async def hear(self, heard: Callable[[], None]) -> None: ...

    async def aclose(self) -> None: ...


class Database:
    """An open database. `place` names it in messages, without a password.

    `moves` counts our own transactions that moved the revision on, as far as they can be seen.
    """

    def __init__(self, runner: _Runner, place: str) -> None:
        self.place = place
        self.moves = 0
        self._runner = runner

    async def read(
        self,
        work: Callable[Concatenate[Connection, _Arguments], _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """What `work` finds in one state of the database. Raises StoreError.

        It may be called again, when its connection was lost.
        """
        return await self._outcome(
            self._runner.read(lambda connection: work(connection, *args, **kwargs))
        )

    async def write(
        self,
        work: Callable[Concatenate[Connection, _Arguments], _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Lets `work` write: all of it, or nothing where it raises. Raises StoreError.

        It may be called again, when all that it did was undone: for another transaction's sake, or
        since its connection was lost.
        """
        moved = False

        def watched(connection: Connection) -> _Result:
            nonlocal moved
            outcome = work(connection, *args, **kwargs)
            moved = connection.info.pop(MOVED, False)
            return outcome

        try:
            return await self._outcome(self._written(watched))
        finally:
            self.moves += moved

    async def _written(self, work: Callable[[Connection], _Result]) -> _Result:
        for _ in range(TRIES - 1):
            try:
                return await self._runner.write(work)
            except SQLAlchemyError as error:
                if not is_undone(error):
                    raise
        return await self._runner.write(work)

    async def hear(self, heard: Callable[[], None]) -> None:
        """Calls `heard` at once, and then whenever somebody, in whichever process, has moved the
        revision on; until cancelled. SQLite does not tell. Raises StoreError where it does not
        hear any more.
        """
        try:
            await self._runner.hear(heard)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(explain(error, self.place)) from error

    async def _outcome(self, transaction: Awaitable[_Result]) -> _Result:
        try:
            return await unbroken(transaction)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(explain(error, self.place)) from error

    async def aclose(self) -> None:
        await self._runner.aclose()


async def unbroken(transaction: Awaitable[_Result]) -> _Result:
    """Lets a transaction come to its end although whoever waits for it is cancelled.

    A thread cannot be stopped, and its transaction keeps the database locked meanwhile: whoever
    is told that it has ended can rely on that. Transactions are short.
    """
    work = asyncio.ensure_future(transaction)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():  # a second cancellation must not reach it either
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        raise


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
            return Database(open_threads(parsed, parsed.database, busy_timeout), parsed.database)
        case "postgresql":
            return Database(open_server(parsed), parsed.render_as_string(hide_password=True))
        case _:
            raise StoreError(f"the database's address is of no known kind; {_FORMS}")


def is_there(url: str) -> bool:
    """Whether the database is there as far as its address tells: a server is not asked."""
    parsed = make_url(url)
    file = Path(parsed.database or "")
    return parsed.drivername != "sqlite" or (file.is_file() and file.stat().st_size > 0)


_FORMS = 'write "sqlite:///FILE" or "postgresql://USER@HOST/NAME"'
