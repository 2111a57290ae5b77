"""What is remembered of a source's last document, so that only what is new in it is read.

An item whose bytes are the same needs no second look, unless the new ones beside it cast doubt on
what it is: entries are judged by the company of their document (`normalize`, `renaming`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from aggregator.core.knowledge import Knowledge, strangers
from aggregator.core.model import Entry, EntryChanges, ReadFeed, Sliced
from aggregator.core.normalize import Name

_SHORT = 8
"""Bytes of a digest that are kept: enough to tell the items of one document apart."""


_PACKED = Struct(f"{_SHORT}s" * 3)


class RememberedItem(NamedTuple):
    """What an item is called: digests of its guid alone and of its link, 8 bytes of each. A tuple,
    since a document has hundreds.
    """

    guid: bytes
    link: bytes

    @classmethod
    def called(cls, name: Name) -> "RememberedItem":
        return cls(guid=name.alone[:_SHORT], link=(name.link or bytes(_SHORT))[:_SHORT])


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of one document. `reading` stands for all that decides how it is read, beside its bytes."""

    reading: bytes
    head: str
    items: Mapping[str, RememberedItem] = field(default_factory=dict)
    """By the digest of the item's bytes."""

    def packed(self) -> bytes:
        """24 bytes an item, and 16."""
        parts = [self.reading, bytes.fromhex(self.head)]
        for digest, item in self.items.items():
            parts += [bytes.fromhex(digest), item.guid, item.link]
        return b"".join(parts)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Memory":
        items = _PACKED.iter_unpack(packed[2 * _SHORT :])
        return cls(
            reading=packed[:_SHORT],
            head=packed[_SHORT : 2 * _SHORT].hex(),
            items={digest.hex(): RememberedItem(guid, link) for digest, guid, link in items},
        )


def remember(
    feed: ReadFeed,
    names: Sequence[Name],
    before: Memory | None,
    *,
    reading: bytes,
    unsettled: Collection[bytes],
) -> Memory | None:
    """What to remember of a document. `names` are those of its entries that were read.

    An item is read again next time if its entry is `unsettled` (by the digest of its guid alone).
    """
    sliced = feed.sliced
    if sliced is None or len(names) != len(sliced.read):
        return None
    known = before.items if before else {}
    items = {digest: known[digest] for digest in sliced.items if digest in known}
    for number, name in zip(sliced.read, names, strict=True):
        if name.alone not in unsettled:
            items[sliced.items[number]] = RememberedItem.called(name)
    return Memory(reading=reading, head=sliced.head, items=items)


def unsettled(
    entries: Iterable[Entry], known: Knowledge, changes: EntryChanges
) -> frozenset[bytes]:
    """Those whose edit was not taken; it may be, another time."""
    taken = {edit.id for edit in (*changes.edited, *changes.refreshed)}
    waiting = set()
    for entry in entries:
        before = known.by_digest.get(entry.digest)
        if before and before.id not in taken and before.fingerprint != entry.fingerprint:
            waiting.add(entry.alone)
    return frozenset(waiting)


def casts_doubt(entries: Sequence[Entry], known: Knowledge, before: Memory, sliced: Sliced) -> bool:
    """Whether the entries that were read can be judged only beside those that were not."""
    read = {sliced.items[number] for number in sliced.read}
    resting = [before.items[digest] for digest in sliced.items if digest not in read]
    guids, links = {item.guid for item in resting}, {item.link for item in resting}
    return any(_meets(entry, guids, links) for entry in entries) or any(
        _may_be_known(entry, known) for entry in strangers(entries, known)
    )


def _meets(entry: Entry, guids: Collection[bytes], links: Collection[bytes]) -> bool:
    named = {each[:_SHORT] for each in (entry.alone, *entry.forms)}
    link = entry.link_digest
    return not named.isdisjoint(guids) or (link is not None and link[:_SHORT] in links)


def _may_be_known(entry: Entry, known: Knowledge) -> bool:
    """Under another guid: that is decided by the whole document (`renaming`)."""
    return entry.link_digest in known.by_link or not entry.forms.isdisjoint(known.by_digest)
