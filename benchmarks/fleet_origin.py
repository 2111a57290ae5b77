"""The sources of a fleet's trial, in a process of their own: python -m benchmarks.fleet_origin PLAN

PLAN is JSON (`Plan`). Every host has an address of its own in 127.0.0.0/8, all on one port of the
loopback device, and `each` sources. Every request is noted with its begin and its end: the end is
before the client can see the answer, the begin after the client has asked, so that what is shorter
here than it should be was shorter at the client, too.

Says `{"port": …}` when it listens, and then answers a line of JSON for each that it is given.
"""

import asyncio
import json
import random
import socket
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import uvloop

from benchmarks.origin import ASKED_AT_ONCE, allow_many_files, host_of

FIRST_ENTRIES = 3
KEPT_ENTRIES = 8
"""In a document: more than come between two polls that are saved."""
NEWS = 5
"""Every so many visits of a source bring a new entry."""
HELD = 5.0
"""Seconds until whoever is to end while it asks gets an answer."""
_WORDS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("aro", "eli", "iku", "onde", "ust", "yra")]


@dataclass(frozen=True, kw_only=True)
class Plan:
    hosts: int
    each: int
    """Sources of a host."""
    latency: float
    """Seconds from a request to its answer."""
    now: str
    """When the play begins."""


@dataclass(frozen=True, slots=True)
class Request:
    """Times are the wall clock's, in seconds. `status` is None where the client left meanwhile."""

    begin: float
    end: float
    host: int
    source: int
    agent: str
    status: int | None


def url_of(plan: Plan, source: int, port: int) -> str:
    return f"http://{host_of(source // plan.each)}:{port}/{source}"


def guid_of(source: int, number: int) -> str:
    return f"tag:fleet.example,2026:{source}/{number}"


class Origin:
    """What each source says, and who asked."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.frozen_at: float | None = None
        """From then on there is nothing new."""
        self._visits: defaultdict[int, int] = defaultdict(int)
        self._entries: defaultdict[int, int] = defaultdict(lambda: FIRST_ENTRIES)
        self.requests: list[Request] = []
        self.under_way: dict[tuple[int, int], str] = {}
        """By source and the number of its request: who asks."""
        self.held: str | None = None
        """Whose requests get no answer for so long."""
        self.holding = 0
        self._asked = 0
        self._start = datetime.fromisoformat(plan.now) - timedelta(days=1)

    async def answer(self, source: int, head: str, gone: asyncio.StreamReader) -> bytes | None:
        """None where the client does not wait for it."""
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        agent = fields.get("user-agent", "")
        self._asked += 1
        this = source, self._asked
        self.under_way[this] = agent
        begin = _now()
        is_held = agent == self.held
        self.holding += is_held
        left = await _is_left(gone, HELD if is_held else self.plan.latency)
        self.holding -= is_held
        del self.under_way[this]
        status, answer = (None, None) if left else self._said(source, fields)
        host = source // self.plan.each
        self.requests.append(Request(begin, _now(), host, source, agent, status))
        return answer

    def offered(self) -> dict[int, int]:
        """How many entries each source has ever shown."""
        return {source: self._entries[source] for source in self._visits}

    @property
    def answered(self) -> int:
        return sum(one.status is not None for one in self.requests)

    def polled_since(self, moment: float) -> int:
        """Sources that were answered since."""
        recent = (one for one in self.requests if one.begin >= moment and one.status)
        return len({one.source for one in recent})

    def _said(self, source: int, fields: dict[str, str]) -> tuple[int, bytes]:
        visit = self._visits[source]
        self._visits[source] += 1
        if visit and self.frozen_at is None and (visit + source) % NEWS == 0:
            self._entries[source] += 1
        count = self._entries[source]
        etag = f'"{count}"'
        common = f"Server: nginx\r\nETag: {etag}\r\n"
        if fields.get("if-none-match") == etag:
            return 304, f"HTTP/1.1 304 Not Modified\r\n{common}\r\n".encode()
        body = self._document(source, count)
        head = f"Content-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n"
        return 200, f"HTTP/1.1 200 OK\r\n{common}{head}\r\n".encode() + body

    def _document(self, source: int, count: int) -> bytes:
        numbers = range(count - 1, max(count - KEPT_ENTRIES, 0) - 1, -1)
        items = "".join(self._item(source, number) for number in numbers)
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
            f"<title>Source {source}</title><link>/</link><description>News</description>"
            f"{items}</channel></rss>"
        ).encode()

    def _item(self, source: int, number: int) -> str:
        chance = random.Random(f"{source}/{number}")  # other words in each: no story is told twice
        said = " ".join(chance.choices(_WORDS, k=30))
        at = format_datetime(self._start + timedelta(minutes=number, seconds=source % 60))
        return (
            f'<item><guid isPermaLink="false">{guid_of(source, number)}</guid>'
            f"<title>{said[:40]} {source} {number}</title><link>/{source}/{number}</link>"
            f"<pubDate>{at}</pubDate><description>{said}</description></item>"
        )


async def _is_left(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the client goes away in this time."""
    try:
        async with asyncio.timeout(seconds):
            return not await reader.read(1)
    except (TimeoutError, ConnectionError) as error:
        return isinstance(error, ConnectionError)


def _now() -> float:
    return time.time()  # noqa: TID251  # as the log of others has it


async def _converse(
    origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answers on one connection as long as the client keeps it."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            text = head.decode("latin-1")
            answer = await origin.answer(int(text.split(" ", 2)[1].strip("/")), text, reader)
            if answer is None:
                break
            writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # it has asked enough
    finally:
        writer.close()


def _obey(origin: Origin, asked: dict[str, object]) -> object:
    told: object
    match asked:
        case {"do": "polled", "since": float(moment)}:
            told = origin.polled_since(moment)
        case {"do": "under_way"}:
            told = [(source, agent) for (source, _), agent in origin.under_way.items()]
        case {"do": "hold", "agent": str(agent)}:
            origin.held = agent
            told = origin.holding
        case {"do": "answered"}:
            told = origin.answered
        case {"do": "freeze"}:
            origin.frozen_at = _now()
            told = origin.frozen_at
        case {"do": "requests", "into": str(path)}:
            noted = [asdict(one) for one in origin.requests]
            Path(path).write_text(json.dumps(noted), "utf-8")
            told = list(origin.offered().items())
        case _:
            told = f"unknown: {asked}"
    return told


async def _serve(plan: Plan) -> None:
    origin = Origin(plan)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listening.bind(("0.0.0.0", 0))  # noqa: S104  # of that device
    server = await asyncio.start_server(
        lambda reader, writer: _converse(origin, reader, writer),
        sock=listening,
        backlog=ASKED_AT_ONCE,
    )
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(_obey(origin, json.loads(line))), flush=True)
    server.close()


if __name__ == "__main__":
    allow_many_files()
    uvloop.run(_serve(Plan(**json.loads(sys.argv[1]))))
