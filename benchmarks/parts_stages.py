"""The stages of a poll, one at a time, for `parts`."""

import asyncio
import gzip
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

import nh3

from aggregator.bootstrap import READERS, Service
from aggregator.cage.limits import Limits
from aggregator.cage.pool import CagedReader
from aggregator.core.digest import quick_digest
from aggregator.core.knowledge import Knowledge
from aggregator.core.model import ReadEntry, ReadFeed, Sketch
from aggregator.core.normalize import normalize
from aggregator.core.reconcile import Intake, reconcile
from aggregator.core.rhythm import Sighting, learn
from aggregator.core.wire import Answer, Fetched, NotModified
from aggregator.fetch.inflate import BoundedBody
from aggregator.formats.html import cleaned
from aggregator.formats.packing import pack
from aggregator.formats.slices import Slices, slices
from aggregator.service.frontier import Ending, HostRun
from aggregator.service.policies import SourcePolicy
from aggregator.service.ports import ClaimedSource, Document
from benchmarks.floor import GZIP, Get, fields_of, items_of
from benchmarks.origin import host_of
from benchmarks.poll_service import Spending, make_due
from benchmarks.poll_sides import Place
from tests.fakes import read_in_place

AT_ONCE = 64
LEASE = timedelta(minutes=10)
DELAY = timedelta(seconds=1)
LIMIT = 10_000_000

T = TypeVar("T")
Polled = tuple[ClaimedSource, SourcePolicy, Answer]


class Meter:
    """CPU seconds a unit, by what was measured. `origin` is what is polled: it does not count."""

    def __init__(self, origin: int) -> None:
        self._origin = origin
        self.costs: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, name: str, units: int) -> Iterator[None]:
        spending = Spending(self._origin)
        yield
        self.costs[name].append(spending.so_far() / units)


