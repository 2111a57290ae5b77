"""Entries as pieces of documents, and the documents that are made of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aggregator.core.joined import Joined, Piece, Run
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from aggregator.formats.item import Item, item_of

Built = TypeVar("Built")


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes one format, in UTF-8. Equal input gives equal bytes, whatever day it is."""

    pieces: Callable[[Sequence[Shown], str | None], list[Piece | None]]
    """Each entry as it stands in documents in a language; None where it cannot be written."""
    compose: Callable[[Channel, Sequence[Run]], Joined]
    """A document of them, in the order given."""


def left_out(pieces: Sequence[Piece | None]) -> tuple[int, ...]:
    """The places of those that a document goes without: it has each id once."""
    seen = set[str]()
    places = []
    for place, piece in enumerate(pieces):
        if piece is None or piece.id in seen:
            places.append(place)
        else:
            seen.add(piece.id)
    return tuple(places)


def build_each(
    entries: Iterable[Shown], build: Callable[[Item], Built]
) -> list[tuple[str, Built] | None]:
    """The id of each entry, as it is written, and what `build` makes of it.

    One entry alone never breaks a document: it is built apart from the others, and left out where
    its values cannot be written (ValueError, that is also encoding; TypeError).
    """
    built: list[tuple[str, Built] | None] = []
    for shown in entries:
        try:
            item = item_of(shown)
            built.append((item.id, build(item)))
        except (ValueError, TypeError):
            built.append(None)
    return built
