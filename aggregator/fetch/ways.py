"""The ways out: a set of connections for each kind of source, so that none crosses over."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import httpx

from aggregator.core.addresses import IPNetwork
from aggregator.fetch.direct import DirectTransport
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.guard import GuardedBackend, GuardedTransport, Refused
from aggregator.fetch.hops import Hop
from aggregator.fetch.proxy import ProxiedTransport, ProxyBackend, read_proxy
from aggregator.fetch.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Way:
    """How a request leaves; requests with equal ways may share a connection."""

    opened: tuple[IPNetwork, ...] = ()
    """Private networks that it may reach into: a connection into one of them is never there for
    a source that may not go in."""
    http2: bool = False
    proxy: str | None = field(default=None, repr=False)
    """As configured, with its password."""


class WaysOut:
    """The ways that are in use; each is made when it is first needed."""

    def __init__(self, make: "TransportFactory") -> None:
        self._make = make
        self._transports: dict[Way, httpx.AsyncBaseTransport] = {}

    def transport(self, way: Way) -> httpx.AsyncBaseTransport:
        transport = self._transports.get(way)
        if transport is None:
            transport = self._transports[way] = self._make(way)
        return transport

    async def send(self, request: httpx.Request, hop: Hop, way: Way) -> httpx.Response:
        """Raises FetchFailure with what the operator may do where the guard does not dial."""
        try:
            return await self.transport(way).handle_async_request(request)
        except Refused as refused:
            reason = hop.refusal(refused.host, refused.address, refused.port)
            raise FetchFailure("blocked", reason) from refused

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()


TransportFactory = Callable[[Way], httpx.AsyncBaseTransport]


def trusting_certifi() -> ssl.SSLContext:
    """TLS settings; the environment has no say in them."""
    return httpx.create_ssl_context(trust_env=False)


def guarded_transports(
    resolver: Resolver, tls: Callable[[], ssl.SSLContext] = trusting_certifi
) -> TransportFactory:
    """Guarded ways out that share look-ups and TLS settings.

    HTTP/1.1 without a proxy goes directly; HTTP/2 and proxies are httpcore's, which writes what it
    speaks into its settings, so that those are others.
    """
    direct, pooled = cache(tls), cache(tls)

    def make(way: Way) -> httpx.AsyncBaseTransport:
        if way.proxy is not None:
            proxy = read_proxy(way.proxy)
            through = GuardedTransport(
                ProxyBackend(resolver, proxy),
                pooled(),
                http2=way.http2,
                proxy=proxy.for_httpcore(pooled()),
            )
            return ProxiedTransport(through, proxy, way.opened)
        if way.http2:
            return GuardedTransport(GuardedBackend(resolver, way.opened), pooled(), http2=True)
        return DirectTransport(resolver, direct(), way.opened)

    return make
