"""One client: what it sends becomes requests, and each is answered before the next one's turn.

parser         bytes to requests                                 (httptools)
| at hand      an answer that needs no waiting, in one piece
| exchange     any other: the application, in a task of its own  (exchange)
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.types import ASGIApp

from aggregator.web.clients import Peer
from aggregator.web.exchange import Asked, Exchange, Fields, refusal

_MOST_BODY = 65_536
"""Bytes of a body that wait for the application; more wait in the network."""

_SLICE = 16_384
"""Bytes that are parsed at once: so many requests wait for their turn, whoever sends millions."""

AtHand = Callable[[str, bytes, Fields, Peer], tuple[bytes, bytes] | None]
"""Method, target, fields and who asks, to an answer's head without the empty line, and its body.
None where the application has to be asked."""

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class House:
    """What all connections share."""

    app: ASGIApp
    at_hand: AtHand
    date: Callable[[], bytes]
    most: int
    """Connections at once."""
    head_bytes: int
    """Of a request before its body, about."""
    open: set["Connection"] = field(default_factory=set)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    closing: bool = False

    def leave(self, connection: "Connection") -> None:
        self.open.discard(connection)
        if not self.open:
            self.empty.set()


class Connection(asyncio.Protocol):
    """Its timing is the server's: `since` is when the client came or began a request, when the
    request's headers were there, or when its answer was given.
    """

    client: tuple[str, int] | None = None
    server: tuple[str, int] | None = None
    _transport: asyncio.Transport
    _peer: Peer

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._parser = HttpRequestParser(self)
        self._unparsed = b""
        self._target = b""
        self._fields: Fields = []
        self._head_bytes = 0
        """What was parsed since the last request; more than its headers at most."""
        self._receiving: Asked | None = None
        """The request whose body is coming."""
        self._waiting: deque[Asked] = deque()
        self._refused = 0
        """The status that ends it all, once what came before is answered."""
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_lost = False
        self._is_ending = False
        """Whether nothing counts that still comes."""
        self._is_reading = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.since = self._loop.time()

    # What the server asks

    @property
    def is_busy(self) -> bool:
        """Whether it is for more than the next request's headers that we wait."""
        exchange = self._exchange is not None or self._receiving is not None
        return exchange or self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """At once, or when the request under way is answered: `House.closing` is set."""
        if self._exchange is None:
            self._transport.close()

    def drop(self) -> None:
        """Whatever it is about."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if len(self._house.open) >= self._house.most or self._house.closing:
            self._transport.abort()
            return
        self._house.open.add(self)
        self._house.empty.clear()
        self.client = _place(transport.get_extra_info("peername"))
        self.server = _place(transport.get_extra_info("sockname"))
        self._peer = Peer(self.client[0] if self.client else "")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - gone is gone
        self._is_lost = True
        self._unparsed = b""
        self._waiting.clear()
        self._flowing.set()
        if self._exchange is None:
            self._house.leave(self)
        else:
            self._exchange.gone = True
            self._exchange.wake()

    def data_received(self, data: bytes) -> None:
        if not self._is_ending:
            self._unparsed += data
            self._go_on()

    def pause_writing(self) -> None:
        self._flowing.clear()

    def resume_writing(self) -> None:
        self._flowing.set()
        self._go_on()

    # What the parser finds

    def on_message_begin(self) -> None:
        self._target, self._fields = b"", []
        if self._exchange is None:
            self.since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        version = self._parser.get_http_version()
        target = _in_origin_form(self._target)
        self._refused = self._refused or self._objection(version, target)
        if self._refused:
            return
        asked = Asked(
            method=self._parser.get_method().decode(),
            target=target,
            fields=self._fields,
            version=version,
            keep_alive=version == "1.1" and self._parser.should_keep_alive(),
        )
        self._receiving = asked
        self._waiting.append(asked)

    def on_body(self, body: bytes) -> None:
        if self._receiving and not self._receiving.is_over:
            self._receiving.body += body
            self._tell(self._receiving)

    def on_message_complete(self) -> None:
        asked, self._receiving = self._receiving, None
        self._head_bytes = 0
        if asked:
            asked.is_whole = True
            self._tell(asked)

    def _tell(self, asked: Asked) -> None:
        if self._exchange and self._exchange.asked is asked:
            self._exchange.wake()

    def _objection(self, version: str, target: bytes) -> int:
        """The status of a request that nobody can answer otherwise; 0 for a good one."""
        if self._head_bytes > self._house.head_bytes:
            length = sum(len(name) + len(value) for name, value in self._fields) + len(target)
            if length > self._house.head_bytes:
                return 431
        if version not in {"1.0", "1.1"}:
            return 505
        hosts = [name for name, _ in self._fields].count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):  # RFC 9112 §3.2
            return 400
        return 0 if target.isascii() and target else 400

    # What comes of it

    def _go_on(self) -> None:
        """Parses and answers as far as it goes; the rest has to wait, and who sends it, too."""
        self._answer()
        while self._unparsed and self._takes_more():
            part, self._unparsed = self._unparsed[:_SLICE], self._unparsed[_SLICE:]
            self._parse(part)
            self._answer()
        self._regulate()

    def _regulate(self) -> None:
        """Who has sent more than we can take for now waits."""
        if bool(self._unparsed) != self._is_reading or self._transport.is_closing():
            return
        self._is_reading = not self._unparsed
        if self._is_reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _takes_more(self) -> bool:
        if self._refused or self._waiting or self._is_ending or self._transport.is_closing():
            return False
        return self._receiving is None or len(self._receiving.body) < _MOST_BODY

    def _parse(self, data: bytes) -> None:
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:  # to what we do not speak: a request like any other
            self._unparsed = data[upgrade.args[0] :] + self._unparsed
        except HttpParserError:
            self._refused = self._refused or 400
        if self._receiving is None and self._head_bytes > self._house.head_bytes:
            self._refused = self._refused or 431

    def _answer(self) -> None:
        """Whoever's turn it is."""
        while self._waiting and self._exchange is None and self._flowing.is_set():
            asked = self._waiting.popleft()
            if not (asked.is_whole and self._answer_at_hand(asked)):
                self._start(asked)
        if self._refused and not (self._waiting or self._exchange or self._is_ending):
            self.write(refusal(self._refused, self._house.date()))
            self._hear_out()

    def _answer_at_hand(self, asked: Asked) -> bool:
        answer = None
        try:
            answer = self._house.at_hand(asked.method, asked.target, asked.fields, self._peer)
        except Exception:  # noqa: BLE001 - the application can answer, too
            _log.exception("an answer at hand could not be given")
        if answer is None:
            return False
        ends = not asked.keep_alive or self._house.closing
        closing = b"connection: close\r\n" if ends else b""
        self.write(b"%b%bdate: %b\r\n\r\n" % (answer[0], closing, self._house.date()), answer[1])
        if ends:
            self._transport.close()
        return True

    def _start(self, asked: Asked) -> None:
        self.since = self._loop.time()
        self._exchange = Exchange(asked, self, self._house.date)
        self._task = self._loop.create_task(self._attend(self._exchange))

    async def _attend(self, exchange: Exchange) -> None:
        try:
            await exchange.run(self._house.app)
        except Exception:  # noqa: BLE001 - one request's end is not everybody's
            _log.exception("a request ended by an error of the server")
        finally:
            self._end(exchange)

    def _end(self, exchange: Exchange) -> None:
        self._exchange = self._task = None
        self.since = self._loop.time()
        exchange.asked.is_over = True
        exchange.asked.body.clear()
        if self._is_lost:
            self._house.leave(self)
        elif self._house.closing or not exchange.keep_alive:
            if exchange.asked.is_whole or self._house.closing:
                self._transport.close()
            else:
                self._hear_out()
        else:
            self._go_on()

    def _hear_out(self) -> None:
        """Says no more. To close at once would take the answer from a client that still sends."""
        self._is_ending = True
        self._unparsed = b""
        self._waiting.clear()
        self._receiving = None
        if not (self._is_lost or self._transport.is_closing()):
            self._transport.write_eof()
            self._regulate()

    # What the exchange needs

    def write(self, *parts: bytes) -> None:
        if not self._is_lost:
            self._transport.writelines([part for part in parts if part])

    async def drained(self) -> None:
        await self._flowing.wait()

    def took(self) -> None:
        self._go_on()

    def moved(self) -> None:
        self.since = self._loop.time()


def _place(name: Any) -> tuple[str, int] | None:
    """Address and port, of a socket that has such."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None


def _in_origin_form(target: bytes) -> bytes:
    """Path and query, also of an absolute address (RFC 9112 §3.2.2); empty where there is none."""
    if target.startswith(b"/") or target == b"*":
        return target
    try:
        parts = urlsplit(target)
    except ValueError:
        return b""
    if parts.scheme not in {b"http", b"https"}:
        return b""
    return (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
