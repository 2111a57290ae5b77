"""What a request costs below and through our fetcher: python -m benchmarks.transport

A conditional GET that finds nothing new (304), plain and over TLS, each time on a new connection
(cold) and again on an open one (hot). The ways take turns in one process on uvloop; the server has
a process of its own. Figures are the client's CPU in milliseconds a request, medians of five
rounds, and their ratio to bare sockets in the same round's order.

"bare sockets" is raw asyncio that looks for the end of the head and nothing else. "httpcore" and
"direct" are `HttpFetcher` with all that it does for a source, over either way to the wire.
"""

import argparse
import asyncio
import ssl
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, cast

import uvloop

from aggregator.clock import SystemClock
from aggregator.core.wire import FetchRequest, NotModified, Validators
from aggregator.fetch.guard import GuardedBackend, GuardedTransport
from aggregator.fetch.http import HttpFetcher
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import Way, guarded_transports
from benchmarks.origin import host_of
from benchmarks.origin_tls import ROOT
from benchmarks.poll import Asked, origin
from benchmarks.tables import table

AT_ONCE = 50
ROUNDS = 5
HEAD = ("way", *(f"{wire}, {state}" for wire in ("http", "https") for state in ("cold", "hot")))
_OPENED = (ip_network("127.0.0.0/8"),)
_AGENT = "transport/1"

Ask = Callable[[int], Awaitable[None]]
"""One request for a source."""


class Place:
    """Where the sources are, and whom to believe."""

    def __init__(self, folder: Path, port: int, *, is_secure: bool, is_hot: bool) -> None:
        self.port = port
        self.is_secure = is_secure
        self.is_hot = is_hot
        self.root = folder / ROOT

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.root if self.is_secure else None)

    def url(self, source: int) -> str:
        scheme = "https" if self.is_secure else "http"
        return f"{scheme}://{host_of(source)}:{self.port}/transport/{source}"


class _Get(asyncio.Protocol):
    def __init__(self) -> None:
        self.answered: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n") and self.answered:
            if not self._received.startswith(b"HTTP/1.1 304 "):
                raise ValueError(self._received)
            self._received = b""
            self.answered.set_result(None)


