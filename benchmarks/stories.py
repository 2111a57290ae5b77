"""Which entries are taken for one story, and what that costs.

    python -m benchmarks.stories [CORPORA]

First the labelled set of `tests/alike.py`, with the texts of the real feeds in CORPORA (default
../shared/corpora) where they are: how many of the same are found (recall), and how many of what
was taken for the same is (precision). Then the time that a new entry takes in a database with
100,000 entries: with a text that is looked up, with one too short for that, and as a copy.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aggregator.core.likeness import marks_of
from aggregator.core.model import Content, EntryChanges, NewEntry, ReadEntry
from aggregator.core.normalize import normalize
from aggregator.service.ports import Selection, SourceSpec
from aggregator.store.sql import SqlStore, open_store
from tests.alike import corpus_pairs, merged, own_pairs, told
from tests.store.steps import record

STORED = 100_000
SOURCES = 200
NEW = 10
"""Entries of one poll."""

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def main() -> None:
    labelled(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/corpora"))
    asyncio.run(cost())


def labelled(corpora: Path) -> None:
    pairs = own_pairs()
    if corpora.is_dir():
        pairs += corpus_pairs(corpora)
    else:
        print(f"stories: without real texts, there is no {corpora}")
    of, taken = Counter[tuple[bool, str]](), Counter[tuple[bool, str]]()
    for pair in pairs:
        of[pair.same, pair.kind] += 1
        taken[pair.same, pair.kind] += merged(pair)
    for same in (True, False):
        print("one story" if same else "two stories")
        for key in sorted(key for key in of if key[0] == same):
            print(f"  {key[1]:28} {of[key]:6} pairs, {taken[key]:6} taken for one")
    right = sum(count for (same, _), count in taken.items() if same)
    there = sum(count for (same, _), count in of.items() if same)
    print(f"precision {right / taken.total():.2%}, recall {right / there:.2%}")


async def cost() -> None:
    with tempfile.TemporaryDirectory() as place:
        store = await open_store(f"sqlite:///{place}/stories.db")
        specs = [
            SourceSpec(key=f"s{n}", name=None, url=f"https://s{n}.example/feed")
            for n in range(SOURCES)
        ]
        await store.sync_sources(specs, now=NOW)
        size = STORED // SOURCES
        each = await timed(store, [entries(n, size, 300) for n in range(SOURCES)])
        print(f"{STORED} entries of 300 words stored: {each:.2f} ms each")
        batches = [entries(n, NEW, 300, "long") for n in range(SOURCES)]
        print(f"a new entry of 300 words: {await timed(store, batches):.2f} ms")
        batches = [entries(n, NEW, 20, "short") for n in range(SOURCES)]
        print(f"a new entry of 20 words: {await timed(store, batches):.2f} ms")
        batches = [entries(n, NEW, 300, "long", of=(n + 1) % SOURCES) for n in range(SOURCES)]
        print(f"a copy of an entry of 300 words: {await timed(store, batches):.2f} ms")
        stored = STORED + 3 * SOURCES * NEW
        joined = stored - await store.count_stories(Selection())
        print(f"  {joined} of {SOURCES * NEW} copies joined")
        await store.aclose()
    text = told("T", words(random.Random(0), 300))
    started = time.perf_counter()
    marks_of(text)
    print(f"marks of 300 words: {(time.perf_counter() - started) * 1000:.2f} ms of it")


def entries(
    source: int, count: int, length: int, kind: str = "stored", *, of: int | None = None
) -> list[NewEntry]:
    """New entries of a source, or of what another one published."""
    origin = source if of is None else of
    read = []
    for n in range(count):
        chance = random.Random(f"{kind} {origin} {n}")
        text = words(chance, length)
        name = f"{kind}-{origin}-{n}"
        link = f"https://s{source}.example/{name}"
        content = Content(
            title=f"Title {name}", link=link, text=text, content_html=f"<p>{text}</p>"
        )
        read.append(
            ReadEntry(
                guid=link, link_as_written=link, published=None, updated=None, content=content
            )
        )
    at = NOW - timedelta(minutes=source)
    return [
        NewEntry(entry=entry, published=at, updated=at, first_seen=NOW, rank_at=NOW)
        for entry in normalize(read)
    ]


def words(chance: random.Random, length: int) -> str:
    return " ".join(f"w{chance.randrange(20_000)}" for _ in range(length))


async def timed(store: SqlStore, batches: Sequence[list[NewEntry]]) -> float:
    """Milliseconds an entry, one poll a batch."""
    spent = 0.0
    for n, new in enumerate(batches):
        (claimed,) = await store.claim([f"s{n}"], lease_until=NOW)
        changes = EntryChanges(new=tuple(new))
        started = time.perf_counter()
        assert await store.save_poll(  # noqa: S101  the lease is ours
            record(claimed.lease, read=True, changes=changes)
        )
        spent += time.perf_counter() - started
    return spent * 1000 / sum(map(len, batches))


if __name__ == "__main__":
    main()
