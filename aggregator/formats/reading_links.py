"""The hubs of an RSS or Atom document, and the address that it gives as its own."""

from collections.abc import Mapping
from typing import Any

from aggregator.core.offers import Links, links_from
from aggregator.core.urls import web_url
from aggregator.formats.reading_fields import dicts


def read_links(feed: Mapping[str, Any], url: str) -> Links:
    """From feedparser's dictionary of the feed, found at `url`: `atom:link` in any format."""
    found = [
        (str(link.get("rel")).strip().lower(), _absolute(link, url))
        for link in dicts(feed.get("links"))
        if isinstance(link.get("href"), str)
    ]
    own = next((href for rel, href in found if rel == "self"), None)
    return links_from([href for rel, href in found if rel == "hub"], own, url)


def _absolute(link: Mapping[str, Any], url: str) -> str | None:
    base = link.get("base")
    return web_url(link["href"], web_url(base, url) if isinstance(base, str) else url)
