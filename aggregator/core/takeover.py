"""Whether an address serves somebody else's feed now: an expired domain, a mixed-up cache.

A feed that is renamed, or moves to other software, keeps something of what it was: its id, its
site, its title, or an entry. One that keeps nothing of it is another.
"""

from aggregator.core.model import FeedInfo
from aggregator.core.urls import bare_host

FEWEST_SIGNS = 2
"""What must be there to compare, of id, site and title."""


def is_other_feed(before: FeedInfo, after: FeedInfo, *, entries: int, known: int) -> bool:
    """`known` of the document's `entries` came from this source before."""
    pairs = (
        (before.id, after.id),
        (_site(before), _site(after)),
        (_folded(before.title), _folded(after.title)),
    )
    comparable = [(old, new) for old, new in pairs if old and new]
    if known or not entries or len(comparable) < FEWEST_SIGNS:
        return False
    return not any(_shared(old, new) for old, new in comparable)


def _shared(old: str, new: str) -> bool:
    """The same, or the one a host below the other."""
    return old == new or old.endswith(f".{new}") or new.endswith(f".{old}")


def _site(info: FeedInfo) -> str:
    return bare_host(info.link) if info.link else ""


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()