class Stages:
    def __init__(self, service: Service, place: Place, meter: Meter) -> None:
        self._service = service
        self._place = place
        self._meter = meter
        self._sources = place.sources
        self._caged = CagedReader(workers=READERS, limits=Limits())
        self._floor = FloorStages(place, meter)
        self._runs: list[HostRun] = []

    async def begin(self) -> None:
        """The first fetch of all."""
        claimed = await self._claim()
        await self._settle(await self._fetch(claimed))

    async def end(self) -> None:
        await self._caged.aclose()

    async def play(self) -> None:
        """A round: the same bytes, a new entry, and nothing."""
        await self._same_bytes()
        bodies = await self._new_entries()
        await self._nothing()
        documents = self._alone(bodies)
        with self._meter("read it in the cage", self._sources):
            await _side_by_side(self._caged.read(one) for one in documents)
        await self._floor.play(bodies)

    async def _same_bytes(self) -> None:
        await make_due(self._service, -timedelta(seconds=1))
        with self._meter("claim", self._sources):
            claimed = await self._claim_due()
        with self._meter("fetch, 200 of 12 KB", self._sources):
            polled = await self._fetch(claimed)
        with self._meter("settle the same bytes", self._sources):
            await self._settle(polled)
        with self._meter("complete", self._sources):
            await self._complete()

    async def _new_entries(self) -> list[bytes]:
        polled = await self._fetch(await self._claim())
        *most, last = polled
        with self._meter("settle one new entry in 20", len(most)):
            await self._settle(most)
        publication = self._service.publisher.publications()[0]
        await self._service.publisher.document(publication, "atom")
        await self._settle([last])
        with self._meter("render a feed of 100, one is new", 1):
            shown = await self._service.publisher.document(publication, "atom")
        with self._meter("pack that with gzip", 1):
            pack(shown.body, "gzip")
        self._floor.publish(shown.body)
        return [answer.body for _, _, answer in polled if isinstance(answer, Fetched)]

    async def _nothing(self) -> None:
        claimed = await self._claim()
        with self._meter("fetch, 304", self._sources):
            polled = await self._fetch(claimed)
        assert all(isinstance(answer, NotModified) for _, _, answer in polled)  # noqa: S101
        with self._meter("settle a 304", self._sources):
            await self._settle(polled)

    def _alone(self, bodies: Sequence[bytes]) -> list[Document]:
        """What needs no waiting; each document is read with its newest item taken for unknown."""
        packed = [gzip.compress(body, 6) for body in bodies]
        with self._meter("inflate and digest 61 KB", len(bodies)):
            for body in packed:
                inflated = BoundedBody("gzip", LIMIT)
                inflated.feed(body)
                quick_digest(inflated.finish())
        with self._meter("find and digest 20 items", len(bodies)):
            found = [_digested(body) for body in bodies]
        with self._meter("read one new item in 20", len(bodies)):
            for body, (head, items) in zip(bodies, found, strict=True):
                _read(body, head, items[1:])
        with self._meter("read 20 items", len(bodies)):
            feeds = [_read(body) for body in bodies]
        self._entries([feed.entries for feed in feeds])
        return [
            Document(
                body=body,
                content_type="",
                url="https://site.example/",
                known_head=head,
                known_items=items[1:],
            )
            for body, (head, items) in zip(bodies, found, strict=True)
        ]

    def _entries(self, read: Sequence[tuple[ReadEntry, ...]]) -> None:
        texts = [[one.content.content_html for one in entries] for entries in read]
        with self._meter("clean the HTML of 20 items", len(read)):
            for document in texts:
                for text in document:
                    cleaned(text, "https://site.example/")
        nothing = Knowledge(by_digest={}, by_link={}, tombstones=frozenset())
        now = self._service.clock.now()
        with self._meter("normalize, reconcile 20 entries", len(read)):
            for entries in read:
                reconcile(normalize(entries), nothing, Intake(), first=False, now=now)
        with self._meter("learn a rhythm from 20 times", len(read)):
            for entries in read:
                learn([Sighting(now, one.published) for one in entries], now)
        self._floor.entries(texts)

    async def _claim(self) -> list[ClaimedSource]:
        """Whatever the schedule says."""
        until = self._service.clock.steady() + LEASE
        return await self._service.store.claim(None, lease_until=until)

    async def _claim_due(self) -> list[ClaimedSource]:
        """As many at a time as the dispatcher has room for."""
        store, now = self._service.store, self._service.clock.steady()
        runs: list[HostRun] = []
        while due := await store.sweep(now=now, limit=AT_ONCE, failing=AT_ONCE, per_host=1):
            runs += await store.open_hosts(due, now=now, until=now + LEASE, delay=DELAY)
        self._runs = runs
        return [source for run in runs for source in run.sources]

    async def _complete(self) -> None:
        now = self._service.clock.steady()
        await self._service.store.complete([Ending(run, now) for run in self._runs])

    async def _fetch(self, claimed: Sequence[ClaimedSource]) -> list[Polled]:
        poller = self._service.poller

        async def one(source: ClaimedSource) -> Polled:
            policy = poller.policies[source.key]
            return source, policy, await poller.fetch(source, policy)

        return await _side_by_side(one(source) for source in claimed)

    async def _settle(self, polled: Sequence[Polled]) -> None:
        started = self._service.clock.steady()
        settle = self._service.poller.settle
        settled = await _side_by_side(
            settle(source, policy, answer, started=started) for source, policy, answer in polled
        )
        if bad := [one.report for one in settled if one.lost]:
            raise RuntimeError(f"a poll failed: {bad[0]}")


