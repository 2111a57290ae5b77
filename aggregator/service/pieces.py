"""Entries as they stand in documents, each written once and kept until it changes.

lines          what a document shows                          (lines)
| held         those that were written before
| texts        of the others                                  (lines)
| pieces       written in a thread where there are many       (formats)
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aggregator.core.joined import Piece
from aggregator.core.publication import Format
from aggregator.core.shelf import Shelf
from aggregator.core.shown import Shown
from aggregator.formats.written import Writer
from aggregator.service.lines import Line, LineView

MOST_PIECES = 64_000_000
"""Bytes in memory: in three formats seven thousand entries of three kilobytes."""

FEW = 8
"""Entries that take less time to write than to hand to another thread."""

_UNFIT = Piece(id="", body=b"", digest=b"")
"""Of an entry that cannot be written."""

_Key = tuple[Format, str | None, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieced:
    """A line with its piece; none where it cannot be written."""

    line: Line
    piece: Piece | None


class Pieces:
    """By format, language of the document and look of the entry."""

    def __init__(self, writers: Mapping[Format, Writer], most: int = MOST_PIECES) -> None:
        self._writers = writers
        self._held = Shelf[_Key, Piece](most, size=_size)

    async def of(
        self, lines: Sequence[Line], view: LineView, format: Format, language: str | None
    ) -> list[Pieced]:
        """In the order given. A story that changed meanwhile comes as it is now, or is missing."""
        held = {
            line.number: (line, self._held.get((format, language, line.look))) for line in lines
        }
        missing = [line for line, piece in held.values() if piece is None]
        if missing:
            texts = await view.texts(missing)
            for line in missing:
                del held[line.number]
            held |= await self._write(texts, format, language)
        found = (held[line.number] for line in lines if line.number in held)
        return [
            Pieced(line=line, piece=None if piece is _UNFIT else piece) for line, piece in found
        ]

    async def _write(
        self, texts: Sequence[tuple[Line, Shown]], format: Format, language: str | None
    ) -> dict[int, tuple[Line, Piece | None]]:
        write, shown = self._writers[format].pieces, [shown for _, shown in texts]
        if len(shown) > FEW:
            made = await asyncio.to_thread(write, shown, language)
        else:
            made = write(shown, language)
        written: dict[int, tuple[Line, Piece | None]] = {}
        for (line, _), piece in zip(texts, made, strict=True):
            written[line.number] = line, piece or _UNFIT
            self._held.put((format, language, line.look), piece or _UNFIT)
        return written


def _size(piece: Piece) -> int:
    return len(piece.body)
