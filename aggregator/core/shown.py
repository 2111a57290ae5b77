"""An entry as one publication shows it."""

from dataclasses import dataclass
from typing import Literal

from aggregator.core.model import PublishedEntry

ContentMode = Literal["full", "summary", "title"]
"""How much of a source's entries is republished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`excerpt` is plain text, cut already."""

    entry: PublishedEntry
    excerpt: str
    content: ContentMode = "full"
