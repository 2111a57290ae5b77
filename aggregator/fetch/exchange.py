"""One exchange of HTTP/1.1: what is sent, and what comes back, taken apart by httptools.

What is kept of an answer is bounded: its body stops flowing while nobody takes it, and what is no
body (a head, a chunk's extension, a trailer) may not go on for ever.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import httptools
import httpx

from aggregator.fetch.asked import Answered, Asked
from aggregator.fetch.failures import FetchFailure, no_http

MOST_OVERHEAD = 100 * 1024
"""Bytes that may come without one of the body among them."""

MOST_WAITING = 128 * 1024
"""Bytes of a body that wait to be taken; then the server has to."""

_SWITCHING_PROTOCOLS = 101
_INTERIM = range(100, 200)

_FIELDS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n)*")
"""RFC 9110 §5.5 and §5.6.2: names are tokens, and no value ends its line."""


def written(request: Asked) -> bytes:
    """The request as bytes. Raises FetchFailure when a field cannot be sent, and quotes none."""
    fields = b"".join([b"%s: %s\r\n" % field for field in request.fields])
    is_one_a_line = fields.count(b"\n") == len(request.fields)
    if not (is_one_a_line and _FIELDS.fullmatch(fields)):
        raise FetchFailure(
            "internal",
            "the request cannot be sent: a header holds characters that HTTP does not allow",
        )
    line = b"%s %s HTTP/1.1\r\n" % (request.method.encode("ascii"), request.target.path)
    return b"%s%s\r\n%s" % (line, fields, request.body)


class Exchange(httpx.AsyncByteStream):
    """An answer as it comes: its head, then its body. httptools calls the methods `on_…`."""

    def __init__(self, transport: asyncio.Transport, ended: Callable[[bool], None]) -> None:
        """`ended` hears once that this is over, and whether the connection is good for another."""
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self._transport = transport
        self._ended = ended
        self._parser = _parser_for(self)
        self._is_over = False
        self._head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._overhead = 0
        self._body: list[bytes] = []
        self._waiting = 0
        self._is_held_up = False
        self._is_whole = False
        self._is_surplus = False
        self._keeps_alive = False
        self._error: Exception | None = None
        self._taker: asyncio.Future[None] | None = None

    async def head(self) -> httpx.Response:
        """The answer as soon as its head is here. Raises FetchFailure, or what the wire raised."""
        await self._head
        return Answered(self.status, self.fields, self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._body:
            if self._error is not None:
                raise self._error
            if self._is_whole:
                raise StopAsyncIteration
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        return self._take()

    async def aclose(self) -> None:
        """Gives up what has not come yet."""
        self._end(reusable=False)

    # What the connection says.

    def feed(self, data: bytes) -> None:
        """Takes what came over the wire."""
        if self._is_over:
            return
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._is_surplus = True  # if this is whole: what stands behind its end is nobody's
            if not self._is_whole:
                self._fail(no_http())
        if self._is_whole:
            self._end(reusable=self._keeps_alive and not self._is_surplus)
        elif self._overhead > MOST_OVERHEAD:
            self._fail(no_http())
        elif self._waiting > MOST_WAITING and not self._is_held_up:
            self._is_held_up = True
            self._transport.pause_reading()
        self._wake()

    def lost(self, error: Exception | None) -> None:
        """The connection is gone: that is the end of a body of which nothing says its length."""
        if self._is_over:
            return
        if error is None and self._head.done() and not _says_its_length(self.fields):
            self._is_whole = True
            self._end(reusable=False)
        else:
            self._fail(error or no_http())
        self._wake()

    # What httptools says.

    def on_message_begin(self) -> None:
        self._is_surplus = self._is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if b"\0" in value:
            raise ValueError
        if not self._head.done():  # a trailer says nothing that we ask for
            self.fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == _SWITCHING_PROTOCOLS:
            raise ValueError
        if status in _INTERIM:
            self.fields.clear()
            self._overhead = 0
        elif not self._head.done():
            self.status = status
            self._head.set_result(None)

    def on_body(self, data: bytes) -> None:
        if not self._is_whole:
            self._overhead = 0
            self._body.append(data)
            self._waiting += len(data)

    def on_message_complete(self) -> None:
        if self._head.done() and not self._is_whole:
            self._is_whole = True
            self._keeps_alive = self._parser.should_keep_alive()

    def _take(self) -> bytes:
        data = b"".join(self._body)
        self._body.clear()
        self._waiting = 0
        if self._is_held_up:
            self._is_held_up = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def _fail(self, error: Exception) -> None:
        self._error = error
        if not self._head.done():
            self._head.set_exception(error)
        self._end(reusable=False)

    def _end(self, *, reusable: bool) -> None:
        if self._is_over:
            return
        self._is_over = True
        del self._parser  # it knows us: this breaks the circle
        self._ended(reusable and not self._is_held_up)

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)


def _parser_for(exchange: Exchange) -> httptools.HttpResponseParser:
    """What many servers write is understood, as far as it has one meaning only.

    A field may go on in the next line (RFC 9112 §5.2), a line may end without CR (§2.2), chunks
    count where there is a length as well (§6.3), and bytes may follow an answer.
    """
    parser = httptools.HttpResponseParser(exchange)
    parser.set_dangerous_leniencies(
        lenient_headers=True,
        lenient_optional_cr_before_lf=True,
        lenient_chunked_length=True,
        lenient_spaces_after_chunk_size=True,
        lenient_data_after_close=True,
    )
    return parser


def _says_its_length(fields: list[tuple[bytes, bytes]]) -> bool:
    """Whether a body ends by itself (RFC 9112 §6.3)."""
    said = {name.lower(): value.lower() for name, value in fields}
    if b"transfer-encoding" in said:
        return said[b"transfer-encoding"].rpartition(b",")[2].strip() == b"chunked"
    return b"content-length" in said
