"""An entry as one publication shows it."""

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from aggregator.core.dates import attributed_at
from aggregator.core.digest import digest
from aggregator.core.model import PublishedEntry, PublishedSource, Wishes

ContentMode = Literal["full", "summary", "title"]
"""How much of a source's entries is republished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`excerpt` is plain text, cut already."""

    entry: PublishedEntry
    excerpt: str
    content: ContentMode = "full"


def weight(shown: Shown) -> int:
    """Bytes that its texts take in memory: a letter takes one to four, with the widest of them."""
    content = shown.entry.content
    texts = (content.content_html, content.text, content.summary, shown.excerpt)
    return sum(map(sys.getsizeof, texts))


@dataclass(frozen=True, slots=True)
class Attribution:
    """What entries tell of their source, as a digest, and when it says that it was updated.

    The time is apart, as many sources stamp it on every answer.
    """

    look: bytes
    updated: datetime | None


def earlier(updated: datetime | None, entry: datetime) -> datetime | None:
    """When a source was updated, if an entry that was updated at `entry` tells another time."""
    at = attributed_at(updated if updated and updated.tzinfo else None, entry)
    return at if at < entry else None


def attribution_of(source: PublishedSource) -> Attribution:
    info = replace(source.info, updated=None, wishes=Wishes())
    return Attribution(look=digest(repr(replace(source, info=info))), updated=source.info.updated)
