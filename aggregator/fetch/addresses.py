"""Which IP addresses and ports may be dialled."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from socket import inet_aton

from aggregator.core.addresses import IPAddress, IPNetwork, is_public, literal_address
from aggregator.core.urls import is_local_name

_NAME = re.compile(r"[a-z0-9._-]+")

# fmt: off
BAD_PORTS = frozenset({
    # https://fetch.spec.whatwg.org/#port-blocking
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
    6669, 6679, 6697, 10080,
    # databases and caches
    3306, 5432, 6379, 11211, 27017,
})
# fmt: on
"""Ports where a line of HTTP might be understood as something else."""


def is_host(host: str) -> bool:
    """Whether this is an address, or could be a name."""
    return bool(_NAME.fullmatch(host)) or literal_address(host) is not None


def written_address(host: str) -> IPAddress | None:
    """The same, in every spelling that a system may take for an address: 127.1, 0x7f.1 and such."""
    try:
        return literal_address(host) or IPv4Address(inet_aton(host.rstrip(".")))
    except OSError:
        return None


def may_dial(address: IPAddress, opened: Sequence[IPNetwork] = ()) -> bool:
    """Public addresses, and those in an opened network; never one with a zone."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    return is_public(address) or any(address in network for network in opened)


def opened_by(host: str, networks: Sequence[IPNetwork]) -> tuple[IPNetwork, ...]:
    """Those of the networks that a source configured with this host lives in.

    A written address names them. A name does so only when no stranger can define it: whoever
    holds a public name might point it at our network at any time.
    """
    address = literal_address(host)
    if address is None:
        return tuple(networks) if is_local_name(host) else ()
    if is_public(address):
        return ()
    return tuple(network for network in networks if address in network)
