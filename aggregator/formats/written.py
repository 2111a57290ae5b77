"""A document that was written, and the entries that it had to go without."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from aggregator.core.shown import Shown
from aggregator.formats.item import Item, item_of

Built = TypeVar("Built")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The bytes, in UTF-8. Equal channels and entries give equal bytes, whatever day it is."""

    body: bytes
    dropped: tuple[str, ...] = ()
    """Ids of entries that could not be written or whose id stands in the document already."""


def build_each(
    entries: Iterable[Shown], build: Callable[[Item], Built]
) -> tuple[list[Built], tuple[str, ...]]:
    """What `build` makes of each entry, and the ids of the dropped ones.

    One entry alone never breaks a document: it is built apart from the others, and left out where
    its values cannot be written (ValueError, that is also encoding; TypeError).
    """
    built: dict[str, Built] = {}
    dropped = []
    for shown in entries:
        try:
            item = item_of(shown)
            ready = None if item.id in built else build(item)
        except (ValueError, TypeError):
            ready = None
        if ready is None:
            dropped.append(shown.entry.id)
        else:
            built[item.id] = ready
    return list(built.values()), tuple(dropped)
