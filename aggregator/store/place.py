"""Where a source is polled, as far as politeness goes."""

from collections.abc import Callable

from aggregator.core.urls import host_of
from aggregator.store.mapping import Columns

DomainOf = Callable[[str], str]
"""The registrable domain of a host; a host that has none stands for itself."""


def place_columns(url: str, domain_of: DomainOf) -> Columns:
    host = host_of(url)
    return {"host": host, "domain": domain_of(host)}
