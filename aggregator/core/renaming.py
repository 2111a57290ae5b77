"""When entries that we know come under other guids: a new scheme, new software, another domain.

Rule 1: the same address in another form is the same guid (`Entry.forms`).
Rule 2: the same link with the same date, or with the same content, is the same entry.
Rule 3: when nearly all known links come with new guids, the source changed its guids; when nearly
        all of a document is strange but its texts are known, it changed guids and links.
No rule takes an entry for one that the document lists itself, nor two for one.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time

from aggregator.core.dates import own_date
from aggregator.core.digest import digest
from aggregator.core.knowledge import Knowledge, is_dead, same_link, strangers
from aggregator.core.model import Entry, KnownEntry, RecalledEntry

FEWEST_MOVED = 3
MOVED_SHARE = 0.9

Held = Mapping[bytes, KnownEntry]
"""Entries of a document, by digest, that are known ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """Entries, by digest, that are known ones under other guids."""

    known: Held = field(default_factory=dict)
    all_at_once: bool = False
    """The source changed its guids, so that older ones among the rest are no news."""


def looks_renamed(entries: Sequence[Entry], known: Knowledge) -> bool:
    """Whether it is worth asking for texts: all but a tenth is strange, by guid and by link."""
    strange = [one for one in strangers(entries, known) if one.link_digest not in known.by_link]
    return _nearly_all(len(strange), of=len(entries))


def by_text(recalled: Sequence[RecalledEntry]) -> dict[bytes, KnownEntry]:
    """What is known, by its words; words that several entries share are nobody's."""
    made = [(_words(one.title, one.text), one.known) for one in recalled]
    times = Counter(words for words, _ in made)
    return {words: entry for words, entry in made if times[words] == 1}


def known_by_text(entry: Entry, known: Knowledge) -> KnownEntry | None:
    """The known entry with its words. Where no texts are known, as mostly, none are compared."""
    if not known.by_text:
        return None
    return known.by_text.get(_words(entry.content.title, entry.content.text))


def _words(title: str, text: str) -> bytes:
    return digest(" ".join(title.split()).casefold(), " ".join(text.split()).casefold())


def renamed(entries: Sequence[Entry], holding: Held, known: Knowledge) -> Renamed:
    present = {found.id for found in holding.values()}
    strange = [one for one in entries if one.digest not in holding and not is_dead(one, known)]
    formed = _single(strange, lambda one: _by_form(one, known), present)
    present |= {found.id for found in formed.values()}
    rest = [one for one in strange if one.digest not in formed]
    linked = _single(rest, lambda one: _by_link(one, known), present)
    familiar = sum(one.link_digest in known.by_link for one in entries)
    if _nearly_all(len(linked), of=familiar):
        return Renamed(known=formed | linked, all_at_once=True)
    sure = {
        one.digest: linked[one.digest]
        for one in rest
        if one.digest in linked and _is_same(one, linked[one.digest])
    }
    present |= {found.id for found in sure.values()}
    worded = _single(
        [one for one in rest if one.digest not in sure],
        lambda one: known_by_text(one, known),
        present,
    )
    if _nearly_all(len(worded), of=min(len(entries), len(known.by_text))):
        return Renamed(known=formed | sure | worded, all_at_once=True)
    return Renamed(known=formed | sure)


def _single(
    entries: Sequence[Entry], find: Callable[[Entry], KnownEntry | None], present: set[int]
) -> dict[bytes, KnownEntry]:
    """Whom `find` finds for each; none that is present, and none that it finds for two."""
    found = [(one.digest, before) for one in entries if (before := find(one))]
    times = Counter(before.id for _, before in found)
    return {
        digest: before
        for digest, before in found
        if before.id not in present and times[before.id] == 1
    }


def _by_form(entry: Entry, known: Knowledge) -> KnownEntry | None:
    found = [known.by_digest[form] for form in entry.forms & known.by_digest.keys()]
    alone = entry.digest == entry.alone
    fitting = [before for before in found if alone or same_link(entry, before)]
    return max(fitting, key=lambda before: before.id, default=None)


def _by_link(entry: Entry, known: Knowledge) -> KnownEntry | None:
    return known.by_link.get(entry.link_digest) if entry.link_digest else None


def _is_same(entry: Entry, before: KnownEntry) -> bool:
    """A date that we had to correct or to make up says nothing, and a bare day says little."""
    date = own_date(entry)
    if date is None or date >= before.first_seen:
        return entry.fingerprint == before.fingerprint
    exact = date.time() != time() or entry.fingerprint == before.fingerprint
    return exact and date == before.published


def _nearly_all(count: int, *, of: int) -> bool:
    return of >= FEWEST_MOVED and count >= MOVED_SHARE * of
