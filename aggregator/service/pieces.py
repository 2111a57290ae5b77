"""Entries as they stand in documents, each written once and kept until it changes.

runs           of lines, as a document shows them             (line_runs)
| before       those that stood in the document before        (kept)
| held         lines of the others that were written before
| texts        of the rest                                    (lines)
| pieces       written in a thread where there are many       (formats)
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from aggregator.core.joined import Piece, Run, are_once, run_of
from aggregator.core.publication import Format
from aggregator.core.shelf import Shelf
from aggregator.formats.written import Writer, left_out
from aggregator.service.line_runs import LineRun, in_runs, lines_of
from aggregator.service.lines import Line, LineView

MOST_PIECES = 16_000_000
"""Bytes in memory, beside those of documents in memory: for entries that come into other ones."""

FEW = 8
"""Entries that take less time to write than to hand to another thread."""

_UNFIT = Piece(id="", body=b"", digest=b"")
"""Of an entry that cannot be written."""

_Key = tuple[Format, str | None, bytes]

_Pieced = tuple[Line, Piece | None]
"""A line with its piece; none where it cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecedRun:
    """A run of lines with their pieces."""

    of: LineRun
    pieces: tuple[Piece | None, ...]
    """One for each line; none where it cannot be written."""
    written: Run
    whole: bool
    """Whether all of them are written."""


_WHOLE = attrgetter("whole")


class Pieces:
    """By format, language of the document and look of the entry."""

    def __init__(self, writers: Mapping[Format, Writer], most: int = MOST_PIECES) -> None:
        self._writers = writers
        self._held = Shelf[_Key, Piece](most, size=_size)

    async def of(
        self,
        runs: Sequence[LineRun],
        view: LineView,
        format: Format,
        language: str | None,
        before: Sequence[PiecedRun] = (),
    ) -> list[PiecedRun]:
        """In the order given. A story that changed meanwhile comes as it is now, or is missing.

        `before` was made for the same format and language: what stands in it is taken.
        """
        there = {each.of: each for each in before}
        new = [run for run in runs if run not in there]
        if not new:
            return [there[run] for run in runs]
        still = frozenset(runs)
        gone = [each for each in before if each.of not in still]  # where its neighbours stood
        known = {
            id(line): (line, piece)
            for each in gone
            for line, piece in zip(each.of.lines, each.pieces, strict=True)
        }
        lines = lines_of(new)
        rest = [line for line in lines if id(line) not in known]
        found = {line.number: known[id(line)] for line in lines if id(line) in known}
        found |= await self._looked_up(rest, view, format, language) if rest else {}
        if any(line.number not in found or found[line.number][0] != line for line in rest):
            return _anew(runs, there, found)
        there |= {run: _together(run, found) for run in new}
        return [there[run] for run in runs]

    async def _looked_up(
        self, lines: Sequence[Line], view: LineView, format: Format, language: str | None
    ) -> dict[int, _Pieced]:
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
    ) -> dict[int, _Pieced]:
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


def _together(run: LineRun, found: Mapping[int, _Pieced]) -> PiecedRun:
    pieces = tuple([found[line.number][1] for line in run.lines])
    written = run_of([each for each in pieces if each])
    return PiecedRun(of=run, pieces=pieces, written=written, whole=None not in pieces)


def _anew(
    runs: Sequence[LineRun], there: Mapping[LineRun, PiecedRun], found: dict[int, _Pieced]
) -> list[PiecedRun]:
    """With the lines that were found in place of those that were asked for."""
    for run in runs:
        if run in there:
            pieced = zip(run.lines, there[run].pieces, strict=True)
            found |= {line.number: (line, piece) for line, piece in pieced}
    lines = [found[line.number][0] for line in lines_of(runs) if line.number in found]
    return [_together(run, found) for run in in_runs(lines, runs)]


def writable(pieced: Sequence[PiecedRun]) -> tuple[list[Run], tuple[str, ...]]:
    """The runs of a document, and the ids of the entries that it goes without."""
    runs = [each.written for each in pieced]
    if are_once(runs) and all(map(_WHOLE, pieced)):
        return runs, ()
    places = left_out([piece for each in pieced for piece in each.pieces])
    lines = lines_of([each.of for each in pieced])
    gone, place, runs = set(places), 0, []
    for each in pieced:
        kept = [piece for n, piece in enumerate(each.pieces, place) if piece and n not in gone]
        place += len(each.pieces)
        runs += [run_of(kept)] if kept else []
    return runs, tuple([lines[place].id for place in places])


def fitting(pieced: Sequence[PiecedRun], room: int) -> list[PiecedRun]:
    """As many entries as there is room for, one at least; `room` is less than nothing."""
    some = [
        (line, piece)
        for each in pieced
        for line, piece in zip(each.of.lines, each.pieces, strict=True)
    ]
    while room < 0 and len(some) > 1:
        _, piece = some.pop()
        room += len(piece.body) if piece else 0
    found = {line.number: (line, piece) for line, piece in some}
    return [_together(run, found) for run in in_runs([line for line, _ in some])]
