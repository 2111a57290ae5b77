"""Polls of one host after the other, of many hosts side by side.

HostRuns.open  the turn at the host, and its due sources
| one by one     `per_host_delay` between two requests, for a minute at the most
| places         at most `concurrency` polls are under way, slow ones apart
| Poller         fetch in the host's turn; settle beside the next request
| complete       when all is saved, the host is free
| Watch          one report a poll
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from aggregator.core.errors import StoreError
from aggregator.core.schedule import DEFAULT_PAUSE, asks_for_a_pause
from aggregator.core.urls import is_private_host
from aggregator.core.wire import Answer, Failed
from aggregator.service.frontier import Due, Frontier, HostRun
from aggregator.service.host_runs import HostRuns
from aggregator.service.places import Place, Places
from aggregator.service.policies import SourcePolicy
from aggregator.service.polling import Poller, Settled
from aggregator.service.ports import ClaimedSource, Clock, Lease, PollStore
from aggregator.service.reports import PollReport, throttled
from aggregator.service.turns import HostTurns
from aggregator.tasks.ends import end_all

BUDGET = timedelta(minutes=1)
"""A run begins no request later than this: others wait for its place."""

AGAIN = 0.5
"""Seconds until a host is looked at again that another process polls, for a poll by hand."""

TOLD_AFTER = 4
"""Of such looks: then whoever waits wants to know what for."""


class Watch(Protocol):
    """Who is told what happens."""

    def polled(self, report: PollReport) -> None: ...

    def found(self, source: str, url: str) -> None:
        """A lost feed seems to be at another address."""

    def waits_for(self, host: str) -> None:
        """A poll by hand has waited for a while: another process has the host."""

    def failed(self, doing: str, error: Exception) -> None:
        """Something of ours failed; polling goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPolicy:
    concurrency: int = 64
    per_host_delay: timedelta = timedelta(seconds=1)
    grace: timedelta = timedelta(seconds=5)
    """How long a stop waits for answers that are being read and saved."""


class DispatchStore(PollStore, Frontier, Protocol):
    """What is needed of the database."""


@dataclass(slots=True, kw_only=True)
class _Visit:
    """How far a run has come."""

    run: HostRun
    left: list[ClaimedSource]
    saving: int = 0
    """Its polls that are not saved yet."""
    is_over: bool = False
    asked_at: datetime | None = None
    """When its last request ended, or was broken off."""


