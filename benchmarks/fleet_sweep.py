"""What the frontier costs among many sources, on a PostgreSQL of its own.

    python -m benchmarks.fleet_sweep [--sources 10000,1000000] [--sweeps 40] [--hosts 200]

Each database has so many sources, four a host, which fall due evenly over an hour. All databases
take turns in one run, and do what the daemon does, by its own parts and in its event loop. In a
round the clock goes on until so many hosts are due; a *sweep* finds them; the engine of one process
hands them out, and the runs of all are *opened*. Both together, from the look at what is due to the
last run, are the *sweep that claims*. Then each source's poll is saved as one that found nothing
new (due in an hour again), the runs end, and once a minute of that clock hosts are forgotten. Times
are the wall's, medians; CPU is that of all processes of the server, and of this one, for a poll.
Nobody fetches anything.

The aim: a sweep that claims 200 hosts among a million sources takes under 20 ms, and no more than
1.5 times that among ten thousand.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import asyncpg
import typer

from aggregator.cli.shell import finish
from aggregator.core.wire import Validators
from aggregator.daemon import FORGET
from aggregator.service.dispatch import PER_HOST
from aggregator.service.frontier import Due, HostRun
from aggregator.service.host_runs import HostRuns
from aggregator.service.local_engine import LocalEngine
from aggregator.store.schema import sources
from aggregator.store.sql import SqlStore, open_store
from aggregator.tasks.ends import end_all
from benchmarks.fleet_processes import Database, database
from benchmarks.processes import cpu_of, tree
from benchmarks.tables import table
from tests.builders import NOON
from tests.fakes import FakeClock
from tests.store.steps import configure, poll, record, story

HOUR = timedelta(hours=1)
A_HOST = 4
"""Sources of one."""
A_MINUTE = 60
"""Of an hour: the part of all hosts that is polled in a minute, and known afterwards."""
WARM = 10
"""Rounds that are not counted."""
REST = timedelta(seconds=1)
AIM, GROWTH = 0.020, 1.5

_SETTINGS = (
    "ALTER SYSTEM SET shared_buffers = '2GB'",
    "ALTER SYSTEM SET max_wal_size = '8GB'",
    "ALTER SYSTEM SET maintenance_work_mem = '512MB'",
)
_ITS_OWN = {
    "id": "n",
    "key": "'s' || n",
    "url": f"'https://h' || n / {A_HOST} || '.example/feeds/' || n || '/atom.xml'",
    "host": f"'h' || n / {A_HOST} || '.example'",
    "domain": f"'h' || n / {A_HOST} || '.example'",
    "etag": "'\"' || md5(n::text) || '\"'",
    "body_digest": "decode(md5(n::text), 'hex')",
    "next_poll_at": f"{int(NOON.timestamp())}000000 + (n::bigint * 7919000003) % 3600000000",
}
_INDEXES = """
    SELECT indexdef, indexname FROM pg_indexes
    WHERE tablename = 'sources' AND indexname LIKE 'ix_%'"""
_READ_ALL = "SELECT count(*) FROM sources WHERE etag IS NULL"
"""So that its pages are in memory, as they are when all sources have been polled."""
_SIZES = """
    SELECT pg_relation_size('sources') AS rows, pg_indexes_size('sources') AS indexes,
        pg_total_relation_size('hosts') / (SELECT count(*) FROM hosts) AS a_host"""


@dataclass
class World:
    """A database of one size, what polls it, and what was measured. Seconds."""

    sources: int
    store: SqlStore
    clock: FakeClock = field(default_factory=FakeClock)
    engine: LocalEngine = field(default_factory=LocalEngine)
    opened: list[HostRun] = field(default_factory=list)
    sweeps: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    polls: int = 0
    ours: float = 0.0
    servers: float = 0.0

    def __post_init__(self) -> None:
        self.runs = HostRuns(self.store, self.clock, _complain)
        self._forgot_at = self.clock.steady()
        self._waiting = 0
        self._all_open = asyncio.Event()

    async def go_on(self, hosts: int) -> None:
        """Until so many hosts are due."""
        self.clock.pass_(hours=min(1.0, 1.1 * hosts / self.sources))
        now = self.clock.steady()
        if now - self._forgot_at >= FORGET:
            self._forgot_at = now
            await self.store.forget_hosts(before=now - FORGET)

    async def open(self, due: Sequence[Due]) -> None:
        """By the engine, as the dispatcher does."""
        self.opened.clear()
        self._all_open.clear()
        self._waiting = len(due)
        await self.engine.submit(due)
        await self._all_open.wait()

    async def visit(self, due: Due) -> None:
        """What the engine calls for a host."""
        run = await self.runs.open(due, delay=REST, lost=lambda: None)
        if run:
            self.opened.append(run)
        self._waiting -= 1
        if self._waiting == 0:
            self._all_open.set()


def _complain(doing: str, error: Exception) -> None:
    raise AssertionError(doing) from error


async def build(server: Database, count: int) -> SqlStore:
    name = f"sources_{count}"
    server.run(f"CREATE DATABASE {name};")
    url = urlsplit(server.url)._replace(path=f"/{name}").geturl()
    store = await open_store(url)
    await configure(store, "s1", now=NOON)
    await poll(store, "s1", story("1"), at=NOON)
    connection = await asyncpg.connect(url)
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    names = [column.name for column in sources.c]
    made = ", ".join(_ITS_OWN.get(name, name) for name in names)
    await connection.execute(
        f"INSERT INTO sources ({', '.join(names)}) SELECT {made}"  # noqa: S608  # names of ours
        f" FROM sources, generate_series(2, {count}) AS n WHERE id = 1",
        timeout=3600,
    )
    await connection.execute(
        "INSERT INTO hosts (host, rest_until) SELECT DISTINCT host, $1::bigint FROM sources"
        " WHERE id <= $2",
        int(NOON.timestamp()) * 1_000_000,
        count // A_MINUTE + A_HOST,
    )
    for index in indexes:
        await connection.execute(index["indexdef"], timeout=3600)
    await connection.execute("VACUUM ANALYZE", timeout=3600)
    await connection.execute(_READ_ALL, timeout=3600)
    size = await connection.fetchrow(_SIZES)
    assert size  # noqa: S101
    print(
        f"{count:,} sources: a row takes {size['rows'] / count:.0f} bytes, its indexes"
        f" {size['indexes'] / count:.0f}, a row of a host {size['a_host']}"
    )
    await connection.close()
    return store


async def turn(world: World, hosts: int, server: Database) -> None:
    """One round on one database."""
    await world.go_on(hosts)
    now, cpu = world.clock.steady(), _cpu(server)
    begun = time.perf_counter()
    due = await world.store.sweep(now=now, limit=hosts, failing=hosts, per_host=PER_HOST)
    swept = time.perf_counter()
    await world.open(due)
    opened = time.perf_counter()
    claimed = [source for run in world.opened for source in run.sources]
    world.found.append(len(world.opened))
    world.sweeps.append(swept - begun)
    world.openings.append(opened - swept)
    world.claims.append(opened - begun)
    saved = await asyncio.gather(
        *(
            world.store.save_poll(
                record(
                    source.lease,
                    polled_at=now,
                    outcome="not_modified",
                    status=304,
                    bytes=0,
                    validators=Validators(etag=source.validators.etag),
                    next_poll_at=now + HOUR,
                )
            )
            for source in claimed
        )
    )
    await world.runs.complete([(run, now) for run in world.opened], delay=REST)
    ours, servers = _cpu(server)
    if not all(saved):
        raise AssertionError("a poll was not saved")
    world.polls += len(saved)
    world.ours += ours - cpu[0]
    world.servers += servers - cpu[1]


def _cpu(server: Database) -> tuple[float, float]:
    """Seconds of this process, and of the server's."""
    return time.process_time(), cpu_of(tree(server.pid))


