"""Where the items of a document stand most of whose items are known.

found_again:  ends of items → digests of their bytes → the rest, without known ones → `slices`

The bytes of a known item were well-formed UTF-8, and an item, when they were met before. In a
place where a document may have an element they are so again; whether that is such a place, the
parser tells of an empty item in theirs. It then sees the rest alone, as does who looks into the
charset.
"""

from collections.abc import Collection, Iterator

from aggregator.formats.charsets import is_utf8
from aggregator.formats.slices import Slices, digest_of, slices

_NAMES = (b"item", b"entry")

_TAIL = 4096
"""Bytes at a document's end in which an item ends, as a rule."""

_Run = list[tuple[int, int, str]]
"""Known items with nothing but white space between: where each begins and ends, and its digest."""


def found_again(document: bytes, content_type: str, known: Collection[str]) -> Slices | None:
    """The same as `slices` finds in the document once it is in UTF-8; None where that has to look
    itself.
    """
    end = document[-_TAIL:]
    name = next((one for one in _NAMES if b"</%b>" % one in end), None)
    runs = _known_runs(document, name, known) if name else []
    if name is None or not runs:
        return None
    empty = b"<%b></%b>" % (name, name)
    rest = _without(document, runs, empty)
    found = slices(rest) if is_utf8(rest, content_type) else None
    return None if found is None else _with(document, runs, found, len(empty))


def _known_runs(document: bytes, name: bytes, known: Collection[str]) -> list[_Run]:
    runs: list[_Run] = []
    for start, end in _candidates(document, name):
        digest = digest_of(document[start:end])
        if digest not in known:
            continue
        if runs and _is_white(document[runs[-1][-1][1] : start]):
            runs[-1].append((start, end, digest))
        else:
            runs.append([(start, end, digest)])
    return runs


def _candidates(document: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    """From the first start after an end to the next end: what else there is is no known item, or
    is found by the parser.
    """
    opening, closing = b"<" + name, b"</%b>" % name
    end = 0
    while (start := document.find(opening, end)) >= 0:
        end = document.find(closing, start) + len(closing)
        if end < len(closing):
            return
        yield start, end


def _is_white(between: bytes) -> bool:
    return not between.strip(b" \t\r\n")


def _without(document: bytes, runs: list[_Run], empty: bytes) -> bytes:
    """The document with an empty item for each run."""
    kept, at = [], 0
    for run in runs:
        kept += [document[at : run[0][0]], empty]
        at = run[-1][1]
    return b"".join([*kept, document[at:]])


def _with(document: bytes, runs: list[_Run], found: Slices, size: int) -> Slices | None:
    """What was found in the rest, as places in the document; None where an empty item, of so many
    bytes, was not taken for one.
    """
    items: _Run = []
    waiting = iter(runs)
    run = next(waiting, None)
    shift = 0
    """How much further on in the document than in the rest."""
    for (start, end), digest in zip(found.items, found.digests, strict=True):
        if run and start + shift >= run[0][0]:
            if start + shift != run[0][0] or end - start != size:
                return None
            items += run
            shift = run[-1][1] - end
            run = next(waiting, None)
        else:
            items.append((start + shift, end + shift, digest))
    if run:
        return None
    return Slices(
        document=document,
        items=tuple((start, end) for start, end, _ in items),
        digests=tuple(digest for _, _, digest in items),
    )
