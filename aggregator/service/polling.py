"""One poll of one source, told in order.

request        what to ask, and where, with the validators of the last answer
| fetch        one conditional GET                              -> Answer
| settle       TakeIn: what the answer brings                   -> Taken
| next_poll    when to come back, and why
| save_poll    all of it in one transaction
| Recovery     looks where a lost feed may have gone
| PollReport   one line for people
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator.core.digest import body_digest
from aggregator.core.moves import Moves, after_poll
from aggregator.core.reconcile import Intake
from aggregator.core.rhythm import NEWEST, Habits, Pace, Sighting, learn
from aggregator.core.schedule import Standing, after_outage, next_poll
from aggregator.core.upcoming import NextPoll, in_words
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
    Fetcher,
    Outcome,
    PastPoll,
    PollRecord,
    PollStore,
)
from aggregator.service.recovery import Recovery
from aggregator.service.taking_in import TakeIn, Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """How one source is polled. `timeout` is in seconds, `max_body` in bytes."""

    url: str = field(repr=False)
    """As configured, with what may not be shown."""
    shown_url: str
    pace: Pace
    timeout: float
    max_body: int
    user_agent: Callable[[], str]
    """Asked at each request: it may tell a number that changes."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    http2: bool = False
    proxy: str | None = field(default=None, repr=False)
    language: str | None = None
    intake: Intake = field(default_factory=Intake)

    @property
    def may_move(self) -> bool:
        """A redirect repeats what its address holds: where that is secret, it is not kept."""
        return self.url == self.shown_url

    def request(self, url: str, validators: Validators) -> FetchRequest:
        """What a poll asks the source's server."""
        return FetchRequest(
            url=url,
            validators=validators,
            timeout=self.timeout,
            max_body=self.max_body,
            user_agent=self.user_agent(),
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
    status: int | None = None
    entries_new: int = 0
    entries_updated: int = 0
    bytes: int = 0
    elapsed: timedelta = timedelta()
    next_poll_at: datetime | None
    next_poll_reason: str
    paused_until: datetime | None = None
    moved_to: str | None = None
    """Set once: when the source has turned out to have moved for good."""
    suggested_url: str | None = None
    """Set once: when a feed was found elsewhere after this one was lost."""
    error: str | None = None


def throttled(source: str, until: datetime, *, now: datetime) -> PollReport:
    """Of a source that was not asked, as its server wants no request until then."""
    left = in_words(max(until - now, timedelta()))
    return PollReport(
        source=source,
        outcome="throttled",
        next_poll_at=until,
        next_poll_reason="the server asked for a pause",
        error=f"not asked: the server wants no request for another {left}; --force asks anyway",
    )


class Poller:
    """Polls sources and saves what comes of it. `policies` may be replaced between two polls."""

    def __init__(
        self,
        *,
        store: PollStore,
        fetcher: Fetcher,
        take_in: TakeIn,
        recovery: Recovery,
        clock: Clock,
        chance: Callable[[], float],
        policies: Mapping[str, SourcePolicy],
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._take_in = take_in
        self._recovery = recovery
        self._clock = clock
        self._chance = chance
        self._network = Network()
        self.policies = policies

    async def fetch(self, source: ClaimedSource, policy: SourcePolicy) -> Answer:
        """The request alone; every outcome is a value."""
        url = source.moves.to or policy.url
        return await self._fetcher.fetch(policy.request(url, source.validators))

    async def settle(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, *, started: datetime
    ) -> PollReport:
        """Everything after the request. `started` is the steady clock's when it was sent."""
        now = self._clock.steady()
        self._network.saw(source, answer, now=now)
        excused = self._network.excuses(answer, now=now)
        taken = await self._take_in(source, policy.intake, policy.language, answer)
        habits = await self._habits(source, policy, taken)
        record = self._record(source, policy, taken, habits, excused=excused, started=started)
        if not await self._store.save_poll(record):
            return _lost_lease(source, record)
        if excused:
            await self._forgive(record.next_poll_at)
            return _report(source, record)
        self._network.blame(source, answer, now=now)
        suggested_url = await self._recover(source, record, taken.answer)
        return _report(source, record, suggested_url)

    async def _forgive(self, at: datetime) -> None:
        if blamed := self._network.wrongly_blamed():
            await self._store.forgive(blamed, next_poll_at=at)

    async def _recover(
        self, source: ClaimedSource, record: PollRecord, answer: Answer
    ) -> str | None:
        tries = record.failures + record.gone_count
        if url := await self._recovery.find(source, answer, failed=tries):
            await self._store.suggest(source.lease.source_id, url)
        return url

    async def _habits(
        self, source: ClaimedSource, policy: SourcePolicy, taken: Taken
    ) -> Habits | None:
        if not taken.succeeded or policy.pace.longest <= policy.pace.shortest:
            return None
        known = await self._store.sightings(source.lease.source_id, limit=NEWEST)
        news = (Sighting(one.first_seen, one.published) for one in taken.changes.new)
        return learn([*news, *known], self._clock.now())

    def _record(
        self,
        source: ClaimedSource,
        policy: SourcePolicy,
        taken: Taken,
        habits: Habits | None,
        *,
        excused: bool,
        started: datetime,
    ) -> PollRecord:
        answer = taken.answer
        standing = self._standing(source, taken, habits, excused=excused)
        upcoming = self._upcoming(policy, answer, standing, excused=excused)
        return PollRecord(
            lease=source.lease,
            poll=PastPoll(
                polled_at=self._clock.now(),
                outcome=taken.outcome,
                status=answer.status,
                bytes=taken.bytes,
                elapsed=self._clock.steady() - started,
                error=_error(answer),
                sent=source.validators,
                received=_received(answer),
            ),
            validators=_next_validators(source, answer),
            body_digest=_digest(source, answer),
            failures=standing.failures,
            gone_count=standing.gone_count,
            throttles=standing.throttles,
            moves=self._moves(source, policy, answer, standing),
            paused_until=upcoming.paused_until,
            next_poll_at=upcoming.at,
            next_poll_reason=upcoming.reason,
            read=taken.read,
            info=taken.info,
            changes=taken.changes,
        )

    def _standing(
        self, source: ClaimedSource, taken: Taken, habits: Habits | None, *, excused: bool
    ) -> Standing:
        failures, throttles, gone_count = _counts(source, taken)
        now = self._clock.now()
        brought_news = taken.outcome == "new" or source.last_news_at is None
        return Standing(
            failures=source.failures if excused else failures,
            throttles=throttles,
            gone_count=gone_count,
            wishes=taken.info.wishes if taken.read else source.info.wishes,
            habits=habits,
            quiet_for=timedelta() if brought_news else now - (source.last_news_at or now),
            conditional=_is_conditional(source, taken),
        )

    def _upcoming(
        self, policy: SourcePolicy, answer: Answer, standing: Standing, *, excused: bool
    ) -> NextPoll:
        now, chance = self._clock.steady(), self._chance()
        if excused:
            return after_outage(now=now, interval=policy.pace.shortest, chance=chance)
        return next_poll(answer, now=now, pace=policy.pace, standing=standing, chance=chance)

    def _moves(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, standing: Standing
    ) -> Moves:
        if not policy.may_move:
            return Moves()
        return after_poll(
            source.moves,
            answer,
            configured=policy.url,
            failures=standing.failures,
            gone_count=standing.gone_count,
            now=self._clock.steady(),
        )


def _report(
    source: ClaimedSource, record: PollRecord, suggested_url: str | None = None
) -> PollReport:
    moved = record.moves.to != source.moves.to
    return PollReport(
        source=source.key,
        outcome=record.poll.outcome,
        status=record.poll.status,
        entries_new=len(record.changes.new),
        entries_updated=len(record.changes.edited),
        bytes=record.poll.bytes,
        elapsed=record.poll.elapsed,
        next_poll_at=record.next_poll_at,
        next_poll_reason=record.next_poll_reason,
        paused_until=record.paused_until,
        moved_to=record.moves.to if moved else None,
        suggested_url=suggested_url,
        error=record.poll.error,
    )


def _lost_lease(source: ClaimedSource, record: PollRecord) -> PollReport:
    return PollReport(
        source=source.key,
        outcome="unchanged",
        status=record.poll.status,
        bytes=record.poll.bytes,
        elapsed=record.poll.elapsed,
        next_poll_at=record.next_poll_at,
        next_poll_reason=record.next_poll_reason,
        error="another process took this source over meanwhile",
    )


def _counts(source: ClaimedSource, taken: Taken) -> tuple[int, int, int]:
    """Failures, throttles and 410s in a row, this poll included; a throttled poll is no failure."""
    match taken.outcome:
        case "new" | "unchanged" | "not_modified":
            return 0, 0, 0
        case "gone":
            return source.failures, 0, source.gone_count + 1
        case "throttled":
            return source.failures, source.throttles + 1, 0
        case "failed":
            return source.failures + 1, 0, 0


def _is_conditional(source: ClaimedSource, taken: Taken) -> bool:
    """Whether the next poll is likely to cost less than a document."""
    match taken.answer:
        case Fetched(validators=validators):
            ignored = taken.outcome == "unchanged" and source.validators != Validators()
            return validators != Validators() and not ignored
        case _:
            return True


def _received(answer: Answer) -> Validators:
    return answer.validators if isinstance(answer, Fetched | NotModified) else Validators()


def _next_validators(source: ClaimedSource, answer: Answer) -> Validators:
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
