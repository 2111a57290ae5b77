"""Who asks the database while others do is answered together with them, by one transaction.

Who asks first is answered at once. Those who ask meanwhile are next, all by one look: the busier,
the less each of them costs.
"""

import asyncio
from typing import TypeVar

from aggregator.store.lots import Lots

MOST = 50
"""Questions of one look."""

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class Looks(Lots[_Question, _Answer]):
    """Collects questions for a look, which answers each of them."""

    async def ask(self, question: _Question) -> _Answer:
        return await self._put(question)

    async def _next(self) -> list[tuple[_Question, asyncio.Future[_Answer]]]:
        return [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
