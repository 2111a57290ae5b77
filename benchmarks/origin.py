"""The servers that are polled, in a process of their own: python -m benchmarks.origin PLAN

PLAN is JSON (`Plan`). Every source has an address of its own in 127.0.0.0/8, all on one port of
the loopback device alone. Clients do not disturb each other: each asks at its own path,
/CLIENT/SOURCE, and its visits there are counted. What a visit gets follows from its number, so
that it is known what a client must have in the end.

Says `{"port": …}` when it listens, and then answers a line of JSON for each that it is given.
"""

import asyncio
import json
import resource
import socket
import ssl
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal, cast

import uvloop

from benchmarks.origin_feeds import Packed, content_type, document
from benchmarks.origin_tls import HOSTS_OF_A_CERTIFICATE, server_context

Kind = Literal["304", "same", "new"]
"""What a visit after the first gets: not modified; the same bytes although validators were sent;
a document with one new entry."""

SCENARIOS: dict[str, tuple[Kind, ...]] = {
    "cold": ("304",),
    "steady": ("304", "same", "304", "304", "same", "304", "new", "304", "same", "304"),
    "all304": ("304",),
    "same": ("same",),
    "onenew": ("new",),
    "parts": ("304", "same", "new"),
}
"""In turn, by source and visit: steady is 60 % 304, 30 % same bytes, 10 % one new entry."""

ASKED_AT_ONCE = 4096
MOST_FILES = 65_536
ENOUGH = 65_536
"""Bytes of a request's head."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    scenario: str
    sources: int
    entries: int = 20
    """In a document."""
    now: str
    """When the play begins."""
    first: str
    """When the oldest entry of each source was published."""
    tls: str | None = None
    """The folder with certificates."""
    keep_alive: bool = False


def host_of(source: int) -> str:
    return f"127.{source // 62_500 + 1}.{source // 250 % 250}.{source % 250 + 1}"


def source_at(host: str) -> int:
    _, high, middle, low = map(int, host.split("."))
    return (high - 1) * 62_500 + middle * 250 + low - 1


class Origin:
    """What every client has seen of every source."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._first = datetime.fromisoformat(plan.first)
        self._kinds = SCENARIOS[plan.scenario]
        self._visits: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._versions: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.seen: list[tuple[float, int, str]] = []
        """When, by the wall clock, which source, and what it got."""

    def answer(self, client: str, source: int, etag: str | None) -> bytes:
        place = client, source
        visit = self._visits[place]
        self._visits[place] = visit + 1
        kind = self._kind(source, visit)
        if kind == "new":
            self._versions[place] += 1
        packed = self._document(source, self._versions[place])
        self.seen.append((time.time(), source, kind if visit else "first"))  # noqa: TID251  # nothing of ours waits by it
        if etag == "*" or (kind == "304" and etag == packed.etag):  # RFC 9110, 13.1.2
            return self._head(source, packed, 304)
        return self._head(source, packed, 200) + packed.body

    def prepare(self, client: str) -> int:
        """Makes what the next visits of all sources get, so that nobody has to wait for it."""
        for source in range(self.plan.sources):
            place = client, source
            more = self._kind(source, self._visits.get(place, 0)) == "new"
            self._document(source, self._versions.get(place, 0) + more)
        return self.plan.sources

    def expected(self, client: str) -> int:
        """Entries that a client has been shown."""
        shown = [source for (who, source), visits in self._visits.items() if who == client]
        return sum(self.plan.entries + self._versions[client, source] for source in shown)

    def polled(self, client: str) -> int:
        """Sources that a client has asked."""
        return sum(who == client for who, _ in self._visits)

    def _kind(self, source: int, visit: int) -> Kind:
        return self._kinds[(source * 3 + visit * 7) % len(self._kinds)] if visit else "304"

    def _document(self, source: int, version: int) -> Packed:
        return document(source, version, self.plan.entries, self._first)

    def _head(self, source: int, packed: Packed, status: int) -> bytes:
        fields = [
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Modified'}",  # noqa: PLR2004
            "Server: nginx",
            f"Date: {formatdate(usegmt=True)}",
            f"ETag: {packed.etag}",
            "Vary: Accept-Encoding",
            f"Connection: {'keep-alive' if self.plan.keep_alive else 'close'}",
        ]
        if status == 200:  # noqa: PLR2004
            fields += [
                f"Content-Type: {content_type(source)}",
                "Content-Encoding: gzip",
                f"Content-Length: {len(packed.body)}",
            ]
        return ("\r\n".join(fields) + "\r\n\r\n").encode()


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._transport and b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._transport.write(self._reply(head))
            if not self._origin.plan.keep_alive:
                self._transport.close()
                return
        if self._transport and len(self._received) > ENOUGH:
            self._transport.abort()

    def _reply(self, head: bytes) -> bytes:
        line, *fields = head.decode("latin-1").split("\r\n")
        _, client, source = line.split(" ")[1].split("/")
        given = {name.lower(): value for name, _, value in (one.partition(": ") for one in fields)}
        return self._origin.answer(client, int(source), given.get("if-none-match"))


class Listener:
    """Takes connections to every address of the loopback device."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._contexts: dict[int, ssl.SSLContext] = {}
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        self._socket.bind(("0.0.0.0", 0))  # noqa: S104  # of that device
        self._socket.listen(ASKED_AT_ONCE)
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._accept)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            task = self._loop.create_task(self._take(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: Connection(self._origin), connection, ssl=self._context(connection)
            )
        except OSError:  # it went away
            connection.close()

    def _context(self, connection: socket.socket) -> ssl.SSLContext | None:
        if self._origin.plan.tls is None:
            return None
        group = source_at(connection.getsockname()[0]) // HOSTS_OF_A_CERTIFICATE
        if group not in self._contexts:
            self._contexts[group] = server_context(Path(self._origin.plan.tls), group)
        return self._contexts[group]


def _obey(origin: Origin, asked: dict[str, Any]) -> object:
    match asked:
        case {"do": "prepare", "client": client}:
            return origin.prepare(client)
        case {"do": "expect", "client": client}:
            return origin.expected(client)
        case {"do": "polled", "client": client}:
            return origin.polled(client)
        case {"do": "seen", "into": path}:
            Path(path).write_text(json.dumps(origin.seen), "utf-8")
            return len(origin.seen)
        case _:
            return f"unknown: {asked}"


async def _serve(plan: Plan) -> None:
    origin = Origin(plan)
    listener = Listener(origin)
    print(json.dumps({"port": listener.port}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(_obey(origin, json.loads(line))), flush=True)


def plan_as_text(plan: Plan) -> str:
    return json.dumps(asdict(plan))


def allow_many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    allow_many_files()
    uvloop.run(_serve(Plan(**json.loads(sys.argv[1]))))