async def measure(counts: Sequence[int], sweeps: int, hosts: int, folder: Path) -> int:
    """The exit status."""
    async with database(folder / "postgres") as server:
        for setting in _SETTINGS:
            server.run(f"{setting};")
        await server.restart()
        worlds = [World(count, await build(server, count)) for count in counts]
        engines = [
            asyncio.create_task(world.engine.run(world.visit, concurrency=2 * hosts))
            for world in worlds
        ]
        await asyncio.sleep(0)  # they begin
        for number in range(sweeps + WARM):
            for world in worlds:
                if number == WARM:
                    for times in (world.sweeps, world.openings, world.claims):
                        times.clear()
                await turn(world, hosts, server)
        await end_all(engines)
        for world in worlds:
            await world.store.aclose()
    return 0 if tell(worlds) else 1


def tell(worlds: Sequence[World]) -> bool:
    first, last = median(worlds[0].claims), median(worlds[-1].claims)
    rows = [
        (
            f"{world.sources:,}",
            f"{median(world.found):.0f}",
            *(
                f"{median(each) * 1000:.1f}"
                for each in (world.sweeps, world.openings, world.claims)
            ),
            f"{median(world.claims) / first:.2f}",
            f"{world.ours / world.polls * 1e6:.0f}",
            f"{world.servers / world.polls * 1e6:.0f}",
        )
        for world in worlds
    ]
    head = ("sources", "hosts", "sweep, ms", "open, ms", "sweep that claims, ms", "ratio")
    print(table((*head, "CPU a poll, us", "of the server, us"), rows, markdown=True))
    return last <= AIM and last <= GROWTH * first


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", default="10000,1000000", metavar="N,N,…")
    parser.add_argument("--sweeps", type=int, default=40)
    parser.add_argument("--hosts", type=int, default=200)
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    counts = sorted(int(each) for each in asked.sources.split(","))
    with tempfile.TemporaryDirectory(prefix="fleet-sweep-") as folder:
        try:
            finish(measure(counts, asked.sweeps, asked.hosts, Path(folder)))
        except typer.Exit as ended:
            return ended.exit_code


if __name__ == "__main__":
    sys.exit(main())
