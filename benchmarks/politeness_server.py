"""A scripted server on loopback: each path answers by its script, and everything is logged."""

import asyncio
import struct
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from time import monotonic
from typing import Literal

Manner = Literal["whole", "hang", "drip", "reset", "endless"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """`delay` is in seconds, before the first byte."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    manner: Manner = "whole"


@dataclass(kw_only=True)
class Seen:
    """One request. Times are seconds of the monotonic clock; `sent` is in bytes."""

    at: float
    host: str
    """As the Host field has it, without the port; the address that was dialled for TLS."""
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    until: float = 0.0
    sent: int = 0
    played_at: float = 0.0
    """Seconds of the play's own clock, which may run faster than the machine's."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


Script = Sequence[Reply] | Callable[[Seen, int], Reply]
"""The answers in turn, the last one for ever; or a function of the request and its number."""


def scripted(script: Script, seen: Seen, number: int) -> Reply:
    """What the script answers to this request, the `number`th of its place."""
    return script(seen, number) if callable(script) else script[min(number, len(script) - 1)]


TLS_HELLO = 0x16
CHUNK = 65536
MOST_SENT = 40_000_000
"""Bytes of an endless body."""


class ScriptedServer:
    """Answers on one port of many loopback addresses. Unknown paths get a 404.

    `play_time` tells the seconds of the play; it is the machine's time unless told otherwise.
    """

    def __init__(self, play_time: Callable[[], float] = monotonic) -> None:
        self.log: list[Seen] = []
        self._play_time = play_time
        self.scripts: dict[tuple[str, str], Script] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, hosts: Iterable[str]) -> int:
        """Listens on the addresses among the hosts; returns the port, the same on each.

        Names are whoever dials' business: see politeness_wire.
        """
        first, *others = sorted({host if _is_address(host) else "127.0.0.1" for host in hosts})
        probe = await asyncio.start_server(self._accept, first, 0)
        port: int = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        self._server = await asyncio.start_server(self._accept, [first, *others], port, backlog=256)
        return port

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def of(self, host: str, path: str | None = None) -> list[Seen]:
        return [one for one in self.log if one.host == host and path in {None, one.path}]

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away
        finally:
            writer.close()

    async def _one(self, reader: StreamReader, writer: StreamWriter) -> bool:
        """Answers one request; False when the connection is over."""
        host: str = writer.get_extra_info("sockname")[0]
        start = await reader.readexactly(1)
        if start[0] == TLS_HELLO:
            self._note(Seen(at=monotonic(), host=host, path="(TLS)"))
            return False
        head = start + await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        pairs = [field.partition(":") for field in fields]
        headers = [(name, value.strip()) for name, _, value in pairs]
        seen = Seen(at=monotonic(), host=host, path=line.split(" ")[1], headers=headers)
        seen.host = (seen.header("host") or host).partition(":")[0]
        self._note(seen)
        try:
            return await self._reply(self._scripted(seen), seen, writer)
        finally:
            seen.until = monotonic()

    def _note(self, seen: Seen) -> None:
        seen.played_at = self._play_time()
        self.log.append(seen)

    def _scripted(self, seen: Seen) -> Reply:
        place = seen.host, seen.path
        script = self.scripts.get(place, [Reply(status=404)])
        number = self._counts[place]
        self._counts[place] += 1
        return scripted(script, seen, number)

    async def _reply(self, reply: Reply, seen: Seen, writer: StreamWriter) -> bool:
        await asyncio.sleep(reply.delay)
        match reply.manner:
            case "hang":
                await asyncio.sleep(3600)
            case "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
                writer.transport.abort()
            case "drip":
                await self._drip(writer)
            case "endless":
                await self._endless(seen, writer)
            case "whole":
                writer.write(_head(reply, len(reply.body)) + reply.body)
                await writer.drain()
                return True
        return False

    async def _drip(self, writer: StreamWriter) -> None:
        writer.write(_head(Reply(), CHUNK))
        for _ in range(CHUNK):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(1)

    async def _endless(self, seen: Seen, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n")
        while seen.sent < MOST_SENT:
            writer.write(b" " * CHUNK)
            await writer.drain()
            seen.sent += CHUNK


def _is_address(host: str) -> bool:
    return host.replace(".", "").isdigit()


def _head(reply: Reply, length: int) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
    size = "" if reply.status == 304 else f"Content-Length: {length}\r\n"  # noqa: PLR2004  # RFC 9110 §15.4.5
    return f"HTTP/1.1 {reply.status} Scripted\r\n{size}{fields}\r\n".encode("latin-1")


def feed(*titles: str, extra: str = "") -> bytes:
    """An RSS document with an item for each title; `extra` goes into its channel."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{title}</guid><title>{title}</title></item>"
        for title in titles
    )
    return (
        "<?xml version='1.0'?><rss version='2.0'"
        " xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel><title>t</title>"
        f"<link>http://site.invalid/</link><description>d</description>{extra}{items}"
        "</channel></rss>"
    ).encode()


def ok(
    *titles: str, extra: str = "", delay: float = 0.0, kind: str = "text/xml", **headers: str
) -> Reply:
    """200 with a feed; headers in Python's spelling."""
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    cookie = ("Set-Cookie", "visit=1; Path=/")
    body = feed(*(titles or ("one",)), extra=extra)
    return Reply(headers=(("Content-Type", kind), cookie, *given), body=body, delay=delay)


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    """Any other status."""
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status=status, headers=given, body=body)
