"""One poll of one source, told in order.

request        what to ask, with the validators of the last answer
| fetch        one conditional GET                              -> Answer
| settle       by kind of answer:
    Fetched      read, normalize, reconcile with what is known  -> EntryChanges
    NotModified  nothing to read
    Gone, Failed counted
| next_poll    when to come back, and why
| save_poll    all of it in one transaction
| PollReport   one line for people
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from aggregator.core.digest import body_digest
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import EntryChanges, FeedInfo
from aggregator.core.normalize import normalize
from aggregator.core.reconcile import Intake, reconcile
from aggregator.core.schedule import after_outage, asks_for_a_pause, next_poll
from aggregator.core.wire import (
    Answer,
    Failed,
    Fetched,
    FetchRequest,
    Gone,
    NotModified,
    Validators,
)
from aggregator.service.network import Network
from aggregator.service.ports import (
    ClaimedSource,
    Clock,
    Document,
    Fetcher,
    PollRecord,
    PollStore,
    Reader,
)

Outcome = Literal["new", "unchanged", "not_modified", "gone", "throttled", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """How one source is polled. `timeout` is in seconds, `max_body` in bytes."""

    interval: timedelta
    timeout: float
    max_body: int
    user_agent: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    http2: bool = False
    proxy: str | None = field(default=None, repr=False)
    language: str | None = None
    intake: Intake = field(default_factory=Intake)

    def request(self, url: str, validators: Validators) -> FetchRequest:
        """What a poll asks the source's server."""
        return FetchRequest(
            url=url,
            validators=validators,
            timeout=self.timeout,
            max_body=self.max_body,
            user_agent=self.user_agent,
            headers=self.headers,
            auth=self.auth,
            http2=self.http2,
            proxy=self.proxy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one poll came to."""

    source: str
    outcome: Outcome
    status: int | None
    entries_new: int
    entries_updated: int
    bytes: int
    elapsed: timedelta
    next_poll_at: datetime | None
    next_poll_reason: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What a body brought. `answer` is a failure where the body could not be read."""

    answer: Answer
    outcome: Outcome
    read: bool = False
    info: FeedInfo = field(default_factory=FeedInfo)
    changes: EntryChanges = field(default_factory=EntryChanges)


class Poller:
    """Polls sources and saves what comes of it. `policies` may be replaced between two polls."""

    def __init__(
        self,
        *,
        store: PollStore,
        fetcher: Fetcher,
        reader: Reader,
        clock: Clock,
        chance: Callable[[], float],
        policies: Mapping[str, SourcePolicy],
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._reader = reader
        self._clock = clock
        self._chance = chance
        self._network = Network()
        self.policies = policies

    async def fetch(self, source: ClaimedSource, policy: SourcePolicy) -> Answer:
        """The request alone; every outcome is a value."""
        return await self._fetcher.fetch(policy.request(source.url, source.validators))

    async def settle(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, *, started: datetime
    ) -> PollReport:
        """Everything after the request. `started` is the steady clock's when it was sent."""
        now = self._clock.steady()
        self._network.saw(source, answer, now=now)
        excused = self._network.excuses(answer, now=now)
        taken = await self._take_in(source, policy, answer)
        record = self._record(source, policy, taken, excused=excused)
        held = await self._store.save_poll(record)
        if not excused:
            self._network.blame(source, answer, now=now)
        elif blamed := self._network.wrongly_blamed():
            await self._store.forgive(blamed, next_poll_at=record.next_poll_at)
        return PollReport(
            source=source.key,
            outcome=taken.outcome if held else "unchanged",
            status=record.status,
            entries_new=len(taken.changes.new) if held else 0,
            entries_updated=len(taken.changes.edited) if held else 0,
            bytes=len(answer.body) if isinstance(answer, Fetched) else 0,
            elapsed=self._clock.steady() - started,
            next_poll_at=record.next_poll_at,
            next_poll_reason=record.next_poll_reason,
            error=record.error if held else "another process took this source over meanwhile",
        )

    async def _take_in(self, source: ClaimedSource, policy: SourcePolicy, answer: Answer) -> _Taken:
        match answer:
            case Fetched():
                return await self._take_in_body(source, policy, answer)
            case NotModified():
                return _Taken(answer=answer, outcome="not_modified")
            case Gone():
                return _Taken(answer=answer, outcome="gone")
            case Failed():
                outcome: Outcome = "throttled" if asks_for_a_pause(answer) else "failed"
                return _Taken(answer=answer, outcome=outcome)

    async def _take_in_body(
        self, source: ClaimedSource, policy: SourcePolicy, fetched: Fetched
    ) -> _Taken:
        if body_digest(fetched.body) == source.body_digest:
            return _Taken(answer=fetched, outcome="unchanged")
        document = Document(body=fetched.body, content_type=fetched.content_type, url=fetched.url)
        try:
            feed = await self._reader.read(document)
        except UnreadableFeed as error:
            failed = Failed(kind="unreadable", reason=str(error), status=fetched.status)
            return _Taken(answer=failed, outcome="failed")
        entries = normalize(feed.entries, language=policy.language)
        known = await self._store.known(
            source.lease.source_id,
            {digest for entry in entries for digest in (entry.digest, entry.alone, entry.apart)},
            [entry.link_digest for entry in entries if entry.link_digest],
        )
        changes = reconcile(
            entries,
            known,
            policy.intake,
            first=not source.ever_read,
            now=self._clock.now().replace(microsecond=0),
        )
        # An empty document is no past to count from: publishers do serve one by mistake. Only
        # where nothing of the past is wanted does it say where the past ends.
        counts = bool(entries) or source.ever_read or policy.intake.backfill == 0
        outcome: Outcome = "new" if changes.new or changes.edited else "unchanged"
        return _Taken(answer=fetched, outcome=outcome, read=counts, info=feed.info, changes=changes)

    def _record(
        self, source: ClaimedSource, policy: SourcePolicy, taken: _Taken, *, excused: bool
    ) -> PollRecord:
        failures, gone_count = _counts(source, taken)
        now, interval = self._clock.steady(), policy.interval
        if excused:
            failures = source.failures
            upcoming = after_outage(now=now, interval=interval, chance=self._chance())
        else:
            upcoming = next_poll(
                taken.answer,
                now=now,
                interval=interval,
                failures=failures,
                gone_count=gone_count,
                wishes=taken.info.wishes if taken.read else source.wishes,
                chance=self._chance(),
            )
        succeeded = isinstance(taken.answer, Fetched | NotModified)
        return PollRecord(
            lease=source.lease,
            polled_at=self._clock.now(),
            succeeded=succeeded,
            status=taken.answer.status,
            error=_error(taken.answer),
            validators=_validators(source, taken.answer),
            body_digest=_digest(source, taken.answer),
            failures=failures,
            gone_count=gone_count,
            paused_until=upcoming.paused_until,
            next_poll_at=upcoming.at,
            next_poll_reason=upcoming.reason,
            read=taken.read,
            info=taken.info,
            changes=taken.changes,
        )


def _counts(source: ClaimedSource, taken: _Taken) -> tuple[int, int]:
    """Failures and 410s in a row, this poll included. A throttled poll is neither."""
    match taken.answer:
        case Fetched() | NotModified():
            return 0, 0
        case Gone():
            return source.failures, source.gone_count + 1
        case Failed():
            return source.failures + (taken.outcome == "failed"), 0


def _validators(source: ClaimedSource, answer: Answer) -> Validators:
    """Those of the last document that we read; a 304 may bring new ones (RFC 9111 §4.3.4)."""
    match answer:
        case Fetched(validators=validators):
            return validators
        case NotModified(validators=validators):
            return Validators(
                etag=validators.etag or source.validators.etag,
                last_modified=validators.last_modified or source.validators.last_modified,
            )
        case Gone() | Failed():
            return source.validators


def _digest(source: ClaimedSource, answer: Answer) -> bytes | None:
    return body_digest(answer.body) if isinstance(answer, Fetched) else source.body_digest


def _error(answer: Answer) -> str | None:
    match answer:
        case Failed(reason=reason):
            return reason
        case Gone():
            return "HTTP 410 Gone"
        case Fetched() | NotModified():
            return None
