"""All sources with their health: in pages, as there may be a million; and as subscriptions."""

import asyncio
from dataclasses import dataclass
from itertools import islice

from aggregator.core.errors import UnknownPublication
from aggregator.formats.opml import write_opml
from aggregator.service.catalogue import Catalogue
from aggregator.service.ports import Clock, ReadStore, SourceHealth
from aggregator.service.remade import Remade

ON_A_PAGE = 500
"""Sources. A page of so many takes 20 ms, in which nobody else is served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePage:
    """`number` counts from 1. By key."""

    number: int
    pages: int
    sources: list[SourceHealth]


class SourcePages:
    def __init__(self, store: ReadStore, clock: Clock, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._opml = Remade(clock, self._write_opml)

    def take(self, catalogue: Catalogue) -> None:
        """Lists by another configuration from now on."""
        self._catalogue = catalogue
        self._opml.forget()

    async def page(self, number: int) -> SourcePage:
        """Raises UnknownPublication past the last one."""
        keys = self._catalogue.names
        pages = max(1, -(-len(keys) // ON_A_PAGE))
        if not 1 <= number <= pages:
            raise UnknownPublication(f"there are {pages} pages, not {number}")
        shown = set(islice(keys, (number - 1) * ON_A_PAGE, number * ON_A_PAGE))
        sources = await self._store.sources(shown)
        return SourcePage(number=number, pages=pages, sources=sources)

    async def opml(self) -> bytes:
        """The subscriptions as OPML 2.0."""
        return await self._opml.get()

    async def _write_opml(self) -> bytes:
        sources = await self._store.sources()
        return await asyncio.to_thread(write_opml, self._catalogue.site.title, sources)