class BareSockets:
    """The floor."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tls = place.tls() if place.is_secure else None
        self._open: dict[int, _Get] = {}

    async def __call__(self, source: int) -> None:
        place, host = self._place, host_of(source)
        loop = asyncio.get_running_loop()
        get = self._open.get(source)
        if get is None:
            name = host if self._tls else None
            _, get = await loop.create_connection(
                _Get, host, place.port, ssl=self._tls, server_hostname=name
            )
        get.answered = loop.create_future()
        get.transport.write(
            f"GET /transport/{source} HTTP/1.1\r\nHost: {host}:{place.port}\r\nAccept: */*\r\n"
            f"User-Agent: {_AGENT}\r\nAccept-Encoding: gzip\r\nIf-None-Match: *\r\n\r\n".encode()
        )
        await get.answered
        if place.is_hot:
            self._open[source] = get
        else:
            get.transport.abort()

    async def aclose(self) -> None:
        for get in self._open.values():
            get.transport.abort()


class Fetching:
    """Our fetcher, over the way that most polls take or over the other."""

    def __init__(self, place: Place, *, over_httpcore: bool) -> None:
        self._place = place
        resolver, tls = Resolver(), place.tls()

        def pooled(way: Way) -> GuardedTransport:
            return GuardedTransport(GuardedBackend(resolver, way.opened), tls)

        self._fetcher = HttpFetcher(
            allow_networks=_OPENED,
            now=SystemClock().now,
            transports=pooled if over_httpcore else guarded_transports(resolver, place.tls),
        )

    async def __call__(self, source: int) -> None:
        request = FetchRequest(
            url=self._place.url(source),
            validators=Validators(etag="*"),
            timeout=30,
            max_body=1_000_000,
            user_agent=_AGENT,
        )
        answer = await self._fetcher.fetch(request)
        if not isinstance(answer, NotModified):
            raise TypeError(answer)

    async def aclose(self) -> None:
        await self._fetcher.aclose()


class Curl:
    """pycurl: libcurl, with a TLS library of its own."""

    def __init__(self, place: Place) -> None:
        self._curl = import_module("pycurl")
        self._place = place
        self._multi = self._curl.CurlMulti()

    async def play(self, plans: Sequence[Sequence[int]]) -> None:
        """Without awaiting: its loop is its own."""
        waiting = {self._handle(): list(plan) for plan in plans}
        for handle, plan in waiting.items():
            self._begin(handle, plan)
        while any(waiting.values()) or self._running():
            self._multi.select(1.0)
            for handle in self._done():
                self._multi.remove_handle(handle)
                if handle.getinfo(self._curl.RESPONSE_CODE) != HTTPStatus.NOT_MODIFIED:
                    raise ValueError(handle.getinfo(self._curl.EFFECTIVE_URL))
                self._begin(handle, waiting[handle])
        for handle in waiting:
            handle.close()

    async def aclose(self) -> None:
        self._multi.close()

    def _handle(self) -> Any:
        handle = self._curl.Curl()
        handle.setopt(self._curl.HTTPHEADER, ["If-None-Match: *", "Accept-Encoding: gzip"])
        handle.setopt(self._curl.USERAGENT, _AGENT)
        handle.setopt(self._curl.SSL_SESSIONID_CACHE, 0)  # cold is cold
        handle.setopt(self._curl.FORBID_REUSE, not self._place.is_hot)
        if self._place.is_secure:
            handle.setopt(self._curl.CAINFO, str(self._place.root))
        return handle

    def _begin(self, handle: Any, plan: list[int]) -> None:
        if plan:
            handle.setopt(self._curl.URL, self._place.url(plan.pop()))
            self._multi.add_handle(handle)

    def _running(self) -> int:
        _, running = self._multi.perform()
        return int(running)

    def _done(self) -> list[Any]:
        self._multi.perform()
        _, done, failed = self._multi.info_read()
        if failed:
            raise ConnectionError(failed[0][2])
        return list(done)


Client = BareSockets | Fetching | Curl


async def in_turn(ask: Ask, plans: Sequence[Sequence[int]]) -> None:
    async def work(plan: Sequence[int]) -> None:
        for source in plan:
            await ask(source)

    await asyncio.gather(*map(work, plans))


def plans_for(requests: int, *, is_hot: bool) -> list[list[int]]:
    """What each of those who ask at once asks for: one source again and again, or other ones."""
    sources = range(requests)
    return [
        [first] * (requests // AT_ONCE) if is_hot else list(sources[first::AT_ONCE])
        for first in range(AT_ONCE)
    ]


def ways_to(place: Place) -> dict[str, Client]:
    ways: dict[str, Client] = {"bare sockets": BareSockets(place)}
    if find_spec("pycurl"):
        ways["pycurl"] = Curl(place)
    ways["httpcore"] = Fetching(place, over_httpcore=True)
    ways["direct"] = Fetching(place, over_httpcore=False)
    return ways


async def play(way: Client, plans: Sequence[Sequence[int]]) -> None:
    await (way.play(plans) if isinstance(way, Curl) else in_turn(way, plans))


async def costs(place: Place, requests: int) -> dict[str, float]:
    """Milliseconds of CPU a request, by way."""
    ways = ways_to(place)
    plans = plans_for(requests, is_hot=place.is_hot)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):  # the first one warms up
        for name, way in ways.items():
            if place.is_hot:  # our own ways close what has waited for two seconds
                await play(way, [plan[:1] for plan in plans])
            began = process_time()
            await play(way, plans)
            found[name].append((process_time() - began) / requests * 1000)
    for way in ways.values():
        await way.aclose()
    return {name: median(figures[1:]) for name, figures in found.items()}


async def measure(requests: int) -> None:
    columns = []
    with tempfile.TemporaryDirectory(prefix="transport-") as folder:
        for is_secure in (False, True):
            for is_hot in (False, True):
                asked = Asked(sources=requests, tls=is_secure, keep_alive=is_hot)
                async with origin("all304", asked, Path(folder)) as server:
                    port = server.ready["port"]
                    place = Place(Path(folder), port, is_secure=is_secure, is_hot=is_hot)
                    columns.append(await costs(place, requests))
    rows = []
    for name in columns[0]:
        floors = [column["bare sockets"] for column in columns]
        pairs = [(column[name], floor) for column, floor in zip(columns, floors, strict=True)]
        rows.append((name, *(f"{cost:.3f} ({cost / floor:.2f}×)" for cost, floor in pairs)))
    print(table(HEAD, rows, markdown=False))
    if "pycurl" not in columns[0]:
        print("pycurl is left out: it is not installed")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=400, help="a round; default 400")
    uvloop.run(measure(parser.parse_args(sys.argv[1:] if __name__ == "__main__" else []).requests))
    return 0


if __name__ == "__main__":
    sys.exit(main())
