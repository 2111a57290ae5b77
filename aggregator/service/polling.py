"""One poll of one source, told in order.

request        what to ask, and where, with the validators of the last answer
| fetch        one conditional GET                              -> Answer
| settle       TakeIn: what the answer brings                   -> Taken
| next_poll    when to come back, and why
| save_poll    all of it in one transaction
| PollReport   one line for people
| follow_up    Recovery looks where a lost feed may have gone
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.core.moves import Moves, after_poll
from aggregator.core.offers import Links, Offer, offer_of
from aggregator.core.pushes import has_missed, is_pushed
from aggregator.core.rhythm import NEWEST, Habits, Sighting, learn
from aggregator.core.schedule import Standing, after_outage, asks_for_a_pause, next_poll
from aggregator.core.upcoming import NextPoll
from aggregator.core.urls import is_private_host
from aggregator.core.wire import (
    Answer,
    Failed,
    Fetched,
    Gone,
    NotModified,
    PackedForm,
    Validators,
)
from aggregator.service.network import Network
from aggregator.service.policies import SourcePolicy
from aggregator.service.ports import (
    ClaimedSource,
    Clock,
    Fetcher,
    PastPoll,
    PollRecord,
    PollStore,
)
from aggregator.service.recovery import Recovery
from aggregator.service.reports import PollReport, report_of, report_of_lost
from aggregator.service.taking_in import TakeIn, Taken

LONGEST_DOMAIN_PAUSE = timedelta(days=1)
"""What one source's server asks for holds no longer for the others of its domain: a platform for
many authors may be one domain to the list, and a week of silence there too much of a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A poll that was saved, and what there is to be followed up."""

    report: PollReport
    lost: Answer | None = None
    """The answer of a source that failed, or is gone."""
    failed: int = 0
    """How many such answers in a row."""
    excused: bool = False
    """Our own network was to blame."""


class Poller:
    """Polls sources and saves what comes of it. `policies` may be replaced between two polls;
    `take_in` is there for what is pushed, too.
    """

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
        domain_of: Callable[[str], str] = str,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self.take_in = take_in
        self._recovery = recovery
        self._clock = clock
        self._chance = chance
        self._domain_of = domain_of
        self._network = Network()
        self.policies = policies

    @property
    def policies(self) -> Mapping[str, SourcePolicy]:
        return self._policies

    @policies.setter
    def policies(self, policies: Mapping[str, SourcePolicy]) -> None:
        self._policies = policies
        self._addresses: frozenset[str] | None = None

    async def fetch(self, source: ClaimedSource, policy: SourcePolicy) -> Answer:
        """The request alone; every outcome is a value."""
        url = source.moves.to or policy.url
        answer = await self._fetcher.fetch(policy.request(url, source.validators, source.packed))
        if isinstance(answer, Fetched) and policy.hides:
            return replace(answer, url=policy.base_of(answer.url))
        return answer

    async def settle(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, *, started: datetime
    ) -> Settled:
        """What is saved of it. `started` is the steady clock's when the request was sent."""
        taken = await self.take_in(source, policy, answer)
        now = self._clock.steady()
        excused = self._is_excused(source, answer, now)
        habits = await self._habits(source, policy, taken)
        missed = self._has_missed(source, taken, now)
        standing = self._standing(source, taken, habits, now, excused=excused, missed=missed)
        upcoming = self._upcoming(policy, taken.answer, standing, now, excused=excused)
        record = PollRecord(
            lease=source.lease,
            poll=self._past(source, taken, answer, now - started),
            validators=_next_validators(source, taken.answer),
            body_digest=taken.digest or source.body_digest,
            packed=_packed(source, taken),
            failures=standing.failures,
            gone_count=standing.gone_count,
            throttles=standing.throttles,
            moves=self._moves(source, policy, taken.answer, standing, now),
            paused_until=upcoming.paused_until,
            domain_paused_until=_domain_pause(source, taken.answer, upcoming, now),
            not_before=upcoming.not_before,
            next_poll_at=upcoming.at,
            next_poll_reason=upcoming.reason,
            read=taken.read,
            info=taken.info,
            changes=taken.changes,
            offer=self._offer(source, policy, taken),
            missed_at=now if missed else None,
            memory=taken.memory,
            habits=None if habits is source.habits else habits,
        )
        if not await self._store.save_poll(record):
            return Settled(report=report_of_lost(source, record))
        if not excused:
            self._network.blame(source, answer, now=now)
        return Settled(
            report=report_of(source, record),
            lost=None if record.succeeded else taken.answer,
            failed=record.failures + record.gone_count,
            excused=excused,
        )

    async def follow_up(
        self, source: ClaimedSource, policy: SourcePolicy, settled: Settled
    ) -> str | None:
        """What a saved poll gives cause for; an address to propose, where one was found."""
        if settled.excused:
            if blamed := self._network.wrongly_blamed():
                at = settled.report.next_poll_at or self._clock.steady()
                await self._store.forgive(blamed, at=at, reason=settled.report.next_poll_reason)
            return None
        if settled.lost is None:
            return None
        found = await self._recovery.find(source, policy, settled.lost, failed=settled.failed)
        if found is None or self._is_polled(found):
            return None
        await self._store.suggest(source.lease.source_id, found)
        return found

    def _is_polled(self, url: str) -> bool:
        """Whether a source is there already. Few polls ask, each time among all of them."""
        if self._addresses is None:
            self._addresses = frozenset(policy.url for policy in self._policies.values())
        return url in self._addresses

    def _is_excused(self, source: ClaimedSource, answer: Answer, now: datetime) -> bool:
        """Whether a failure is our own network's."""
        self._network.saw(source, answer, now=now)
        return self._network.excuses(answer, now=now)

    async def _habits(
        self, source: ClaimedSource, policy: SourcePolicy, taken: Taken
    ) -> Habits | None:
        if not taken.succeeded or policy.pace.longest <= policy.pace.shortest:
            return None
        if source.habits is not None and not taken.changes.new:
            return source.habits
        now = self._clock.now()
        news = [Sighting(one.first_seen, one.published) for one in taken.changes.new]
        if source.habits is not None and (habits := source.habits.with_news(news, now)):
            return habits
        if not source.blank:
            news += await self._store.sightings(source.lease.source_id, limit=NEWEST)
        return learn(news, now)

    def _past(
        self, source: ClaimedSource, taken: Taken, answer: Answer, elapsed: timedelta
    ) -> PastPoll:
        return PastPoll(
            polled_at=self._clock.now(),
            outcome=taken.outcome,
            status=taken.answer.status,
            bytes=taken.bytes,
            elapsed=elapsed,
            error=_error(taken.answer),
            sent=source.validators,
            received=_received(answer),
        )

    def _standing(
        self,
        source: ClaimedSource,
        taken: Taken,
        habits: Habits | None,
        now: datetime,
        *,
        excused: bool,
        missed: bool,
    ) -> Standing:
        before = source.failures, source.throttles, source.gone_count
        failures, throttles, gone_count = before if excused else _counts(source, taken)
        news_at = None if taken.outcome == "new" else source.last_news_at
        return Standing(
            failures=failures,
            throttles=throttles,
            gone_count=gone_count,
            wishes=taken.info.wishes if taken.read else source.info.wishes,
            habits=habits,
            quiet_for=self._clock.now() - news_at if news_at else timedelta(),
            conditional=_is_conditional(source, taken),
            pushed=not missed and is_pushed(source.push, now),
        )

    def _has_missed(self, source: ClaimedSource, taken: Taken, now: datetime) -> bool:
        """Whether the poll found what its hub should have pushed."""
        if source.push is None:
            return False
        behind = self._clock.now() - now  # entries have the wall clock's times
        news = (one.published - behind for one in taken.changes.new)
        return has_missed(source.push, news, now)

    def _offer(self, source: ClaimedSource, policy: SourcePolicy, taken: Taken) -> Offer | None:
        """None where the answer says nothing of hubs: then what was offered stays."""
        answer = taken.answer
        if not isinstance(answer, Fetched | NotModified):
            return None
        if taken.links is None and not answer.links.hubs:
            return None
        if not policy.may_be_pushed:
            return Offer()
        polled = answer.permanent_url or source.moves.to or policy.url
        document = taken.links or Links()
        return offer_of(answer.links, document, polled=polled, domain_of=self._domain_of)

    def _upcoming(
        self,
        policy: SourcePolicy,
        answer: Answer,
        standing: Standing,
        now: datetime,
        *,
        excused: bool,
    ) -> NextPoll:
        chance = self._chance()
        if excused:
            return after_outage(now=now, interval=policy.pace.shortest, chance=chance)
        return next_poll(answer, now=now, pace=policy.pace, standing=standing, chance=chance)

    def _moves(
        self,
        source: ClaimedSource,
        policy: SourcePolicy,
        answer: Answer,
        standing: Standing,
        now: datetime,
    ) -> Moves:
        if policy.hides:
            return Moves()
        target = answer.permanent_url if isinstance(answer, Fetched | NotModified) else None
        if target and target != policy.url and self._is_polled(target):
            return source.moves  # another source is there: one of the two is to be removed
        return after_poll(
            source.moves,
            answer,
            configured=policy.url,
            failures=standing.failures,
            gone_count=standing.gone_count,
            now=now,
        )


def _domain_pause(
    source: ClaimedSource, answer: Answer, upcoming: NextPoll, now: datetime
) -> datetime | None:
    """In a private network one address may serve many things: there a source waits alone."""
    if upcoming.paused_until is None or not asks_for_a_pause(answer):
        return None
    if is_private_host(source.host):
        return None
    return min(upcoming.paused_until, now + LONGEST_DOMAIN_PAUSE)


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


def _packed(source: ClaimedSource, taken: Taken) -> PackedForm | None:
    """Of the document that `body_digest` is of."""
    if taken.digest is None or not isinstance(taken.answer, Fetched):
        return source.packed
    return taken.answer.packed


def _error(answer: Answer) -> str | None:
    match answer:
        case Failed(reason=reason):
            return reason
        case Gone():
            return "HTTP 410 Gone"
        case Fetched() | NotModified():
            return None
