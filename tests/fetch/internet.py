"""An internet in which every dial is written down, and what is public leads to loopback."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpcore
import httpx

from aggregator.core.addresses import IPAddress
from aggregator.fetch.addresses import written_address
from aggregator.fetch.direct import DirectTransport, dial
from aggregator.fetch.guard import GuardedBackend, GuardedTransport
from aggregator.fetch.resolver import Resolver, system_lookup
from aggregator.fetch.ways import Way

PUBLIC_V4 = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
DEAD = "93.184.215.99"
"""A public address where nobody answers."""

NAMES: dict[str, list[list[str]]] = {
    # What each look-up finds; the last goes for all that follow.
    "localhost": [["::1", "127.0.0.1"]],
    "v4.test": [[PUBLIC_V4]],
    "v6.test": [[PUBLIC_V6]],
    "pub.test": [[PUBLIC_V6, PUBLIC_V4]],
    "dead.test": [[DEAD, PUBLIC_V4]],
    "mixed.test": [["10.0.0.5", PUBLIC_V4]],
    "mixed6.test": [[PUBLIC_V4, "::1"]],
    "rebind.test": [[PUBLIC_V4], ["127.0.0.1"]],
    "ten.test": [["10.0.0.5"]],
    "meta.test": [["169.254.169.254"]],
    "loop.test": [["127.0.0.1"]],
    "loop6.test": [["::1"]],
    "zero.test": [["0.0.0.0"]],
    "carrier.test": [["100.64.0.1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "mapped10.test": [["::ffff:10.0.0.5"]],
    "nat64.test": [["64:ff9b::a00:5"]],
    "six.test": [["2002:a00:5::1"]],
    "ula.test": [["fd00:ec2::254"]],
    "many.test": [[f"10.0.0.{n}" for n in range(25)]],
}


@dataclass
class Internet(httpcore.AsyncNetworkBackend):
    """Port 443 leads to the server with TLS, any other port to the plain one."""

    plain: int
    secure: int
    dialled: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Names looked up."""
    inside: tuple[str, ...] = ()
    """Addresses that are there although they are not public."""

    def __post_init__(self) -> None:
        self._dialler = httpcore.AnyIOBackend()

    def lookup(self, host: str) -> list[IPAddress]:
        self.asked.append(host)
        name = host.rstrip(".").lower()
        if name in NAMES:
            answers = NAMES[name]
            found = answers[min(self.asked.count(host), len(answers)) - 1]
            return [ip_address(text) for text in found]
        if written_address(name):
            return system_lookup(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def connect_tcp(
        self,
        host,
        port,
        timeout=None,  # noqa: ASYNC109  # httpcore's signature
        local_address=None,
        socket_options=None,
    ):
        self.dialled.append(host)
        if host not in {PUBLIC_V4, PUBLIC_V6, *self.inside}:
            raise httpcore.ConnectError(OSError(111, "refused"))
        return await self._dialler.connect_tcp(
            "127.0.0.1",
            self.secure if port == 443 else self.plain,
            timeout,
            local_address,
            socket_options,
        )

    async def dial(self, make, address, port):
        self.dialled.append(str(address))
        if str(address) not in {PUBLIC_V4, PUBLIC_V6, *self.inside}:
            raise ConnectionRefusedError(111, "refused")
        there = self.secure if port == 443 else self.plain
        return await dial(make, ip_address("127.0.0.1"), there)

    def transports(self, trusting: Callable[[], ssl.SSLContext]):
        resolver, direct, pooled = Resolver(self.lookup, keep=0), trusting(), trusting()

        def make(way: Way) -> httpx.AsyncBaseTransport:
            if way.http2:
                backend = GuardedBackend(resolver, way.opened, self)
                return GuardedTransport(backend, pooled, http2=True)
            return DirectTransport(resolver, direct, way.opened, self.dial)

        return make
