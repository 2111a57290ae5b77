"""Whether twice the workers poll twice as much: one, two, four processes on one PostgreSQL.

    python -m benchmarks.fleet_workers [--seconds 20] [--concurrency 8]

Every source answers after 200 ms and is always due, each on a host of its own. What limits a worker
is how many it asks at a time (`[fetch] concurrency`), not the CPU: the default of 8 at a time makes
40 polls a second at the most, and 160 of four workers, which two cores can take. Workers are added
to those that run; polls are counted for so many seconds when the new ones are at work.

The aims: 1.9 times as many of two workers, 3.5 times of four.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aggregator.clock import SystemClock
from benchmarks.fleet_origin import Plan
from benchmarks.fleet_processes import Fleet, Polling, database
from benchmarks.processes import Child, cpu_of, tree
from benchmarks.tables import table

HOSTS = 600
LATENCY = 0.2
SETTLE = 15.0
AIMS = {1: 1.0, 2: 1.9, 4: 3.5}


async def measure(seconds: float, concurrency: int, folder: Path) -> list[tuple[int, float, float]]:
    """Workers, polls a second, and cores that they and the database kept busy."""
    plan = Plan(hosts=HOSTS, each=1, latency=LATENCY, now=SystemClock().now().isoformat())
    origin = await Child.start("benchmarks.fleet_origin", json.dumps(asdict(plan)))
    polling = Polling(interval="1s", concurrency=concurrency)
    found = []
    async with database(folder / "postgres") as server:
        fleet = Fleet(folder, server.url, polling, plan, origin.ready["port"])
        try:
            for count in AIMS:
                while len(fleet.members) < count:
                    await fleet.start(f"worker-{len(fleet.members) + 1}", "poll")
                await _until_all_poll(origin, count)
                before, cpu = await origin.ask(do="answered"), _cpu(fleet, server.pid)
                await asyncio.sleep(seconds)
                polls = await origin.ask(do="answered") - before
                cores = (_cpu(fleet, server.pid) - cpu) / seconds
                found.append((count, polls / seconds, cores))
        finally:
            await fleet.stop()
            await origin.stop()
    return found


async def _until_all_poll(origin: Child, count: int) -> None:
    asking: set[str] = set()
    async with asyncio.timeout(120):
        while len(asking) < count:
            await asyncio.sleep(0.1)
            asking |= {agent for _, agent in await origin.ask(do="under_way")}
    await asyncio.sleep(SETTLE)


def _cpu(fleet: Fleet, server: int) -> float:
    members = [pid for member in fleet.members.values() for pid in tree(member.pid)]
    return cpu_of([*members, *tree(server)])


def tell(found: Sequence[tuple[int, float, float]]) -> bool:
    alone = found[0][1]
    rows = [
        (f"{count}", f"{rate:.0f}", f"{rate / alone:.2f}", f"{AIMS[count]:g}", f"{cores:.2f}")
        for count, rate, cores in found
    ]
    print(table(("workers", "polls a second", "ratio", "aim", "cores"), rows, markdown=True))
    return all(rate >= AIMS[count] * alone for count, rate, _ in found)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--concurrency", type=int, default=8)
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    with tempfile.TemporaryDirectory(prefix="fleet-workers-") as folder:
        found = asyncio.run(measure(asked.seconds, asked.concurrency, Path(folder)))
    return 0 if tell(found) else 1


if __name__ == "__main__":
    sys.exit(main())
