"""The engine of one process: hosts wait in memory, the longest overdue first."""

import asyncio
from collections.abc import Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import count

from aggregator.service.frontier import Due, Handler
from aggregator.tasks.ends import end_all


class LocalEngine:
    """Signs `frontier.Engine`. What it holds is gone with the process, and found by a sweep."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Due]] = []
        self._known: set[str] = set()
        """Hosts that wait, or are being polled."""
        self._numbers = count()
        self._handle: Handler | None = None
        self._free = 0
        self._under_way: set[asyncio.Future[None]] = set()

    async def wanted(self, room: int) -> int:
        return room - len(self._waiting)

    async def submit(self, hosts: Sequence[Due]) -> None:
        for due in hosts:
            if due.host not in self._known:
                self._known.add(due.host)
                heappush(self._waiting, (-due.priority, next(self._numbers), due))
        self._hand_out()
        await asyncio.sleep(0)  # those that are handed out begin

    async def run(self, handle: Handler, *, concurrency: int) -> None:
        self._handle, self._free = handle, concurrency
        self._hand_out()
        try:
            await asyncio.Event().wait()
        finally:
            self._handle = None
            await end_all(self._under_way)

    def _hand_out(self) -> None:
        while self._waiting and self._free > 0 and self._handle:
            _, _, due = heappop(self._waiting)
            self._free -= 1
            task = asyncio.ensure_future(self._handle(due))
            self._under_way.add(task)
            task.add_done_callback(partial(self._done, due.host))

    def _done(self, host: str, task: asyncio.Future[None]) -> None:
        self._under_way.discard(task)
        self._known.discard(host)
        self._free += 1
        self._hand_out()
