"""The runs of this process: opened, renewed while they last, completed.

A run holds for a few seconds only, so that the hosts of a process that died are soon polled by
another. Whoever lives renews all of his at once. Before each request a run is looked at: a process
that stood still for longer than that asks whether the host is its own yet. And when the database is
out of reach for so long, requests end that another process could make anew once it is back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.core.errors import StoreError
from aggregator.service.frontier import Due, Ending, Frontier, HostRun
from aggregator.service.ports import Clock, Complain

HOLD = timedelta(seconds=6)
"""How long a run outlives the process that opened it."""

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


class HostRuns:
    """Turns at hosts that this process has."""

    def __init__(self, frontier: Frontier, clock: Clock, complain: Complain) -> None:
        self._frontier = frontier
        self._clock = clock
        self._complain = complain
        self._held: dict[str, _Held] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def open(
        self, due: Due, *, delay: timedelta, lost: Callable[[], object]
    ) -> HostRun | None:
        """`lost` is called where the host has passed on to another process. Raises StoreError."""
        now = self._clock.steady()
        run = await self._frontier.open_host(due, now=now, until=now + HOLD, delay=delay)
        if run is not None:
            self._held[run.host] = _Held(run, now + HOLD, lost)
            self._wind_up()
        return run

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
