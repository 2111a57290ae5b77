"""The store in a few dictionaries: signs the same contract as the database, and no more."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from aggregator.core.digest import digest
from aggregator.core.knowledge import Knowledge
from aggregator.core.likeness import Told, marks_of
from aggregator.core.memory import Memory
from aggregator.core.model import (
    Content,
    EditedEntry,
    Entry,
    EntryChanges,
    FeedInfo,
    JoinedBy,
    KnownEntry,
    NewEntry,
    PublishedEntry,
    PublishedSource,
    RecalledEntry,
    Story,
    StoryEntry,
    Takedown,
)
from aggregator.core.moves import Moves
from aggregator.core.positions import (
    ChangedStory,
    Moved,
    Placed,
    Position,
    Standing,
    Step,
    Tally,
)
from aggregator.core.pushes import Callback, Push, PushRecord
from aggregator.core.rhythm import Habits, Sighting
from aggregator.core.searching import parse_query
from aggregator.core.shown import Attribution, attribution_of
from aggregator.core.stories import (
    Candidate,
    Kin,
    Member,
    Telling,
    contradicts,
    lead_of,
    leavers,
    published_id,
    told_before,
)
from aggregator.core.subscribers import FeedReader
from aggregator.core.urls import canonical_text, host_of
from aggregator.core.wire import Validators
from aggregator.service.frontier import Due, FrontierStats, HostRun
from aggregator.service.ports import (
    ClaimedSource,
    Lease,
    Overdue,
    PastPoll,
    PollRecord,
    Revision,
    Selection,
    SourceHealth,
    SourceSpec,
    Tombstone,
)
from tests.store.memory_archives import MemoryArchives
from tests.store.memory_deliveries import MemoryDeliveries
from tests.store.memory_frontier import MemoryHosts
from tests.store.memory_pushes import PushState

KEPT_POLLS = 30


@dataclass
class _Source:
    id: int
    spec: SourceSpec
    next_poll_at: datetime
    listed: bool = True
    info: FeedInfo = field(default_factory=FeedInfo)
    ever_read: bool = False
    lease: tuple[str, datetime | None] | None = None
    """Its token and its end; without one it lasts as long as the host's run."""
    last: PollRecord | None = None
    """What the last poll left; None before the first, and under a new address."""
    polls: list[PastPoll] = field(default_factory=list)
    """The newest last."""
    last_success_at: datetime | None = None
    last_news_at: datetime | None = None
    moves: Moves = field(default_factory=Moves)
    suggested_url: str | None = None
    reason: str = "new address"
    tombstones: set[bytes] = field(default_factory=set)
    push: PushState = field(default_factory=PushState)
    memory: Memory | None = None
    habits: Habits | None = None

    def mend(self, now: datetime) -> None:
        """Takes back what a wrong clock left far in the future."""
        paused_until = self.last.paused_until if self.last else None
        if self.last and paused_until and paused_until > now + timedelta(days=8):
            self.last = replace(self.last, paused_until=None, domain_paused_until=None)

    @property
    def polled(self) -> bool:
        return self.listed and self.spec.enabled

    @property
    def host(self) -> str:
        return host_of(self.moves.to or self.spec.url)

    @property
    def failures(self) -> int:
        return self.last.failures if self.last else 0

    @property
    def last_poll_at(self) -> datetime | None:
        return self.polls[-1].polled_at if self.polls else None

    @property
    def published(self) -> PublishedSource:
        name = self.spec.name or self.info.title or self.spec.key
        return PublishedSource(key=self.spec.key, name=name, url=self.spec.url, info=self.info)

    def move_to(self, url: str, now: datetime) -> None:
        """Another address in the configuration."""
        if url == self.moves.to:
            self.moves = Moves()
            return
        self.next_poll_at, self.last, self.lease, self.ever_read = now, None, None, False
        self.moves, self.suggested_url, self.reason = Moves(), None, "new address"
        self.push.withdraw()

    def forget_document(self) -> None:
        """Its past is no news, and the next document says where that ends."""
        self.ever_read = False
        if self.last:
            self.last = replace(self.last, validators=Validators(), body_digest=None, packed=None)

    def forget_body(self) -> None:
        """The next document is read, even if it is the same."""
        if self.last:
            self.last = replace(self.last, body_digest=None, packed=None)

    def is_due(self, now: datetime) -> bool:
        return self.polled and self.next_poll_at <= now and not self.is_leased(now)

    def is_leased(self, now: datetime) -> bool:
        """By itself, whatever its host's run."""
        until = self.lease[1] if self.lease else None
        return until is not None and now < until <= now + timedelta(days=1)