class HostPoller:
    """Runs polls side by side, as whoever hands out hosts asks for them."""

    def __init__(
        self,
        *,
        poller: Poller,
        store: DispatchStore,
        clock: Clock,
        policy: DispatchPolicy,
        turns: HostTurns,
        watch: Watch,
        done: Callable[[PollReport], None],
        left: Callable[[], None],
    ) -> None:
        """`done` is told of each poll that was saved, `left` when a host was polled and is free."""
        self.policy = policy
        self.places = Places(policy.concurrency)
        self.heeds_pauses = True
        self._trouble: Exception | None = None
        self.runs: dict[str, asyncio.Task[None]] = {}
        self.settling: set[asyncio.Task[None]] = set()
        """What goes on beside requests: saving, completing, following up."""
        self._poller = poller
        self._store = store
        self._clock = clock
        self._turns = turns
        self._watch = watch
        self._done = done
        self._left = left
        self._host_runs = HostRuns(store, clock, watch.failed)
        self._stopping = False
        self._leaving: list[_Visit] = []
        self._completing: asyncio.Task[None] | None = None
        self._held: dict[str, ClaimedSource] = {}
        """What is claimed, by its token."""
        self._quiet: dict[str, datetime] = {}
        """By tokens of what was claimed before its domain asked for a pause: the pause's end."""

    @property
    def failing(self) -> int:
        """How many of the sources under way failed last time."""
        return sum(source.failures > 0 for source in self._held.values())

    def trouble(self) -> Exception | None:
        """Why a poll was not saved, while none has been since."""
        return self._trouble

    def hold(self, sources: Iterable[ClaimedSource]) -> None:
        """These are claimed, and given back by a stop."""
        self._held |= {source.lease.token: source for source in sources}

    async def poll(self, due: Due, named: Sequence[ClaimedSource] = ()) -> None:
        """Polls what is due of a host, or what was claimed of it by name. Does not raise."""
        task = asyncio.current_task()
        if task is None or due.host in self.runs or (self._stopping and not named):
            return
        self.runs[due.host] = task
        try:
            run = await self._open(due, insist=bool(named))
            if run is not None:
                await self._visit(run, named or run.sources)
        except Exception as error:  # noqa: BLE001  # the next sweep finds the host again
            self._trouble = error
            self._watch.failed(f"polling the host {due.host}", error)
        finally:
            del self.runs[due.host]

    async def stop(self) -> None:
        """Ends requests at once, lets answers be saved, and gives back what was not polled."""
        self._stopping = True
        await end_all(self.runs.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(self.policy.grace.total_seconds()):
                while self.settling:
                    await asyncio.wait(self.settling)
        while self.settling:  # what ends lets others begin
            await end_all(self.settling)
        await self._host_runs.stop()
        await self._release([source.lease for source in self._held.values()])

    async def _release(self, leases: Sequence[Lease]) -> None:
        """What cannot be given back is free when its host is, or its lease over."""
        try:
            if leases:
                await self._store.release(leases)
        except Exception as error:  # noqa: BLE001  # whoever comes after it is to be done, too
            self._watch.failed("giving sources back", error)

    async def _open(self, due: Due, *, insist: bool) -> HostRun | None:
        """`insist`: waits for another process to leave the host."""
        looks = 0
        while True:
            opening = self._host_runs.open(
                due, delay=self.policy.per_host_delay, lost=self._end_of(due.host)
            )
            try:
                run = await asyncio.shield(opening)
            except asyncio.CancelledError:
                if run := await opening:
                    self.hold(run.sources)
                    self._leave(_Visit(run=run, left=[*run.sources], is_over=True))
                raise
            if run is not None:
                self.hold(run.sources)
            if run is not None or not insist:
                return run
            looks += 1
            if looks == TOLD_AFTER:
                self._watch.waits_for(due.host)
            await asyncio.sleep(AGAIN)

    def _end_of(self, host: str) -> Callable[[], None]:
        """Ends the present run at this host, if it has not come to its end."""
        task = self.runs[host]

        def end() -> None:
            if self.runs.get(host) is task:
                task.cancel()

        return end

    async def _visit(self, run: HostRun, sources: Sequence[ClaimedSource]) -> None:
        """One after the other. One that hangs holds its host up; those that answered last time go
        before it.
        """
        well_first = sorted(sources, key=lambda source: source.failures > 0)
        visit = _Visit(run=run, left=well_first)
        ends_at = self._clock.steady() + BUDGET
        self._turns.rest(run.host, self._host_runs.rests_for(run))
        try:
            while visit.left and (visit.asked_at is None or self._clock.steady() < ends_at):
                source = visit.left[0]
                policy = self._poller.policies.get(source.key)
                if policy is None or not self._may_ask(source, policy):
                    await self._give_back(source)
                elif not await self._ask(visit, source, policy):
                    return
                del visit.left[0]
        finally:
            visit.is_over = True
            self._leave(visit)

    async def _ask(self, visit: _Visit, source: ClaimedSource, policy: SourcePolicy) -> bool:
        """False where the host is not ours any more."""
        async with self._turns.turn(visit.run.host):
            place = await self.places.take()
            is_held = False
            try:
                is_held = await self._host_runs.is_held(visit.run)
            finally:
                if not is_held:
                    place.release()
            if not is_held:
                return False
            started = self._clock.steady()
            try:
                answer = await self._fetch(source, policy, place)
            finally:
                visit.asked_at = self._clock.steady()
        settling = self._beside(self._settle(source, policy, answer, started, place))
        visit.saving += 1
        settling.add_done_callback(partial(self._saved, visit))
        if isinstance(answer, Failed) and asks_for_a_pause(answer):
            self._keep_quiet(source, answer)
            await asyncio.wait([settling])  # the next sweep has to know it
        return True

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Does it beside the next request; a stop waits for it."""
        task = asyncio.create_task(work)
        self.settling.add(task)
        task.add_done_callback(self.settling.discard)
        return task

    def _saved(self, visit: _Visit, _: asyncio.Task[None]) -> None:
        visit.saving -= 1
        self._leave(visit)

    def _leave(self, visit: _Visit) -> None:
        """Once all is saved: else what was polled would be found due again."""
        if visit.is_over and not visit.saving:
            self._leaving.append(visit)
            if self._completing is None:
                self._completing = self._beside(self._complete_all())

    async def _complete_all(self) -> None:
        """Those that come while others are completed are completed together."""
        try:
            while self._leaving:
                visits, self._leaving = self._leaving, []
                await self._complete(visits)
        finally:
            self._completing = None

    async def _complete(self, visits: Sequence[_Visit]) -> None:
        leases = [source.lease for visit in visits for source in visit.left]
        runs = [(visit.run, visit.asked_at) for visit in visits]
        await self._release(leases)
        try:
            await self._host_runs.complete(runs, delay=self.policy.per_host_delay)
        except Exception as error:  # noqa: BLE001  # they are free in a few seconds
            self._watch.failed("giving hosts back", error)
        for lease in leases:
            self._held.pop(lease.token, None)
            self._quiet.pop(lease.token, None)
        # What was only given back is due as it was: at once again, that would never end.
        if any(asked_at for _, asked_at in runs):
            self._left()

    def _may_ask(self, source: ClaimedSource, policy: SourcePolicy) -> bool:
        """Not at an address that the configuration has changed since, and in nobody's pause."""
        until = self._quiet.get(source.lease.token)
        return source.url == policy.shown_url and (until is None or until <= self._clock.steady())

    async def _give_back(self, source: ClaimedSource) -> None:
        del self._held[source.lease.token]
        until = self._quiet.pop(source.lease.token, None)
        await self._release([source.lease])
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
            self._trouble = None
            self._done(settled.report)
            self._watch.polled(settled.report)
        except Exception as error:  # noqa: BLE001  # the run ends, and the poll is repeated
            self._trouble = error
            self._watch.failed(f"saving the poll of {source.key}", error)
            return
        finally:
            self._held.pop(source.lease.token, None)
            self._quiet.pop(source.lease.token, None)
            place.release()
        if settled.lost is not None or settled.excused:
            self._beside(self._follow_up(source, policy, settled))

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
        """Neither in a place nor in a run, as it may ask other hosts and waits for their turns."""
        try:
            if url := await self._poller.follow_up(source, policy, settled):
                self._watch.found(source.key, url)
        except Exception as error:  # noqa: BLE001  # the poll itself is saved
            self._watch.failed(f"looking where {source.key} may have gone", error)

    def _keep_quiet(self, source: ClaimedSource, answer: Failed) -> None:
        """What was claimed of the domain before is given back; the next sweep knows the pause."""
        if self.heeds_pauses and not is_private_host(source.host):
            pause = DEFAULT_PAUSE if answer.retry_after is None else answer.retry_after
            until = self._clock.steady() + pause
            same = (t for t, other in self._held.items() if other.domain == source.domain)
            self._quiet |= dict.fromkeys(same, until)

    def _internal(self, source: ClaimedSource, error: Exception) -> Failed:
        self._watch.failed(f"polling {source.key}", error)
        return Failed(kind="internal", reason=f"{type(error).__name__}: {error}"[:200])
