"""What is known of a document's entries before it is reconciled."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aggregator.core.model import Entry, KnownEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What we know of the entries of one document, and of its source's entries with its links."""

    by_digest: Mapping[bytes, KnownEntry]
    by_link: Mapping[bytes, KnownEntry]
    """Of several entries with one link, the newest."""
    tombstones: frozenset[bytes]
    """Digests that must not come back."""
    by_text: Mapping[bytes, KnownEntry] = field(default_factory=dict)
    """By the digest of title and text; asked for where a document looks renamed."""
    oldest: datetime | None = None
    """Date of the oldest of the source's newest entries; asked for where a document brings many at
    once."""
    nothing: bool = False
    """There is nothing to know of this source, whatever is asked for."""

    def of(self, digests: Collection[bytes]) -> "Knowledge":
        """What was asked for with these among others."""
        return replace(
            self,
            by_digest={each: self.by_digest[each] for each in digests if each in self.by_digest},
            tombstones=self.tombstones.intersection(digests),
        )

    def with_forms(self, formed: "Knowledge") -> "Knowledge":
        """Together with what is known under other forms of the entries' guids."""
        return replace(
            self,
            by_digest={**formed.by_digest, **self.by_digest},
            tombstones=self.tombstones | formed.tombstones,
        )


def held(entry: Entry, known: Knowledge) -> KnownEntry | None:
    """The known entry that this is, though its guid may have had other company when we met it."""
    before = known.by_digest.get(entry.apart)
    if before is None and (before := known.by_digest.get(entry.alone)):
        is_alone = entry.digest == entry.alone
        return before if is_alone or same_link(entry, before) else None
    return before


def is_dead(entry: Entry, known: Knowledge) -> bool:
    """Whether it was left out or deleted once, if under another form of its guid."""
    return not known.tombstones.isdisjoint((entry.digest, entry.apart, *entry.forms))


def strangers(entries: Sequence[Entry], known: Knowledge) -> list[Entry]:
    return [one for one in entries if held(one, known) is None and not is_dead(one, known)]


def same_link(entry: Entry, before: KnownEntry) -> bool:
    return entry.link_digest is not None and before.link_digest == entry.link_digest
