"""Many polls at once: how many in all, one request at a time for a host, and a clean stop.

wake             a tick, or a run that ended while more was due
| spread         at start, and after a sleep: what is overdue must not come as a herd
| claim_due      due sources of hosts that are not busy, leased; few of those that fail
| one run a host its sources one after the other, `per_host_delay` between two requests
| places         at most `concurrency` polls are under way, slow ones apart
| Poller         fetch in the host's turn; settle beside the next request
| Watch          one report a poll
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aggregator.core.errors import StoreError
from aggregator.core.schedule import DEFAULT_PAUSE, asks_for_a_pause, spread
from aggregator.core.urls import is_private_host
from aggregator.core.wire import Answer, Failed
from aggregator.service.places import Place, Places
from aggregator.service.policies import SourcePolicy
from aggregator.service.polling import Poller, Settled
from aggregator.service.ports import ClaimedSource, Clock, PollStore
from aggregator.service.reports import PollReport, throttled
from aggregator.service.turns import HostTurns

TICK = timedelta(seconds=1)
"""How often the dispatcher should be woken."""

SHORTEST_TICK = timedelta(milliseconds=250)
"""Sources that fall due one after the other are claimed together, this late at the most."""

A_SLEEP = timedelta(minutes=1)
"""Without a look at what is due for so long, the machine slept or was held up."""

FAILING_SHARE = 4
"""Of so many places one may be held by a source that failed last time."""

WORTH_A_LOOK = 4
"""Of so many places one has to be free for a look between two ticks."""

POSTPONED_AT_ONCE = 2000
"""Overdue sources in one transaction: nobody else writes in the meantime."""

PER_HOST = 8
"""Sources of one host that are claimed at a time."""


class Watch(Protocol):
    """Who is told what happens."""

    def polled(self, report: PollReport) -> None: ...

    def found(self, source: str, url: str) -> None:
        """A lost feed seems to be at another address."""

    def failed(self, doing: str, error: Exception) -> None:
        """Something of ours failed; polling goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPolicy:
    """`lease` is how long a claim outlives the process that made it."""

    concurrency: int = 64
    per_host_delay: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(minutes=10)
    grace: timedelta = timedelta(seconds=5)
    """How long a stop waits for answers that are being read and saved."""


