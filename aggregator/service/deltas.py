"""What a feed shows to whom an older state of it is known (RFC 3229, the manipulation "feed")."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Protocol, TypeVar

from aggregator.core.shelf import Shelf
from aggregator.core.shown import Shown

MOST_STATES = 8_000_000
"""Bytes in memory for the states of all documents. With a hundred entries each that is eight
thousand: a day of eighty documents that change every quarter of an hour.
"""

_MARK = 8
"""Bytes that stand for an entry as it looks."""


class Marked(Protocol):
    """An entry with its mark, by which it is known again."""

    @property
    def mark(self) -> bytes: ...


AnyMarked = TypeVar("AnyMarked", bound=Marked)


class States:
    """Which entries documents showed, under the tag that they had then.

    A process that starts anew knows none: who asks gets the whole document once.
    """

    def __init__(self, most: int = MOST_STATES) -> None:
        self._marks = Shelf[tuple[str, str], bytes](most, size=len)

    def remember(self, address: str, tag: str, shown: Iterable[Marked]) -> None:
        self._marks.put((address, tag), b"".join([each.mark for each in shown]))

    def of(self, address: str, tags: Iterable[str]) -> list[bytes]:
        """Those that are known under these tags."""
        states = (self._marks.get((address, tag)) for tag in dict.fromkeys(tags))
        return [state for state in states if state is not None]


def news(states: Iterable[bytes], shown: Sequence[AnyMarked]) -> list[AnyMarked]:
    """The entries that are new or changed since that of the states which is nearest."""
    return min((_not_in(state, shown) for state in states), key=len)


def _not_in(state: bytes, shown: Sequence[AnyMarked]) -> list[AnyMarked]:
    known = {state[start : start + _MARK] for start in range(0, len(state), _MARK)}
    return [each for each in shown if each.mark not in known]


def mark_of(shown: Shown) -> bytes:
    """Over what a reader would see of it; a source that only bears another name is no news."""
    entry = shown.entry
    sources = (entry.source.key, *(source.key for source in entry.also_in))
    looks = (entry.id, sources, entry.published, entry.updated, entry.content, shown.content)
    return blake2b(repr(looks).encode("utf-8", "surrogatepass"), digest_size=_MARK).digest()
