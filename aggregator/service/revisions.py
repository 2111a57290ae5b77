"""One look at the revision for all who ask at the same time."""

import asyncio

from aggregator.service.ports import ReadStore, Revision


class Revisions:
    """Who asks while a look is under way shares the next one with all who do: what was stored
    before the question is always seen.

    Of all that a document costs that has not changed, the look is nine tenths.
    """

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._under_way: asyncio.Task[Revision] | None = None
        self._next: asyncio.Task[Revision] | None = None

    async def newest(self) -> Revision:
        """Raises StoreError."""
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._under_way))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: asyncio.Task[Revision] | None) -> Revision:
        if before is not None:
            await asyncio.wait([before])
        self._under_way, self._next = self._next, None
        return await self._store.revision()
