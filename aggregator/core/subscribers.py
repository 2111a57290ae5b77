"""How many people a feed reader stands for, and how many all of them do.

A service that reads for many tells their number in its User-Agent, in the way that Bloglines
began: "Feedly/1.0 (+https://feedly.com/poller.html; 12 subscribers; )". Every other client stands
for one. The count errs towards too few, since it goes out as ours.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.core.digest import digest

COUNTED = timedelta(days=7)
"""Who was not seen for so long has left."""

RETURNS_AFTER = timedelta(hours=1)
"""A reader comes again and again; a visitor, a crawler's probe or a link checker comes once, or a
few times in one sitting. An hour is what readers poll at, and needs no calendar, as days would.
"""

MOST_TOLD = 1_000_000

# Neither "1.5 subscribers" nor "-3 subscribers", nor the ends of "1,000 subscribers" and
# "Reader/2 subscribers"; and nobody has a number of more digits than that.
_TOLD = re.compile(r"(?<![\w.,/+-])([0-9]{1,12}) subscribers?\b", re.IGNORECASE)

_DISGUISE = re.compile(r"Mozilla/[0-9.]+ \(compatible; *", re.IGNORECASE)
_NAME_ENDS = re.compile(r"[/:;,()]| - | [0-9]")
_HOST = re.compile(r"https?://([^\s/;,()]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReader:
    """Who fetches a feed document of ours: all that is kept of it, and no part of it is a name."""

    group: bytes
    """Of one that tells a number: the product. Of any other: the run of ours that saw it."""
    member: bytes
    """Of one that tells a number: the document. Of any other: the client."""
    told: int | None
    """How many subscribers it says it has."""
    first_seen_at: datetime
    last_seen_at: datetime


def recognize(*, document: str, address: str, agent: str, salt: str, now: datetime) -> FeedReader:
    """The reader behind a fetch. Without the salt, which a run of ours never tells, nobody finds
    the address of a client again by trying all that there are.
    """
    told = told_by(agent)
    if told is None:
        group, member = digest("run", salt), digest("client", salt, address, agent)
    else:
        group, member = digest("product", *product_of(agent)), digest("document", document)
    return FeedReader(group=group, member=member, told=told, first_seen_at=now, last_seen_at=now)


def told_by(agent: str) -> int | None:
    """How many subscribers a User-Agent speaks of; None where it speaks of none, or nonsense."""
    found = _TOLD.search(agent)
    return min(int(found[1]), MOST_TOLD) if found else None


def product_of(agent: str) -> tuple[str, str]:
    """A name without version and numbers, and the host of the address that comes with it: what
    people host themselves has one name everywhere.
    """
    undisguised = _DISGUISE.sub("", agent, count=1)
    name = _NAME_ENDS.split(undisguised, maxsplit=1)[0].strip()
    host = _HOST.search(undisguised)
    return name.lower(), host[1].lower() if host else ""


def returned(reader: FeedReader) -> bool:
    """Whether it came again, as readers do."""
    return reader.last_seen_at - reader.first_seen_at >= RETURNS_AFTER


def count_subscribers(readers: Iterable[FeedReader], *, now: datetime) -> int:
    """For how many people these readers came lately.

    A product counts with the largest of its documents' numbers. Clients of different runs cannot
    be told apart, so that the run with most of them stands for all.
    """
    products: dict[bytes, int] = {}
    clients: Counter[bytes] = Counter()
    for reader in readers:
        # Of a time to come: a clock was wrong.
        if not returned(reader) or abs(now - reader.last_seen_at) > COUNTED:
            continue
        if reader.told is None:
            clients[reader.group] += 1
        else:
            products[reader.group] = max(reader.told, products.get(reader.group, 0))
    return sum(products.values()) + max(clients.values(), default=0)


def rounded_down(number: int) -> int:
    """To two significant digits: it shall not change with every reader that comes or goes."""
    unit: int = 10 ** max(len(str(number)) - 2, 0)
    return number // unit * unit
