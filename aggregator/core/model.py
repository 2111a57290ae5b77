"""The values that everything speaks of, one type per stage of an entry's life.

    ReadFeed / ReadEntry       what a document said, made safe to handle (formats, cage)
    Entry                      normalized: it has an identity and a fingerprint (normalize)
    NewEntry / EditedEntry     what a poll changes (reconcile)
    Story / StoryEntry         all that is stored of one story (store)
    PublishedEntry             what we show: one story, its lead entry and its sources (store)

All times are aware datetimes in UTC.
All text is free of characters that XML forbids; all addresses are absolute http(s).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from aggregator.core.offers import Links

CODE_BLOCK = "\ufffc"
"""Stands for one block of code in `text` (U+FFFC OBJECT REPLACEMENT CHARACTER)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author (RFC 4287 §3.2). At least one of the three is present."""

    name: str | None = None
    email: str | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file that goes with an entry; `length` in bytes where the source says it."""

    url: str
    type: str | None = None
    length: int | None = None
    duration: int | None = None
    """Seconds that it plays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category that says more than its name (RFC 4287 §4.2.2)."""

    term: str
    scheme: str | None = None
    """An absolute IRI."""
    label: str | None = None

    @property
    def name(self) -> str:
        return self.label or self.term


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The feed that an aggregated entry is from, where its source is not (RFC 4287 §4.2.11)."""

    title: str = ""
    id: str | None = None
    link: str | None = None
    """The web page that the feed belongs to."""
    url: str | None = None
    """Where the feed is."""
    rights: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a reader sees of an entry."""

    title: str = ""
    link: str | None = None
    authors: tuple[Person, ...] = ()
    language: str | None = None
    summary: str = ""
    """Plain text of the source's own summary; empty when it gave none."""
    content_html: str = ""
    """Sanitized HTML with absolute addresses."""
    text: str = ""
    """Plain text of the content, single-spaced, its beginning only; code is `CODE_BLOCK`."""
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    image: str | None = None
    contributors: tuple[Person, ...] = ()
    terms: tuple[Category, ...] = ()
    """Those of `categories` that say more than their name."""
    comments: str | None = None
    """The page where people discuss it."""
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """One item as its document has it."""

    guid: str | None
    """atom:id, RSS guid or JSON Feed id: the source's own text, whatever base stood around it."""
    link_as_written: str | None
    """The link before the document's address was applied; an identity where there is no guid."""
    published: datetime | None
    updated: datetime | None
    content: Content
    taken_from: tuple[str, ...] = ()
    """Addresses of the feed that the entry says it comes from (atom:source, RSS source)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a document asks of those who poll it."""

    ttl: timedelta | None = None
    """How long it stays good: RSS `ttl`, or `sy:updatePeriod` over `sy:updateFrequency`."""
    skip_hours: tuple[int, ...] = ()
    """Hours of the day in UTC without polls, 0 to 23."""
    skip_days: tuple[int, ...] = ()
    """Days of the week without polls, Monday being 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedInfo:
    """What a document says of its feed."""

    title: str = ""
    subtitle: str = ""
    link: str | None = None
    """The web page that the feed belongs to."""
    id: str | None = None
    """atom:id of the feed."""
    updated: datetime | None = None
    language: str | None = None
    icon: str | None = None
    rights: str = ""
    authors: tuple[Person, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)


Sketch = tuple[int, int, int]
"""What an item's bytes are known by: a digest of what may mean something to a reader, one of all of
them, and how many they are.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliced:
    """What a document is made of."""

    head: int
    """A digest of all that is no item, the time when it was built aside."""
    read: tuple[Sketch, ...]
    """Of each item that was read, in the order of the document."""
    resting: tuple[Sketch, ...] = ()
    """Of those that were not, since they are known."""
    same: bool = False
    """Nothing was read: the head is the known one, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFeed:
    """A document, read. `format` is feedparser's version name ("rss20", "atom10") or "json1"."""

    format: str
    info: FeedInfo
    entries: tuple[ReadEntry, ...]
    links: Links = field(default_factory=Links)
    """Its hubs and itself, as the document names them."""
    sliced: Sliced | None = None
    """None where its items cannot be told apart surely: then `entries` are all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item of a source, normalized."""

    guid: str
    """The source's own guid; else its link as written; else a digest (sha256:…)."""
    digest: bytes
    """16 bytes that stand for `guid`: together with the source, the entry's identity."""
    alone: bytes
    """The digest that the guid has where a document gives it to one item only."""
    apart: bytes
    """The digest that it has where others of the document bear it, too."""
    forms: frozenset[bytes] = frozenset()
    """The digests of the same guid with another scheme, `www.` or slash at its end; none where
    the document lists such a pair itself."""
    link_digest: bytes | None
    """16 bytes that stand for the canonical link; None where the link cannot name one story."""
    fingerprint: bytes
    """Over all that a reader sees: decides whether an entry was edited (`normalize`)."""
    published: datetime | None
    updated: datetime | None
    content: Content
    taken_from: tuple[str, ...] = ()
    """Addresses of the feed that the entry says it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntry:
    """What the store holds of an entry, as far as a poll has to know it."""

    id: int
    digest: bytes
    link_digest: bytes | None
    fingerprint: bytes
    published: datetime
    updated: datetime
    first_seen: datetime
    edits: int = 0
    """How many edits were taken lately; see `edits.py`."""
    edited_at: datetime | None = None
    """When we took the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledEntry:
    """A known entry with its words."""

    known: KnownEntry
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An entry to insert. `published` and `updated` are final and not after `first_seen`."""

    entry: Entry
    published: datetime
    updated: datetime
    first_seen: datetime
    rank_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedEntry:
    """A known entry whose content changed; its place stays unless `rank_at` is given."""

    id: int
    entry: Entry
    updated: datetime
    edits: int = 1
    """How many edits were taken lately, this one included."""
    edited_at: datetime
    rank_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChanges:
    """What one poll does to a source's entries."""

    new: tuple[NewEntry, ...] = ()
    """Oldest first, so that later ids mean later places where ranks are equal."""
    edited: tuple[EditedEntry, ...] = ()
    refreshed: tuple[EditedEntry, ...] = ()
    """Known entries that an older version of ours took in: they say what they said, and we keep
    more of it, or another form. Nobody edited them."""
    migrated: tuple[tuple[int, Entry], ...] = ()
    """Known entries (by id) that came back under another guid."""
    left_out: tuple[bytes, ...] = ()
    """Digests of entries that `backfill` leaves out; they never return as new."""

    @property
    def empty(self) -> bool:
        return not (self.new or self.edited or self.refreshed or self.migrated or self.left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSource:
    """A source as its entries are attributed to it (atom:source, RFC 4287 §4.2.11)."""

    key: str
    name: str
    url: str
    info: FeedInfo = field(default_factory=FeedInfo)


JoinedBy = Literal["alone", "link", "text"]
"""Why an entry is in its story: it opened it, or has its link, or tells the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntry:
    """One entry of a story, as it is stored."""

    source: PublishedSource
    listed: bool = True
    """Whether the configuration has its source; it is not shown otherwise."""
    guid: str
    published: datetime
    updated: datetime
    first_seen: datetime
    joined_by: JoinedBy = "alone"
    taken_down: str | None = None
    """The id of the takedown that hides it."""
    content: Content

    @property
    def available(self) -> bool:
        """Whether it may be shown, as far as filters let it."""
        return self.listed and self.taken_down is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story with all that is stored of it, before anybody chose what to show."""

    id: str
    """The id that we publish."""
    number: int = 0
    """The store's own, and higher for later stories: tells apart those of one rank."""
    rank_at: datetime
    changed_at: datetime
    entries: tuple[StoryEntry, ...]
    """The story's own lead first, then by age, the oldest first; at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEntry:
    """One story as we show it: its lead entry, and the other sources that carry it."""

    id: str
    """The id that we publish; fixed when the story is first published."""
    guid: str
    source: PublishedSource
    also_in: tuple[PublishedSource, ...] = ()
    published: datetime
    updated: datetime
    first_seen: datetime
    changed_at: datetime
    """When what we show of it last changed; decides Last-Modified."""
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Takedown:
    """A story that the operator has taken down, whether any of it is still stored or not."""

    id: str
    """The id that it was published under."""
    taken_at: datetime
    reason: str = ""
    title: str = ""
    link: str | None = None
    entries: tuple[tuple[str, str], ...] = ()
    """Its entries when it was taken down: key of the source, and guid."""

    def concerns(self, sources: Collection[str] | None) -> bool:
        """Whether it was a story of one of these sources; None is every source."""
        return sources is None or any(key in sources for key, _ in self.entries)
