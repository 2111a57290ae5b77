"""The one way out. It resolves once, judges each address, and dials the one that it judged.

Checking a URL beforehand is not enough: a name may resolve anew when it is dialled, and a redirect
brings another one. Here nothing lies between judging and dialling. The Host field, SNI and the
name in the certificate stay those of the URL.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, cast

import httpcore
import httpx

from aggregator.core.addresses import IPAddress, IPNetwork
from aggregator.core.errors import GuardMissing
from aggregator.core.urls import is_local_name
from aggregator.fetch.addresses import BAD_PORTS, may_dial, written_address
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.resolver import Resolver

MOST_ATTEMPTS = 4
"""Addresses of one host that are tried."""

ATTEMPT_LIMIT = 3.0
"""Seconds for an address while there is another to try."""

KEEPALIVE = 2.0
"""Seconds a connection stays open for the next source of the same server; servers close theirs
after five or more, and one that closes as we write costs a poll."""

_SELF_TEST = "http://127.0.0.1:1/"


class Refused(Exception):
    """The guard does not dial this. `address` is None when the port or the name is the reason."""

    def __init__(self, host: str, port: int, address: IPAddress | None) -> None:
        super().__init__(f"{host}:{port} may not be dialled")
        self.host = host
        self.port = port
        self.address = address


async def admitted_addresses(
    resolver: Resolver, host: str, port: int, opened: Sequence[IPNetwork]
) -> Sequence[IPAddress]:
    """Those of a host's addresses that may be dialled: looked up once, each judged.

    Raises Refused where there is none, FetchFailure where nothing is found.
    """
    found = await resolver.addresses(host)
    admitted = [address for address in found if may_dial(address, opened)]
    if not admitted:
        raise Refused(host, port, found[0])
    if port in BAD_PORTS:
        raise Refused(host, port, None)
    return admitted


class NoUnixSockets(httpcore.AsyncNetworkBackend):
    """What all our ways to the network have in common."""

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  # httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        raise Refused(path, 0, None)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedBackend(NoUnixSockets):
    """Dials public addresses, and those in `opened` networks. No proxy, no unix socket."""

    def __init__(
        self,
        resolver: Resolver,
        opened: Sequence[IPNetwork] = (),
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolver = resolver
        self._opened = opened
        self._dialler = dialler or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises Refused when none of the host's addresses may be dialled."""
        admitted = await admitted_addresses(self._resolver, host, port, self._opened)
        stream = await dial_in_turn(
            self._dialler,
            admitted,
            port,
            timeout=timeout,
            local_address=local_address,
            socket_options=socket_options,
        )
        return DialledStream(stream)


class DialledStream(httpcore.AsyncNetworkStream):
    """A connection that is closed when its TLS handshake is called off.

    httpcore would leave it to the garbage collector, and the server waiting.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


async def dial_in_turn(
    dialler: httpcore.AsyncNetworkBackend,
    addresses: Sequence[IPAddress],
    port: int,
    *,
    timeout: float | None,  # noqa: ASYNC109  # httpcore's signature
    local_address: str | None,
    socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
) -> httpcore.AsyncNetworkStream:
    """The first of a host's addresses that can be connected to."""
    *others, last = by_turns(addresses)[:MOST_ATTEMPTS]
    for address in others:
        try:
            return await dialler.connect_tcp(
                str(address), port, ATTEMPT_LIMIT, local_address, socket_options
            )
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            continue
    return await dialler.connect_tcp(str(last), port, timeout, local_address, socket_options)


def judge_spelling(host: str, port: int, opened: Sequence[IPNetwork]) -> None:
    """Judges a host that another machine looks up. Raises Refused."""
    address = written_address(host)
    if address is not None and not may_dial(address, opened):
        raise Refused(host, port, address)
    is_closed_name = address is None and is_local_name(host) and not opened
    if is_closed_name or port in BAD_PORTS:
        raise Refused(host, port, None)


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's way to the wire, over a pool of connections that the guard has dialled.

    Written on httpcore's public parts: httpx's own transport offers no place for a backend.
    Raises httpcore's exceptions, and the guard's.
    """

    def __init__(
        self,
        backend: httpcore.AsyncNetworkBackend,
        ssl_context: ssl.SSLContext,
        *,
        http2: bool = False,
        proxy: httpcore.Proxy | None = None,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=None,  # whoever polls limits that, and a wait here would cost its time
            # httpcore does not stop a stream of HTTP/2 whose body we leave unread; what is left
            # of it would eat up the window of the next request.
            max_keepalive_connections=0 if http2 else 20,
            keepalive_expiry=KEEPALIVE,
            network_backend=backend,
            http2=http2,
            proxy=proxy,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        sent = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.read()
        )
        try:
            answer = await self._pool.handle_async_request(sent)
        except ValueError as error:  # a status of HTTP/2 that is no number
            raise httpcore.RemoteProtocolError from error
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    """The body as it comes."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return cast("AsyncIterable[bytes]", self._answer.stream).__aiter__()

    async def aclose(self) -> None:
        await self._answer.aclose()


async def prove_guard(transport: httpx.AsyncBaseTransport) -> None:
    """Raises GuardMissing unless the transport refuses to dial this machine."""
    try:
        await transport.handle_async_request(httpx.Request("GET", _SELF_TEST))
    except Refused as refused:
        if refused.address is not None:
            return
    except (
        httpx.HTTPError,
        httpcore.NetworkError,
        httpcore.TimeoutException,
        OSError,
        FetchFailure,
    ):
        pass  # it tried to
    raise GuardMissing("requests to private addresses are not refused; do not poll with this build")


def by_turns(addresses: Sequence[IPAddress]) -> list[IPAddress]:
    """IPv6 and IPv4 in turn, the preferred family first, so that one dead family costs little."""
    if len(addresses) == 1:
        return [*addresses]
    families = [
        [address for address in addresses if address.version == addresses[0].version],
        [address for address in addresses if address.version != addresses[0].version],
    ]
    return [address for address in chain(*zip_longest(*families)) if address is not None]
