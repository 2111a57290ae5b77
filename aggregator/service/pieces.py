"""Entries as they stand in documents, each written once and kept until it changes.

lines          what a document shows                          (lines)
| held         those that were written before
| texts        of the others                                  (lines)
| pieces       written in a thread where there are many       (formats)
"""

import asyncio
from collections.abc import Mapping, Sequence
from operator import itemgetter

from aggregator.core.joined import Piece
from aggregator.core.publication import Format
from aggregator.core.shelf import Shelf
from aggregator.formats.written import Writer
from aggregator.service.lines import Line, LineView

MOST_PIECES = 16_000_000
"""Bytes in memory, beside those of documents in memory: for entries that come into other ones."""

FEW = 8
"""Entries that take less time to write than to hand to another thread."""

_UNFIT = Piece(id="", body=b"", digest=b"")
"""Of an entry that cannot be written."""

_Key = tuple[Format, str | None, bytes]


Pieced = tuple[Line, Piece | None]
"""A line with its piece; none where it cannot be written."""

_LINE = itemgetter(0)


class Pieces:
    """By format, language of the document and look of the entry."""

    def __init__(self, writers: Mapping[Format, Writer], most: int = MOST_PIECES) -> None:
        self._writers = writers
        self._held = Shelf[_Key, Piece](most, size=_size)

    async def of(
        self,
        lines: Sequence[Line],
        view: LineView,
        format: Format,
        language: str | None,
        before: Sequence[Pieced] = (),
    ) -> list[Pieced]:
        """In the order given. A story that changed meanwhile comes as it is now, or is missing.

        `before` was made for the same format and language: where a line stands in it, that is
        taken. To look for each of a thousand among all takes ten times as long.
        """
        there = dict(zip(map(id, map(_LINE, before)), before, strict=True))
        rest = [line for line in lines if id(line) not in there]
        if rest:
            found = await self._looked_up(rest, view, format, language)
            there |= {id(line): found[line.number] for line in rest if line.number in found}
        pieced = map(there.get, map(id, lines))
        return [each for each in pieced if each is not None]

    async def _looked_up(
        self, lines: Sequence[Line], view: LineView, format: Format, language: str | None
    ) -> dict[int, Pieced]:
        held = [(line, self._held.get((format, language, line.look))) for line in lines]
        missing = [line for line, piece in held if piece is None]
        written = await self._written(missing, view, format, language) if missing else {}
        at_hand = {
            line.number: (line, None if piece is _UNFIT else piece)
            for line, piece in held
            if piece is not None
        }
        return at_hand | written

    async def _written(
        self, lines: Sequence[Line], view: LineView, format: Format, language: str | None
    ) -> dict[int, Pieced]:
        texts = await view.texts(lines)
        write, shown = self._writers[format].pieces, [shown for _, shown in texts]
        if len(shown) > FEW:
            made = await asyncio.to_thread(write, shown, language)
        else:
            made = write(shown, language)
        for (line, _), piece in zip(texts, made, strict=True):
            self._held.put((format, language, line.look), piece or _UNFIT)
        return {line.number: (line, piece) for (line, _), piece in zip(texts, made, strict=True)}


def _size(piece: Piece) -> int:
    return len(piece.body)


def fitting(pieces: Sequence[Pieced], room: int) -> int:
    """How many there is room for, one at least; `room` is what is left, less than nothing."""
    count = len(pieces)
    while room < 0 and count > 1:
        count -= 1
        _, piece = pieces[count]
        room += len(piece.body) if piece else 0
    return count