class FloorStages:
    """The same steps with bare parts, on a database of their own."""

    def __init__(self, place: Place, meter: Meter) -> None:
        self._meter = meter
        self._sources = place.sources
        self._port = place.port
        self._shown = b""
        self._database = sqlite3.connect(place.home / "floor.db", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE sources (id INTEGER PRIMARY KEY, due INTEGER, lease TEXT, etag TEXT);"
            "CREATE TABLE entries (id INTEGER PRIMARY KEY, source INTEGER, title TEXT, text TEXT);"
            "CREATE INDEX due ON sources (due);"
        )
        self._database.executemany(
            "INSERT INTO sources VALUES (?, 0, NULL, '')", [(n,) for n in range(self._sources)]
        )

    def publish(self, body: bytes) -> None:
        """A published document, for the joining and the packing of it."""
        step = len(body) // 100
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        with self._meter("join: floor", 1):
            self._shown = b"".join(pieces)
        with self._meter("pack: floor", 1):
            zlib.compress(self._shown, 1, wbits=GZIP)

    def entries(self, texts: Sequence[Sequence[str]]) -> None:
        with self._meter("clean: floor", len(texts)):
            for document in texts:
                for text in document:
                    nh3.clean(text)
        with self._meter("name: floor", len(texts)):
            for document in texts:
                for text in document:
                    sha256(text.encode()).digest()

    async def play(self, bodies: Sequence[bytes]) -> None:
        count = self._sources
        packed = [gzip.compress(body, 6) for body in bodies]
        with self._meter("claim: floor", count):
            self._claim()
        with self._meter("fetch, 304: floor", count):
            await self._fetch("bare-304")
        with self._meter("fetch, 200: floor", count):
            await self._fetch("bare-200")
        with self._meter("inflate: floor", count):
            for body in packed:
                sha256(zlib.decompress(body, GZIP)).digest()
        with self._meter("write: floor", count):
            self._write()
        with self._meter("same: floor", count):
            for body in bodies:
                sha256(body).digest()
            self._write()
        self._read(bodies)

    def _read(self, bodies: Sequence[bytes]) -> None:
        with self._meter("split: floor", len(bodies)):
            found = [_searched(body) for body in bodies]
        with self._meter("read new: floor", len(bodies)):
            for body in bodies:
                fields_of(_searched(body)[0])
        with self._meter("read all: floor", len(bodies)):
            for items in found:
                for item in items:
                    fields_of(item)
        with self._meter("new: floor", len(bodies)):
            for body in bodies:
                sha256(body).digest()
            rows = [(n, fields_of(_searched(body)[0])) for n, body in enumerate(bodies)]
            self._write()
            self._insert(rows)

    def _claim(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("UPDATE sources SET due = 0")
        self._database.execute("COMMIT")
        for _ in range(0, self._sources, AT_ONCE):
            self._database.execute(
                "UPDATE sources SET due = 1, lease = 'x' WHERE id IN"
                " (SELECT id FROM sources WHERE due <= 0 ORDER BY due LIMIT ?) RETURNING *",
                (AT_ONCE,),
            ).fetchall()

    def _write(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(
            "UPDATE sources SET due = 0, lease = NULL, etag = 'x' WHERE id = ?",
            [(n,) for n in range(self._sources)],
        )
        self._database.execute("COMMIT")

    def _insert(self, rows: Iterable[tuple[int, Sequence[str]]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(
            "INSERT INTO entries (source, title, text) VALUES (?, ?, ?)",
            [(source, fields[1], fields[5]) for source, fields in rows],
        )
        self._database.execute("COMMIT")

    async def _fetch(self, client: str) -> None:
        """Asks with the validators of the time before if the client's name says so."""

        async def one(source: int) -> None:
            host = host_of(source)
            known = b"If-None-Match: *\r\n" if client == "bare-304" else b""
            request = (
                f"GET /{client}/{source} HTTP/1.1\r\nHost: {host}:{self._port}\r\n"
                "Accept-Encoding: gzip\r\n"
            ).encode()
            _, get = await asyncio.get_running_loop().create_connection(
                lambda: Get(request + known + b"\r\n"), host, self._port
            )
            _, body = await get.answer
            if body:
                zlib.decompress(body, GZIP)

        await _side_by_side(one(source) for source in range(self._sources))


def _digested(body: bytes) -> tuple[int, tuple[Sketch, ...]]:
    found: Slices | None = slices(body)
    if found is None:
        raise RuntimeError("a document of the benchmark has no slices")
    return found.head_digest(), found.sketches


def _read(body: bytes, head: int | None = None, known: Sequence[Sketch] = ()) -> ReadFeed:
    return read_in_place(
        Document(
            body=body,
            content_type="",
            url="https://site.example/",
            known_head=head,
            known_items=known,
        )
    )


def _searched(body: bytes) -> list[bytes]:
    items = items_of(body)
    for item in items:
        sha256(item).digest()
    return items


async def _side_by_side(works: Iterable[Awaitable[T]]) -> list[T]:
    places = asyncio.Semaphore(AT_ONCE)

    async def placed(work: Awaitable[T]) -> T:
        async with places:
            return await work

    return await asyncio.gather(*map(placed, works))
