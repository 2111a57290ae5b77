"""The runs of this process: opened, renewed while they last, completed.

A run holds for a few seconds only, so that the hosts of a process that died are soon polled by
another. Whoever lives renews all of his at once. Before each request a run is looked at: a process
that stood still for longer than that asks whether the host is its own yet. And when the database is
out of reach for so long, requests end that another process could make anew once it is back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from aggregator.core.errors import StoreError
from aggregator.service.frontier import Due, Ending, Frontier, HostRun
from aggregator.service.ports import Clock, Complain
from aggregator.tasks.lots import Lots

HOLD = timedelta(seconds=6)
"""How long a run outlives the process that opened it."""

AT_ONCE = 256
"""Hosts that are opened in one transaction."""

RENEW = 1.0
"""Seconds from one renewal to the next."""

SKEW = timedelta(milliseconds=100)
"""How far the steady clocks of two processes may be apart (docs/decisions/0035). A rest that
others have to keep is so much longer, or by a tenth of it if that is less."""


@dataclass(slots=True)
class _Held:
    run: HostRun
    until: datetime
    lost: Callable[[], object]
    """To be called when somebody else has the host."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A host to be opened."""

    due: Due
    delay: timedelta


class _Openings(Lots[_Asked, HostRun | None]):
    async def _next(self) -> list[tuple[_Asked, asyncio.Future[HostRun | None]]]:
        # Who has gone meanwhile may be followed by another who asks for the same host.
        self._waiting = deque(one for one in self._waiting if not one[1].cancelled())
        return await super()._next()


class HostRuns:
    """Turns at hosts that this process has."""

    def __init__(self, frontier: Frontier, clock: Clock, complain: Complain) -> None:
        self._frontier = frontier
        self._clock = clock
        self._complain = complain
        self._openings = _Openings(self._open, most=AT_ONCE)
        self._held: dict[str, _Held] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    def open(
        self, due: Due, *, delay: timedelta, lost: Callable[[], object]
    ) -> asyncio.Future[HostRun | None]:
        """A run at the host, or None: opened together with whatever else is asked for by then.

        `lost` is called where the host has passed on to another process. May end in StoreError.
        """
        opened = self._openings.put(_Asked(due, delay))
        opened.add_done_callback(partial(self._hold, lost))  # before anybody else sees the run
        return opened

    async def _open(self, asked: Sequence[_Asked]) -> list[HostRun | None]:
        now = self._clock.steady()
        runs = await self._frontier.open_hosts(
            [one.due for one in asked],
            now=now,
            until=now + HOLD,
            delay=max(one.delay for one in asked),
        )
        by_host = {run.host: run for run in runs}
        return [by_host.get(one.due.host) for one in asked]

    def _hold(self, lost: Callable[[], object], opened: asyncio.Future[HostRun | None]) -> None:
        """What nobody waited for any more ends by itself."""
        if opened.cancelled() or opened.exception():
            return
        if run := opened.result():
            self._held[run.host] = _Held(run, run.until, lost)
            self._wind_up()

    def rests_for(self, run: HostRun) -> timedelta:
        """What is left of its rest."""
        return (run.free_at or self._clock.steady()) - self._clock.steady()

    async def is_held(self, run: HostRun) -> bool:
        """Whether the host is ours yet; where that is not certain, the database is asked."""
        held = self._held.get(run.host)
        if held is not None and held.until <= self._clock.steady():
            await self._renew()
            held = self._held.get(run.host)
        return held is not None and held.run is run and held.until > self._clock.steady()

    async def complete(
        self, runs: Sequence[tuple[HostRun, datetime | None]], *, delay: timedelta
    ) -> None:
        """Gives hosts back, to be asked again after a rest. Raises StoreError.

        With each comes when its last request ended; None: there was none.
        """
        rest = delay + min(delay / 10, SKEW)
        endings = [Ending(run, asked_at and asked_at + rest) for run, asked_at in runs]
        try:
            await self._frontier.complete(endings)
        finally:
            for run, _ in runs:
                self._forget(run)

    def _forget(self, run: HostRun) -> None:
        held = self._held.get(run.host)
        if held and held.run is run:
            del self._held[run.host]
        if not self._held and self._timer:
            self._timer.cancel()
            self._timer = None

    def _wind_up(self) -> None:
        if self._timer is None and self._held:
            self._timer = asyncio.get_running_loop().call_later(RENEW, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())
        self._wind_up()

    async def _renew(self) -> None:
        now, held = self._clock.steady(), dict(self._held)
        try:
            runs = [one.run for one in held.values()]
            renewed = await self._frontier.renew(runs, until=now + HOLD)
        except StoreError as error:
            self._complain("renewing runs at hosts", error)
            gone = [one for one in held.values() if one.until <= now]
        else:
            for host in renewed & held.keys():
                held[host].until = now + HOLD
            gone = [one for host, one in held.items() if host not in renewed]
        for one in gone:
            if self._held.get(one.run.host) is one:  # it may have ended meanwhile
                self._forget(one.run)
                one.lost()

    async def stop(self) -> None:
        """No more renewals; what is not completed is free in a few seconds."""
        self._held.clear()
        if self._timer:
            self._timer.cancel()
        if self._renewing:
            with suppress(asyncio.CancelledError):
                await self._renewing
