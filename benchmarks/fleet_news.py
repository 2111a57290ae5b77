"""How soon a web process shows what another process has committed.

    python -m benchmarks.fleet_news [ROUNDS]

On a PostgreSQL of its own this process saves a poll that brings one entry, at a random moment, and
asks a process of `run --only web` for /feed.atom until the entry is in it. The time is that from
the commit to the answer, with making the document and one request. Then the same is saved without
telling anybody, so that what the web process looks for by itself is what counts.
"""

import asyncio
import random
import sys
import tempfile
import time
from itertools import repeat
from pathlib import Path
from statistics import median
from unittest.mock import patch

from aggregator.clock import SystemClock
from aggregator.store import revisions
from aggregator.store.sql import SqlStore, open_store
from benchmarks.fleet_checks import get
from benchmarks.fleet_origin import Plan
from benchmarks.fleet_processes import Fleet, Polling, database
from benchmarks.processes import free_port
from tests.store.steps import poll, story

AIM = 1.0
"""Seconds."""


async def seconds_until_shown(store: SqlStore, port: int, name: str) -> float:
    await asyncio.sleep(1.2 + random.random())
    now = SystemClock().now()
    await poll(store, "s0", story(name, at=now), at=now)
    committed = time.perf_counter()
    for pause in repeat(0.01):
        if name.encode() in (await get(port, "/feed.atom"))[1]:
            break
        await asyncio.sleep(pause)
    return time.perf_counter() - committed


async def measure(rounds: int, folder: Path) -> bool:
    plan = Plan(hosts=1, each=1, latency=0, now=SystemClock().now().isoformat())
    async with database(folder / "postgres") as server:
        fleet = Fleet(folder, server.url, Polling(), plan, free_port())
        web = await fleet.start("web", "web")
        store = await open_store(server.url)
        try:
            told = [await seconds_until_shown(store, web.port, f"told-{n}") for n in range(rounds)]
            with patch.object(revisions, "_BUMP_AND_TELL", revisions._BUMP):  # noqa: SLF001
                looked = [
                    await seconds_until_shown(store, web.port, f"own-{n}") for n in range(rounds)
                ]
        finally:
            await store.aclose()
            await fleet.stop()
    tell("told by the database", told)
    tell("found by itself", looked)
    return max(told) <= AIM


def tell(what: str, seconds: list[float]) -> None:
    figures = ", ".join(
        f"{name} {found * 1000:.0f} ms"
        for name, found in (
            ("least", min(seconds)),
            ("median", median(seconds)),
            ("most", max(seconds)),
        )
    )
    print(f"{what}: {figures} from commit to /feed.atom of another process, {len(seconds)} times")


def main() -> int:
    rounds = int(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="fleet-news-") as folder:
        return 0 if asyncio.run(measure(rounds, Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
