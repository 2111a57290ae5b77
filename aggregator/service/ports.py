"""What the services need of the outside, as Protocols that their consumers own.

The real ones are in fetch, cage and store; the fakes in tests sign the same contract.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from aggregator.core.knowledge import Knowledge
from aggregator.core.memory import Memory
from aggregator.core.model import (
    EntryChanges,
    FeedInfo,
    PublishedEntry,
    ReadFeed,
    RecalledEntry,
    Sketch,
    Story,
    Takedown,
)
from aggregator.core.moves import Moves
from aggregator.core.offers import Offer
from aggregator.core.positions import ChangedStory, Position, Step
from aggregator.core.pushes import PushHealth, PushStanding
from aggregator.core.rhythm import Habits, Sighting
from aggregator.core.wire import (
    Answer,
    Call,
    Called,
    Failed,
    FetchRequest,
    PackedForm,
    Validators,
)

Outcome = Literal["new", "unchanged", "not_modified", "gone", "throttled", "failed"]
"""What a poll came to."""


Complain = Callable[[str, Exception], None]
"""Told what was being done when something of ours failed."""


class Clock(Protocol):
    """Two readings. A stepped wall clock moves the first and not the second."""

    def now(self) -> datetime:
        """The wall clock, in UTC: for what we record and show."""

    def steady(self) -> datetime:
        """Where the wall clock would be had nobody stepped it since start: for what we wait on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Bytes to be read as a feed."""

    body: bytes
    content_type: str
    url: str
    """Where it was found: the base of relative addresses."""
    players: bool = False
    """Whether frames of players that we know stay in its texts; they become links else."""
    known_head: int | None = None
    known_items: Sequence[Sketch] = ()
    """What need not be read again (`ReadFeed.sliced`)."""


class Fetcher(Protocol):
    async def fetch(self, request: FetchRequest) -> Answer:
        """One conditional GET. Every outcome is a value; only cancellation raises."""


class Caller(Protocol):
    async def call(self, call: Call) -> Called | Failed:
        """One request without redirects. Every outcome is a value; only cancellation raises."""


class Reader(Protocol):
    async def read(self, document: Document) -> ReadFeed:
        """Raises UnreadableFeed, also when reading took too much memory, CPU or time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source as configured, as far as the store keeps it."""

    key: str
    url: str
    """As it may be shown: without what came from the environment behind the host."""
    name: str | None
    enabled: bool = True
    priority: int = 0
    """Who leads a story whose origin none of its sources is: the highest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claim on a source; only the holder of its token may save a poll."""

    source_id: int
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedSource:
    """A source to be polled now, with what the poll has to know."""

    lease: Lease
    key: str
    url: str
    """As configured, and as it may be shown."""
    host: str
    """Where it is polled; the unit of one request at a time."""
    domain: str
    """The registrable domain of a public host: what a server's pause holds for."""
    moves: Moves
    validators: Validators
    body_digest: bytes | None
    """Of the last body that was read; an equal one needs no reading."""
    packed: PackedForm | None
    """How that came, where it came packed."""
    ever_read: bool
    """False until a document of it was taken in: the next one is its first."""
    blank: bool
    """No poll of it was ever a success: nothing of it is stored, nor known."""
    failures: int
    """Failed polls since the last good one."""
    gone_count: int
    """410s in a row."""
    throttles: int
    """Answers in a row that asked for a pause."""
    paused_until: datetime | None
    """When its server's pause ends, by the steady clock; that of a public domain, if it has one."""
    last_news_at: datetime | None
    """When it last brought something new, by the wall clock."""
    info: FeedInfo
    """What its last document said of the feed."""
    push: PushStanding | None = None
    """What its hub does, where a subscription is verified."""
    habits: Habits | None = None
    """What was learned of its rhythm; None where entries came or went since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPoll:
    """What is kept of a poll for people to look at. Times are the wall clock's."""

    polled_at: datetime
    outcome: Outcome
    status: int | None
    bytes: int
    """Of the document, decompressed."""
    elapsed: timedelta
    error: str | None
    sent: Validators
    received: Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRecord:
    """Everything that one poll writes, in one transaction."""

    lease: Lease
    poll: PastPoll
    validators: Validators
    """Those to send next time."""
    body_digest: bytes | None
    packed: PackedForm | None
    failures: int
    gone_count: int
    throttles: int
    moves: Moves
    paused_until: datetime | None
    """When a pause ends that the server asked of this source, by the steady clock."""
    domain_paused_until: datetime | None
    """When it ends for the other sources of its domain."""
    not_before: datetime | None
    """No shorter interval brings the next poll before this; by the steady clock."""
    next_poll_at: datetime
    """By the steady clock."""
    next_poll_reason: str
    read: bool = False
    """True when a document was taken in; `info` and `changes` are its outcome."""
    info: FeedInfo = field(default_factory=FeedInfo)
    changes: EntryChanges = field(default_factory=EntryChanges)
    offer: Offer | None = None
    """What the source offers by way of pushes; None: as before."""
    missed_at: datetime | None = None
    """The time, by the steady clock, where the poll found what should have been pushed."""
    memory: Memory | None = None
    """What to remember of the document that was taken in; None forgets the one before."""
    habits: Habits | None = None
    """What was learned of its rhythm; None: as before, unless there is something new."""

    @property
    def succeeded(self) -> bool:
        return self.poll.outcome in {"new", "unchanged", "not_modified"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A source whose time has come; `key` names its policy."""

    source_id: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """A source with its state, as `sources` lists it."""

    key: str
    url: str
    name: str | None
    info: FeedInfo
    enabled: bool
    last_poll_at: datetime | None
    last_success_at: datetime | None
    next_poll_at: datetime | None
    """Not before a pause of its domain ends."""
    next_poll_reason: str
    paused_until: datetime | None
    """The end of its own pause or of its domain's, whichever is later."""
    failures: int
    gone_count: int
    throttles: int
    last_status: int | None
    last_error: str | None
    moved_to: str | None
    """Where it is polled instead of `url`, since that redirects there for good."""
    suggested_url: str | None
    """Where a lost feed seems to have gone; nothing is polled there."""
    entries: int
    push: PushHealth | None = None
    """Its hub, where it offers one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which stories to list, newest first by rank. None means no condition."""

    sources: Collection[str] | None = None
    search: str | None = None
    after: Position | None = None
    """Only those that stand below it, be it taken or not."""
    since: datetime | None = None
    """Only those of that rank and above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Counts changes to what is published; equal numbers mean equal documents."""

    number: int
    changed_at: datetime

    @property
    def end(self) -> Step:
        """The step behind which only later changes stand."""
        return Step(self.number + 1, 0)


class PollStore(Protocol):
    """What polling needs of the database. One method is one transaction."""

    async def sync_sources(self, specs: Sequence[SourceSpec], *, now: datetime) -> None:
        """Makes the listed sources those of the configuration; entries of others are kept."""

    async def claim(
        self, keys: Collection[str] | None, *, lease_until: datetime
    ) -> list[ClaimedSource]:
        """The named sources (None: all enabled ones) whatever schedule and leases say."""

    async def release(self, leases: Collection[Lease]) -> None:
        """Gives claims back unpolled; the sources are due as they were."""

    async def next_due(self, *, after: datetime) -> datetime | None:
        """When the first source falls due after that; None where none will."""

    async def overdue(self, *, now: datetime) -> list[Overdue]:
        """The sources that could be polled now, longest overdue first."""

    async def postpone(self, times: Mapping[int, datetime], *, now: datetime, reason: str) -> None:
        """Gives these sources (by id) other times for their next poll, if they are overdue yet."""

    async def sightings(self, source_id: int, *, limit: int) -> list[Sighting]:
        """When the newest entries of this source appeared."""

    async def known(
        self, source_id: int, digests: Collection[bytes], links: Collection[bytes]
    ) -> Knowledge:
        """What is known of these entries of this source."""

    async def recall(
        self, source_id: int, *, ids: Collection[int] | None = None, limit: int
    ) -> list[RecalledEntry]:
        """Entries of this source (None: any) with their words, newest first."""

    async def remembered(self, source_id: int) -> Memory | None:
        """What is remembered of the last document that was taken in of this source."""

    async def save_poll(self, record: PollRecord) -> bool:
        """Everything or nothing; False when the lease was lost and nothing was written."""

    async def suggest(self, source_id: int, url: str) -> None:
        """Where this source's feed seems to have gone; a good poll takes that back."""

    async def hasten(
        self, intervals: Mapping[str, timedelta], *, now: datetime, reason: str
    ) -> None:
        """Sources (by key) whose interval has become shorter: it counts from their last poll.

        Those that fail, are gone or were told to wait stay put; no wish of a source is passed over.
        """

    async def forgive(self, source_ids: Collection[int], *, at: datetime, reason: str) -> None:
        """Takes back one failure of each of these sources; they are due at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A guid that must not come back as new to its source."""

    source: str
    """Its key."""
    pruned_at: datetime | None
    """When retention dropped the entry; None where `backfill` left it out."""


class ReadStore(Protocol):
    """What pages, feeds and commands need of the database."""

    @property
    def moves(self) -> int:
        """How often this process has moved the revision on: once what it did can be seen."""

    async def revision(self) -> Revision: ...

    async def stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[PublishedEntry]:
        """Newest first by rank, each with its lead entry and all its sources."""

    async def count_stories(self, selection: Selection, *, most: int | None = None) -> int:
        """How many are selected; counts no further than `most`."""

    async def whole_stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[Story]:
        """The same stories in the same order, each with all its entries of listed sources."""

    async def changed_stories(self, after: Step, *, limit: int) -> list[ChangedStory]:
        """Stories that changed after that, each once, its latest change counting; oldest first.

        Each with all its entries, those of sources that are not listed, too.
        """

    async def count_changes(self, after: Step, *, most: int) -> int:
        """How many stories changed after that; counts no further than `most`."""

    async def first_change(self, since: datetime) -> Step:
        """The step behind which every change of that time and later stands."""

    async def find_stories(self, text: str, *, limit: int) -> list[Story]:
        """Those with this published id, guid or link; else those with a part of one like it.

        Newest first by rank, with the entries of sources that are not listed, too.
        """

    async def tombstones(self, digests: Collection[bytes]) -> list[Tombstone]:
        """Those of listed sources, by source."""

    async def takedowns(self) -> list[Takedown]:
        """What was taken down, newest first; of the rest `find_stories` alone shows it."""

    async def sources(self, keys: Collection[str] | None = None) -> list[SourceHealth]:
        """The configured sources that are named (None: all), by key."""

    async def first_due(self, keys: Collection[str] | None, *, now: datetime) -> datetime | None:
        """When the first of these (None: any) is or was due; without those that are paused."""

    async def past_polls(self, key: str) -> list[PastPoll]:
        """The last polls of the source, newest first; none for an unknown key."""

    async def note_served(self, names: Collection[tuple[str, str]]) -> None:
        """Keeps for good that these (kind and name) were served."""

    async def was_served(self, kind: str, name: str) -> bool:
        """Whether that was noted."""

    async def ping(self) -> None:
        """Raises StoreError when the database does not answer."""
