"""What a source offers to those who want its news pushed: its hubs, and its name there (WebSub).

Rule 1: links in the header come before those in the document (https://www.w3.org/TR/websub/ §4).
Rule 2: the topic is the `self` that stands beside the hubs, else the address that was polled; where
        that is redirected for good, the new one.
Rule 3: a `self` of somebody else's domain is no topic of this source: planets and services copy
        other feeds' heads, and their hubs would push us another feed's entries.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aggregator.core.urls import host_of, is_private_host, web_url

MOST_HUBS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The `hub` and `self` links of one place, absolute; none where it has none."""

    hubs: tuple[str, ...] = ()
    self_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Who pushes a source's news. Without hubs nobody does."""

    hubs: tuple[str, ...] = ()
    topic: str = ""
    """The name under which the hubs know the source: an address."""


def offer_of(
    header: Links, document: Links, *, polled: str, domain_of: Callable[[str], str]
) -> Offer:
    """What an answer offers. `polled` is the address asked, or where it redirects for good."""
    found = header if header.hubs else document
    if not found.hubs:
        return Offer()
    # Many send one of the two links in the header and both in the document.
    own = found.self_url or header.self_url or document.self_url
    mine = own is not None and domain_of(host_of(own)) == domain_of(host_of(polled))
    return Offer(hubs=found.hubs, topic=own if own and mine else polled)


def links_from(hubs: list[str | None], own: str | None, base: str) -> Links:
    """Links as they are written, made absolute; what cannot be an address is left out.

    `base` is where they stand: nobody outside a private network names a hub inside of one.
    """
    inside = is_private_host(host_of(base))
    absolute = (web_url(hub, base) for hub in hubs)
    unique = dict.fromkeys(
        hub for hub in absolute if hub and (inside or not is_private_host(host_of(hub)))
    )
    return Links(hubs=tuple(unique)[:MOST_HUBS], self_url=web_url(own, base))
