"""The registrable domain of a host, by the Public Suffix List (https://publicsuffix.org)."""

from functools import cache

from publicsuffixlist import PublicSuffixList

from aggregator.core.addresses import literal_address
from aggregator.core.urls import is_private_host


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registrable_domain(host: str) -> str:
    """`example.co.uk` of `feeds.example.co.uk`; an address, a local name or a suffix is itself.

    Who shares a domain is one owner: whoever registers below a suffix such as `github.io` is his
    own, as the list's private part has it.
    """
    if is_private_host(host) or literal_address(host):
        return host
    return _public_suffixes().privatesuffix(host) or host
