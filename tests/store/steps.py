"""Short ways to bring a store into a state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from aggregator.core.digest import digest
from aggregator.core.model import Content, EditedEntry, Entry, EntryChanges, FeedInfo, NewEntry
from aggregator.core.moves import Moves
from aggregator.core.wire import Validators
from aggregator.service.archives.ports import ArchiveStore
from aggregator.service.clocks import Timekeeper
from aggregator.service.frontier import Frontier, HostRun
from aggregator.service.ports import (
    ClaimedSource,
    Lease,
    PastPoll,
    PollRecord,
    PollStore,
    Selection,
    SourceHealth,
    SourceSpec,
)
from aggregator.service.pushes.ports import PushStore
from aggregator.service.readership import ReaderStore
from aggregator.service.taking_down import TakedownStore
from tests.builders import NOON, entry

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
EVERYTHING = Selection()


class Store(
    PollStore,
    Frontier,
    TakedownStore,
    ReaderStore,
    ArchiveStore,
    PushStore,
    Timekeeper,
    Protocol,
):
    """The database as a whole."""


def spec(key: str, **changes) -> SourceSpec:
    facts = {"url": f"https://{key}.example/feed", "name": key.upper()}
    return SourceSpec(key=key, **{**facts, **changes})


async def configure(store: Store, *specs: SourceSpec | str, now: datetime = NOON) -> None:
    """Makes these the store's sources; a plain word is a source of that key."""
    await store.sync_sources(
        [spec(each) if isinstance(each, str) else each for each in specs], now=now
    )


async def open_due(store: Store, now: datetime = NOON, **changes) -> list[HostRun]:
    """Runs at all hosts that a sweep finds; they hold for an hour."""
    until = changes.pop("until", now + HOUR)
    due = await store.sweep(now=now, **{"limit": 100, "failing": 100, "per_host": 100, **changes})
    return await store.open_hosts(due, now=now, until=until, delay=SECOND)


async def claim_due(store: Store, now: datetime = NOON, **changes) -> list[ClaimedSource]:
    """The sources of such runs."""
    return [source for run in await open_due(store, now, **changes) for source in run.sources]


async def claim_one(store: Store, key: str) -> ClaimedSource:
    (claimed,) = await store.claim([key], lease_until=NOON + HOUR)
    return claimed


def story(name: str, *, at: datetime = NOON, **changes) -> NewEntry:
    """A new entry about https://a.example/NAME, published, seen and ranked at a moment."""
    return NewEntry(
        entry=entry(name, **changes), published=at, updated=at, first_seen=at, rank_at=at
    )


def unsafe(item: NewEntry, **changes) -> NewEntry:
    """The entry with contents that normalizing would not let through."""
    return replace(item, entry=replace(item.entry, content=replace(item.entry.content, **changes)))


PAST_POLL = {
    "polled_at": NOON,
    "outcome": "new",
    "status": 200,
    "bytes": 1000,
    "elapsed": timedelta(milliseconds=250),
    "error": None,
    "sent": Validators(),
    "received": Validators(),
}


def record(lease: Lease, **changes) -> PollRecord:
    """`changes` go to the record, or to what is kept of its poll."""
    of_poll = {name: changes.pop(name) for name in PAST_POLL if name in changes}
    facts = {
        "lease": lease,
        "poll": PastPoll(**{**PAST_POLL, **of_poll}),
        "validators": Validators(),
        "body_digest": None,
        "packed": None,
        "failures": 0,
        "gone_count": 0,
        "throttles": 0,
        "moves": Moves(),
        "paused_until": None,
        "domain_paused_until": None,
        "not_before": None,
        "next_poll_at": NOON + HOUR,
        "next_poll_reason": "interval",
    }
    return PollRecord(**{**facts, **changes})


async def poll(
    store: Store,
    key: str,
    *new: NewEntry,
    info: FeedInfo | None = None,
    at: datetime = NOON,
    **changes,
) -> ClaimedSource:
    """A poll of the source that read a document; `changes` go to EntryChanges."""
    claimed = await claim_one(store, key)
    entry_changes = EntryChanges(new=new, **changes)
    saved = await store.save_poll(
        record(
            claimed.lease,
            polled_at=at,
            read=True,
            info=info or FeedInfo(title=f"Feed {key}"),
            changes=entry_changes,
        )
    )
    assert saved
    return claimed


async def entry_id(store: Store, claimed: ClaimedSource, item: NewEntry) -> int:
    found = await store.known(claimed.lease.source_id, [item.entry.digest], [])
    return found.by_digest[item.entry.digest].id


async def edit_of(
    store: Store, claimed: ClaimedSource, item: NewEntry, *, at: datetime = NOON, **content
) -> EditedEntry:
    """An edit that gives the stored entry other contents."""
    edited: Entry = replace(
        item.entry,
        content=replace(item.entry.content, **content),
        fingerprint=digest(str(content)),
    )
    return EditedEntry(
        id=await entry_id(store, claimed, item), entry=edited, updated=at, edited_at=at
    )


async def titles(store: Store, selection: Selection = EVERYTHING) -> list[str]:
    return [each.content.title for each in await store.stories(selection, limit=1000)]


async def health(store: Store, key: str) -> SourceHealth:
    return next(source for source in await store.sources() if source.key == key)


def keys(claimed: Sequence[ClaimedSource]) -> list[str]:
    return [source.key for source in claimed]


FULL = Content(
    title="标题 \N{WINKING FACE}",
    link="https://a.example/full?x=1&y=2",
    authors=(),
    language="zh-CN",
    summary="A summary",
    content_html="<p>文字</p>",
    text="文字",
    categories=("Python", "网"),
    enclosures=(),
    image="https://a.example/i.png",
)
