"""Databases of any size, with the rows that polls would have made.

polled         one source, by the service itself: its rows are the pattern
| enlarged     the same rows for all other sources, with addresses, ids and digests of their own

Each source has one document with entries of its own, was polled once, and is not due. Where texts
are to differ, every entry has a title and a text of its own; else all sources say the same, and
what is remembered of their documents is exact, so that polls can go on from there.
"""

import asyncio
import random
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aggregator.core.digest import digest
from aggregator.core.memory import Memory
from aggregator.core.model import Content, ReadFeed
from aggregator.core.publication import Publication, Site
from aggregator.core.reconcile import Intake
from aggregator.core.rhythm import Pace
from aggregator.core.searching import BETWEEN_FIELDS, words_of
from aggregator.core.stories import published_id
from aggregator.core.urls import canonical_link
from aggregator.core.wire import Fetched, FetchRequest
from aggregator.domains import registrable_domain
from aggregator.service import taking_in
from aggregator.service.archives.archiving import Archiving
from aggregator.service.catalogue import Catalogue
from aggregator.service.policies import SourcePolicy
from aggregator.service.polling import Poller
from aggregator.service.ports import Document, SourceSpec
from aggregator.service.recovery import Recovery
from aggregator.service.taking_in import TakeIn
from aggregator.service.turns import HostTurns
from aggregator.store.sql import SqlStore, open_store
from tests.fakes import FakeClock, fetched, read_in_place

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(days=90)
"""Over which the entries are spread, as retention keeps them so long."""

HOUR = timedelta(hours=1)
TEN_MINUTES = timedelta(minutes=10)

CONTENT_TYPE = "application/rss+xml"

