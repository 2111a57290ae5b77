"""Media RSS (https://www.rssboard.org/media-rss) for what Atom and RSS have no element for."""

from collections.abc import Iterable
from dataclasses import dataclass

from aggregator.core.model import Enclosure
from aggregator.formats.item import Item
from aggregator.formats.writing.elements import Element, child

MEDIA = "http://search.yahoo.com/mrss/"


@dataclass(frozen=True, slots=True)
class MediaNamespace:
    """Declares it once, at the root: what feedgen lets others add to a feed."""

    def extend_ns(self) -> dict[str, str]:
        return {"media": MEDIA}

    def extend_atom(self, feed: Element) -> None:
        """Adds no element."""


def add_media(element: Element, item: Item, files: Iterable[Enclosure]) -> None:
    """The entry's picture, and those files; others are named by elements of their format."""
    for file in files:
        child(
            element,
            f"{{{MEDIA}}}content",
            url=file.url,
            type=file.type,
            fileSize=str(file.length) if file.length else None,
            duration=str(file.duration) if file.duration else None,
        )
    if item.image:
        child(element, f"{{{MEDIA}}}thumbnail", url=item.image)
