"""What feeds and pages cost among many entries: requests to the whole site, without a socket.

After a change the first request for a feed or a page makes it anew; those after it may find it.
"""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Any
from uuid import uuid4

from aggregator.core.wire import Fetched, FetchRequest
from aggregator.domains import registrable_domain
from aggregator.service.entry_lists import EntryLists
from aggregator.service.health import Health
from aggregator.service.publishing import Publisher
from aggregator.service.readership import Readership
from aggregator.store.sql import SqlStore, open_store
from aggregator.web.app import create_app
from benchmarks.growth_databases import (
    CATALOGUE,
    NOW,
    Size,
    address,
    complain,
    document,
    names,
    policy,
    poller_of,
)
from tests.fakes import FakeClock, fetched

PATHS = (
    "/feed.atom",
    "/?page=2",
    "/?page=1000",
    "/sources/s7",
    "/search?q=w77+w78",
    "/api/entries?limit=50",
)
CHANGES = 3
"""In a round."""

AGAIN = 9
"""Requests for what nothing has changed."""

Cost = dict[str, list[float]]
"""CPU seconds a request, by path."""


class Site:
    """The site over one database."""

    def __init__(self, store: SqlStore, size: Size) -> None:
        self._store = store
        self._size = size
        self._clock = FakeClock(NOW)
        publisher = Publisher(
            store=store, clock=self._clock, catalogue=CATALOGUE, complain=complain
        )
        self._publisher = publisher
        self._app = create_app(
            publisher,
            Health(store=store, clock=self._clock, swept_at=None),
            clock=self._clock,
            report=complain,
            audience=Readership(store=store, clock=self._clock, salt=""),
            lists=EntryLists(store=store, clock=self._clock, catalogue=CATALOGUE),
            news=_no_news,
            stop=asyncio.Event(),
        )
        self._changes = 0
        self.cost: Cost = defaultdict(list)

    async def round(self) -> None:
        for _ in range(CHANGES):
            await self._change()
            for path in PATHS:
                self.cost[path].append(await self._get(path))
        for path in PATHS:
            again = [await self._get(path) for _ in range(AGAIN)]
            self.cost[f"{path}, again"].append(statistics.median(again))

    async def _change(self) -> None:
        """A poll brings one new entry."""
        self._changes += 1
        self._clock.pass_(minutes=1)
        number = self._changes * 997 % self._size.sources + 1
        key, its = f"s{number}", policy(number)
        body = document([uuid4().hex, *names(self._size.entries_each)[:-1]])
        poller = poller_of(self._store, _Same(body), self._clock, {key: its})
        (claimed,) = await self._store.claim(
            [key], lease_until=self._clock.steady() + timedelta(hours=1)
        )
        answer = fetched(body, address(number))
        settled = await poller.settle(claimed, its, answer, started=self._clock.steady())
        if settled.report.outcome != "new":
            raise AssertionError(settled.report)

    async def _get(self, path: str) -> float:
        where, _, query = path.partition("?")
        answer: list[Mapping[str, Any]] = []

        async def send(message: Mapping[str, Any]) -> None:
            answer.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"planet.example")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        started = process_time()
        await self._app(scope, _receive, send)
        spent = process_time() - started
        if answer[0]["status"] != 200:  # noqa: PLR2004
            raise AssertionError(path, answer[0])
        return spent


class _Same:
    """Nothing is fetched here."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def fetch(self, request: FetchRequest) -> Fetched:
        return fetched(self._body, request.url)


async def _no_news() -> AsyncIterator[int]:
    yield 0


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def measure(databases: dict[Path, Size], *, rounds: int) -> list[Cost]:
    """Rounds on all databases in turn; the first is not counted."""
    sites = []
    for path, size in databases.items():
        store = await open_store(f"sqlite:///{path}", domain_of=registrable_domain)
        sites.append((store, Site(store, size)))
    for number in range(rounds + 1):
        for _, site in sites:
            if number == 1:
                site.cost.clear()
            await site.round()
    for store, _ in sites:
        await store.aclose()
    return [site.cost for _, site in sites]
