"""The ways out: a set of connections for each kind of source, so that none crosses over."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from aggregator.core.addresses import IPNetwork
from aggregator.fetch.guard import GuardedBackend, GuardedTransport
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


TransportFactory = Callable[[Way], httpx.AsyncBaseTransport]


def guarded_transports(
    resolver: Resolver, ssl_context: ssl.SSLContext | None = None
) -> TransportFactory:
    """Guarded ways out that share look-ups and TLS settings; the environment has no say in them."""
    shared = ssl_context or httpx.create_ssl_context(trust_env=False)

    def make(way: Way) -> httpx.AsyncBaseTransport:
        if way.proxy is None:
            backend = GuardedBackend(resolver, way.opened)
            return GuardedTransport(backend, shared, http2=way.http2)
        proxy = read_proxy(way.proxy)
        through = GuardedTransport(
            ProxyBackend(resolver, proxy),
            shared,
            http2=way.http2,
            proxy=proxy.for_httpcore(shared),
        )
        return ProxiedTransport(through, proxy, way.opened)

    return make
