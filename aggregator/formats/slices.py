"""Where the items of a document stand, so that known ones need not be read again.

A changed feed mostly has one new item among many that are as they were. Their bytes are found with
expat, which takes a hundredth of the time that reading them takes.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from xml.parsers import expat

from aggregator.core.digest import quick_number
from aggregator.core.model import Sketch

_ITEMS = {("rss", "channel", "item"), ("feed", "entry")}
"""Where items stand in RSS 2.0 and its forerunners without RDF, and in Atom."""
_NAMES = {"item", "entry"}

# What moves without anybody having written anything: comments of XML, how many comments an entry
# has, and when the document was built. In linear time: where a comment has no end, all that is left
# is looked at once, and stays.
_VOLATILE = re.compile(
    rb"<!--(?:.*?-->|(.*))"
    rb"|<slash:comments>\s{0,9}\d{0,9}\s{0,9}</slash:comments>"
    rb"|<thr:total>\s{0,9}\d{0,9}\s{0,9}</thr:total>",
    re.DOTALL,
)
_BUILT = re.compile(
    rb"<!--.*?-->|<(lastBuildDate|pubDate|updated|modified)>[^<]{0,80}</\1>", re.DOTALL
)


class _Odd(Exception):
    """The document is to be read whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """A well-formed document in UTF-8, and where its items begin and end."""

    document: bytes = field(repr=False)
    items: tuple[tuple[int, int], ...]
    """Offsets in bytes, in the order of the document."""
    sketches: tuple[Sketch, ...]
    """One an item, as `sketch_of` makes it."""

    def head_digest(self) -> int:
        """Over all that is no item."""
        return quick_number(_BUILT.sub(b"", self.with_items(())))

    def with_items(self, numbers: Collection[int]) -> bytes:
        """The document with these items alone, counted from 0."""
        kept, at = [], 0
        for number, (start, end) in enumerate(self.items):
            if number not in numbers:
                kept.append(self.document[at:start])
                at = end
        return b"".join([*kept, self.document[at:]])


def slices(document: bytes) -> Slices | None:
    """None where anything is odd: not well-formed, a DOCTYPE, RDF, an item inside of another."""
    finder = _Finder(document)
    try:
        finder.parse()
    except (expat.ExpatError, _Odd, ValueError):
        return None
    sketches = tuple(sketch_of(document[start:end]) for start, end in finder.items)
    return Slices(document=document, items=tuple(finder.items), sketches=sketches)


def sketch_of(item: bytes) -> Sketch:
    """Takes time that is linear in the bytes, whatever they are."""
    exact = quick_number(item)
    kept = _VOLATILE.split(item)
    digest = exact if len(kept) == 1 else quick_number(b"".join(filter(None, kept)))
    return digest, exact, len(item)


class _Finder:
    """Within an item only the ends of elements are listened to: a call for each costs most."""

    def __init__(self, document: bytes) -> None:
        self.items: list[tuple[int, int]] = []
        self._document = document
        self._path: list[str] = []
        self._others: set[str] = set()
        """Names of elements that are neither items nor channels."""
        self._channels = 0
        self._start = 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._listen_outside()

    def parse(self) -> None:
        self._parser.Parse(self._document, True)  # expat takes it by place only

    def _listen_outside(self) -> None:
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close

    def _refuse(self, *_: object) -> None:
        raise _Odd

    def _open(self, name: str, _attributes: object) -> None:
        self._path.append(name)
        if name in _NAMES:
            if tuple(self._path) not in _ITEMS:
                raise _Odd
            self._start = self._parser.CurrentByteIndex
            self._parser.StartElementHandler = None
            self._parser.EndElementHandler = self._close_inside
        elif name == "channel":
            self._channels += 1
            if self._channels > 1:
                raise _Odd
        elif name not in self._others:
            self._note(name)

    def _close(self, name: str) -> None:
        if not self._path or name != self._path.pop():
            raise _Odd  # the item before was inside of another one

    def _close_inside(self, name: str) -> None:
        if name in self._others:
            return
        if name not in _NAMES:
            self._note(name)
            return
        at = self._parser.CurrentByteIndex
        if name != self._path.pop() or not self._document.startswith(f"</{name}".encode(), at):
            raise _Odd  # another one inside, or <item/>
        self.items.append((self._start, self._document.index(b">", at) + 1))
        self._listen_outside()

    def _note(self, name: str) -> None:
        # Under a prefix it may, or may not, be an item.
        if name == "channel" or name.partition(":")[2] in _NAMES:
            raise _Odd
        self._others.add(name)
