"""Documents in memory: what they were made of, and for how long they are good."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.core.publication import Document, Format
from aggregator.service.pieces import PiecedRun

MOST_KEPT = 100
"""Documents, and as many again of searches, pages and archives."""

MOST_BYTES = 50_000_000
"""Of each of the two; one document is kept in any case."""

Key = tuple[str, Format]
"""The address of the web page, and the format."""

_NEVER = -1
"""A revision that there is not: of a document that is good only as the last good one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A document, what it was made of, and the revision that it shows."""

    revision: int
    made_of: bytes
    document: Document
    pieces: Sequence[PiecedRun] = ()
    """By this configuration; none where it was another one's."""
    until: datetime | None
    true_at: datetime | None = None
    """When it was known to be the newest, by the steady clock; None of one that is good only as the
    last good one."""

    def shows(self, revision: int, now: datetime) -> bool:
        """Whether it is still what is to be served at this revision."""
        return self.revision >= revision and (self.until is None or now <= self.until)


class KeptDocuments:
    """Those that nobody asks for make room: there may be thousands of sources.

    Searches, pages and archives, of which there may be any number, only take each other's room.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def get(self, key: Key) -> Kept | None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept[key] = kept
        return kept

    def put(self, key: Key, kept: Kept) -> None:
        self._kept.pop(key, None)
        self._kept[key] = kept
        alike = [each for each in self._kept if _is_further(each) == _is_further(key)]
        size = sum(self._kept[each].document.text.size for each in alike)
        for count, oldest in zip(range(len(alike), 1, -1), alike, strict=False):
            if count <= MOST_KEPT and size <= MOST_BYTES:
                break
            size -= self._kept.pop(oldest).document.text.size

    def confirm(self, key: Key, at: datetime) -> None:
        """It was found to be the newest yet; `at` is by the steady clock."""
        if (kept := self._kept.get(key)) and kept.true_at:
            self._kept[key] = replace(kept, true_at=max(kept.true_at, at))

    def outdate(self) -> None:
        """From now on they are good as the last good ones only."""
        self._kept = {
            key: replace(kept, revision=_NEVER, true_at=None, pieces=())
            for key, kept in self._kept.items()
        }


def _is_further(key: Key) -> bool:
    return "?" in key[0]
