"""What one new entry costs to publish: Atom, RSS and JSON Feed of a publication of 1,000 entries.

    python -m benchmarks.publish [ROUNDS]

The database (SQLite) holds 100,000 entries of 200 sources. Each round stores one new entry as a
poll does, and then asks for the publication's document in each format. Some rounds are not counted:
neither Python nor SQLite is warm yet. Those of *publish* come one after the other; after each of
*between* another publisher, which has not been asked before, makes everything anew, as the first
request after a start does, and the same bytes. CPU time of the whole process; medians, and their
ratio. What packing for the wire costs stands apart: with gzip once more after each change, and in
each coding as a whole.
"""

import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

import uvloop

from aggregator.clock import SystemClock
from aggregator.core.joined import Joined
from aggregator.core.model import Content, EntryChanges, NewEntry, ReadEntry
from aggregator.core.normalize import normalize
from aggregator.core.publication import CONTENT_TYPES, Document, Publication, Site
from aggregator.formats.packing import CODINGS, pack
from aggregator.service.catalogue import Catalogue
from aggregator.service.ports import SourceSpec
from aggregator.service.publishing import Publisher
from aggregator.store.sql import SqlStore, open_store
from aggregator.web.packed import Packed
from tests.store.steps import record

STORED = 100_000
SOURCES = 200
SHOWN = 1000
UNCOUNTED = 10
"""Rounds."""

WORDS = 350
"""Of an entry: two and a half kilobytes."""

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PUBLICATION = Publication(slug="all", title="All", path="publications/all", limit=SHOWN)


def main() -> None:
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 15))  # as the daemon does


async def measure(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        store = await open_store(f"sqlite:///{place}/publish.db")
        await fill(store)
        kept = publisher(store)
        await kept.catch_up()
        costs: dict[str, list[float]] = defaultdict(list)
        packed = Packed()
        first = await costing(lambda: documents(kept))
        print(f"the first time: {first:.1f} ms")
        for number in range(-UNCOUNTED, rounds):
            await add(store, number)
            cost = await costing(lambda: documents(kept))
            if number >= 0:
                costs["publish"].append(cost)
        for number in range(rounds, 2 * rounds):
            await add(store, number)
            costs["between"].append(await costing(lambda: documents(kept)))
            costs["gzip"].append(await costing(partial(gzip, packed, await documents(kept))))
            costs["again"].append(await costing(lambda: documents(kept)))
            other = publisher(store)
            costs["anew"].append(await costing(partial(documents, other)))
            same(await documents(kept), await documents(other))
        for name, each in costs.items():
            spread = f"{min(each):.2f} to {max(each):.2f}"
            print(f"{name:8} {median(each):8.2f} ms CPU in all formats ({spread})")
        print(f"ratio {median(costs['anew']) / median(costs['between']):.1f}")
        for document in await documents(kept):
            packing(document)
        await store.aclose()


def publisher(store: SqlStore) -> Publisher:
    catalogue = Catalogue(
        site=Site(title="Site", url="https://site.example/"),
        publications=(PUBLICATION,),
        names={f"s{n}": f"Source {n}" for n in range(SOURCES)},
        tags={},
    )
    return Publisher(store=store, clock=SystemClock(), catalogue=catalogue, complain=_fail)


def _fail(doing: str, error: Exception) -> None:
    raise RuntimeError(doing) from error


async def documents(published: Publisher) -> list[Document]:
    made = (published.document(PUBLICATION, format, exact=True) for format in CONTENT_TYPES)
    return [await each for each in made]


def same(some: list[Document], others: list[Document]) -> None:
    for one, other in zip(some, others, strict=True):
        assert (one.etag, one.body) == (other.etag, other.body)  # noqa: S101  else all is vain


async def costing(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of CPU time, threads included."""
    started = time.process_time()
    await work()
    return (time.process_time() - started) * 1000


async def gzip(packed: Packed, published: list[Document]) -> None:
    """As the server packs them for whoever asks first."""
    for document in published:
        await packed.get(document.etag, partial(_text, document), "gzip")


def _text(document: Document) -> Joined:
    return document.text


def packing(document: Document) -> None:
    """What the wire costs on top, whole."""
    costs = []
    for coding in CODINGS:
        started = time.process_time()
        packed = pack(document.body, coding)
        spent = (time.process_time() - started) * 1000
        costs.append(f"{coding} {spent:.1f} ms {len(packed):,} bytes")
    print(f"packing {document.self_url} of {document.text.size:,} bytes: {', '.join(costs)}")


async def fill(store: SqlStore) -> None:
    specs = [
        SourceSpec(key=f"s{n}", name=f"Source {n}", url=f"https://s{n}.example/feed")
        for n in range(SOURCES)
    ]
    await store.sync_sources(specs, now=NOW)
    for number in range(SOURCES):
        names = [f"old-{n}" for n in range(STORED // SOURCES)]
        await _poll(store, number, names, NOW - timedelta(days=2, minutes=number))


async def add(store: SqlStore, number: int) -> None:
    """One new entry, later than all before."""
    await _poll(store, number % SOURCES, [f"new-{number}"], NOW + timedelta(minutes=number))


async def _poll(store: SqlStore, source: int, names: list[str], at: datetime) -> None:
    (claimed,) = await store.claim([f"s{source}"], lease_until=NOW)
    new = [
        NewEntry(
            entry=entry,
            published=at - timedelta(hours=n),
            updated=at - timedelta(hours=n),
            first_seen=at,
            rank_at=at - timedelta(hours=n),
        )
        for n, entry in enumerate(normalize([_read(source, name) for name in names]))
    ]
    saved = await store.save_poll(
        record(claimed.lease, polled_at=at, read=True, changes=EntryChanges(new=tuple(new)))
    )
    assert saved  # noqa: S101  the lease is ours


def _read(source: int, name: str) -> ReadEntry:
    chance = random.Random(f"{source} {name}")
    link = f"https://s{source}.example/{name}"
    some = [chance.choice(_WORDS) for _ in range(WORDS)]
    text = " ".join(some)
    marked = " ".join(f"<em>{word}</em>" if n % 40 == 0 else word for n, word in enumerate(some))
    content = Content(
        title=f"Title of {name}",
        link=link,
        text=text,
        content_html=f'<p>{marked}</p><p><a href="{link}/more">more</a></p>',
    )
    return ReadEntry(guid=link, link_as_written=link, published=None, updated=None, content=content)


_WORDS = [f"w{random.Random(n).randrange(10**6)}" for n in range(20_000)]


if __name__ == "__main__":
    main()
