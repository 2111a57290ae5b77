"""Stories without their texts, as methods of the store. Each is one transaction."""

from collections.abc import Collection

from aggregator.core.model import PublishedEntry
from aggregator.core.positions import Moved, Placed, Standing, Tally
from aggregator.core.shown import Attribution
from aggregator.service.ports import Selection
from aggregator.store import outlines
from aggregator.store.engine import Database


class OutlineMethods:
    """What of the store signs `OutlineStore`."""

    _database: Database

    async def places(self, selection: Selection, *, limit: int, offset: int = 0) -> list[Placed]:
        return await self._database.read(outlines.places, selection, limit=limit, offset=offset)

    async def standing(self, selection: Selection, *, limit: int) -> Standing:
        return await self._database.read(outlines.standing, selection, limit=limit)

    async def moved(self, selection: Selection, since: Tally, *, most: int) -> Moved | None:
        return await self._database.read(outlines.moved, selection, since, most=most)

    async def placed(self, numbers: Collection[int]) -> list[Placed]:
        return await self._database.read(outlines.placed, numbers)

    async def shown_stories(self, numbers: Collection[int]) -> dict[int, PublishedEntry]:
        return await self._database.read(outlines.shown_stories, numbers)

    async def attributions(self, keys: Collection[str]) -> dict[str, Attribution]:
        return await self._database.read(outlines.attributions, keys)