@dataclass
class _Entry:
    known: KnownEntry
    source: _Source
    story: "_Story"
    guid: str
    content: Content
    taken_from: tuple[str, ...]
    rank_at: datetime
    joined_by: JoinedBy = "alone"

    @property
    def member(self) -> Member:
        return Member(
            id=self.known.id,
            source_url=self.source.spec.url,
            site_url=self.source.info.link,
            link=self.content.link,
            taken_from=self.taken_from,
            priority=self.source.spec.priority,
        )

    @property
    def telling(self) -> Telling:
        told = Told(
            title=self.content.title,
            text=self.content.text,
            link=self.content.link,
            at=self.known.published,
        )
        return Telling(told=told, link_digest=self.known.link_digest, claim=self.member.claim)


@dataclass(eq=False)
class _Story:
    id: int
    published_id: str
    link_digest: bytes | None
    rank_at: datetime
    changed_at: datetime
    opened_in: int
    changed_in: int
    lead: int | None = None


def _placed(story: _Story) -> Placed:
    rank = (story.rank_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Placed(rank, story.id, story.changed_in)


def _sibling(source: _Source, item: NewEntry) -> Candidate:
    content = item.entry.content
    told = Told(title=content.title, text=content.text, link=content.link, at=item.published)
    return Candidate(source_id=source.id, story_id=None, told=told)


def _is(entry: _Entry, text: str, link: str | None) -> bool:
    same_page = link is not None and entry.known.link_digest == digest(link)
    return same_page or text in {entry.story.published_id, entry.guid, entry.content.link}


def _has(entry: _Entry, parts: Collection[str]) -> bool:
    there = (entry.story.published_id, entry.guid, entry.content.link or "")
    wanted = [part.removeprefix("http://").lower() for part in parts]
    return any(part in text.lower() for part in wanted for text in there)


class MemoryStore(MemoryArchives, MemoryDeliveries, MemoryHosts):
    def __init__(self, domain_of: Callable[[str], str] = str) -> None:
        MemoryArchives.__init__(self)
        MemoryDeliveries.__init__(self)
        MemoryHosts.__init__(self)
        self._ids = count(1)
        self._domain_of = domain_of
        self._sources: dict[str, _Source] = {}
        self._entries: dict[int, _Entry] = {}
        self._readers: dict[tuple[bytes, bytes], FeedReader] = {}
        self._takedowns: dict[str, Takedown] = {}
        self._taken_guids: dict[str, set[tuple[int, bytes]]] = {}
        self._served: set[tuple[str, str]] = set()
        self._told_in = 0
        self._revision = Revision(number=0, changed_at=datetime(1970, 1, 1, tzinfo=UTC))

    async def sync_sources(self, specs: Sequence[SourceSpec], *, now: datetime) -> None:
        before = {key: (source.spec, source.listed) for key, source in self._sources.items()}
        for source in self._sources.values():
            source.listed = False
        for spec in specs:
            new = _Source(id=next(self._ids), spec=spec, next_poll_at=now)
            source = self._sources.setdefault(spec.key, new)
            if source.spec.url != spec.url:
                source.move_to(spec.url, now)
            if not before.get(spec.key, (spec, True))[1]:
                source.forget_document()
            source.spec, source.listed = spec, True
        after = {key: (source.spec, source.listed) for key, source in self._sources.items()}
        for entry in self._entries.values():
            if entry.source.listed != before[entry.source.spec.key][1]:
                entry.story.changed_at, entry.story.changed_in = now, self._upcoming
        self._choose_again({key for key, (was, _) in before.items() if was != after[key][0]}, now)
        if before != after:
            self._told_in = self._upcoming
            self._bump(now)
        self._review(key for key, was in before.items() if after[key] != was)

    def _choose_again(self, keys: Collection[str], now: datetime) -> None:
        for entry in [each for each in self._entries.values() if each.source.spec.key in keys]:
            members = [each.member for each in self._members(entry.story)]
            if lead_of(members).id != entry.story.lead:
                self._choose_lead(entry.story, now)

    def _review(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._sources[key].push.review()

    async def mend(self, *, now: datetime) -> None:
        for source in self._sources.values():
            if source.next_poll_at > now + timedelta(days=400):
                source.next_poll_at = now
                source.reason = "was due in more than a year, by a wrong clock"

    async def sweep(self, *, now: datetime, limit: int, failing: int, per_host: int) -> list[Due]:
        found: dict[str, list[_Source]] = {}
        for source in sorted(self._due(now), key=lambda source: source.failures > 0):
            if self._is_paused(source, now) or self._is_running(source.host, now):
                continue
            if source.host not in found and len(found) == limit:
                continue
            if source.failures and (failing := failing - 1) < 0:
                continue
            of_host = found.setdefault(source.host, [])
            if len(of_host) < per_host:
                of_host.append(source)
        return [Due(host, tuple(one.id for one in its)) for host, its in found.items()]

    async def open_hosts(
        self, hosts: Sequence[Due], *, now: datetime, until: datetime, delay: timedelta
    ) -> list[HostRun]:
        opened = (self._open(due, now, until, delay) for due in hosts)
        return [run for run in opened if run]

    def _open(self, due: Due, now: datetime, until: datetime, delay: timedelta) -> HostRun | None:
        if self._is_running(due.host, now):
            return None
        by_id = {source.id: source for source in self._due(now) if source.host == due.host}
        ready = [by_id[id] for id in due.sources if id in by_id]
        ready = [source for source in ready if not self._is_paused(source, now)]
        if due.sources and not ready:
            return None
        token = f"run-{next(self._ids)}"
        free_at = self._take(due.host, token, now, until, delay)
        for source in ready:
            source.mend(now)
        leased = tuple(self._lease(source, None) for source in ready)
        return HostRun(due.host, token, leased, free_at, until)

    async def frontier_stats(self, *, now: datetime) -> FrontierStats:
        due = [source for source in self._due(now) if not self._is_paused(source, now)]
        pauses = (self._own_domain_pause(source) for source in self._sources.values())
        return FrontierStats(
            due=len(due),
            oldest=min((source.next_poll_at for source in due), default=None),
            running=self._running(now),
            paused=sum(pause is not None and pause > now for pause in pauses),
        )

    @staticmethod
    def _own_domain_pause(source: _Source) -> datetime | None:
        return source.last.domain_paused_until if source.last else None

    def _due(self, now: datetime) -> list[_Source]:
        due = (source for source in self._sources.values() if source.is_due(now))
        return sorted(due, key=lambda source: (source.next_poll_at, source.id))

    def _paused_until(self, source: _Source) -> datetime | None:
        """The end of its own pause or of its domain's."""
        own = source.last.paused_until if source.last else None
        ends = [end for end in (own, self._domain_pause(source)) if end]
        return max(ends, default=None)

    def _domain_pause(self, source: _Source) -> datetime | None:
        return max(
            (
                other.last.domain_paused_until
                for other in self._sources.values()
                if self._domain_of(other.host) == self._domain_of(source.host)
                and other.last
                and other.last.domain_paused_until
            ),
            default=None,
        )

    def _is_paused(self, source: _Source, now: datetime) -> bool:
        until = self._paused_until(source)
        return until is not None and now < until <= now + timedelta(days=8)

    async def next_due(self, *, after: datetime) -> datetime | None:
        times = [one.next_poll_at for one in self._sources.values() if one.polled]
        return min((at for at in times if at > after), default=None)

    async def overdue(self, *, now: datetime) -> list[Overdue]:
        return [
            Overdue(source_id=source.id, key=source.spec.key)
            for source in self._due(now)
            if not self._is_paused(source, now)
        ]

    async def postpone(self, times: Mapping[int, datetime], *, now: datetime, reason: str) -> None:
        for source in self._due(now):
            if source.id in times:
                source.next_poll_at, source.reason = times[source.id], reason

    async def sightings(self, source_id: int, *, limit: int) -> list[Sighting]:
        own = [e.known for e in self._entries.values() if e.source.id == source_id]
        newest = sorted(own, key=lambda known: known.published, reverse=True)[:limit]
        return [Sighting(known.first_seen, known.published) for known in newest]

    async def suggest(self, source_id: int, url: str) -> None:
        for source in self._sources.values():
            if source.id == source_id:
                source.suggested_url = url

    async def claim(
        self, keys: Collection[str] | None, *, lease_until: datetime
    ) -> list[ClaimedSource]:
        return [
            self._lease(source, lease_until)
            for source in sorted(self._sources.values(), key=lambda s: (s.next_poll_at, s.id))
            if (source.polled if keys is None else source.listed and source.spec.key in keys)
        ]

    def _lease(self, source: _Source, until: datetime | None) -> ClaimedSource:
        token = f"token-{next(self._ids)}"
        source.lease = (token, until)
        last = source.last
        return ClaimedSource(
            lease=Lease(source_id=source.id, token=token),
            key=source.spec.key,
            url=source.spec.url,
            host=source.host,
            domain=self._domain_of(source.host),
            moves=source.moves,
            validators=last.validators if last else Validators(),
            body_digest=last.body_digest if last else None,
            packed=last.packed if last else None,
            ever_read=source.ever_read,
            blank=source.last_success_at is None,
            failures=last.failures if last else 0,
            gone_count=last.gone_count if last else 0,
            throttles=last.throttles if last else 0,
            paused_until=self._paused_until(source),
            last_news_at=source.last_news_at,
            info=source.info,
            push=source.push.standing,
            habits=source.habits,
        )

    def _is_held(self, source: _Source, now: datetime) -> bool:
        return source.is_leased(now) or (
            source.lease is not None and self._is_running(source.host, now)
        )

    def _holder(self, lease: Lease) -> _Source | None:
        held = (lease.source_id, lease.token)
        sources = self._sources.values()
        return next((s for s in sources if s.lease and (s.id, s.lease[0]) == held), None)

    async def release(self, leases: Collection[Lease]) -> None:
        for lease in leases:
            if source := self._holder(lease):
                source.lease = None

    async def hasten(
        self, intervals: Mapping[str, timedelta], *, now: datetime, reason: str
    ) -> None:
        for source in self._sources.values():
            last = source.last
            if source.spec.key not in intervals or last is None:
                continue
            if last.failures or last.throttles or last.gone_count:
                continue
            earliest = last.poll.polled_at + intervals[source.spec.key]
            at = max(now, earliest, last.not_before or now, last.paused_until or now)
            if at < source.next_poll_at:
                source.next_poll_at, source.reason = at, reason

    async def forgive(self, source_ids: Collection[int], *, at: datetime, reason: str) -> None:
        for source in self._sources.values():
            if source.id in source_ids and source.last and source.last.failures:
                source.last = replace(source.last, failures=source.last.failures - 1)
                source.next_poll_at, source.reason = at, reason

    async def known(
        self, source_id: int, digests: Collection[bytes], links: Collection[bytes]
    ) -> Knowledge:
        own = [entry.known for entry in self._entries.values() if entry.source.id == source_id]
        source = next(source for source in self._sources.values() if source.id == source_id)
        return Knowledge(
            by_digest={known.digest: known for known in own if known.digest in digests},
            by_link={k.link_digest: k for k in own if k.link_digest and k.link_digest in links},
            tombstones=frozenset(source.tombstones & set(digests)),
            nothing=not (own or source.tombstones),
        )

    async def recall(
        self, source_id: int, *, ids: Collection[int] | None = None, limit: int
    ) -> list[RecalledEntry]:
        own = [
            RecalledEntry(known=entry.known, title=entry.content.title, text=entry.content.text)
            for entry in self._entries.values()
            if entry.source.id == source_id and (ids is None or entry.known.id in ids)
        ]
        newest_first = sorted(own, key=lambda one: (one.known.published, one.known.id))[::-1]
        return newest_first[:limit]

    async def remembered(self, source_id: int) -> Memory | None:
        return next(one.memory for one in self._sources.values() if one.id == source_id)

    async def save_poll(self, record: PollRecord) -> bool:
        source = self._holder(record.lease)
        if source is None:
            return False
        source.lease, source.last, source.next_poll_at = None, record, record.next_poll_at
        source.moves, source.reason = record.moves, record.next_poll_reason
        source.polls = [*source.polls, record.poll][-KEPT_POLLS:]
        if record.succeeded:
            source.last_success_at, source.suggested_url = record.poll.polled_at, None
        if record.poll.outcome == "new":
            source.last_news_at = record.poll.polled_at
        source.habits = record.habits or (None if record.changes.new else source.habits)
        if record.read:
            self._take_in(source, record)
        if record.offer is not None:
            source.push.offered(record.offer)
        if record.missed_at is not None:
            source.push.missed_at = record.missed_at
        return True

    def _take_in(self, source: _Source, record: PollRecord) -> None:
        source.ever_read = True
        source.memory = record.memory
        restated = replace(record.info, updated=source.info.updated) == source.info
        shown = not (record.changes.empty and restated) and source.info != record.info
        if shown:
            source.info = record.info
            self._told_in = self._upcoming
        self._change(source, record.changes, record.poll.polled_at, shown=shown)

    def _change(
        self, source: _Source, changes: EntryChanges, at: datetime, *, shown: bool = False
    ) -> None:
        source.tombstones.update(changes.left_out)
        for entry_id, entry in changes.migrated:
            shown |= self._migrate(source, entry_id, entry)
        for edit in (*changes.edited, *changes.refreshed):
            shown |= self._edit(source, edit, at)
        for item in changes.new:
            siblings = [_sibling(source, each) for each in changes.new if each is not item]
            shown |= self._add(source, item, at, siblings)
        if shown:
            self._bump(at)

    def _migrate(self, source: _Source, entry_id: int, entry: Entry) -> bool:
        stored = self._entries[entry_id]
        if stored.source is source:
            for digests in self._taken_guids.values():
                if (source.id, stored.known.digest) in digests:
                    digests.add((source.id, entry.digest))
            stored.guid = entry.guid
            stored.known = replace(stored.known, digest=entry.digest)
            stored.story.changed_in = self._upcoming
        return stored.source is source

    def _edit(self, source: _Source, edit: EditedEntry, at: datetime) -> bool:
        stored = self._entries[edit.id]
        if stored.source is not source:
            return False
        stored.content, stored.taken_from = edit.entry.content, edit.entry.taken_from
        stored.known = replace(
            stored.known,
            link_digest=edit.entry.link_digest,
            fingerprint=edit.entry.fingerprint,
            updated=edit.updated,
            edits=edit.edits,
            edited_at=edit.edited_at,
        )
        stored.story.changed_in = self._upcoming
        if stored.story.lead == edit.id:
            stored.story.changed_at = at
        self._reconsider(stored.story, edit.id, at)
        if stored.story.lead == edit.id:
            stored.story.rank_at = edit.rank_at or stored.story.rank_at
        return True

    def _reconsider(self, story: _Story, edited: int, at: datetime) -> None:
        kin = [
            Kin(id=each.known.id, joined_by=each.joined_by, telling=each.telling)
            for each in self._members(story)
        ]
        gone = [self._entries[each.id] for each in leavers(kin, {edited})]
        if gone:
            self._choose_lead(story, at, without=gone)
        for entry in gone:
            entry.rank_at = story.rank_at
            self._move_in(entry, at)
        links = {each.known.link_digest for each in self._members(story)}
        link = self._entries[story.lead or 0].known.link_digest
        if story.link_digest not in links and link and self._linked(link) is None:
            story.link_digest = link

    def _add(
        self, source: _Source, item: NewEntry, at: datetime, siblings: Sequence[Candidate]
    ) -> bool:
        entry = item.entry
        present = {e.known.digest for e in self._entries.values() if e.source is source}
        if entry.digest in present | source.tombstones:
            return False
        known = KnownEntry(
            id=next(self._ids),
            digest=entry.digest,
            link_digest=entry.link_digest,
            fingerprint=entry.fingerprint,
            published=item.published,
            updated=item.updated,
            first_seen=item.first_seen,
        )
        nowhere = _Story(0, "", None, item.rank_at, at, 0, 0)
        added = _Entry(
            known, source, nowhere, entry.guid, entry.content, entry.taken_from, item.rank_at
        )
        self._move_in(added, at, siblings)
        return True

    def _move_in(self, entry: _Entry, at: datetime, siblings: Sequence[Candidate] = ()) -> None:
        """Into the story that it joins or opens."""
        story, entry.joined_by, link = self._home_of(entry, siblings)
        upcoming = self._upcoming
        entry.story = story or _Story(
            next(self._ids), self._free_id(entry), link, entry.rank_at, at, upcoming, upcoming
        )
        self._entries[entry.known.id] = entry
        self._choose_lead(entry.story, at)

    def _choose_lead(self, story: _Story, at: datetime, without: Sequence[_Entry] = ()) -> None:
        stay = [each.member for each in self._members(story) if each not in without]
        story.changed_at, story.lead = at, lead_of(stay).id
        story.changed_in = self._upcoming

    def _home_of(
        self, entry: _Entry, siblings: Sequence[Candidate]
    ) -> tuple[_Story | None, JoinedBy, bytes | None]:
        """The story that it joins, and why; else the link that its own story has."""
        link = entry.known.link_digest
        linked = self._linked(link)
        if linked is None:
            also = self._with_other_link(entry)
            if also:
                return also, "link", None
            told = self._told_before(entry, siblings)
            return (told, "text", None) if told else (None, "alone", link)
        lead = self._entries[linked.lead or 0].telling
        if contradicts(entry.telling, lead):
            if entry.telling.claim <= lead.claim:
                return None, "alone", None
            linked.link_digest = None
            return None, "alone", link
        if any(member.source is entry.source for member in self._members(linked)):
            return None, "alone", None
        return linked, "link", None

    def _linked(self, link: bytes | None) -> _Story | None:
        stories = {entry.story for entry in self._entries.values()}
        return next((story for story in stories if link and story.link_digest == link), None)

    def _with_other_link(self, entry: _Entry) -> _Story | None:
        """The story of an entry with that link that joined it by its text."""
        link = entry.known.link_digest
        others = (each for each in self._entries.values() if each.joined_by == "text")
        story = next(
            (each.story for each in others if link and each.known.link_digest == link), None
        )
        if story is None or any(each.source is entry.source for each in self._members(story)):
            return None
        lead = self._entries[story.lead or 0].telling
        return None if contradicts(entry.telling, lead) else story

    def _told_before(self, entry: _Entry, siblings: Sequence[Candidate]) -> _Story | None:
        marks = set(marks_of(entry.telling.told))
        others = [
            Candidate(source_id=each.source.id, story_id=id, told=each.telling.told)
            for id, each in self._entries.items()
            if each is not entry and not marks.isdisjoint(marks_of(each.telling.told))
        ]
        # The story is named by an entry of it.
        found = told_before(entry.telling.told, entry.source.id, [*others, *siblings])
        story = self._entries[found].story if found else None
        taken = story and any(each.source is entry.source for each in self._members(story))
        return None if taken else story

    def _free_id(self, entry: _Entry) -> str:
        held = {each.story.published_id for each in self._entries.values()}
        key = entry.source.spec.key
        own = published_id(key, entry.guid)
        for more in ("", f"\n{entry.known.digest.hex()}"):
            if own in held:
                own = published_id(key, entry.guid + more, taken=True)
        return own

    def _members(self, story: _Story) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.story is story]

    @property
    def _upcoming(self) -> int:
        """The revision that is being made."""
        return self._revision.number + 1

    def _bump(self, at: datetime) -> None:
        self._revision = Revision(number=self._revision.number + 1, changed_at=at)

    def _number(self) -> int:
        return self._revision.number

    def _all_stories(self) -> Collection[_Story]:
        return {entry.story for entry in self._entries.values()}

    def _whole_shown(self, story: _Story) -> Story:
        return self._whole(story, self._shown())

    @property
    def moves(self) -> int:
        return self._revision.number

    async def revision(self) -> Revision:
        return self._revision

    async def stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[PublishedEntry]:
        found = sorted(self._selected(selection), key=lambda s: (s.rank_at, s.id), reverse=True)
        return [self._show(story) for story in found[offset : offset + limit]]

    async def places(self, selection: Selection, *, limit: int, offset: int = 0) -> list[Placed]:
        found = sorted(map(_placed, self._selected(selection)), reverse=True)
        return found[offset : offset + limit]

    async def standing(self, selection: Selection, *, limit: int) -> Standing:
        return Standing(at=self._tally, places=await self.places(selection, limit=limit))

    @property
    def _tally(self) -> Tally:
        return Tally(revision=self._revision.number, stories=len(self._all_stories()))

    async def moved(self, selection: Selection, since: Tally, *, most: int) -> Moved | None:
        stored, number = self._all_stories(), since.revision
        if self._revision.number < number:
            return None
        changed = [story for story in stored if story.changed_in > number]
        opened = sum(story.opened_in > number for story in stored)
        if len(changed) > most or since.stories + opened != len(stored):
            return None
        selected = self._selected(selection)
        return Moved(
            at=self._tally,
            changed=frozenset([story.id for story in changed]),
            places=[_placed(story) for story in changed if story in selected],
            told=None if self._told_in > number else self._told_by(changed),
        )

    def _told_by(self, stories: Collection[_Story]) -> dict[str, Attribution]:
        telling = (each.source for each in self._entries.values() if each.story in stories)
        return {source.spec.key: attribution_of(source.published) for source in telling}

    async def placed(self, numbers: Collection[int]) -> list[Placed]:
        return [_placed(each) for each in self._all_stories() if each.id in numbers]

    async def shown_stories(self, numbers: Collection[int]) -> dict[int, PublishedEntry]:
        shown = self._selected(Selection())
        return {story.id: self._show(story) for story in shown if story.id in numbers}

    async def attributions(self, keys: Collection[str]) -> dict[str, Attribution]:
        named = (source for source in self._sources.values() if source.spec.key in keys)
        return {source.spec.key: attribution_of(source.published) for source in named}

    async def count_stories(self, selection: Selection, *, most: int | None = None) -> int:
        return len(list(self._selected(selection))[:most])

    def _selected(self, selection: Selection) -> Collection[_Story]:
        after = selection.after
        search = (selection.search or "").strip()
        query = parse_query(search)
        return {
            entry.story
            for entry in self._shown()
            if selection.since is None or entry.story.rank_at >= selection.since
            if after is None or Position(entry.story.rank_at, entry.story.id) < after
            if selection.sources is None or entry.source.spec.key in selection.sources
            if not search or query.finds(entry.content)
        }

    def _shown(self) -> Iterator[_Entry]:
        entries = self._entries.values()
        return (e for e in entries if e.source.listed and self._taken_down(e) is None)

    def _taken_down(self, entry: _Entry) -> str | None:
        own = (entry.source.id, entry.known.digest)
        by = [id for id, digests in self._taken_guids.items() if own in digests]
        its_story = entry.story.published_id
        return max([*by, *([its_story] if its_story in self._takedowns else [])], default=None)

    async def takedowns(self) -> list[Takedown]:
        return sorted(self._takedowns.values(), key=lambda each: each.taken_at)[::-1]

    async def take_down(self, published_id: str, *, reason: str, now: datetime) -> bool:
        members = [e for e in self._entries.values() if e.story.published_id == published_id]
        if not members:
            return False
        lead = next(entry for entry in members if entry.known.id == entry.story.lead)
        takedown = Takedown(
            id=published_id,
            taken_at=now,
            reason=reason,
            title=lead.content.title,
            link=lead.content.link,
            entries=tuple(sorted((e.source.spec.key, e.guid) for e in members)),
        )
        before = self._takedowns.setdefault(published_id, takedown)
        entries = tuple(sorted({*before.entries, *takedown.entries}))
        self._takedowns[published_id] = replace(before, entries=entries)
        taken = self._taken_guids.setdefault(published_id, set())
        taken.update((entry.source.id, entry.known.digest) for entry in members)
        lead.story.changed_at, lead.story.changed_in = now, self._upcoming
        self._bump(now)
        return True

    async def put_back(self, published_id: str, *, now: datetime) -> bool:
        if published_id not in self._takedowns:
            return False
        for entry in self._entries.values():
            if self._taken_down(entry) == published_id:
                entry.story.changed_at, entry.story.changed_in = now, self._upcoming
        del self._takedowns[published_id], self._taken_guids[published_id]
        self._bump(now)
        return True

    def _show(self, story: _Story) -> PublishedEntry:
        members = [entry for entry in self._shown() if entry.story is story]
        lead = next((entry for entry in members if entry.known.id == story.lead), members[0])
        others = {e.source.spec.key: e.source.published for e in members if e is not lead}
        own = (lead.known.updated,) if lead.known.id != story.lead else ()
        return PublishedEntry(
            id=story.published_id,
            guid=lead.guid,
            source=lead.source.published,
            also_in=tuple(others[key] for key in sorted(others)),
            published=lead.known.published,
            updated=lead.known.updated,
            first_seen=lead.known.first_seen,
            changed_at=max((story.changed_at, *own)),
            content=lead.content,
        )

    async def whole_stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[Story]:
        found = sorted(self._selected(selection), key=lambda s: (s.rank_at, s.id), reverse=True)
        return [self._whole(story, self._shown()) for story in found[offset : offset + limit]]

    async def find_stories(self, text: str, *, limit: int) -> list[Story]:
        link = canonical_text(text)
        found = {e.story for e in self._entries.values() if _is(e, text, link)} or {
            e.story for e in self._entries.values() if _has(e, {text, (link or text)})
        }
        newest = sorted(found, key=lambda s: (s.rank_at, s.id), reverse=True)[:limit]
        return [self._whole(story, self._entries.values()) for story in newest]

    async def changed_stories(self, after: Step, *, limit: int) -> list[ChangedStory]:
        stories = {entry.story for entry in self._entries.values()}
        steps = sorted((Step(each.changed_in, each.id), each) for each in stories)
        return [
            ChangedStory(
                story=self._whole(story, self._entries.values()),
                opened=Step(story.opened_in, story.id),
                changed=step,
            )
            for step, story in steps
            if step > after
        ][:limit]

    async def count_changes(self, after: Step, *, most: int) -> int:
        return len(await self.changed_stories(after, limit=most))

    async def first_change(self, since: datetime) -> Step:
        stories = (entry.story for entry in self._entries.values())
        changed = [story.changed_in for story in stories if story.changed_at >= since]
        return Step(min(changed), 0) if changed else self._revision.end

    async def tombstones(self, digests: Collection[bytes]) -> list[Tombstone]:
        return [
            Tombstone(source=source.spec.key, pruned_at=None)
            for source in sorted(self._sources.values(), key=lambda s: s.spec.key)
            if source.listed and source.tombstones & set(digests)
        ]

    def _whole(self, story: _Story, among: Iterable[_Entry]) -> Story:
        members = [entry for entry in among if entry.story is story]
        return Story(
            id=story.published_id,
            number=story.id,
            rank_at=story.rank_at,
            changed_at=story.changed_at,
            entries=tuple(
                StoryEntry(
                    source=entry.source.published,
                    listed=entry.source.listed,
                    guid=entry.guid,
                    published=entry.known.published,
                    updated=entry.known.updated,
                    first_seen=entry.known.first_seen,
                    joined_by=entry.joined_by,
                    taken_down=self._taken_down(entry),
                    content=entry.content,
                )
                for entry in sorted(members, key=lambda e: e.known.id != story.lead)
            ),
        )

    async def sources(self, keys: Collection[str] | None = None) -> list[SourceHealth]:
        listed = (
            source
            for source in self._sources.values()
            if source.listed and (keys is None or source.spec.key in keys)
        )
        return [self._health(source) for source in sorted(listed, key=lambda s: s.spec.key)]

    def _health(self, source: _Source) -> SourceHealth:
        last, paused_until = source.last, self._paused_until(source)
        waits = paused_until is not None and paused_until > source.next_poll_at
        return SourceHealth(
            key=source.spec.key,
            url=source.spec.url,
            name=source.spec.name,
            info=source.info,
            enabled=source.spec.enabled,
            last_poll_at=source.last_poll_at,
            last_success_at=source.last_success_at,
            next_poll_at=paused_until if waits else source.next_poll_at,
            next_poll_reason="a server of its domain asks for a pause" if waits else source.reason,
            paused_until=paused_until,
            failures=last.failures if last else 0,
            gone_count=last.gone_count if last else 0,
            throttles=last.throttles if last else 0,
            last_status=source.polls[-1].status if source.polls else None,
            last_error=last.poll.error if last else None,
            moved_to=source.moves.to,
            suggested_url=source.suggested_url,
            entries=sum(entry.source is source for entry in self._entries.values()),
            push=source.push.health,
        )

    async def first_due(self, keys: Collection[str] | None, *, now: datetime) -> datetime | None:
        times = (
            source.next_poll_at
            for source in self._sources.values()
            if source.listed and source.spec.enabled
            if keys is None or source.spec.key in keys
            if (paused := self._paused_until(source)) is None or paused <= now
        )
        return min(times, default=None)

    async def past_polls(self, key: str) -> list[PastPoll]:
        source = self._sources.get(key)
        return source.polls[::-1] if source else []

    async def save_readers(self, seen: Sequence[FeedReader]) -> None:
        for reader in seen:
            key = reader.group, reader.member
            first = self._readers.get(key, reader).first_seen_at
            self._readers[key] = replace(reader, first_seen_at=first)

    async def readers(self, *, since: datetime) -> list[FeedReader]:
        return [reader for reader in self._readers.values() if reader.last_seen_at >= since]

    async def forget_readers(self, *, before: datetime, keep: int) -> None:
        newest_first = sorted(
            self._readers.items(), key=lambda item: item[1].last_seen_at, reverse=True
        )
        self._readers = {
            key: reader for key, reader in newest_first[:keep] if reader.last_seen_at >= before
        }

    async def due_pushes(self, *, now: datetime, limit: int) -> list[int]:
        due = {s.id: s.push.due_at for s in self._sources.values() if s.push.due_at}
        return sorted((id for id, at in due.items() if at <= now), key=due.__getitem__)[:limit]

    async def take_push(self, source_id: int, *, now: datetime, until: datetime) -> Push | None:
        source = self._by_id(source_id)
        if source is None or source.push.due_at is None or source.push.due_at > now:
            return None
        source.push.due_at = until
        return self._push(source)

    def _by_id(self, source_id: int) -> _Source | None:
        return next((s for s in self._sources.values() if s.id == source_id), None)

    def _push(self, source: _Source) -> Push:
        callbacks = sorted(source.push.callbacks.values(), key=lambda c: (c.asked_at, c.token))
        return Push(
            source_id=source.id,
            key=source.spec.key,
            url=source.spec.url,
            polled=source.polled,
            offer=source.push.offer,
            callbacks=tuple(callbacks),
            failures=source.push.failures,
            error=source.push.error,
        )

    async def save_push(self, record: PushRecord) -> None:
        if source := self._by_id(record.source_id):
            source.push.save(record)

    async def review_pushes(self, base: str | None) -> None:
        for source in self._sources.values():
            source.push.review_for(base)

    async def pushed_keys(self) -> list[str]:
        return sorted(s.spec.key for s in self._sources.values() if s.listed and s.push.active)

    async def callback(self, token: str) -> tuple[Callback, Push] | None:
        source = self._called(token)
        return (source.push.callbacks[token], self._push(source)) if source else None

    def _called(self, token: str) -> _Source | None:
        return next((s for s in self._sources.values() if token in s.push.callbacks), None)

    async def confirm(self, callback: Callback) -> bool:
        source = self._called(callback.token)
        return source is not None and source.push.confirm(callback)

    async def claim_pushed(
        self, source_id: int, *, now: datetime, lease_until: datetime
    ) -> ClaimedSource | None:
        source = self._by_id(source_id)
        if source is None or not source.polled or self._is_held(source, now):
            return None
        return self._lease(source, lease_until)

    async def save_pushed(
        self, lease: Lease, changes: EntryChanges, *, came_at: datetime, heard_at: datetime
    ) -> bool:
        source = self._holder(lease)
        if source is None:
            return False
        source.lease = None
        source.push.heard(heard_at)
        if changes.new:
            source.last_news_at, source.habits = came_at, None
        self._change(source, changes, came_at)
        return True

    async def poll_soon(self, source_id: int, *, at: datetime, heard_at: datetime) -> None:
        if source := self._by_id(source_id):
            source.push.heard(heard_at)
            if at < source.next_poll_at:
                source.next_poll_at, source.reason = at, "its hub says that there is news"

    async def note_served(self, names: Collection[tuple[str, str]]) -> None:
        self._served.update(names)

    async def was_served(self, kind: str, name: str) -> bool:
        return (kind, name) in self._served

    async def ping(self) -> None:
        """A dictionary always answers."""

    async def time(self) -> datetime | None:
        """It has no clock."""
        return None
