"""Many polls at once: how many in all, one request at a time for a host, and a clean stop.

wake             a tick, or a run that ended while more was due
| claim_due      due sources of hosts that are not busy, leased
| one run a host its sources one after the other, `per_host_delay` between two requests
| slots          at most `concurrency` polls in all are under way
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
from aggregator.core.schedule import asks_for_a_pause
from aggregator.core.urls import is_private_host
from aggregator.core.wire import Answer, Failed
from aggregator.service.polling import Poller, PollReport, SourcePolicy
from aggregator.service.ports import ClaimedSource, Clock, Lease, PollStore
from aggregator.service.turns import HostTurns

TICK = timedelta(seconds=1)
"""How often the dispatcher should be woken."""


PER_HOST = 8
"""Sources of one host that are claimed at a time."""


class Watch(Protocol):
    """Who is told what happens."""

    def polled(self, report: PollReport) -> None: ...

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
        self._slots = asyncio.Semaphore(policy.concurrency)
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._held: dict[str, Lease] = {}
        self._turns = HostTurns(policy.per_host_delay)
        self._policy = policy
        self.swept_at: datetime | None = None
        """When due sources were last looked for, by the steady clock."""

    def take(self, policy: DispatchPolicy) -> None:
        """Works by another policy from now on; its `concurrency` counts from the next start."""
        self._policy = policy
        self._turns.delay = policy.per_host_delay

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
            except StoreError as error:
                self._watch.failed("looking for due sources", error)

    async def poll(self, sources: Iterable[ClaimedSource]) -> None:
        """Polls these sources, whatever the schedule says, and waits for all of them."""
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
        await self._store.release(list(self._held.values()))

    async def _sweep(self) -> None:
        now = self._clock.steady()
        room = 0 if self._stopping else self._policy.concurrency - len(self._runs)
        if room > 0:
            claimed = await self._store.claim_due(
                now=now,
                lease_until=now + self._policy.lease,
                limit=room,
                per_host=PER_HOST,
                busy_hosts=tuple(self._runs),
            )
            self._start(claimed)
        self._more_is_due = room <= 0 or bool(claimed)
        self.swept_at = now

    def _start(self, sources: Iterable[ClaimedSource]) -> None:
        by_host: defaultdict[str, list[ClaimedSource]] = defaultdict(list)
        for source in sources:
            self._held[source.lease.token] = source.lease
            by_host[source.host].append(source)
        for host, its_sources in by_host.items():
            self._runs[host] = asyncio.create_task(self._run_host(host, its_sources))

    async def _run_host(self, host: str, sources: Sequence[ClaimedSource]) -> None:
        asked = throttled = False
        try:
            for source in sources:
                policy = self._poller.policies.get(source.key)
                # Another process's configuration may name it, and ours not.
                if throttled or policy is None:
                    await self._give_back(source)
                    continue
                async with self._turns.turn(host):
                    await self._slots.acquire()
                    started = self._clock.steady()
                    answer = await self._fetch(source, policy)
                asked = True
                throttled = asks_for_a_pause(answer) and not is_private_host(host)
                settling = asyncio.create_task(self._settle(source, policy, answer, started))
                self._settling.add(settling)
                settling.add_done_callback(self._settling.discard)
                if throttled:  # the pause has to be known before anything else is claimed
                    await asyncio.wait([settling])
        finally:
            self._runs.pop(host, None)
            # What was only given back is due as it was: at once again, that would never end.
            if self._more_is_due and asked:
                self._wake.set()

    async def _give_back(self, source: ClaimedSource) -> None:
        lease = self._held.pop(source.lease.token)
        try:
            await self._store.release([lease])
        except StoreError as error:
            self._watch.failed(f"giving {source.key} back", error)

    async def _fetch(self, source: ClaimedSource, policy: SourcePolicy) -> Answer:
        """Holds one slot when it returns, none when it is cancelled."""
        try:
            return await self._poller.fetch(source, policy)
        except asyncio.CancelledError:
            self._slots.release()
            raise
        except Exception as error:  # noqa: BLE001  # one source's trouble must not end the others
            return self._internal(source, error)

    async def _settle(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, started: datetime
    ) -> None:
        try:
            try:
                report = await self._poller.settle(source, policy, answer, started=started)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001  # a document that we choke on is counted
                answer = self._internal(source, error)
                report = await self._poller.settle(source, policy, answer, started=started)
            self._wake_for(report)
            self._watch.polled(report)
        except Exception as error:  # noqa: BLE001  # the lease runs out, and the poll is repeated
            self._watch.failed(f"saving the poll of {source.key}", error)
        finally:
            self._held.pop(source.lease.token, None)
            self._slots.release()

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
