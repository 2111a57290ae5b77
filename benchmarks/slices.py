"""Each history polled twice, whole and by what is new in it: the outcome has to be the same.

    python -m benchmarks.slices [FOLDER] [--only PART]

FOLDER (default ../shared/corpora/history) holds NAME@FEED.tar.xz, the successive versions of one
feed each. Compared after each poll: what it changed, and everything that is stored in the end.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from aggregator.core.model import ReadFeed, Story
from aggregator.formats.reading import read_feed
from aggregator.service.ports import Document, Selection
from benchmarks.histories import FOLDER, WORKERS, name_of
from benchmarks.histories_replay import Snapshot, snapshots
from tests.fakes import FakeClock, fetched, read_in_place
from tests.service.world import World
from tests.store.memory import MemoryStore

ADDRESS = "https://history.example/feed"


class WholeReader:
    """Reads as the cage does, in this process, and everything anew."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.items = 0

    async def read(self, document: Document) -> ReadFeed:
        started = time.process_time()
        try:
            feed = self.feed_of(document)
        finally:
            self.seconds += time.process_time() - started
        self.items += len(feed.entries)
        return feed

    def feed_of(self, document: Document) -> ReadFeed:
        feed = read_feed(document.body, content_type="", url=document.url)
        return replace(feed, sliced=None)


class SlicedReader(WholeReader):
    """Reads only what is not known."""

    def feed_of(self, document: Document) -> ReadFeed:
        return read_in_place(replace(document, content_type=""))


@dataclass(slots=True)
class Compared:
    """A history; `differ` names the snapshots after which the two did not agree."""

    name: str
    polls: int = 0
    differ: list[str] = field(default_factory=list)
    whole: tuple[float, int] = (0.0, 0)
    """CPU seconds of reading, and items read."""
    sliced: tuple[float, int] = (0.0, 0)


def compare(path: Path) -> Compared:
    return asyncio.run(_compare(name_of(path), snapshots(path)))


async def _compare(name: str, series: list[Snapshot]) -> Compared:
    tally = Compared(name)
    readers = WholeReader(), SlicedReader()
    worlds = [
        World(clock=FakeClock(series[0].taken_at), store=MemoryStore(), reader=reader)  # type: ignore[arg-type]  # signs the same contract
        for reader in readers
    ]
    for world in worlds:
        await world.add("a", ADDRESS)
    for snapshot in series:
        outcomes = []
        for world in worlds:
            world.clock.wall = snapshot.taken_at
            world.clock.elapsed = snapshot.taken_at - series[0].taken_at
            world.answers(ADDRESS, fetched(snapshot.body, ADDRESS))
            report = await world.poll("a")
            outcomes.append((report.outcome, report.entries_new, report.entries_updated))
        tally.polls += 1
        if outcomes[0] != outcomes[1]:
            tally.differ.append(f"{snapshot.name}: {outcomes[0]} whole, {outcomes[1]} sliced")
    states = [await _state(world) for world in worlds]
    if states[0] != states[1]:
        tally.differ.append("what is stored in the end")
    tally.whole, tally.sliced = ((reader.seconds, reader.items) for reader in readers)
    return tally


async def _state(world: World) -> list[Story]:
    stories = await world.store.whole_stories(Selection(), limit=1_000_000)
    return sorted(stories, key=lambda story: story.id)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--only", default="", metavar="PART", help="of the name")
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    if not asked.folder.is_dir():
        print(f"slices: skipped, there is no {asked.folder}")
        return 0
    paths = [path for path in sorted(asked.folder.glob("*.tar.xz")) if asked.only in path.name]
    with ProcessPoolExecutor(WORKERS) as pool:
        tallies = list(pool.map(compare, paths))
    sums: Counter[str] = Counter()
    for tally in tallies:
        for difference in tally.differ:
            print(f"{tally.name}: {difference}")
        sums["polls"] += tally.polls
        sums["whole"] += tally.whole[1]
        sums["sliced"] += tally.sliced[1]
    whole = sum(tally.whole[0] for tally in tallies)
    sliced = sum(tally.sliced[0] for tally in tallies)
    faulty = sum(bool(tally.differ) for tally in tallies)
    print(f"{len(tallies)} histories, {sums['polls']} polls: {faulty} histories differ")
    print(f"items read: {sums['whole']} whole, {sums['sliced']} sliced")
    print(f"CPU seconds of reading: {whole:.1f} whole, {sliced:.1f} sliced")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
