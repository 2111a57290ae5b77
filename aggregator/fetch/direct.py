"""The way to the wire that most polls take: HTTP/1.1 without a proxy, on the loop's own sockets.

resolve once -> judge each address -> dial the judged one -> TLS -> one exchange at a time

httpcore, which the other ways take, costs several times as much (docs/decisions/0032).
"""

import asyncio
import select
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import cast

import httpx

from aggregator.core.addresses import IPAddress, IPNetwork
from aggregator.fetch.asked import Asked
from aggregator.fetch.exchange import Exchange, written
from aggregator.fetch.guard import (
    ATTEMPT_LIMIT,
    KEEPALIVE,
    MOST_ATTEMPTS,
    admitted_addresses,
    by_turns,
)
from aggregator.fetch.resolver import Resolver

MOST_IDLE = 100
"""Connections that stay open for another request; beyond it the oldest is closed."""

Origin = tuple[str, str, int]
"""Scheme, host and port."""

Dial = Callable[[Callable[[], "Connection"], IPAddress, int], Awaitable["Connection"]]
"""Connects to an address that the guard has admitted, and a port. Raises OSError."""


async def dial(make: Callable[[], "Connection"], address: IPAddress, port: int) -> "Connection":
    _, connection = await asyncio.get_running_loop().create_connection(make, str(address), port)
    return connection


class Connection(asyncio.Protocol):
    """One connection, with the exchange that is under way."""

    def __init__(self, origin: Origin, idle: "_Idle") -> None:
        self.origin = origin
        self._idle = idle
        self._transport: asyncio.Transport  # from connection_made on
        self._exchange: Exchange | None = None

    async def secure(self, context: ssl.SSLContext) -> None:
        """TLS on top. Raises OSError, of which ssl.SSLError is one."""
        loop = asyncio.get_running_loop()
        host = self.origin[1]
        wire = self._transport
        try:
            secured = await loop.start_tls(wire, self, context, server_hostname=host)
        except BaseException:  # a deadline among them
            wire.abort()
            raise
        self.connection_made(cast("asyncio.Transport", secured))

    async def ask(self, request: bytes) -> httpx.Response:
        """Sends it; the answer as soon as its head is here."""
        self._exchange = exchange = Exchange(self._transport, self._ended)
        self._transport.write(request)
        try:
            return await exchange.head()
        except BaseException:
            await exchange.aclose()
            raise

    def is_spoken_on(self) -> bool:
        """Whether something of the server's, its end for one, waits that the loop did not see."""
        waiting = select.poll()
        waiting.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        self._transport.abort()

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._exchange is not None:
            self._exchange.feed(data)
        else:  # nobody asked
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._exchange is not None:
            self._exchange.lost(error)
        else:
            self._idle.forget(self)

    def _ended(self, is_reusable: bool) -> None:
        self._exchange = None
        if is_reusable and not self._transport.is_closing():
            self._idle.keep(self)
        else:
            self.close()


class _Idle:
    """Connections that wait for another request: for a while, one for an origin, and not many."""

    def __init__(self) -> None:
        self._kept: dict[Origin, tuple[Connection, asyncio.TimerHandle]] = {}

    def take(self, origin: Origin) -> Connection | None:
        if origin not in self._kept:
            return None
        connection, closing = self._kept.pop(origin)
        closing.cancel()
        return connection

    def keep(self, connection: Connection) -> None:
        closing = asyncio.get_running_loop().call_later(KEEPALIVE, self._close, connection.origin)
        self._close(connection.origin)
        self._kept[connection.origin] = connection, closing
        if len(self._kept) > MOST_IDLE:
            self._close(next(iter(self._kept)))

    def forget(self, connection: Connection) -> None:
        """It is gone."""
        kept, _ = self._kept.get(connection.origin, (None, None))
        if kept is connection:
            self.take(connection.origin)

    def close(self) -> None:
        for origin in list(self._kept):
            self._close(origin)

    def _close(self, origin: Origin) -> None:
        connection = self.take(origin)
        if connection is not None:
            connection.close()


class _Unshown(ssl.SSLObject):
    """Keeps the certificate to itself: OpenSSL has proved it by then, and the dictionary that the
    loop asks for is read by nobody, but costs half a plain request.
    """

    def getpeercert(self, binary_form: bool = False) -> None:  # noqa: ARG002
        return None


def _prepared(context: ssl.SSLContext) -> ssl.SSLContext:
    context.sslobject_class = _Unshown
    context.set_alpn_protocols(["http/1.1"])
    return context


class DirectTransport(httpx.AsyncBaseTransport):
    """httpx's way to the wire. Raises FetchFailure, OSError, and the guard's Refused.

    `context` is for transports of this class only: httpcore writes into those that it uses.
    """

    def __init__(
        self,
        resolver: Resolver,
        context: ssl.SSLContext,
        opened: Sequence[IPNetwork] = (),
        dial: Dial = dial,
    ) -> None:
        self._resolver = resolver
        self._context = _prepared(context)
        self._opened = opened
        self._dial = dial
        self._idle = _Idle()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = Asked.of(request)
        data = written(asked)
        origin = asked.target.origin
        kept = self._idle.take(origin)
        # Some servers close after an answer without saying so before.
        if kept is not None and kept.is_spoken_on():
            kept.close()
            kept = None
        connection = kept or await self._connect(origin)
        return await connection.ask(data)

    async def aclose(self) -> None:
        self._idle.close()

    async def _connect(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        addresses = await admitted_addresses(self._resolver, host, port, self._opened)
        connection = await self._dial_in_turn(origin, by_turns(addresses)[:MOST_ATTEMPTS])
        if scheme == "https":
            await connection.secure(self._context)
        return connection

    async def _dial_in_turn(self, origin: Origin, addresses: Sequence[IPAddress]) -> Connection:
        """To the first of the addresses that can be connected to."""

        def make() -> Connection:
            return Connection(origin, self._idle)

        *others, last = addresses
        for address in others:
            with suppress(OSError):  # TimeoutError is one
                async with asyncio.timeout(ATTEMPT_LIMIT):
                    return await self._dial(make, address, origin[2])
        return await self._dial(make, last, origin[2])
