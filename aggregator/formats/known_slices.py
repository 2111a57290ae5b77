"""A document without the items that are known, which need not go where documents are read.

without_known:  ends of items → digests of their bytes → the rest, an empty item in place of known
                ones
stand_ins:      where the parser sees those empty items → whether they stand where items may

The first compares bytes and does no more, in linear time: it says nothing of what they mean. The
bytes of a known item were well-formed UTF-8, and an item, when they were met before. In a place
where a document may have an element they are so again; whether that is such a place, the parser
tells of the empty item. It sees the rest alone, as does who looks into the charset.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from aggregator.core.digest import quick_number
from aggregator.core.model import Sketch
from aggregator.formats.slices import Slices, sketch_of

_NAMES = (b"item", b"entry")

_EMPTY = {name: b"<%b></%b>" % (name, name) for name in _NAMES}

_BEHIND_NAME = (b">", b" ", b"\n", b"\t", b"\r", b"/")

MOST_ITEMS = 500
"""That are looked at. A document with more of them goes to the reading process as it is."""

_TAIL = 4096
"""Bytes at a document's end in which an item ends, as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A document with an empty item for each run of known ones with white space between them, which
    is there, too.
    """

    document: bytes = field(repr=False)
    runs: tuple[tuple[int, int], ...]
    """Where each empty item begins, and for how many known ones it stands."""
    sketches: tuple[Sketch, ...] = ()
    """Of the known ones, in the order of the document."""


def without_known(document: bytes, known: Sequence[Sketch]) -> Rest | None:
    """None where hardly anything would be left out, or the document has very many items."""
    end = document[-_TAIL:]
    name = next((one for one in _NAMES if b"</%b>" % one in end), None)
    if name is None or not known:
        return None
    kept: list[bytes] = []
    runs: list[tuple[int, int]] = []
    sketches: list[Sketch] = []
    others = at = length = 0
    for start, end_at, sketch in _candidates(document, name, known):
        if others + len(sketches) == MOST_ITEMS:
            return None
        if sketch is None:
            others += 1
            continue
        between = document[at:start]
        kept.append(between)
        length += len(between)
        if runs and not between.strip(b" \t\r\n"):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((length, 1))
            kept.append(_EMPTY[name])
            length += len(_EMPTY[name])
        sketches.append(sketch)
        at = end_at
    if others > len(sketches):
        return None
    rest = b"".join([*kept, document[at:]])
    return Rest(document=rest, runs=tuple(runs), sketches=tuple(sketches)) if runs else None


def _candidates(
    document: bytes, name: bytes, known: Sequence[Sketch]
) -> Iterator[tuple[int, int, Sketch | None]]:
    """From the first start after an end to the next end, with what is known of it. Whatever else
    there is is no known item.

    Behind a known item comes the one that came behind it before, as a rule: then its size says
    where it ends.
    """
    opening, closing = b"<" + name, b"</%b>" % name
    numbers = {digest: number for number, (digest, _, _) in enumerate(known)}
    likely = known[0]
    end = 0
    while (start := document.find(opening, end)) >= 0:
        if document[start + len(opening) : start + len(opening) + 1] not in _BEHIND_NAME:
            end = start + len(opening)  # <items>
            continue
        sketch = likely
        _, exact, size = sketch
        end = start + size
        ends_there = document.startswith(closing, end - len(closing))
        if not ends_there or quick_number(document[start:end]) != exact:
            end = document.find(closing, start) + len(closing)
            if end < len(closing):
                return
            sketch = sketch_of(document[start:end])
        number = numbers.get(sketch[0])
        yield start, end, None if number is None else sketch
        if number is not None:
            likely = known[(number + 1) % len(known)]


def stand_ins(found: Slices, rest: Rest) -> Collection[int] | None:
    """The numbers of the items that stand for known ones in what is left of the rest's document;
    None where one of them was not taken for an item.
    """
    shift = len(rest.document) - len(found.document)  # of what stood before the root
    starts = {
        start: number
        for number, (start, end) in enumerate(found.items)
        if found.document[start:end] in _EMPTY.values()
    }
    numbers = {starts.get(place - shift) for place, _ in rest.runs}
    return None if None in numbers else {one for one in numbers if one is not None}
