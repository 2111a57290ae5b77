"""Who asks: the address that tells one client from another. It is neither kept nor logged."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import Request


class Peer:
    """The other end of a connection."""

    def __init__(self, host: str) -> None:
        self._own = _named(_parsed(host))
        self._is_here = _is_loopback(host)

    def address(self, forwarded: str | None = None) -> str:
        """Of the client behind it: the peer's; behind a proxy on this machine, the last one that
        the proxy forwards.

        Another machine could write anything there. Of an IPv6 address it is the network: a device
        changes the rest daily (RFC 8981).
        """
        if forwarded and self._is_here:
            return _named(_parsed(forwarded.rpartition(",")[2].strip()))
        return self._own


def client_address(request: Request) -> str:
    forwarded = request.headers.getlist("x-forwarded-for")
    peer = Peer(request.client.host if request.client else "")
    return peer.address(forwarded[-1] if forwarded else None)


def _is_loopback(peer: str) -> bool:
    address = _parsed(peer)
    return not isinstance(address, str) and address.is_loopback


def _named(address: IPv4Address | IPv6Address | str) -> str:
    return address.packed[:8].hex() if isinstance(address, IPv6Address) else str(address)


def _parsed(written: str) -> IPv4Address | IPv6Address | str:
    """An IPv4 address also where it comes as IPv6; text as it is where it is no address."""
    try:
        address = ip_address(written)
    except ValueError:
        return written
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
