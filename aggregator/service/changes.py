"""That something published has changed: who pushes and who waits hears of it at once.

hear           the database tells of other processes' changes, where it can
look           the store's revision: when one is heard of, after a poll that brought something, and
|              on a tick, in case nothing was heard
| following    everybody who waits for a later one goes on
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aggregator.service.host_polling import Watch
from aggregator.service.ports import Complain
from aggregator.service.reports import PollReport
from aggregator.service.revisions import Revisions

Hear = Callable[[Callable[[], None]], Awaitable[None]]
"""Calls what it is given at once, and then after each change that the database tells of, as long as
it does. Raises StoreError when it does not any more."""

HEAR_AGAIN = 1.0
"""Seconds until a connection that was lost is made again."""


class Changes:
    """The newest revision that was seen."""

    def __init__(self, revisions: Revisions, complain: Complain) -> None:
        self._revisions = revisions
        self._complain = complain
        self._number = 0
        self._moved = asyncio.Condition()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Asks for a look; takes no time."""
        self._wake.set()

    async def look(self) -> None:
        """One look, now."""
        try:
            number = (await self._revisions.look()).number
        except Exception as error:  # noqa: BLE001 - the next look may find all well
            self._complain("looking for changes", error)
            return
        async with self._moved:
            if number > self._number:
                self._number = number
                self._moved.notify_all()

    async def run(self) -> None:
        """Looks whenever asked to."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.look()

    async def hear(self, hear: Hear, *, again_after: float = HEAR_AGAIN) -> None:
        """Looks as soon as the database tells of a change, whoever made it."""
        while True:
            try:
                await hear(self.wake)
            except Exception as error:  # noqa: BLE001 - whoever does not listen looks once a second
                self._complain("listening for changes", error)
            await asyncio.sleep(again_after)

    async def following(self) -> AsyncIterator[int]:
        """The newest revision, and then each time that there is a newer one; some are skipped."""
        seen = -1
        while True:
            async with self._moved:
                while self._number <= seen:
                    await self._moved.wait()
                seen = self._number
            yield seen


class Announcing:
    """A watch that asks for a look as soon as a poll has brought something."""

    def __init__(self, watch: Watch, changes: Changes) -> None:
        self._watch = watch
        self._changes = changes

    def polled(self, report: PollReport) -> None:
        self._watch.polled(report)
        if report.outcome == "new":
            self._changes.wake()

    def found(self, source: str, url: str) -> None:
        self._watch.found(source, url)

    def waits_for(self, host: str) -> None:
        self._watch.waits_for(host)

    def failed(self, doing: str, error: Exception) -> None:
        self._watch.failed(doing, error)