class Dispatcher:
    """Runs polls side by side."""

    def __init__(
        self,
        *,
        poller: Poller,
        store: PollStore,
        clock: Clock,
        policy: DispatchPolicy,
        turns: HostTurns,
        watch: Watch,
    ) -> None:
        self._poller = poller
        self._store = store
        self._clock = clock
        self._watch = watch
        self._wake = asyncio.Event()
        self._sweeping = asyncio.Lock()
        self._stopping = False
        self._more_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._to_be_spread = True
        self._heeds_pauses = True
        self._places = Places(policy.concurrency)
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._held: dict[str, ClaimedSource] = {}
        """What is claimed, by its token."""
        self._quiet: dict[str, datetime] = {}
        """By tokens of what was claimed before its domain asked for a pause: the pause's end."""
        self._turns = turns
        self._policy = policy
        self.swept_at: datetime | None = None
        """When due sources were last looked for, by the steady clock."""

    def take(self, policy: DispatchPolicy) -> None:
        """Works by another policy from now on; its `concurrency` counts from the next start.

        What is due then is spread anew, as many sources may have come.
        """
        self._policy = policy
        self._turns.delay = policy.per_host_delay
        self._to_be_spread = True

    def wake(self) -> None:
        """Asks for a look at what is due."""
        self._wake.set()

    async def run(self) -> None:
        """Polls what is due whenever woken, until stopped."""
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            try:
                async with self._sweeping:
                    await self._sweep()
            except Exception as error:  # noqa: BLE001  # the next look may find all well
                self._watch.failed("looking for due sources", error)

    async def poll(self, sources: Iterable[ClaimedSource], *, force: bool = False) -> None:
        """Polls these sources, whatever the schedule says, and waits for all of them.

        `force`: even those of a server that asks for a pause meanwhile.
        """
        self._heeds_pauses = not force
        await self._recall_requests()
        self._start(sources)
        while under_way := {*self._runs.values(), *self._settling}:
            await asyncio.wait(under_way)

    async def stop(self) -> None:
        """Ends requests at once, lets answers be saved, and gives back what was not polled."""
        self._stopping = True
        self.wake()
        async with self._sweeping:  # what is being claimed is given back, too
            await _end(self._runs.values())
        if self._settling:
            await asyncio.wait(self._settling, timeout=self._policy.grace.total_seconds())
        await _end(self._settling)
        await self._store.release([source.lease for source in self._held.values()])

    async def _spread_overdue(self) -> None:
        """Puts the polls that are overdue one after the other, if they are many."""
        now = self._clock.steady()
        overdue = [
            (source.source_id, policy.pace.shortest)
            for source in await self._store.overdue(now=now)
            if (policy := self._poller.policies.get(source.key))
        ]
        waits = zip(overdue, spread([interval for _, interval in overdue]), strict=True)
        later = [(source_id, now + wait) for (source_id, _), wait in waits if wait]
        reason = "overdue with many others; one after the other"
        for start in range(0, len(later), POSTPONED_AT_ONCE):
            some = dict(later[start : start + POSTPONED_AT_ONCE])
            await self._store.postpone(some, now=now, reason=reason)

    async def _recall_requests(self) -> None:
        """Hosts that another process of ours has just asked get their rest."""
        now = self._clock.now()
        for host, last in (await self._store.recent_hosts(since=now - self._turns.delay)).items():
            # A last poll in the future is a wrong clock's.
            self._turns.rest(host, min(last - now, timedelta()) + self._turns.delay)

    async def _sweep(self) -> None:
        now = self._clock.steady()
        slept = self.swept_at is not None and now - self.swept_at > A_SLEEP
        if self._to_be_spread or slept:
            await self._recall_requests()
            await self._spread_overdue()
            self._to_be_spread = False
        room = 0 if self._stopping else self._room()
        if room > 0:
            claimed = await self._store.claim_due(
                now=now,
                lease_until=now + self._policy.lease,
                limit=room,
                failing=self._room_for_failing(),
                per_host=PER_HOST,
                busy_hosts=tuple(self._runs),
            )
            self._start(claimed)
        self._more_is_due = room <= 0 or bool(claimed)
        self.swept_at = now
        await self._wake_for_the_next(now)

    async def _wake_for_the_next(self, now: datetime) -> None:
        """A source that falls due between two ticks does not wait for the second."""
        next_due = await self._store.next_due(after=now)
        if self._timer:  # one at a time: each look sets another
            self._timer.cancel()
        if next_due is not None and next_due - now < TICK:
            wait = max(next_due - now, SHORTEST_TICK).total_seconds()
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake.set)

    def _is_worth_a_look(self) -> bool:
        """Not for a place or two while others are at work: many claimed at once cost little more
        than one. The next tick looks in any case.
        """
        return self._room() >= max(self._policy.concurrency // WORTH_A_LOOK, 1)

    def _room(self) -> int:
        under_way = max(len(self._runs) - self._places.slow, 0)
        return self._policy.concurrency - under_way

    def _room_for_failing(self) -> int:
        under_way = sum(source.failures > 0 for source in self._held.values())
        return max(self._policy.concurrency // FAILING_SHARE, 1) - under_way

    def _start(self, sources: Iterable[ClaimedSource]) -> None:
        by_host: defaultdict[str, list[ClaimedSource]] = defaultdict(list)
        for source in sources:
            self._held[source.lease.token] = source
            by_host[source.host].append(source)
        for host, its_sources in by_host.items():
            # One that hangs holds its host up; those that answered last time go before it.
            well_first = sorted(its_sources, key=lambda source: source.failures > 0)
            self._runs[host] = asyncio.create_task(self._run_host(host, well_first))

    async def _run_host(self, host: str, sources: Sequence[ClaimedSource]) -> None:
        asked = False
        try:
            for source in sources:
                policy = self._poller.policies.get(source.key)
                if policy is None or not self._may_ask(source, policy):
                    await self._give_back(source)
                    continue
                async with self._turns.turn(host):
                    place = await self._places.take()
                    started = self._clock.steady()
                    answer = await self._fetch(source, policy, place)
                asked = True
                settling = asyncio.create_task(self._settle(source, policy, answer, started, place))
                self._settling.add(settling)
                settling.add_done_callback(self._settling.discard)
                if isinstance(answer, Failed) and asks_for_a_pause(answer):
                    self._keep_quiet(source, answer)
                    await asyncio.wait([settling])  # the next claim has to know it
        finally:
            self._runs.pop(host, None)
            # What was only given back is due as it was: at once again, that would never end.
            if self._more_is_due and asked and self._is_worth_a_look():
                self._wake.set()

    def _may_ask(self, source: ClaimedSource, policy: SourcePolicy) -> bool:
        """Not at an address that the configuration has changed since, and in nobody's pause."""
        until = self._quiet.get(source.lease.token)
        return source.url == policy.shown_url and (until is None or until <= self._clock.steady())

    async def _give_back(self, source: ClaimedSource) -> None:
        del self._held[source.lease.token]
        until = self._quiet.pop(source.lease.token, None)
        try:
            await self._store.release([source.lease])
        except StoreError as error:
            self._watch.failed(f"giving {source.key} back", error)
        if until is not None:
            self._watch.polled(throttled(source.key, until, now=self._clock.steady()))

    async def _fetch(self, source: ClaimedSource, policy: SourcePolicy, place: Place) -> Answer:
        """The place is held when it returns, and given back when it is cancelled."""
        try:
            return await self._poller.fetch(source, policy)
        except asyncio.CancelledError:
            place.release()
            raise
        except Exception as error:  # noqa: BLE001  # one source's trouble must not end the others
            return self._internal(source, error)

    async def _settle(
        self,
        source: ClaimedSource,
        policy: SourcePolicy,
        answer: Answer,
        started: datetime,
        place: Place,
    ) -> None:
        try:
            settled = await self._save(source, policy, answer, started)
            self._wake_for(settled.report)
            self._watch.polled(settled.report)
        except Exception as error:  # noqa: BLE001  # the lease runs out, and the poll is repeated
            self._watch.failed(f"saving the poll of {source.key}", error)
            return
        finally:
            self._held.pop(source.lease.token, None)
            self._quiet.pop(source.lease.token, None)
            place.release()
        await self._follow_up(source, policy, settled)

    async def _save(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, started: datetime
    ) -> Settled:
        try:
            return await self._poller.settle(source, policy, answer, started=started)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # a document that we choke on is counted
            answer = self._internal(source, error)
            return await self._poller.settle(source, policy, answer, started=started)

    async def _follow_up(
        self, source: ClaimedSource, policy: SourcePolicy, settled: Settled
    ) -> None:
        """Without a place, as it may ask other hosts and has to wait for their turns."""
        try:
            if url := await self._poller.follow_up(source, policy, settled):
                self._watch.found(source.key, url)
        except Exception as error:  # noqa: BLE001  # the poll itself is saved
            self._watch.failed(f"looking where {source.key} may have gone", error)

    def _keep_quiet(self, source: ClaimedSource, answer: Failed) -> None:
        """What was claimed of the domain before is given back; the next claim knows the pause."""
        if self._heeds_pauses and not is_private_host(source.host):
            pause = DEFAULT_PAUSE if answer.retry_after is None else answer.retry_after
            until = self._clock.steady() + pause
            same = (t for t, other in self._held.items() if other.domain == source.domain)
            self._quiet |= dict.fromkeys(same, until)

    def _wake_for(self, report: PollReport) -> None:
        """A source that is due again before the next tick does not wait for it."""
        if report.next_poll_at is not None:
            wait = report.next_poll_at - self._clock.steady()
            if wait < TICK:
                asyncio.get_running_loop().call_later(wait.total_seconds(), self._wake.set)

    def _internal(self, source: ClaimedSource, error: Exception) -> Failed:
        self._watch.failed(f"polling {source.key}", error)
        return Failed(kind="internal", reason=f"{type(error).__name__}: {error}"[:200])


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
