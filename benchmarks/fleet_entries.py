"""What a new entry costs PostgreSQL, and whoever stores it: alone, and in groups.

    python -m benchmarks.fleet_entries [--rounds N] [--stored N]

A database that has entries already takes polls that bring one new entry of 2.8 KB of random words
each: one by one, three, ten and fifty together, in turn in one run. Medians of the rounds: CPU of
all processes of the server, and of this one, for an entry. Nobody fetches or reads anything.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from aggregator.core.model import EntryChanges, FeedInfo, NewEntry
from aggregator.service.ports import ClaimedSource
from aggregator.store.sql import SqlStore, open_store
from benchmarks.fleet_processes import Database, database
from benchmarks.processes import cpu_of, tree
from benchmarks.tables import table
from tests.store.steps import configure, record, story

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SOURCES = 200
"""Each is polled once in a round: CPU is told in hundredths of a second."""
GROUPS = (1, 3, 10, 50)
WORDS = 400


class Writer:
    """Makes entries that have nothing in common."""

    def __init__(self) -> None:
        self._number = 0
        self._chance = random.Random(1)  # the same words in every run
        self._words = [f"{self._chance.getrandbits(30):x}" for _ in range(50_000)]

    def entry(self) -> NewEntry:
        self._number += 1
        text = " ".join(self._chance.choices(self._words, k=WORDS))[:2800]
        at = NOW + timedelta(seconds=self._number)
        name = f"n{self._number}"
        return story(name, at=at, link=f"https://a.example/{name}", text=text, summary=text[:300])


async def save(store: SqlStore, claimed: Sequence[ClaimedSource], writer: Writer) -> None:
    """A poll of each at once."""
    saved = await asyncio.gather(
        *(
            store.save_poll(
                record(
                    source.lease,
                    read=True,
                    info=FeedInfo(title="A feed"),
                    changes=EntryChanges(new=(writer.entry(),)),
                )
            )
            for source in claimed
        )
    )
    if not all(saved):
        raise AssertionError("a poll was not saved")


async def measure(rounds: int, stored: int, folder: Path) -> None:
    writer = Writer()
    async with database(folder / "postgres") as server, opened(server) as store:
        await configure(store, *(f"s{n}" for n in range(SOURCES)))
        for _ in range(0, stored, SOURCES):
            await a_round(server, store, GROUPS[-1], writer)
        costs: dict[int, list[tuple[float, float]]] = {size: [] for size in GROUPS}
        for _ in range(rounds):
            for size in GROUPS:
                costs[size].append(await a_round(server, store, size, writer))
    rows = [
        (f"{size}", *(f"{median(side) * 1000:.2f}" for side in zip(*costs[size], strict=True)))
        for size in GROUPS
    ]
    print(table(("polls at once", "server, ms an entry", "worker, ms"), rows, markdown=True))


@asynccontextmanager
async def opened(server: Database) -> AsyncIterator[SqlStore]:
    store = await open_store(server.url)
    try:
        yield store
    finally:
        await store.aclose()


async def a_round(
    server: Database, store: SqlStore, size: int, writer: Writer
) -> tuple[float, float]:
    """A poll of each source; CPU seconds of the server's processes and of this one, for each."""
    claimed = await store.claim(None, lease_until=NOW + timedelta(hours=1))
    servers, ours = cpu_of(tree(server.pid)), time.process_time()
    for start in range(0, SOURCES, size):
        await save(store, claimed[start : start + size], writer)
    servers, ours = cpu_of(tree(server.pid)) - servers, time.process_time() - ours
    return servers / SOURCES, ours / SOURCES


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stored", type=int, default=5_000)
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    with tempfile.TemporaryDirectory(prefix="fleet-entries-") as folder:
        asyncio.run(measure(asked.rounds, asked.stored, Path(folder)))


if __name__ == "__main__":
    main()
