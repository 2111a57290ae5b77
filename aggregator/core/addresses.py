"""Which IP addresses lead to the internet.

An own table: what `ipaddress` calls global differs between Python versions, and counts multicast
and addresses that carry a private IPv4 one. The ranges are those of IANA's special-purpose
registries (RFC 6890).
"""

from bisect import bisect_right
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_CLOSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host (RFC 1122)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carriers' shared space (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

# They are sorted and apart, so that one of them at most can hold an address.
_CLOSED_V4_FROM = [int(network.network_address) for network in _CLOSED_V4]
_CLOSED_V4_TO = [int(network.broadcast_address) for network in _CLOSED_V4]

_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: how a network without IPv4 reaches the rest of it."""

_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""RFC 5214: an interface identifier that carries an IPv4 address."""


_read = lru_cache(16)(ip_address)
"""What a request reads to find out where it may go is read again when it is dialled."""


def literal_address(host: str) -> IPAddress | None:
    """The address that a host is written as, or None for a name."""
    if ":" not in host and not host[-1:].isdigit():
        return None  # as most hosts; `ip_address` takes a while to say so
    try:
        return _read(host)
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """True when the address leads to the internet and nowhere else."""
    if isinstance(address, IPv4Address):
        value = int(address)
        before = bisect_right(_CLOSED_V4_FROM, value) - 1
        return before < 0 or value > _CLOSED_V4_TO[before]
    inner = _translated(address)
    if inner is not None:
        return is_public(inner)
    return (
        address in _GLOBAL_UNICAST_V6
        and not any(address in network for network in _CLOSED_V6)
        and not _wraps_closed(address)
    )


def _translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address at which the packets arrive, where the system or the network says so."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(address.packed[12:]) if address in _NAT64 else None


def _wraps_closed(address: IPv6Address) -> bool:
    is_isatap = address.packed[8:12] in _ISATAP
    return is_isatap and not is_public(IPv4Address(address.packed[12:]))
