"""Who asks the database while others do is answered together with them, by one transaction.

Who asks first is answered at once. Those who ask meanwhile are next, all by one look: the busier,
the less each of them costs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

MOST = 50
"""Questions of one look."""

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class Looks(Generic[_Question, _Answer]):
    """Collects questions for `look`, which answers each of them. When it fails, all who asked are
    told.
    """

    def __init__(self, look: Callable[[Sequence[_Question]], Awaitable[Sequence[_Answer]]]) -> None:
        self._look = look
        self._waiting: list[tuple[_Question, asyncio.Future[_Answer]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def ask(self, question: _Question) -> _Answer:
        outcome: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, outcome))
        if self._looking is None:
            self._looking = asyncio.create_task(self._answer_all())
        return await outcome

    async def _answer_all(self) -> None:
        asked: list[tuple[_Question, asyncio.Future[_Answer]]] = []
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer(asked)
        finally:
            self._looking = None
            # Only if the event loop ends: nobody must wait for what will not come.
            for _, outcome in (*asked, *self._waiting):
                outcome.cancel()

    async def _answer(self, asked: Sequence[tuple[_Question, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._look([question for question, _ in asked])
        except Exception as error:  # noqa: BLE001  # it is told to all who asked
            for _, outcome in asked:
                if not outcome.done():  # who was cancelled asks no more
                    outcome.set_exception(error)
            return
        for (_, outcome), answer in zip(asked, answers, strict=True):
            if not outcome.done():
                outcome.set_result(answer)
