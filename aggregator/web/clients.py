"""Who asks: the address that tells one client from another. It is neither kept nor logged."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import Request


def client_address(request: Request) -> str:
    """The peer's address; behind a proxy on this machine, the last one that the proxy forwards.

    Another machine could write anything there. Of an IPv6 address it is the network: a device
    changes the rest daily (RFC 8981).
    """
    peer = request.client.host if request.client else ""
    forwarded = request.headers.getlist("x-forwarded-for")
    if forwarded and _is_loopback(peer):
        peer = forwarded[-1].rpartition(",")[2].strip()
    address = _parsed(peer)
    return address.packed[:8].hex() if isinstance(address, IPv6Address) else str(address)


def _is_loopback(peer: str) -> bool:
    address = _parsed(peer)
    return not isinstance(address, str) and address.is_loopback


def _parsed(written: str) -> IPv4Address | IPv6Address | str:
    """An IPv4 address also where it comes as IPv6; text as it is where it is no address."""
    try:
        address = ip_address(written)
    except ValueError:
        return written
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
