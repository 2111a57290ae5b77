"""The whole site over real services: what subscribers would see."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from aggregator.core.publication import Publication, Site
from aggregator.formats.written import Writer
from aggregator.service import documents
from aggregator.service.catalogue import Catalogue
from aggregator.service.publishing import Publisher
from aggregator.web.app import create_app
from tests.builders import ago, read_entry
from tests.service.world import World
from tests.web.fakes import FakeHealth, Guestbook, Reports, no_lists, no_news

SITE = Site(title="Planet", url="https://planet.example/", page_size=3)
LATEST = Publication(slug="latest", title="Planet", path="")
FORMATS = ("atom", "rss", "json")


@dataclass
class Published:
    """Two sources, `a` and `b`, tagged `t`; `get` asks for an address."""

    world: World = field(default_factory=World)
    reports: Reports = field(default_factory=Reports)
    entries: dict[str, list[Any]] = field(default_factory=lambda: {"a": [], "b": []})

    def catalogue(self, **changes) -> Catalogue:
        facts = {
            "site": SITE,
            "publications": (LATEST, Publication(slug="b", title="B", path="publications/b")),
            "names": {"a": "A", "b": "B"},
            "tags": {"t": frozenset({"a", "b"})},
        }
        return Catalogue(**{**facts, **changes})

    async def open(self, **changes) -> "Published":
        self.publisher = Publisher(
            store=self.world.store,
            clock=self.world.clock,
            catalogue=self.catalogue(**changes),
            complain=self.world.notebook.failed,
        )
        app = create_app(
            self.publisher,
            FakeHealth(),
            clock=self.world.clock,
            report=self.reports,
            audience=Guestbook(),
            lists=no_lists(),
            news=no_news,
            stop=asyncio.Event(),
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://inside.example"
        )
        for key in self.entries:
            await self.world.add(key)
        await self.world.store.note_served(self.catalogue(**changes).served())
        for number in range(4):
            await self.publish("a", f"a{number}", days=number + 1)
        await self.publish("b", "b0", days=1)
        return self

    async def take(self, **changes) -> None:
        """Another configuration, as a running process takes it."""
        catalogue = self.catalogue(**changes)
        self.publisher.take(catalogue)
        await self.world.store.note_served(catalogue.served())

    async def publish(self, key: str, name: str, *, days: float = 0, **changes) -> None:
        """A new entry, or a changed one, and the poll that brings it."""
        facts = {"link": f"https://{key}.example/{name}", "published": ago(days=days)}
        entry = read_entry(name, **{**facts, **changes})
        others = [each for each in self.entries[key] if each.guid != entry.guid]
        self.entries[key] = [entry, *others]
        self.world.serves(f"https://{key}.example/feed", *self.entries[key])
        await self.world.poll(key)

    async def get(
        self, path: str = "/feed.atom", *, coding: str = "identity", **headers: str
    ) -> httpx.Response:
        return await self.request("GET", path, coding=coding, **headers)

    async def request(
        self, method: str, path: str, *, coding: str = "identity", **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, headers={"accept-encoding": coding, **named})


class Writes:
    """How often feeds are written."""

    def __init__(self, monkeypatch, formats: Sequence[str] = FORMATS) -> None:
        self.times = 0
        for format in formats:
            monkeypatch.setitem(documents.WRITERS, format, self._counting(format))

    def _counting(self, format: Any) -> Writer:
        writer = dict(documents.WRITERS)[format]

        def counted(*args: Any) -> Any:
            self.times += 1
            return writer.compose(*args)

        return replace(writer, compose=counted)
