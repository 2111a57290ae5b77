"""The same polls with bare parts, as cheap as Python gets: python -m benchmarks.floor PLAN

One connection a poll over raw asyncio on uvloop, zlib, sha256, a search for the items, expat for
those that are new, and one SQLite write for a hundred polls. No scheduling, no guard, no limits, no
cleaning of HTML, no identity, no log: what is left when all that makes a product is left out.
"""

import asyncio
import json
import os
import re
import sqlite3
import ssl
import sys
import time
import zlib
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from xml.parsers import expat

import uvloop

from benchmarks.origin import allow_many_files, host_of
from benchmarks.processes import memory_of

AT_ONCE = 64
WRITTEN_TOGETHER = 100
GZIP = 16 + zlib.MAX_WBITS
_ITEM = re.compile(rb"<(item|entry)>.*?</\1>", re.DOTALL)
_ETAG = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_SCHEMA = """
CREATE TABLE sources (id INTEGER PRIMARY KEY, etag TEXT, digest BLOB, polled REAL, status INTEGER);
CREATE TABLE entries (
  source INTEGER, guid TEXT, title TEXT, link TEXT, published TEXT, summary TEXT, content TEXT,
  PRIMARY KEY (source, guid)
);
"""
_FIELDS = {
    "guid": 0, "id": 0, "title": 1, "link": 2, "pubDate": 3, "published": 3,
    "description": 4, "summary": 4, "content:encoded": 5, "content": 5,
}  # fmt: skip


@dataclass(slots=True)
class Known:
    etag: bytes = b""
    digest: bytes = b""
    items: frozenset[bytes] = frozenset()


@dataclass
class Batch:
    sources: list[tuple[Any, ...]] = field(default_factory=list)
    entries: list[tuple[Any, ...]] = field(default_factory=list)


class Get(asyncio.Protocol):
    """One request; `answer` becomes the head and the body."""

    def __init__(self, request: bytes) -> None:
        self.answer: asyncio.Future[tuple[bytes, bytes]] = (
            asyncio.get_running_loop().create_future()
        )
        self._request = request
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end:
            length = _LENGTH.search(head)
            if len(body) >= (int(length[1]) if length else 0) and not self.answer.done():
                self.answer.set_result((head, body))
                if self._transport:
                    self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionError("no whole answer"))


class Floor:
    def __init__(self, asked: dict[str, Any]) -> None:
        self._port: int = asked["port"]
        self._client: str = asked["client"]
        self._known = [Known() for _ in range(asked["sources"])]
        self._context = ssl.create_default_context(cafile=asked["root"]) if asked["root"] else None
        self._database = sqlite3.connect(asked["database"])
        self._database.executescript(f"PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;{_SCHEMA}")
        self._batch = Batch()

    async def play_round(self) -> dict[str, Any]:
        """Every source once."""
        cpu, wall = time.process_time(), time.perf_counter()
        waiting = iter(range(len(self._known)))
        await asyncio.gather(*(self._work(waiting) for _ in range(AT_ONCE)))
        self._write()
        return {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "polls": len(self._known),
            "troubles": [],
            "peak": memory_of([os.getpid()], "VmHWM"),
        }

    async def _work(self, waiting: Any) -> None:
        for source in waiting:
            await self._poll(source)
            if len(self._batch.sources) >= WRITTEN_TOGETHER:
                self._write()

    async def _poll(self, source: int) -> None:
        known = self._known[source]
        host = host_of(source)
        condition = b"If-None-Match: " + known.etag + b"\r\n" if known.etag else b""
        request = (
            f"GET /{self._client}/{source} HTTP/1.1\r\nHost: {host}:{self._port}\r\n"
            "User-Agent: floor\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
        ).encode() + condition
        _, get = await asyncio.get_running_loop().create_connection(
            lambda: Get(request + b"\r\n"), host, self._port, ssl=self._context
        )
        head, body = await get.answer
        status = int(head[9:12])
        if status == 200:  # noqa: PLR2004
            etag = _ETAG.search(head)
            known.etag = etag[1] if etag else b""
            self._read(source, known, zlib.decompress(body, GZIP))
        row = (known.etag.decode(), known.digest, time.monotonic(), status, source)
        self._batch.sources.append(row)

    def _read(self, source: int, known: Known, document: bytes) -> None:
        digest = sha256(document).digest()
        if digest == known.digest:
            return
        known.digest = digest
        items = {sha256(item).digest(): item for item in items_of(document)}
        new = [item for name, item in items.items() if name not in known.items]
        known.items = frozenset(items)
        self._batch.entries += [(source, *fields_of(item)) for item in new]

    def _write(self) -> None:
        batch, self._batch = self._batch, Batch()
        with self._database:
            self._database.executemany(
                "INSERT INTO sources (etag, digest, polled, status, id) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET etag = excluded.etag, digest = excluded.digest,"
                " polled = excluded.polled, status = excluded.status",
                batch.sources,
            )
            self._database.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                batch.entries,
            )


def items_of(document: bytes) -> list[bytes]:
    """In the order of the document."""
    return [found[0] for found in _ITEM.finditer(document)]


def fields_of(item: bytes) -> list[str]:
    """Guid, title, link, date, summary and content, with expat alone."""
    texts: list[list[str]] = [[] for _ in range(6)]
    nowhere: list[str] = []
    into = nowhere

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal into
        into = texts[_FIELDS[name]] if name in _FIELDS else nowhere
        if name == "link" and "href" in attributes:
            into.append(attributes["href"])

    def end(_: str) -> None:
        nonlocal into
        into = nowhere

    def text(data: str) -> None:
        into.append(data)

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.Parse(item, True)
    return ["".join(parts) for parts in texts]


async def _serve(asked: dict[str, Any]) -> None:
    floor = Floor(asked)
    print(json.dumps({"cpu": time.process_time()}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await floor.play_round()), flush=True)


def entries_in(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])


if __name__ == "__main__":
    allow_many_files()
    uvloop.run(_serve(json.loads(sys.argv[1])))
