"""What an answer brings: the document read, normalized, and reconciled with what is known."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from aggregator.core.digest import digest, quick_digest
from aggregator.core.edits import raised
from aggregator.core.errors import UnreadableFeed
from aggregator.core.knowledge import Knowledge, strangers
from aggregator.core.memory import FORM, Memory, casts_doubt, remember, unsettled
from aggregator.core.model import Entry, EntryChanges, FeedInfo, ReadFeed
from aggregator.core.normalize import VERSION, names_of, normalize
from aggregator.core.offers import Links
from aggregator.core.reconcile import FEWEST_OF_THE_PAST, reconcile
from aggregator.core.renaming import by_text, known_by_text, looks_renamed
from aggregator.core.schedule import asks_for_a_pause
from aggregator.core.takeover import is_other_feed
from aggregator.core.wire import Answer, Failed, FailureKind, Fetched, Gone, NotModified
from aggregator.service.policies import SourcePolicy
from aggregator.service.ports import ClaimedSource, Clock, Document, Outcome, PollStore, Reader

MOST_RECALLED = 300
"""Entries whose words are compared with those of a document that looks renamed, and whose dates
are with those of one that brings many."""

_NEWS = 3
"""Entries that were read at most where nearly all of them are new."""

_Made = TypeVar("_Made")

_FEW = 200
"""Entries that take no longer than a request may wait for: more of them are none of the loop's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came in. `answer` is a failure where the document could not be used."""

    answer: Answer
    outcome: Outcome
    digest: bytes | None = None
    """Of the document, where it could be used."""
    bytes: int = 0
    read: bool = False
    info: FeedInfo = field(default_factory=FeedInfo)
    changes: EntryChanges = field(default_factory=EntryChanges)
    links: Links | None = None
    """Those of the document; None where none was read."""
    memory: Memory | None = None

    @property
    def succeeded(self) -> bool:
        return isinstance(self.answer, Fetched | NotModified)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A document's entries, beside `resting` known ones that were not read again."""

    feed: ReadFeed
    entries: tuple[Entry, ...]
    known: Knowledge
    resting: int = 0


class TakeIn:
    """Takes an answer in, without writing anything."""

    def __init__(self, *, store: PollStore, reader: Reader, clock: Clock) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock

    async def __call__(self, source: ClaimedSource, policy: SourcePolicy, answer: Answer) -> Taken:
        match answer:
            case Fetched():
                return await self._document(source, policy, answer)
            case NotModified():
                return Taken(answer=answer, outcome="not_modified")
            case Gone():
                return Taken(answer=answer, outcome="gone")
            case Failed():
                paused = asks_for_a_pause(answer)
                return Taken(answer=answer, outcome="throttled" if paused else "failed")

    async def _document(
        self, source: ClaimedSource, policy: SourcePolicy, fetched: Fetched
    ) -> Taken:
        if fetched.is_known and source.packed:
            length = source.packed.length
            return _unchanged(fetched, length, source.body_digest)
        found = quick_digest(fetched.body)
        unchanged = _unchanged(fetched, len(fetched.body), found)
        if found == source.body_digest:
            return unchanged
        document = Document(
            body=fetched.body,
            content_type=fetched.content_type,
            url=fetched.url,
            players=policy.players,
        )
        memory = await self._memory(source, document)
        try:
            read = await self._read(source, policy, document, memory)
        except UnreadableFeed as error:
            return _refused(fetched, "unreadable", str(error))
        if read is None:
            return unchanged
        if source.ever_read and _is_other(source, read):
            return _refused(fetched, "other_feed", _other(read.feed))
        feed, entries = read.feed, read.entries
        changes = await self._changes(source, policy, read)
        # An empty document is no past to count from: publishers do serve one by mistake. Only
        # where nothing of the past is wanted does it say where the past ends.
        counts = bool(entries) or source.ever_read or policy.intake.backfill == 0
        return Taken(
            answer=fetched,
            outcome="new" if changes.new or changes.edited else "unchanged",
            bytes=len(fetched.body),
            read=counts,
            info=feed.info,
            changes=changes,
            links=feed.links,
            memory=await _aside(
                partial(_remembered, read, changes, memory, _reading(document)), len(entries)
            ),
            digest=found,
        )

    async def _changes(
        self, source: ClaimedSource, policy: SourcePolicy, read: _Read
    ) -> EntryChanges:
        decide = partial(
            reconcile,
            read.entries,
            read.known,
            policy.intake,
            first=not source.ever_read,
            now=self._clock.now().replace(microsecond=0),
        )
        changes = await _aside(decide, len(read.entries))
        if policy.intake.updates == "bump":
            return await self._raised(source, changes, of=len(read.entries) + read.resting)
        return changes

    async def _memory(self, source: ClaimedSource, document: Document) -> Memory | None:
        """What is remembered of the last document, if it was read as this one is to be."""
        if not source.ever_read:
            return None
        memory = await self._store.remembered(source.lease.source_id)
        return memory if memory and memory.reading == _reading(document) else None

    async def _read(
        self,
        source: ClaimedSource,
        policy: SourcePolicy,
        document: Document,
        memory: Memory | None,
    ) -> _Read | None:
        """What is new in the document, or all of it; None where nothing is. May raise
        UnreadableFeed.
        """
        if memory is not None:
            asked = replace(document, known_head=memory.head, known_items=memory.sketches())
            feed = await self._reader.read(asked)
            if feed.sliced and feed.sliced.same:
                return None
            entries = await _normalized(feed, source, policy)
            known = await self._knowledge(source, entries)
            resting = len(feed.sliced.resting) if feed.sliced else 0
            if not (resting and feed.sliced and casts_doubt(entries, known, memory, feed.sliced)):
                return _Read(feed=feed, entries=entries, known=known, resting=resting)
        feed = await self._reader.read(document)
        entries = await _normalized(feed, source, policy)
        known = await self._knowledge(source, entries)
        return _Read(feed=feed, entries=entries, known=known)

    async def _knowledge(self, source: ClaimedSource, entries: tuple[Entry, ...]) -> Knowledge:
        """More of it where the document holds what we do not know."""
        if source.blank:
            return Knowledge(by_digest={}, by_link={}, tombstones=frozenset())
        id, links = source.lease.source_id, [one.link_digest for one in entries if one.link_digest]
        digests = {digest for one in entries for digest in (one.digest, one.alone, one.apart)}
        likely: set[bytes] = set()
        if len(entries) <= _NEWS:
            likely.update(form for one in entries for form in one.forms)
        found = await self._store.known(id, digests | likely, links)
        if found.nothing:
            return found
        known = found.of(digests)
        forms = {form for one in strangers(entries, known) for form in one.forms}
        if forms:
            formed = found if forms <= likely else await self._store.known(id, forms, [])
            known = known.with_forms(formed.of(forms))
        if looks_renamed(entries, known):
            newest = await self._store.recall(source.lease.source_id, limit=MOST_RECALLED)
            known = replace(known, by_text=by_text(newest))
        return await self._with_oldest(source, known, entries)

    async def _with_oldest(
        self, source: ClaimedSource, known: Knowledge, entries: Sequence[Entry]
    ) -> Knowledge:
        """What tells news from more of the past, where it may be either."""
        if not source.ever_read or len(strangers(entries, known)) < FEWEST_OF_THE_PAST:
            return known
        seen = await self._store.sightings(source.lease.source_id, limit=MOST_RECALLED)
        dates = (one.published or one.first_seen for one in seen)
        return replace(known, oldest=min(dates, default=None))

    async def _raised(
        self, source: ClaimedSource, changes: EntryChanges, *, of: int
    ) -> EntryChanges:
        ids = [edit.id for edit in changes.edited]
        before = await self._store.recall(source.lease.source_id, ids=ids, limit=len(ids))
        now = self._clock.now().replace(microsecond=0)
        return raised(changes, before, of=of, now=now)


