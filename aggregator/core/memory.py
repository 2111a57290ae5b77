"""What is remembered of a source's last document, so that only what is new in it is read.

An item whose bytes are the same needs no second look, unless the new ones beside it cast doubt on
what it is: entries are judged by the company of their document (`normalize`, `renaming`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from aggregator.core.knowledge import Knowledge, strangers
from aggregator.core.model import Entry, EntryChanges, ReadFeed, Sketch, Sliced
from aggregator.core.normalize import Name

_SHORT = 8
"""Bytes of a digest that are kept: enough to tell the items of one document apart."""

FORM = "2"
"""Of what is packed. With another one, what was remembered before is forgotten."""

_HEAD = Struct("<8sQ")
_ITEM = Struct("<QQI16s")
_SKETCHES = Struct("<QQI16x")
_NAMES = Struct("<Q12x16s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of one document. `reading` stands for all that decides how it is read, beside its bytes. The
    items stay packed, 36 bytes each: most of what is asked of them is asked of all at once.
    """

    reading: bytes
    head: int
    items: bytes = b""

    @classmethod
    def of(cls, items: Mapping[Sketch, bytes], *, reading: bytes, head: int) -> "Memory":
        """Items and what they are called, as `called` tells."""
        packed = [_ITEM.pack(*sketch, name) for sketch, name in items.items()]
        return cls(reading=reading, head=head, items=b"".join(packed))

    def sketches(self) -> list[Sketch]:
        return list(_SKETCHES.iter_unpack(self.items))

    def names(self) -> dict[int, bytes]:
        """What items are called, by the digest that comes first in their sketch."""
        return dict(_NAMES.iter_unpack(self.items))

    def packed(self) -> bytes:
        """36 bytes an item, and 16."""
        return _HEAD.pack(self.reading, self.head) + self.items

    @classmethod
    def unpacked(cls, packed: bytes) -> "Memory":
        reading, head = _HEAD.unpack_from(packed)
        return cls(reading=reading, head=head, items=packed[_HEAD.size :])


def called(name: Name) -> bytes:
    """Digests of an item's guid alone and of its link, 8 bytes of each."""
    return name.alone[:_SHORT] + (name.link or bytes(_SHORT))[:_SHORT]


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
    items = {
        sketch: called(name)
        for sketch, name in zip(sliced.read, names, strict=True)
        if name.alone not in unsettled
    }
    known = before.names() if before and sliced.resting else {}
    items |= {sketch: known[sketch[0]] for sketch in sliced.resting if sketch[0] in known}
    return Memory.of(items, reading=reading, head=sliced.head)


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
    names = before.names()
    resting = {names[digest] for digest, _, _ in sliced.resting}
    guids, links = {name[:_SHORT] for name in resting}, {name[_SHORT:] for name in resting}
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
