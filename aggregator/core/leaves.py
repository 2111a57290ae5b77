"""A feed is more than one document: the newest, further pages, and its archive (RFC 5005)."""

from dataclasses import dataclass

from aggregator.core.archives import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Which of a feed's documents; the first page is the one to subscribe to."""

    page: int = 1
    volume: Volume | None = None


NEWEST = Leaf()

Neighbours = dict[str, Leaf]
"""A document's other ones, by their relations to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """A document's place among those of its feed; absolute addresses in its own format.

    A document may stand among pages and in an archive at once, as each has relations of its own
    (RFC 5005 §3, §4). With us only the one to subscribe to does.
    """

    current: str | None = None
    """The one to subscribe to; None in that very document."""
    in_archive: bool = False
    """Whether its stories will never be others."""
    related: tuple[tuple[str, str], ...] = ()
    """Relations and addresses. `previous` and not `prev`: that is the one of RFC 5005."""

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All that the document has to name."""
        if self.in_archive and self.current:
            return (("current", self.current), *self.related)
        return self.related

    @property
    def onwards(self) -> str | None:
        """Where older stories are, for a format with one link for that."""
        named = dict(self.related)
        return named.get("prev-archive") or named.get("next")


ALONE = Links()
