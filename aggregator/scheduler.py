"""APScheduler as a clock: a handful of fixed ticks. The schedule of polls is in the database.

APScheduler waits by the wall clock. Two things keep a stepped clock from stopping or flooding it:
a tick's next time counts from the last run, not from where it should have been (a step of years
forward would else make up for every tick in between); and a heartbeat on the loop's monotonic
clock pulls a tick back that a step backwards has left in the future.
https://github.com/agronholm/apscheduler/issues/351
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

Tick = Callable[[], Awaitable[None]]


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires at once, and then each time a period after the last run."""

    def __init__(self, period: timedelta) -> None:
        self.period = period

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else now + self.period


class Scheduler:
    """Runs ticks until closed; `now` is the wall clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._jobs: list[Any] = []
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            # Of two, the second only finds out that the first is not done: see `every`.
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
        )

    def every(self, period: timedelta, tick: Tick, *, name: str) -> None:
        """Adds a tick that never overlaps with itself; one that takes longer is nothing to tell."""
        turn = asyncio.Lock()

        # APScheduler knows coroutine functions, not all that can be awaited, takes the end of a
        # tick by our own shutdown for a failure, and warns whenever a tick is still under way.
        async def run() -> None:
            if not turn.locked():
                with suppress(asyncio.CancelledError):
                    async with turn:
                        await tick()

        self._jobs.append(self._scheduler.add_job(run, _Every(period), name=name))

    async def run(self) -> None:
        """Ticks until cancelled."""
        self._scheduler.start()
        try:
            while True:
                await asyncio.sleep(1)
                self._pull_back()
        finally:
            self._scheduler.shutdown(wait=False)

    def _pull_back(self) -> None:
        now = self._now()
        for job in self._jobs:
            if job.next_run_time - now > job.trigger.period:
                job.modify(next_run_time=now)
