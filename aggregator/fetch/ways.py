"""The ways out: a set of connections for each kind of source, so that none crosses over."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from aggregator.fetch.addresses import IPNetwork
from aggregator.fetch.guard import GuardedBackend, GuardedTransport
from aggregator.fetch.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Way:
    """How a request leaves; requests with equal ways may share a connection."""

    opened: tuple[IPNetwork, ...] = ()
    """Private networks that it may reach into: a connection into one of them is never there for
    a source that may not go in."""
    http2: bool = False


TransportFactory = Callable[[Way], httpx.AsyncBaseTransport]


def guarded_transports(
    resolver: Resolver, ssl_context: ssl.SSLContext | None = None
) -> TransportFactory:
    """Guarded ways out that share look-ups and TLS settings; the environment has no say in them."""
    shared = ssl_context or httpx.create_ssl_context(trust_env=False)
    return lambda way: GuardedTransport(
        GuardedBackend(resolver, way.opened), shared, http2=way.http2
    )
