"""A document read by feedparser itself, with our mixins in its parsers."""

import io
from collections.abc import Mapping
from typing import Any

from aggregator.formats.feedparsing.as_written import AsWritten, Sound
from aggregator.formats.feedparsing.own import LooseFeedParser, StrictFeedParser, api

# Its `parse` has no argument for its parser classes.
api.StrictFeedParser = type("StrictFeedParser", (Sound, StrictFeedParser), {})
api.LooseFeedParser = type("LooseFeedParser", (AsWritten, LooseFeedParser), {})
HEADERS = {"content-type": "application/xml; charset=utf-8"}


def parse_whole(document: bytes, url: str) -> Mapping[str, Any]:
    # A stream, since feedparser takes bytes that look like a path or an address for one.
    # Content-Location makes every reported base absolute (without one, an entry's xml:base leaks
    # into its successors).
    result: Mapping[str, Any] = api.parse(
        io.BytesIO(document),
        response_headers=HEADERS | {"content-location": url},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    return result
