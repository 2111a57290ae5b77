"""The way out for a play with public names: they lead to loopback, below the guard.

The guard looks every name up and judges what it finds, as it always does; only the last step, the
dialling of an address that it admitted, ends at this machine and not on the internet.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

import httpcore
import httpx

from aggregator.core.addresses import IPAddress
from aggregator.fetch.direct import Connection, DirectTransport, dial
from aggregator.fetch.guard import GuardedBackend, GuardedTransport
from aggregator.fetch.resolver import Lookup, Resolver
from aggregator.fetch.ways import TransportFactory, Way

HERE = "127.0.0.1"
PUBLIC: Sequence[IPAddress] = (ip_address("11.0.0.1"),)
"""Where every name of a play lies: an address that the guard takes for public."""


def lookup(name: str) -> Sequence[IPAddress]:
    """DNS of a play: every name is known but those that never are (RFC 6761 §6.4)."""
    if name.endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "name or service not known")
    return PUBLIC


class ToLoopback(httpcore.AsyncNetworkBackend):
    """Dials loopback addresses as they are, and this machine in place of all others."""

    def __init__(self) -> None:
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        there = host if ip_address(host).is_loopback else HERE
        return await self._real.connect_tcp(there, port, timeout, local_address, socket_options)


def to_loopback(lookup: Lookup = lookup) -> TransportFactory:
    """For `HttpFetcher(transports=…)`: the real guard, over a wire that ends here."""
    resolver = Resolver(lookup, keep=0)  # a play has a clock of its own
    direct, pooled = _tls(), _tls()

    def make(way: Way) -> httpx.AsyncBaseTransport:
        if way.http2:
            backend = GuardedBackend(resolver, way.opened, ToLoopback())
            return GuardedTransport(backend, pooled, http2=True)
        return DirectTransport(resolver, direct, way.opened, _to_loopback)

    return make


async def _to_loopback(make: Callable[[], Connection], address: IPAddress, port: int) -> Connection:
    return await dial(make, address if address.is_loopback else ip_address(HERE), port)


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
