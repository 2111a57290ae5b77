"""Entries as pieces of documents, and the documents that are made of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from aggregator.core.joined import Joined, Piece
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from aggregator.formats.item import Item, item_of, newest

Built = TypeVar("Built")


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes one format, in UTF-8. Equal input gives equal bytes, whatever day it is."""

    pieces: Callable[[Sequence[Shown], str | None], list[Piece | None]]
    """Each entry as it stands in documents in a language; None where it cannot be written."""
    compose: Callable[[Channel, Sequence[Piece]], Joined]
    """A document of them, in the order given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A document, and the entries that it had to go without."""

    text: Joined
    dropped: tuple[str, ...] = ()
    """Ids of entries that could not be written or whose id stands in the document already."""

    @property
    def body(self) -> bytes:
        return self.text.body


def write(writer: Writer, channel: Channel, entries: Sequence[Shown]) -> Written:
    """The entries in the order given, all anew."""
    made = writer.pieces(entries, channel.language)
    ids = [shown.entry.id for shown in entries]
    pieces, left_out = each_once(made)
    dropped = tuple(ids[place] for place in left_out)
    channel = replace(channel, updated=newest(entries, channel.updated))
    return Written(text=writer.compose(channel, pieces), dropped=dropped)


def each_once(
    pieces: Sequence[Piece | None],
) -> tuple[list[Piece], tuple[int, ...]]:
    """The pieces of a document, and the places of those that it goes without."""
    kept = {piece.id: piece for piece in pieces if piece is not None}
    if len(kept) == len(pieces):  # nearly always: a loop takes several times as long
        return list(kept.values()), ()
    kept.clear()
    dropped = []
    for place, piece in enumerate(pieces):
        if piece is None or piece.id in kept:
            dropped.append(place)
        else:
            kept[piece.id] = piece
    return list(kept.values()), tuple(dropped)


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