LATEST = Publication(
    slug="latest", title="Latest updates", path="", window=timedelta(hours=48), limit=100
)
CATALOGUE = Catalogue(
    site=Site(title="Growth", url="https://planet.example/"),
    publications=(LATEST,),
    names={"s7": "Source 7"},
    tags={},
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TABLES = ("archived", "entries", "stories", "documents", "polls")
_VOCABULARY = 50_000
_WORDS = 25
"""Of a text: too few to be looked up as one that may be told twice (`core.likeness`)."""


Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`varied`: every entry has words of its own."""

    sources: int
    entries_each: int
    varied: bool

    @property
    def entries(self) -> int:
        return self.sources * self.entries_each


def host(number: int) -> str:
    return f"s{number}.example"


def address(number: int) -> str:
    return f"https://{host(number)}/feed"


def number_of(url: str) -> int:
    return int(url.removeprefix("https://s").partition(".")[0])


def link(number: int, name: str) -> str:
    return f"https://{host(number)}/posts/{name}"


_CANONICAL = canonical_link(link(1, "0")) or ""
"""Of one, as the pattern for all others: to find it for each takes half of the time."""


def _link_digest(source: int, name: str) -> bytes:
    return digest(_CANONICAL.removesuffix("0").replace(host(1), host(source)) + name)


def names(count: int) -> list[str]:
    """Of a first document's entries, newest first."""
    return [str(n) for n in reversed(range(count))]


def document(names: list[str]) -> bytes:
    """Entries of these names; addresses stand relative to the feed's own."""
    items = "".join(
        f"<item><guid isPermaLink='false'>post-{name}</guid><link>/posts/{name}</link>"
        f"<title>News {name}</title><pubDate>Sun, 01 Mar 2026 08:00:00 GMT</pubDate>"
        f"<description>{_text(random.Random(name))}</description></item>"
        for name in names
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>A source</title>'
        f"<link>/</link><description>News</description>{items}</channel></rss>"
    ).encode()


def _text(chance: random.Random) -> str:
    return " ".join(f"w{chance.randrange(_VOCABULARY)}" for _ in range(_WORDS))


def policy(number: int) -> SourcePolicy:
    return SourcePolicy(
        url=address(number),
        shown_url=address(number),
        pace=Pace(
            shortest=timedelta(hours=1),
            longest=timedelta(hours=4),
            unconditional=timedelta(hours=4),
        ),
        timeout=20,
        max_body=10_000_000,
        user_agent=lambda: "growth",
        intake=Intake(),
    )


class PlainReader:
    """Reads as the cage does, in this process."""

    async def read(self, document: Document) -> ReadFeed:
        return read_in_place(document)


class _OneDocument:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def fetch(self, request: FetchRequest) -> Fetched:
        return fetched(self._body, request.url)


def build(path: Path, size: Size) -> None:
    """Makes the database; there must be none."""
    asyncio.run(_poll_one(path, document(names(size.entries_each))))
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.row_factory = sqlite3.Row
    indexes = _without_indexes(connection)
    _Enlarging(connection, size).run()
    for index in indexes:
        connection.execute(index)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


async def _poll_one(path: Path, body: bytes) -> None:
    """Source 1, as the service polls it."""
    store = await open_store(f"sqlite:///{path}", domain_of=registrable_domain)
    clock = FakeClock(NOW)
    await store.sync_sources([SourceSpec(key="s1", name=None, url=address(1))], now=clock.steady())
    poller = poller_of(store, _OneDocument(body), clock, {"s1": policy(1)})
    (claimed,) = await store.claim(["s1"], lease_until=clock.steady() + timedelta(hours=1))
    answer = await poller.fetch(claimed, policy(1))
    await poller.settle(claimed, policy(1), answer, started=clock.steady())
    archiving = Archiving(store=store, clock=clock, catalogue=CATALOGUE, complain=complain)
    await archiving.catch_up()
    await store.aclose()


def poller_of(
    store: SqlStore, fetcher: Any, clock: FakeClock, policies: Mapping[str, SourcePolicy]
) -> Poller:
    reader = PlainReader()
    turns = HostTurns(timedelta())
    return Poller(
        store=store,
        fetcher=fetcher,
        take_in=TakeIn(store=store, reader=reader, clock=clock),
        recovery=Recovery(fetcher=fetcher, reader=reader, turns=turns),
        clock=clock,
        chance=lambda: 0.5,
        policies=policies,
        domain_of=registrable_domain,
    )


def complain(doing: str, error: Exception) -> None:
    raise AssertionError(doing) from error


def _without_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drops the indexes that can be made anew in one go, and says how."""
    made = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
    indexes = [(row["name"], row["sql"]) for row in made if row["sql"]]
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    return [sql for _, sql in indexes]


class _Enlarging:
    """Entry and story `n` are entry `n // sources` of source `n % sources + 1`: one came in after
    the other, from all sources in turn.
    """

    def __init__(self, connection: sqlite3.Connection, size: Size) -> None:
        self._connection = connection
        self._size = size
        self._every = SPAN // _MICROSECOND // size.entries
        self._newest = (NOW - _EPOCH) // _MICROSECOND
        chance = random.Random(1)
        self._words = [f"w{chance.randrange(_VOCABULARY)}" for _ in range(200_003)]
        self._patterns = {table: self._rows(table) for table in (*_TABLES, "sources")}
        (memory,) = self._patterns["documents"]
        self._memory = Memory.unpacked(memory["memory"])
        if self._remembered(1) != memory["memory"]:
            raise AssertionError("what is remembered of a document is made otherwise now")

    def _rows(self, table: str) -> list[Row]:
        rows = self._connection.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
        return [dict(row) for row in rows]

    def run(self) -> None:
        run = self._connection.execute
        run("BEGIN")
        for table in _TABLES:
            run(f"DELETE FROM {table}")  # noqa: S608
        self._insert("sources", self._sources())
        self._insert("polls", self._polls())
        self._insert("documents", self._documents())
        self._insert("stories", self._stories())
        self._insert("entries", self._entries())
        self._insert("archived", self._archived())
        self._fill_the_search()
        last = self._revision(self._size.entries - 1)
        run("UPDATE revision SET number = ?, stories = ?", (last, self._size.entries))
        run(
            "UPDATE archives SET length = ?, followed_to = ?, followed_story = ?",
            (self._size.entries, last, 2**62),
        )
        run("COMMIT")

    def _insert(self, table: str, rows: Iterator[Row]) -> None:
        first = next(rows, None)
        if first is None:
            return
        places = ", ".join("?" * len(first))
        statement = f"INSERT INTO {table} ({', '.join(first)}) VALUES ({places})"  # noqa: S608
        self._connection.execute(statement, tuple(first.values()))
        self._connection.executemany(statement, (tuple(row.values()) for row in rows))

    def _sources(self) -> Iterator[Row]:
        """All but source 1, due in the hour that begins in ten minutes."""
        (pattern,) = self._patterns["sources"]
        start = pattern["next_poll_at"] - pattern["next_poll_at"] % 3_600_000_000
        begins = max(start, pattern["last_poll_at"]) + TEN_MINUTES // _MICROSECOND
        for n in range(2, self._size.sources + 1):
            yield pattern | {
                "id": n,
                "key": f"s{n}",
                "url": address(n),
                "host": host(n),
                "domain": host(n),
                "info": pattern["info"].replace(host(1), host(n)),
                "next_poll_at": begins + n * 7_919_000_003 % (HOUR // _MICROSECOND),
            }

    def _polls(self) -> Iterator[Row]:
        (pattern,) = self._patterns["polls"]
        return (pattern | {"source_id": n} for n in range(1, self._size.sources + 1))

    def _documents(self) -> Iterator[Row]:
        for n in range(1, self._size.sources + 1):
            yield {"source_id": n, "memory": self._remembered(n)}

    def _remembered(self, source: int) -> bytes:
        called, its = names(self._size.entries_each), self._memory.names()
        items = {
            sketch: its[sketch[0]][:8] + _link_digest(source, name)[:8]
            for name, sketch in zip(called, self._memory.sketches(), strict=True)
        }
        reading = _reading(address(source))
        return Memory.of(items, reading=reading, head=self._memory.head).packed()

    def _numbers(self) -> Iterator[tuple[int, int, int]]:
        """Numbers of entries, of their sources, and of each among its source's."""
        sources = self._size.sources
        return ((n, n % sources + 1, n // sources) for n in range(self._size.entries))

    def _at(self, entry: int) -> int:
        return self._newest - (self._size.entries - 1 - entry) * self._every

    @staticmethod
    def _revision(entry: int) -> int:
        return entry // 3 + 1

    def _stories(self) -> Iterator[Row]:
        patterns = self._patterns["stories"]
        for n, source, i in self._numbers():
            its_id = published_id(f"s{source}", f"post-{i}")
            yield patterns[i % len(patterns)] | {
                "id": n + 1,
                "link_digest": _link_digest(source, str(i)),
                "published_digest": digest(its_id),
                "published_id": its_id,
                "lead_entry_id": n + 1,
                "rank_at": self._at(n),
                "changed_at": self._at(n),
                "opened_in": self._revision(n),
                "changed_in": self._revision(n),
            }

    def _entries(self) -> Iterator[Row]:
        patterns = self._patterns["entries"]
        for n, source, i in self._numbers():
            pattern, at = patterns[i % len(patterns)], self._at(n)
            its = pattern | {
                "id": n + 1,
                "source_id": source,
                "story_id": n + 1,
                "guid": f"post-{i}",
                "digest": digest(f"post-{i}"),
                "link": link(source, str(i)),
                "link_digest": _link_digest(source, str(i)),
                "published_at": at,
                "updated_at": at,
                "first_seen_at": at,
            }
            yield its | self._own_words(n, pattern) if self._size.varied else its

    def _own_words(self, entry: int, pattern: Row) -> Row:
        title, text = self._said(entry)
        said = {
            name: pattern[name].replace(pattern["text"], text)
            for name in ("summary", "text", "content_html")
        }
        return {"title": title, "fingerprint": digest(title, text), **said}

    def _said(self, entry: int) -> tuple[str, str]:
        """Title and text."""
        words = self._words
        start = entry * 7_919 % (len(words) - _WORDS)
        return f"News {entry} {words[start]}", " ".join(words[start : start + _WORDS])

    def _archived(self) -> Iterator[Row]:
        (pattern, *_) = self._patterns["archived"]
        return (
            {"archive_id": pattern["archive_id"], "place": n, "story_id": n + 1}
            for n in range(self._size.entries)
        )

    def _fill_the_search(self) -> None:
        run = self._connection.execute
        run("INSERT INTO search (search) VALUES ('delete-all')")
        run("INSERT INTO search (search, rank) VALUES ('hashsize', 100000000)")
        words = [" ".join(words_of(_content(row))) for row in self._patterns["entries"]]
        if self._size.varied:
            rows = ((n + 1, self._own_search(n)) for n in range(self._size.entries))
        else:
            rows = ((n + 1, words[i % len(words)]) for n, _, i in self._numbers())
        self._connection.executemany("INSERT INTO search (rowid, words) VALUES (?, ?)", rows)
        run("INSERT INTO search (search, rank) VALUES ('hashsize', 1048576)")

    def _own_search(self, entry: int) -> str:
        title, text = self._said(entry)
        return f"{title.lower()} {BETWEEN_FIELDS} {text}"


def _reading(url: str) -> bytes:
    document = Document(body=b"", content_type=CONTENT_TYPE, url=url)
    return taking_in._reading(document)  # noqa: SLF001  part of what is remembered


def _content(row: Row) -> Content:
    return Content(title=row["title"], text=row["text"], summary=row["summary"])
