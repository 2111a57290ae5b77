"""The frontier: what is due, host by host, and who has the turn at a host.

sweep       hosts with sources that are due, and nobody asks at the moment
| open_hosts    runs at many of them, under a token: their due sources, and their rests
| renew         a run lasts a few seconds; whoever is alive renews his
| save_poll     what came of each source, and when it is due again     (`ports.PollStore`)
| complete      the host is free, and rests

The schedule's only truth is `sources.next_poll_at`; whatever is made of a sweep can be lost at any
moment. So whoever wants a source polled soon writes that column (`PushStore.poll_soon`), even
while it is polled: the next sweep finds it. A pause that a server asks for is written there too, by
`save_poll`. All moments are the steady clock's.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aggregator.service.ports import ClaimedSource


@dataclass(frozen=True, slots=True)
class Due:
    """A host, and what of it is due: a hint, looked at again when its run opens."""

    host: str
    sources: tuple[int, ...] = ()
    """Ids, the longest overdue first. Without any, the host alone is taken."""
    priority: int = 0
    """Seconds since the first of them fell due; those that fail come after all others."""


@dataclass(frozen=True, slots=True)
class HostRun:
    """The turn at a host: one at most in all processes."""

    host: str
    token: str
    """Only its holder may renew and complete the run, and save polls of its sources."""
    sources: tuple[ClaimedSource, ...]
    free_at: datetime | None
    """Until when the host rests after somebody's request; None: it may be asked."""
    until: datetime
    """It holds so long, where nobody renews it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run."""

    run: HostRun
    rest_until: datetime | None
    """None: the host was not asked, and rests as before."""


@dataclass(frozen=True, slots=True)
class FrontierStats:
    """How far polling keeps up."""

    due: int
    """Sources that could be polled now; very many are not counted to the end."""
    oldest: datetime | None
    """Since when the first of them is due."""
    running: int
    """Hosts with a run."""
    paused: int
    """Sources whose server asked for a pause that holds for its whole domain."""


class Frontier(Protocol):
    """One method is one transaction; each may raise StoreError."""

    async def sweep(self, *, now: datetime, limit: int, failing: int, per_host: int) -> list[Due]:
        """At most `limit` hosts with due sources, longest overdue first, `per_host` of each.

        At most `failing` of the sources failed last time; those come last. Nothing is written.
        """

    async def open_hosts(
        self, hosts: Sequence[Due], *, now: datetime, until: datetime, delay: timedelta
    ) -> list[HostRun]:
        """Runs that hold until then; each has those of its sources that are due yet, leased by it.

        There is none at a host that another run holds, or of which nothing is due any more. `delay`
        is how long a host rests after a run that was never completed. Each host comes once.
        """

    async def renew(self, runs: Collection[HostRun], *, until: datetime) -> set[str]:
        """Those of the hosts whose run is held yet; they are held until then."""

    async def complete(self, endings: Sequence[Ending]) -> None:
        """Ends runs, those that are held yet."""

    async def mend(self, *, now: datetime) -> None:
        """Makes due what a wrong clock has put off beyond all that can be meant."""

    async def forget_hosts(self, *, before: datetime) -> None:
        """Drops what is kept of hosts that rest no longer since then."""

    async def frontier_stats(self, *, now: datetime) -> FrontierStats: ...


Handler = Callable[[Due], Awaitable[None]]
"""Polls a host. It does not raise."""


class Engine(Protocol):
    """Hands hosts to whoever polls them: one run a host in the fleet, at least once.

    It holds nothing that a sweep would not find again.
    """

    async def wanted(self, room: int) -> int:
        """How many hosts it could take; `room` is how many this process could poll now."""

    async def submit(self, hosts: Sequence[Due]) -> None:
        """Hosts to be polled, those of the highest priority first; passes over those it has."""

    async def run(self, handle: Handler, *, concurrency: int) -> None:
        """Gives hosts to the handler, `concurrency` at a time, until cancelled."""
