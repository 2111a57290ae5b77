"""What the frontier costs among many sources, on a PostgreSQL of its own.

    python -m benchmarks.fleet_sweep [--sources 10000,1000000] [--sweeps 40] [--hosts 200]

Each database has so many sources, four a host, which fall due evenly over an hour; every host has
its row. All databases take turns in one run. In a round the clock goes on until so many hosts are
due, a sweep finds them, their runs open, each source's poll is saved as one that found nothing new
(due in an hour again), and the runs end. Times of a sweep and of opening are the wall's, medians;
CPU is that of all processes of the server, and of this one, for a poll. Nobody fetches anything.

The aim: a sweep of 200 hosts among a million sources takes under 20 ms, and no more than 1.5 times
that among ten thousand.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import asyncpg

from aggregator.core.wire import Validators
from aggregator.service.frontier import Due, Ending, HostRun
from aggregator.store.schema import sources
from aggregator.store.sql import SqlStore, open_store
from benchmarks.fleet_processes import Database, database
from benchmarks.processes import cpu_of, tree
from benchmarks.tables import table
from tests.store.steps import configure, poll, record, story

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A_HOST = 4
"""Sources of one."""
WARM = 3
"""Rounds that are not counted."""
LEASE = timedelta(seconds=10)
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
    "next_poll_at": f"{int(NOW.timestamp())}000000 + (n::bigint * 7919000003) % 3600000000",
}
_INDEXES = """
    SELECT indexdef, indexname FROM pg_indexes
    WHERE tablename = 'sources' AND indexname LIKE 'ix_%'"""
_READ_ALL = "SELECT count(*) FROM sources WHERE etag IS NULL"
"""So that its pages are in memory, as they are when all sources have been polled."""
_SIZES = """
    SELECT pg_relation_size('sources') AS rows, pg_indexes_size('sources') AS indexes,
        pg_total_relation_size('hosts') AS hosts"""


@dataclass
class World:
    """A database of one size, and what was measured on it. Seconds."""

    sources: int
    store: SqlStore
    now: datetime = NOW
    sweeps: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    polls: int = 0
    ours: float = 0.0
    servers: float = 0.0

    def go_on(self, hosts: int) -> None:
        """Until so many hosts are due."""
        self.now += HOUR * min(1.0, 1.1 * hosts / self.sources)


async def build(server: Database, count: int) -> SqlStore:
    name = f"sources_{count}"
    server.run(f"CREATE DATABASE {name};")
    url = urlsplit(server.url)._replace(path=f"/{name}").geturl()
    store = await open_store(url)
    await configure(store, "s1", now=NOW)
    await poll(store, "s1", story("1"), at=NOW)
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
        "INSERT INTO hosts (host) SELECT DISTINCT host FROM sources", timeout=3600
    )
    for index in indexes:
        await connection.execute(index["indexdef"], timeout=3600)
    await connection.execute("VACUUM ANALYZE", timeout=3600)
    await connection.execute(_READ_ALL, timeout=3600)
    size = await connection.fetchrow(_SIZES)
    assert size  # noqa: S101
    print(
        f"{count:,} sources: a row takes {size['rows'] / count:.0f} bytes, its indexes"
        f" {size['indexes'] / count:.0f}, its host's row {size['hosts'] / count * A_HOST:.0f}"
    )
    await connection.close()
    return store


async def turn(world: World, hosts: int, server: Database) -> None:
    """One round on one database."""
    world.go_on(hosts)
    cpu = _cpu(server)
    begun = time.perf_counter()
    due = await world.store.sweep(now=world.now, limit=hosts, failing=hosts, per_host=8)
    swept = time.perf_counter()
    runs = await _opened(world, due)
    opened = time.perf_counter()
    claimed = [source for run in runs for source in run.sources]
    world.found.append(len(runs))
    world.sweeps.append(swept - begun)
    world.openings.append(opened - swept)
    saved = await asyncio.gather(
        *(
            world.store.save_poll(
                record(
                    source.lease,
                    polled_at=world.now,
                    outcome="not_modified",
                    status=304,
                    bytes=0,
                    validators=Validators(etag=source.validators.etag),
                    next_poll_at=world.now + HOUR,
                )
            )
            for source in claimed
        )
    )
    await world.store.complete([Ending(run, world.now + REST) for run in runs])
    ours, servers = _cpu(server)
    if not all(saved):
        raise AssertionError("a poll was not saved")
    world.polls += len(saved)
    world.ours += ours - cpu[0]
    world.servers += servers - cpu[1]


async def _opened(world: World, due: Sequence[Due]) -> list[HostRun]:
    runs = await asyncio.gather(
        *(
            world.store.open_host(one, now=world.now, until=world.now + LEASE, delay=REST)
            for one in due
        )
    )
    return [run for run in runs if run]


def _cpu(server: Database) -> tuple[float, float]:
    """Seconds of this process, and of the server's."""
    return time.process_time(), cpu_of(tree(server.pid))


async def measure(counts: Sequence[int], sweeps: int, hosts: int, folder: Path) -> bool:
    async with database(folder / "postgres") as server:
        for setting in _SETTINGS:
            server.run(f"{setting};")
        await server.restart()
        worlds = [World(count, await build(server, count)) for count in counts]
        for number in range(sweeps + WARM):
            for world in worlds:
                if number == WARM:
                    world.sweeps.clear()
                    world.openings.clear()
                await turn(world, hosts, server)
        for world in worlds:
            await world.store.aclose()
    return tell(worlds)


def tell(worlds: Sequence[World]) -> bool:
    first, last = median(worlds[0].sweeps), median(worlds[-1].sweeps)
    rows = [
        (
            f"{world.sources:,}",
            f"{median(world.found):.0f}",
            *(f"{median(each) * 1000:.1f}" for each in (world.sweeps, world.openings)),
            f"{median(world.sweeps) / first:.2f}",
            f"{world.ours / world.polls * 1e6:.0f}",
            f"{world.servers / world.polls * 1e6:.0f}",
        )
        for world in worlds
    ]
    head = ("sources", "hosts", "a sweep, ms", "their opening, ms", "ratio of sweeps")
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
        return 0 if asyncio.run(measure(counts, asked.sweeps, asked.hosts, Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
