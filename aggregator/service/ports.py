"""What the services need of the outside, as Protocols that their consumers own.

The real ones are in fetch, cage and store; the fakes in tests sign the same contract.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aggregator.core.model import (
    EntryChanges,
    FeedInfo,
    PublishedEntry,
    ReadFeed,
    Wishes,
)
from aggregator.core.reconcile import Knowledge
from aggregator.core.wire import Answer, FetchRequest, Validators


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


class Fetcher(Protocol):
    async def fetch(self, request: FetchRequest) -> Answer:
        """One conditional GET. Every outcome is a value; only cancellation raises."""


class Reader(Protocol):
    async def read(self, document: Document) -> ReadFeed:
        """Raises UnreadableFeed, also when reading took too much memory, CPU or time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source as configured, as far as the store keeps it."""

    key: str
    url: str
    name: str | None
    enabled: bool = True


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
    host: str
    validators: Validators
    body_digest: bytes | None
    """Of the last body that was read; an equal one needs no reading."""
    ever_read: bool
    """False until a document of it was taken in: the next one is its first."""
    failures: int
    """Failed polls since the last good one."""
    gone_count: int
    """410s in a row."""
    paused_until: datetime | None
    """A server's Retry-After, by the steady clock."""
    wishes: Wishes
    """What its last document asked of those who poll it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRecord:
    """Everything that one poll writes, in one transaction."""

    lease: Lease
    polled_at: datetime
    """By the wall clock."""
    succeeded: bool
    status: int | None
    error: str | None
    validators: Validators
    body_digest: bytes | None
    failures: int
    gone_count: int
    paused_until: datetime | None
    next_poll_at: datetime
    """By the steady clock."""
    next_poll_reason: str
    read: bool = False
    """True when a document was taken in; `info` and `changes` are its outcome."""
    info: FeedInfo = field(default_factory=FeedInfo)
    changes: EntryChanges = field(default_factory=EntryChanges)


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
    next_poll_reason: str
    paused_until: datetime | None
    failures: int
    gone_count: int
    last_status: int | None
    last_error: str | None
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which stories to list, newest first by rank. None means no condition."""

    sources: Collection[str] | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Counts changes to what is published; equal numbers mean equal documents."""

    number: int
    changed_at: datetime


class PollStore(Protocol):
    """What polling needs of the database. One method is one transaction."""

    async def sync_sources(self, specs: Sequence[SourceSpec], *, now: datetime) -> None:
        """Makes the listed sources those of the configuration; entries of others are kept."""

    async def claim_due(
        self,
        *,
        now: datetime,
        lease_until: datetime,
        limit: int,
        per_host: int,
        busy_hosts: Collection[str],
    ) -> list[ClaimedSource]:
        """Due sources, longest overdue first, `per_host` of a host, none of a busy one; leased."""

    async def claim(
        self, keys: Collection[str] | None, *, lease_until: datetime
    ) -> list[ClaimedSource]:
        """The named sources (None: all enabled ones) whatever schedule and leases say."""

    async def release(self, leases: Collection[Lease]) -> None:
        """Gives claims back unpolled; the sources are due as they were."""

    async def known(
        self, source_id: int, digests: Collection[bytes], links: Collection[bytes]
    ) -> Knowledge:
        """What is known of these entries of this source."""

    async def save_poll(self, record: PollRecord) -> bool:
        """Everything or nothing; False when the lease was lost and nothing was written."""

    async def hasten(self, keys: Collection[str], *, next_poll_at: datetime) -> None:
        """These sources are due at that time at the latest; failing and paused ones stay put."""

    async def forgive(self, source_ids: Collection[int], *, next_poll_at: datetime) -> None:
        """Takes back one failure of each of these sources; they are due at that time."""


class ReadStore(Protocol):
    """What pages, feeds and commands need of the database."""

    async def revision(self) -> Revision: ...

    async def stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[PublishedEntry]:
        """Newest first by rank, each with its lead entry and all its sources."""

    async def count_stories(self, selection: Selection) -> int: ...

    async def sources(self) -> list[SourceHealth]:
        """Every configured source, by key."""

    async def ping(self) -> None:
        """Raises StoreError when the database does not answer."""
