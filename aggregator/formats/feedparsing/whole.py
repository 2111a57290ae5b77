"""A document read by feedparser itself, with our mixins in its parsers."""

import io
from collections.abc import Mapping
from importlib.util import module_from_spec
from typing import Any

import feedparser.api

from aggregator.formats.feedparsing.as_written import AsWritten, Sound


def _own_feedparser() -> Any:
    """Feedparser's module with `parse`, loaded once more for us alone.

    It has no argument for its parser classes, and others in this process may want theirs.
    """
    spec = feedparser.api.__spec__
    own = module_from_spec(spec)
    spec.loader.exec_module(own)
    for name, ours in (("StrictFeedParser", Sound), ("LooseFeedParser", AsWritten)):
        setattr(own, name, type(name, (ours, getattr(own, name)), {}))  # made from mixins, too
    return own


_own = _own_feedparser()
HEADERS = {"content-type": "application/xml; charset=utf-8"}


def parse_whole(document: bytes, url: str) -> Mapping[str, Any]:
    # A stream, since feedparser takes bytes that look like a path or an address for one.
    # Content-Location makes every reported base absolute (without one, an entry's xml:base leaks
    # into its successors).
    result: Mapping[str, Any] = _own.parse(
        io.BytesIO(document),
        response_headers=HEADERS | {"content-location": url},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    return result
