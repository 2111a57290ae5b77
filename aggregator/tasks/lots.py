"""Many hand something to one worker, which does it lot by lot and tells each what came of it.

Who comes first is served at once. Those who come meanwhile are of the next lot: the busier, the
less each of them costs.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Lots(Generic[_Item, _Result]):
    """`work` tells what came of each of its items, `most` at a time. Where it fails, all of them
    are told so.
    """

    def __init__(
        self,
        work: Callable[[Sequence[_Item]], Awaitable[Iterable[_Result | Exception]]],
        *,
        most: int,
    ) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[_Item, asyncio.Future[_Result]]] = deque()
        self._working: asyncio.Task[None] | None = None

    def put(self, item: _Item) -> asyncio.Future[_Result]:
        """What will have come of it."""
        outcome: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        if self._working is None:
            self._working = asyncio.create_task(self._work_off())
        return outcome

    async def _next(self) -> list[tuple[_Item, asyncio.Future[_Result]]]:
        """Takes a lot of what waits; none where nobody waits for it any more."""
        return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]

    async def _work_off(self) -> None:
        lot: list[tuple[_Item, asyncio.Future[_Result]]] = []
        try:
            while self._waiting:
                if lot := await self._next():
                    await self._work_at(lot)
        finally:
            self._working = None
            # Only if the event loop ends: nobody must wait for what will not come.
            for _, outcome in (*lot, *self._waiting):
                outcome.cancel()

    async def _work_at(self, lot: Sequence[tuple[_Item, asyncio.Future[_Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in lot])
        except Exception as error:  # noqa: BLE001  # it is told to all who wait
            results = [error] * len(lot)
        for (_, outcome), result in zip(lot, results, strict=True):
            if outcome.done():  # who was cancelled waits no more
                continue
            if isinstance(result, Exception):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)
