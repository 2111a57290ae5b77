"""The HTTP server, inside the loop that is running already.

It listens, lets clients in, and sees to it that none stays for longer than it may: neither one that
sends its headers slowly, nor one that is slow to read, nor one whose body never ends.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from starlette.types import ASGIApp

from aggregator.web.clients import Peer
from aggregator.web.connection import AtHand, Connection, House
from aggregator.web.exchange import Fields

_LAST_WAIT = 0.5
"""Seconds for dropped connections to unwind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may take. Times in seconds."""

    headers: float = 10.0
    """For a request's headers to arrive, and for a kept connection to be used again."""
    exchange: float = 60.0
    """From a request's headers until its answer has been taken; of a stream of events, the next
    part of it."""
    shutdown: float = 4.0
    """For requests under way to end once we stop."""
    connections: int = 700
    """At once. Well below the 1024 open files that a process gets by default."""
    header_bytes: int = 16 * 1024


def _nothing(_method: str, _target: bytes, _fields: Fields, _peer: Peer) -> None:
    """Every answer is the application's."""


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    ready: Callable[[str, int], None],
    now: Callable[[], datetime],
    at_hand: AtHand = _nothing,
    limits: Limits | None = None,
) -> None:
    """Serves until `stop` is set. Raises OSError, with what to do, when it cannot listen.

    `ready` is told the address and port once connections are accepted; port 0 is any free one.
    """
    limits = limits or Limits()
    house = House(
        app=app,
        at_hand=at_hand,
        date=_Dates(now).line,
        most=limits.connections,
        head_bytes=limits.header_bytes,
    )
    server = await _listen(house, host, port)
    ready(*server.sockets[0].getsockname()[:2])
    watch = asyncio.create_task(_watch(house, limits))
    try:
        await stop.wait()
    finally:
        watch.cancel()
        server.close()
        await _empty(house, limits.shutdown)


async def _listen(house: House, host: str, port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(lambda: Connection(house), host, port, backlog=256)
    except OSError as error:
        message = (
            f"cannot listen on {host} port {port} ({error.strerror or error}); "
            "is another aggregator running? See [server] host and port"
        )
        raise OSError(error.errno, message) from error


class _Dates:
    """The header Date, written once a second."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        now = self._now()
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._line = second, format_datetime(now, usegmt=True).encode()
        return self._line


async def _watch(house: House, limits: Limits) -> None:
    """Drops clients that take too long over what they are at."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(limits.headers, limits.exchange) / 10)
        now = loop.time()
        for client in list(house.open):
            patience = limits.exchange if client.is_busy else limits.headers
            if client.since + patience < now:
                client.drop()


async def _empty(house: House, seconds: float) -> None:
    """Idle clients leave at once, busy ones when they are served or the time is over."""
    house.closing = True
    for client in list(house.open):
        client.close()
    await _gone(house, seconds)
    for client in list(house.open):
        client.drop()
    await _gone(house, _LAST_WAIT)


async def _gone(house: House, seconds: float) -> None:
    if house.open:
        house.empty.clear()
        await asyncio.wait([asyncio.ensure_future(house.empty.wait())], timeout=seconds)
