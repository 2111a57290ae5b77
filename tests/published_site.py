"""All that a database publishes, as digests; `python -m tests.published_site ADDRESS DAYS` tells.

What differs from one process to another must not show: the day, the time zone, the locale, the
seed of hashes, the kind of database.
"""

import asyncio
import json
import sys
from dataclasses import replace
from hashlib import sha256

from aggregator.core.model import FeedInfo, Person
from aggregator.core.publication import Publication, Site
from aggregator.service.catalogue import Catalogue
from aggregator.service.publishing import Publisher
from aggregator.store.sql import SqlStore, open_store
from aggregator.web.pages import Pages
from aggregator.web.static_site import StaticSite
from tests.builders import NOON, ago
from tests.fakes import FakeClock
from tests.store.steps import FULL, configure, poll, spec, story

LATEST = Publication(slug="latest", title="Planet", path="", tombstones=True)
CATALOGUE = Catalogue(
    site=Site(title="Planet", url="https://planet.example/", page_size=3, language="en"),
    publications=(
        LATEST,
        Publication(slug="few", title="Few", path="publications/few", max_per_source=1),
    ),
    names={"a": "A", "b": "B"},
    tags={"中文": frozenset("a"), "news": frozenset("ab")},
)


async def stock(url: str) -> None:
    """Two sources with a story in common, texts in several scripts, and a takedown."""
    store = await open_store(url)
    await configure(store, spec("a", name="Ärger"), spec("b", name=None), now=NOON)
    info = FeedInfo(
        title="Füße", updated=ago(days=1), language="de", authors=(Person(name="Ada"),), rights="©"
    )
    full = story("full", at=ago(hours=5, microseconds=7))
    full = replace(full, entry=replace(full.entry, content=FULL))
    own = [story(f"a{n}", at=ago(days=n), language="tr", title=f"İI ıi {n}") for n in range(6)]
    shared = {"link": "https://a.example/shared", "title": "Shared"}
    await poll(store, "a", full, *own, story("as", at=ago(days=2), **shared), info=info)
    await poll(store, "b", story("bs", at=ago(days=1), **shared), story("b1", guid="urn:x:gone"))
    await store.take_down("urn:x:gone", reason="asked", now=NOON)
    await store.aclose()


def _raise(doing: str, error: Exception) -> None:
    raise AssertionError(doing) from error


async def published(store: SqlStore, *, days: int = 0) -> dict[str, str]:
    """Digests of all files of the site, by path, so many days after the data was made."""
    clock = FakeClock()
    clock.pass_(days=days)
    publisher = Publisher(store=store, clock=clock, catalogue=CATALOGUE, complain=_raise)
    site = StaticSite(publisher, clock=clock, pages=Pages(), report=_raise)
    return {file.path: sha256(file.body).hexdigest() async for file in site.files()}


async def published_from(url: str, *, days: int = 0) -> dict[str, str]:
    store = await open_store(url)
    try:
        return await published(store, days=days)
    finally:
        await store.aclose()


if __name__ == "__main__":
    told = asyncio.run(published_from(sys.argv[1], days=int(sys.argv[2])))
    sys.stdout.write(json.dumps(told))
