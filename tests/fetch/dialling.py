"""The real ways out, of which a test can choose the one for HTTP/1.1: see `over_both`."""

import ssl
from collections.abc import Callable
from typing import Literal

import httpx

from aggregator.fetch.guard import GuardedBackend, GuardedTransport
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import TransportFactory, Way, guarded_transports, trusting_certifi

over: Literal["direct", "httpcore"] = "direct"


def dialling(
    resolver: Resolver, tls: Callable[[], ssl.SSLContext] = trusting_certifi
) -> TransportFactory:
    as_ever = guarded_transports(resolver, tls)
    context = tls()

    def make(way: Way) -> httpx.AsyncBaseTransport:
        if over == "direct" or way.http2 or way.proxy:
            return as_ever(way)
        return GuardedTransport(GuardedBackend(resolver, way.opened), context)

    return make
