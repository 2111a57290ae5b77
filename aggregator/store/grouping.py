"""Many who write share one transaction: what one costs for itself is most of what little costs.

An item is written at once when no other is expected, or none came for a while. Those that come
within `WINDOW` of a transaction wait for the end of that time, or until they are `MOST`, and are
written together. Whoever adds one waits until it is committed, so that no more wait than there
are polls under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from aggregator.store.engine import unbroken
from aggregator.tasks.lots import Lots

WINDOW = 0.05
"""Seconds from the start of one transaction to that of the next."""

MOST = 100
"""Items of one transaction."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Write = Callable[[Sequence[_Item]], Awaitable[Iterable[_Result | Exception]]]


class Groups(Lots[_Item, _Result]):
    """Collects items for `write`, which tells what came of each.

    `weight` tells how many items one counts for, `expected` how many may come, those that wait
    among them.
    """

    def __init__(
        self,
        write: _Write[_Item, _Result],
        *,
        weight: Callable[[_Item], int],
        expected: Callable[[], int],
    ) -> None:
        super().__init__(write, most=MOST)
        self._weight = weight
        self._expected = expected
        self._collected = 0
        self._full = asyncio.Event()
        self._begun = float("-inf")

    async def add(self, item: _Item) -> _Result:
        """Returns, or raises, what came of it; it is written even if its caller is cancelled."""
        outcome = self.put(item)
        self._collected += self._weight(item)
        if self._is_full():
            self._full.set()
        return await unbroken(outcome)

    async def _next(self) -> list[tuple[_Item, asyncio.Future[_Result]]]:
        await self._collect()
        group = self._take()
        self._begun = asyncio.get_running_loop().time()
        return group

    async def _collect(self) -> None:
        rest = self._begun + WINDOW - asyncio.get_running_loop().time()
        self._full.clear()
        if rest > 0 and not self._is_full():
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._full.wait()

    def _is_full(self) -> bool:
        return self._collected >= MOST or len(self._waiting) >= self._expected()

    def _take(self) -> list[tuple[_Item, asyncio.Future[_Result]]]:
        """As many as fit, and at least one."""
        group = [self._waiting.popleft()]
        room = MOST - self._weight(group[0][0])
        while self._waiting and (weight := self._weight(self._waiting[0][0])) <= room:
            room -= weight
            group.append(self._waiting.popleft())
        self._collected = sum(self._weight(item) for item, _ in self._waiting)
        return group
