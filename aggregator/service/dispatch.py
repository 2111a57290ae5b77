"""Many polls at once: when to look for what is due, and how much of it is asked for.

wake             a tick, or a run that ended while more was due
| spread         at start, and after a sleep: what is overdue must not come as a herd
| sweep          hosts with due sources that nobody polls; few of those that fail
| Engine         hands hosts out: to this process, or to whichever of a fleet takes them
| HostPoller     polls what is due of a host
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from aggregator.core.schedule import spread
from aggregator.service.frontier import Due, Engine
from aggregator.service.host_polling import (
    DispatchPolicy,
    DispatchStore,
    HostPoller,
    Watch,
)
from aggregator.service.polling import Poller
from aggregator.service.ports import ClaimedSource, Clock
from aggregator.service.reports import PollReport
from aggregator.service.turns import HostTurns
from aggregator.tasks.ends import end_all

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
"""Sources of one host that are polled in one run."""


class Dispatcher:
    """Runs polls side by side."""

    def __init__(
        self,
        *,
        poller: Poller,
        store: DispatchStore,
        engine: Engine,
        clock: Clock,
        policy: DispatchPolicy,
        turns: HostTurns,
        watch: Watch,
    ) -> None:
        self.hosts = HostPoller(
            poller=poller,
            store=store,
            clock=clock,
            policy=policy,
            turns=turns,
            watch=watch,
            done=self._wake_for,
            left=self._wake_for_more,
        )
        self._poller = poller
        self._store = store
        self._engine = engine
        self._clock = clock
        self._watch = watch
        self._wake = asyncio.Event()
        self._sweeping = asyncio.Lock()
        self._stopping = False
        self._more_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._to_be_spread = True
        self._turns = turns
        self._policy = policy
        self.swept_at: datetime | None = None
        """When due sources were last looked for, by the steady clock."""

    def take(self, policy: DispatchPolicy) -> None:
        """Works by another policy from now on; its `concurrency` counts from the next start.

        What is due then is spread anew, as many sources may have come.
        """
        self._policy = self.hosts.policy = policy
        self._turns.delay = policy.per_host_delay
        self._to_be_spread = True

    def wake(self) -> None:
        """Asks for a look at what is due."""
        self._wake.set()

    async def run(self) -> None:
        """Polls what is due whenever woken, until stopped."""
        at_once = 2 * self._policy.concurrency  # slow ones have places of their own
        handing_out = asyncio.create_task(self._engine.run(self.hosts.poll, concurrency=at_once))
        handing_out.add_done_callback(lambda _: self.wake())
        await asyncio.sleep(0)  # it begins
        try:
            while not self._stopping:
                await self._wake.wait()
                self._wake.clear()
                if handing_out.done():
                    handing_out.result()
                try:
                    async with self._sweeping:
                        await self._sweep()
                except Exception as error:  # noqa: BLE001  # the next look may find all well
                    self._watch.failed("looking for due sources", error)
        finally:
            await end_all([handing_out])

    async def poll(self, sources: Iterable[ClaimedSource], *, force: bool = False) -> None:
        """Polls these sources, whatever the schedule says, and waits for all of them.

        `force`: even those of a server that asks for a pause meanwhile.
        """
        self.hosts.heeds_pauses = not force
        by_host: defaultdict[str, list[ClaimedSource]] = defaultdict(list)
        for source in sources:
            by_host[source.host].append(source)
        self.hosts.hold(source for some in by_host.values() for source in some)
        await self._run_all((Due(host), tuple(named)) for host, named in by_host.items())

    async def poll_due(self, hosts: Iterable[Due]) -> None:
        """Polls what a sweep has found, as far as it is due yet, and waits for all of it."""
        await self._run_all((due, ()) for due in hosts)

    async def _run_all(self, wanted: Iterable[tuple[Due, tuple[ClaimedSource, ...]]]) -> None:
        slots = asyncio.Semaphore(2 * self._policy.concurrency)

        async def one(due: Due, named: tuple[ClaimedSource, ...]) -> None:
            async with slots:
                await self.hosts.poll(due, named)

        runs = [asyncio.create_task(one(*each)) for each in wanted]
        try:
            await asyncio.gather(*runs, return_exceptions=True)
        finally:
            await end_all(runs)
        while self.hosts.settling:
            await asyncio.wait(self.hosts.settling)

    async def stop(self) -> None:
        """Ends requests at once, lets answers be saved, and gives back what was not polled."""
        self._stopping = True
        self.wake()
        async with self._sweeping:  # what is being taken is given back, too
            await self.hosts.stop()

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

    async def _sweep(self) -> None:
        now = self._clock.steady()
        slept = self.swept_at is not None and now - self.swept_at > A_SLEEP
        if self._to_be_spread or slept:
            await self._store.mend(now=now)
            await self._spread_overdue()
            self._to_be_spread = False
        wanted = 0 if self._stopping else await self._engine.wanted(self._room())
        due: Sequence[Due] = ()
        if wanted > 0:
            due = await self._store.sweep(
                now=now, limit=wanted, failing=self._room_for_failing(), per_host=PER_HOST
            )
            await self._engine.submit(due)
        self._more_is_due = wanted <= 0 or bool(due)
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
        """Not for a place or two while others are at work: many found at once cost little more
        than one. The next tick looks in any case.
        """
        return self._room() >= max(self._policy.concurrency // WORTH_A_LOOK, 1)

    def _room(self) -> int:
        under_way = max(len(self.hosts.runs) - self.hosts.places.slow, 0)
        return self._policy.concurrency - under_way

    def _room_for_failing(self) -> int:
        return max(self._policy.concurrency // FAILING_SHARE, 1) - self.hosts.failing

    def _wake_for(self, report: PollReport) -> None:
        """A source that is due again before the next tick does not wait for it."""
        if report.next_poll_at is not None:
            wait = report.next_poll_at - self._clock.steady()
            if wait < TICK:
                asyncio.get_running_loop().call_later(wait.total_seconds(), self._wake.set)

    def _wake_for_more(self) -> None:
        if self._more_is_due and self._is_worth_a_look():
            self._wake.set()
