"""A document as feedparser's dictionaries."""

import re
from collections.abc import Mapping
from typing import Any

from aggregator.core.errors import UnreadableFeed
from aggregator.formats.feedparsing.quick import parse_quickly
from aggregator.formats.feedparsing.whole import parse_whole

_DECLARATION = re.compile(rb"<\?xml[^>]{0,1000}>")


def parse(document: bytes, url: str) -> Mapping[str, Any]:
    """Raises UnreadableFeed."""
    quick = parse_quickly(document, url)
    return _by_feedparser(document, url) if quick is None else quick


def _by_feedparser(document: bytes, url: str) -> Mapping[str, Any]:
    try:
        return parse_whole(document, url)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 feedparser lets through whatever a codec or a parser raises
        text = document.decode("utf-8", "replace").encode()
    try:
        return parse_whole(_DECLARATION.sub(b"", text, count=1), url)
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableFeed(f"a document that cannot be read ({type(error).__name__})") from error
