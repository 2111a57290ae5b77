"""The newest revision: known from memory, or one look for all who ask at the same time."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.service.ports import Clock, ReadStore, Revision

BELIEVED = timedelta(seconds=1)
"""How long a look is good. Another process's changes, such as a takedown by `hide`, are seen after
that at the latest; our own at once."""


@dataclass(frozen=True, slots=True)
class _Seen:
    revision: Revision
    moves: int
    """Of our own, when the look began."""
    until: datetime
    """By the steady clock."""


class Revisions:
    """Who asks while a look is under way shares the next one with all who do: what was stored
    before the question is always seen, where it was stored by this process.

    Of all that a document costs that has not changed, a look is nine tenths.
    """

    def __init__(self, store: ReadStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: _Seen | None = None
        self._under_way: asyncio.Task[Revision] | None = None
        self._next: asyncio.Task[Revision] | None = None

    def known(self) -> Revision | None:
        """The newest one, where nothing says that there may be a later one."""
        seen = self._seen
        if seen is None or seen.moves != self._store.moves or seen.until <= self._clock.steady():
            return None
        return seen.revision

    async def newest(self) -> Revision:
        """Raises StoreError."""
        return self.known() or await self.look()

    async def look(self) -> Revision:
        """What the database says. Raises StoreError."""
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._under_way))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: asyncio.Task[Revision] | None) -> Revision:
        if before is not None:
            await asyncio.wait([before])
        self._under_way, self._next = self._next, None
        moves, until = self._store.moves, self._clock.steady() + BELIEVED
        revision = await self._store.revision()
        self._seen = _Seen(revision, moves, until)
        return revision
