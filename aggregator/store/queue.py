"""The engine of a fleet: PgQueuer, on the PostgreSQL that everything else is in.

One row of its queue is a host; a unique index keeps a host from standing there twice while it waits
or is polled. Whoever dies with a host is missed after a few seconds, and the host is handed out
again. Nothing depends on the queue: its tables are not even written to the log of the database, and
what is lost of it the next sweep finds.

https://pgqueuer.readthedocs.io/
"""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from sqlalchemy import make_url

from aggregator.core.errors import StoreError
from aggregator.service.frontier import Due, Handler
from aggregator.service.ports import Complain
from aggregator.store.faults import first_line

AHEAD = 256
"""Hosts that wait to be taken, where so many are due."""

BATCH = 16
"""Hosts that a process takes at a time."""

HEARTBEAT = timedelta(seconds=4)
"""Without a sign of life for so long a host is handed out again."""

LOOKS_APART = 0.05
"""Seconds from one look at the queue to the next."""

CLEAN = 60.0
"""Seconds between two times that its log is emptied: nobody reads it."""

AGAIN = 1.0
"""Seconds until the database is tried again."""

_NAME = "host"
_LOCK = 7_203_684_118
"""Any number, as long as it is always the same: two processes must not make the tables at once."""


def is_installed() -> bool:
    return find_spec("pgqueuer") is not None and find_spec("asyncpg") is not None


async def prepare_queue(url: str) -> None:
    """Makes its tables, or brings them up to date. Raises StoreError."""
    try:
        async with _connected(url, most=1) as pool, pool.acquire() as connection:
            queries = _queries(connection)
            await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
            try:
                if await queries.schema_is_installed():
                    await queries.upgrade()
                else:
                    await queries.install()
            finally:
                await connection.execute(f"SELECT pg_advisory_unlock({_LOCK})")
    except _troubles() as error:
        raise StoreError(f"the tables of the queue could not be made: {error}") from error


class QueueEngine:
    """Signs `service.frontier.Engine`."""

    def __init__(self, url: str, complain: Complain) -> None:
        self._url = url
        self._complain = complain
        self._queries: Any = None
        """None while there is no connection."""
        self._looked_at = float("-inf")
        logging.getLogger("pgqueuer").addFilter(_is_news)

    async def wanted(self, room: int) -> int:  # noqa: ARG002  # others may have some
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(self._looked_at + LOOKS_APART - now(), 0.0))
        self._looked_at = now()
        if self._queries is None:
            return 0
        try:
            sizes = await self._queries.queue_size()
        except _troubles() as error:
            raise StoreError(f"the queue cannot be read: {error}") from error
        waiting = sum(one.count for one in sizes if one.status == "queued")
        # Those that wait are found by the sweep once more, and passed over.
        return AHEAD if waiting < AHEAD // 2 else 0

    async def submit(self, hosts: Sequence[Due]) -> None:
        if not hosts or self._queries is None:
            return
        try:
            await self._queries.enqueue(
                [_NAME] * len(hosts),
                [json.dumps([due.host, *due.sources]).encode() for due in hosts],
                [due.priority for due in hosts],
                dedupe_key=[due.host for due in hosts],
                on_conflict="skip",
            )
        except _troubles() as error:
            raise StoreError(f"the queue cannot be written: {error}") from error

    async def run(self, handle: Handler, *, concurrency: int) -> None:
        is_prepared = False
        while True:
            try:
                if not is_prepared:
                    await prepare_queue(self._url)
                    is_prepared = True
                async with _connected(self._url, most=4) as pool:
                    await self._serve(pool, handle, concurrency)
            except _troubles() as error:
                self._complain("taking hosts from the queue", StoreError(_told(error)))
            except Exception as error:  # noqa: BLE001  # else nobody would be polled any more
                self._complain("taking hosts from the queue", error)
            await asyncio.sleep(AGAIN)

    async def _serve(self, pool: Any, handle: Handler, concurrency: int) -> None:
        from pgqueuer.core.qm import QueueManager  # noqa: PLC0415  an extra

        queries = _queries(pool)
        manager = QueueManager(queries)

        async def polled(job: Any) -> None:
            host, *sources = json.loads(job.payload)
            await handle(Due(host, tuple(sources), job.priority))

        manager.entrypoint(_NAME, accepts_context=False)(polled)
        serving = asyncio.create_task(
            manager.run(
                batch_size=max(min(BATCH, concurrency // 2), 1),
                max_concurrent_tasks=max(concurrency, 2),
                heartbeat_timeout=HEARTBEAT,
                dequeue_timeout=timedelta(seconds=1),
                log_aggregation_interval=timedelta(0),
            )
        )
        cleaning = asyncio.create_task(_clean(queries))
        self._queries = queries
        try:
            await asyncio.shield(serving)
        finally:
            self._queries = None
            cleaning.cancel()
            manager.shutdown.set()  # it takes no more, and waits for what is under way
            await asyncio.wait([serving, cleaning])
            if not serving.cancelled():
                serving.exception()  # looked at, else asyncio logs it: a stop does not wait for it


async def _clean(queries: Any) -> None:
    while True:
        await asyncio.sleep(CLEAN)
        with suppress(*_troubles()):
            await queries.clear_queue_log()


def _queries(connection: Any) -> Any:
    from pgqueuer.adapters.drivers.asyncpg import (  # noqa: PLC0415  an extra
        AsyncpgDriver,
        AsyncpgPoolDriver,
    )
    from pgqueuer.adapters.persistence import qb  # noqa: PLC0415
    from pgqueuer.domain.settings import DBSettings, Durability  # noqa: PLC0415
    from pgqueuer.queries import Queries  # noqa: PLC0415

    settings = DBSettings(durability=Durability.volatile)
    is_pool = hasattr(connection, "acquire")
    driver = AsyncpgPoolDriver(connection) if is_pool else AsyncpgDriver(connection)
    return Queries(driver, qbe=qb.QueryBuilderEnvironment(settings))


@asynccontextmanager
async def _connected(url: str, *, most: int) -> AsyncIterator[Any]:
    import asyncpg  # noqa: PLC0415  an extra

    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    pool = await asyncpg.create_pool(
        address,
        min_size=0,  # else it tells of each try to connect anew, beside us
        max_size=most,
        timeout=10,
        server_settings={"application_name": "aggregator queue"},
    )
    try:
        yield pool
    finally:
        try:
            with suppress(*_troubles()):
                async with asyncio.timeout(AGAIN):
                    await pool.close()
        finally:
            pool.terminate()


def _is_news(record: logging.LogRecord) -> bool:
    """Not that the database is out of reach: PgQueuer says so for each thing that it was about to
    write, with a traceback, where `run` says it once and begins anew.
    """
    error = (record.exc_info or sys.exc_info())[1]
    return not isinstance(error, _out_of_reach())


def _told(error: Exception) -> str:
    """What happened first: that it could not be ended properly either says nothing."""
    while isinstance(error.__context__, _troubles()):
        error = error.__context__
    if isinstance(error, _out_of_reach()):
        return f"the database does not answer: {first_line(error)}; polls go on when it does"
    return first_line(error)


def _out_of_reach() -> tuple[type[Exception], ...]:
    """What becomes of a statement when the connection, or the server, is gone."""
    import asyncpg  # noqa: PLC0415  an extra

    return (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        TimeoutError,
    )


def _troubles() -> tuple[type[Exception], ...]:
    """What a server that is out of reach, or has other tables, makes of a statement."""
    import asyncpg  # noqa: PLC0415  an extra

    return (asyncpg.PostgresError, RuntimeError, *_out_of_reach())
