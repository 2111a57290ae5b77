import pytest

from aggregator.core.errors import UnknownPublication
from aggregator.core.publication import Publication, Site
from aggregator.service import source_pages
from aggregator.service.catalogue import Catalogue
from aggregator.service.ports import SourceSpec
from aggregator.service.source_pages import SourcePages
from tests.fakes import FakeClock
from tests.store.memory import MemoryStore


def of(*keys: str) -> Catalogue:
    latest = Publication(slug="latest", title="Latest updates", path="")
    site = Site(title="Latest updates", url="https://planet.example/")
    names = {key: key for key in sorted(keys)}
    return Catalogue(site=site, publications=(latest,), names=names, tags={})


async def pages_of(*keys: str) -> SourcePages:
    store, clock = MemoryStore(), FakeClock()
    specs = [SourceSpec(key=key, name=None, url=f"https://{key}.example/feed") for key in keys]
    await store.sync_sources(specs, now=clock.steady())
    return SourcePages(store, clock, of(*keys))


async def test_each_source_is_on_one_page_in_the_order_of_keys(monkeypatch):
    monkeypatch.setattr(source_pages, "ON_A_PAGE", 2)
    pages = await pages_of("e", "b", "d", "a", "c")

    shown = [await pages.page(number) for number in (1, 2, 3)]

    assert [[source.key for source in page.sources] for page in shown] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
    assert [(page.number, page.pages) for page in shown] == [(1, 3), (2, 3), (3, 3)]


async def test_there_is_no_page_behind_the_last_one():
    pages = await pages_of("a")

    with pytest.raises(UnknownPublication, match="there are 1 pages, not 2"):
        await pages.page(2)


async def test_without_sources_there_is_one_page():
    assert (await (await pages_of()).page(1)).sources == []


async def test_another_configuration_has_other_pages_and_subscriptions():
    pages = await pages_of("a", "b")
    before = await pages.opml()
    pages.take(of("b"))

    assert [source.key for source in (await pages.page(1)).sources] == ["b"]
    assert before.count(b"xmlUrl") == 2
