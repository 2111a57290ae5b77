"""What is long to make where sources are very many: once for all who ask, and not all the time.

A list of a million sources takes a minute of CPU, and anybody may ask for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from aggregator.service.ports import Clock

KEPT = 20
"""How many times as long as it took to make it is kept: of a short list that is nothing."""

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[_Made]):
    """`until` is by the steady clock."""

    made: _Made
    until: datetime


class Remade(Generic[_Made]):
    """`make` may raise; then nothing is kept, and all who wait hear of it."""

    def __init__(self, clock: Clock, make: Callable[[], Awaitable[_Made]]) -> None:
        self._clock = clock
        self._make = make
        self._kept: _Kept[_Made] | None = None
        self._making: asyncio.Task[_Made] | None = None

    def forget(self) -> None:
        """Whoever asks from now on gets something new."""
        self._kept = self._making = None

    async def get(self) -> _Made:
        """What was made a moment ago, or is being made; else it is made."""
        if self._kept and self._clock.steady() < self._kept.until:
            return self._kept.made
        if self._making is None:
            self._making = asyncio.create_task(self._remake())
        return await asyncio.shield(self._making)

    async def _remake(self) -> _Made:
        own, began = asyncio.current_task(), self._clock.steady()
        try:
            made = await self._make()
            ended = self._clock.steady()
            if self._making is own:  # else it was to be forgotten meanwhile
                self._kept = _Kept(made, ended + KEPT * (ended - began))
        finally:
            if self._making is own:
                self._making = None
        return made