def _remembered(
    read: _Read, changes: EntryChanges, before: Memory | None, reading: bytes
) -> Memory | None:
    return remember(
        read.feed,
        names_of(read.feed.entries, read.entries),
        before,
        reading=reading,
        unsettled=unsettled(read.entries, read.known, changes),
    )


async def _normalized(
    feed: ReadFeed, source: ClaimedSource, policy: SourcePolicy
) -> tuple[Entry, ...]:
    forms = not source.blank
    judge = partial(normalize, feed.entries, language=policy.language, forms=forms)
    return await _aside(judge, len(feed.entries))


async def _aside(work: Callable[[], _Made], entries: int) -> _Made:
    """In a thread where it is long, so that others get their turn every five milliseconds."""
    return work() if entries <= _FEW else await asyncio.to_thread(work)


def _reading(document: Document) -> bytes:
    """All that decides how a document is read, beside its bytes."""
    how = document.url, document.content_type, str(document.players)
    return digest(repr(VERSION), FORM, *how)[:8]


def _unchanged(fetched: Fetched, length: int, digest: bytes | None) -> Taken:
    return Taken(answer=fetched, outcome="unchanged", bytes=length, digest=digest)


def _refused(fetched: Fetched, kind: FailureKind, reason: str) -> Taken:
    failed = Failed(
        kind=kind, reason=reason, status=fetched.status, retry_after=fetched.retry_after
    )
    return Taken(answer=failed, outcome="failed", bytes=len(fetched.body))


def _is_other(source: ClaimedSource, read: _Read) -> bool:
    if read.resting:  # something of it is as it was
        return False
    known = read.known
    familiar = len(known.by_digest) + len(known.by_link) + len(known.tombstones)
    familiar += sum(known_by_text(entry, known) is not None for entry in read.entries)
    return is_other_feed(source.info, read.feed.info, entries=len(read.entries), known=familiar)


def _other(feed: ReadFeed) -> str:
    title = feed.info.title or feed.info.link or "without a title"
    return (
        f"the address serves another feed now: {title[:100]}; nothing of it was taken in. "
        'If it is meant, change its url ("#" at the end is enough)'
    )
