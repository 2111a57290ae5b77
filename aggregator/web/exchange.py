"""One request and its answer, as the application sees them (ASGI 3, HTTP)."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

_EVENTS = b"text/event-stream"

_BODILESS = (204, 304)
"""Statuses whose answers end with their headers (RFC 9110 §6.4.1)."""

Fields = list[tuple[bytes, bytes]]
"""Header fields; their names are in small letters."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request; its body may still be on its way."""

    method: str
    target: bytes
    fields: Fields
    version: str
    keep_alive: bool
    body: bytearray = field(default_factory=bytearray)
    """What came of it and nobody took yet."""
    is_whole: bool = False
    is_over: bool = False
    """Whether it is answered: what still comes of its body, nobody wants."""

    def has(self, name: bytes, value: bytes) -> bool:
        return any(one == name and each.lower() == value for one, each in self.fields)


class Wire(Protocol):
    """The connection, as far as an exchange goes."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None

    def write(self, *parts: bytes) -> None: ...

    async def drained(self) -> None:
        """Returns once the client takes what was written, or has gone."""

    def took(self) -> None:
        """The application has taken what came of the body."""

    def moved(self) -> None:
        """A part of a stream has been taken: it may go on for as long again."""


class Exchange:
    """Ends when the application does. `gone` is set once there is nobody to answer to."""

    def __init__(self, asked: Asked, wire: Wire, date: Callable[[], bytes]) -> None:
        self.asked = asked
        self.keep_alive = asked.keep_alive
        self.gone = False
        self.is_answered = False
        self._wire = wire
        self._date = date
        self._news = asyncio.Event()
        self._started = False
        self._chunked = False
        self._bodiless = asked.method == "HEAD"
        self._streams = False
        self._taken = False
        self._to_encourage = asked.version == "1.1" and asked.has(b"expect", b"100-continue")

    def wake(self) -> None:
        """More of the body is there, or the client is not."""
        self._news.set()

    async def run(self, app: ASGIApp) -> None:
        """Raises what the application raises, after an answer where there was none yet."""
        try:
            await app(self._scope(), self._receive, self._send)
        except BaseException:
            await self._break_off()
            raise
        if not self.is_answered:
            await self._break_off()

    async def _break_off(self) -> None:
        self.keep_alive = False
        if not (self._started or self.gone):
            headers = [(b"content-length", b"0")]
            await self._send({"type": "http.response.start", "status": 500, "headers": headers})
            await self._send({"type": "http.response.body"})

    def _scope(self) -> Scope:
        path, _, query = self.asked.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self.asked.version,
            "method": self.asked.method,
            "scheme": "http",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self.asked.fields,
            "client": self._wire.client,
            "server": self._wire.server,
        }

    async def _receive(self) -> Message:
        asked = self.asked
        if self._to_encourage and not self._started:
            self._to_encourage = False
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.gone or self.is_answered):
            if asked.body or (asked.is_whole and not self._taken):
                self._taken = asked.is_whole
                part = {"body": bytes(asked.body), "more_body": not asked.is_whole}
                asked.body.clear()
                self._wire.took()  # the next part may come by that
                return {"type": "http.request", **part}
            self._news.clear()
            await self._news.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self.gone:
            return
        if message["type"] == "http.response.start":
            self._wire.write(self._head(message["status"], message.get("headers", ())))
            return
        self._send_body(message.get("body", b""), more=message.get("more_body", False))
        await self._wire.drained()
        if self._streams:
            self._wire.moved()

    def _head(self, status: int, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
        self._bodiless = self._bodiless or status in _BODILESS
        fields = list(fields)
        named = dict(fields)
        self._streams = named.get(b"content-type", b"").startswith(_EVENTS)
        if named.get(b"connection", b"").lower() == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            fields.append((b"connection", b"close"))
        if b"content-length" not in named and not self._bodiless:
            self._chunked = self.asked.version == "1.1"  # else the connection's end is the body's
            fields += [(b"transfer-encoding", b"chunked")] if self._chunked else []
        made = head(status, [*fields, (b"date", self._date())]) + END
        self._started = True
        return made

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._bodiless:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"" if more else b"0\r\n\r\n"
        if body:
            self._wire.write(body)
        if not more:
            self.is_answered = True
            self._news.set()


END = b"\r\n"
"""Of an answer's head: an empty line."""

_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}


def head(status: int, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The status line and the fields. Raises ValueError as `lines` does."""
    return _LINES[status] + lines(fields)


def lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Each field on its line.

    Raises ValueError for a value that would end its line: the rest would be somebody else's words.
    """
    written = []
    for name, value in fields:
        if b"\n" in value or b"\r" in value or b"\0" in value:
            raise ValueError(f"a header {name.decode()} cannot have line breaks")
        written.append(b"%b: %b\r\n" % (name.lower(), value))
    return b"".join(written)


def refusal(status: int, date: bytes) -> bytes:
    """A whole answer without a body, after which the connection ends."""
    closing = [(b"content-length", b"0"), (b"connection", b"close"), (b"date", date)]
    return head(status, closing) + END
