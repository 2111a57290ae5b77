"""What a search shows as a publication: a page, a feed, and nothing that is hidden."""

import json
from dataclasses import replace

import pytest

from aggregator.core.archives import Volume
from aggregator.core.filters import Filters
from aggregator.core.leaves import Leaf
from aggregator.core.publication import Publication
from aggregator.service import kept as memory
from aggregator.service.ports import Selection
from aggregator.service.publishing import Publisher
from tests.builders import ago, read_entry
from tests.core.test_filters import filter_of
from tests.service.published import LATEST, catalogue
from tests.service.world import World

LINK = "https://a.example/shared"


@pytest.fixture
async def world() -> World:
    """Sources a and b have two entries each, and one story that each tells in its own words."""
    world = World()
    for key, words in (("a", "alpha 机器学习"), ("b", "beta 深度学习")):
        url = await world.add(key)
        own = [
            read_entry(
                f"{key}{n}",
                link=f"https://{key}.example/{n}",
                published=ago(days=n),
                text=f"{words} number {n}",
            )
            for n in (1, 2)
        ]
        shared = read_entry(f"{key}-shared", link=LINK, published=ago(days=9), text=f"only {words}")
        world.serves(url, *own, shared)
        await world.poll(key)
    return world


def publisher(world: World, *own: Publication, **changes) -> Publisher:
    return Publisher(
        store=world.store,
        clock=world.clock,
        catalogue=catalogue(publications=(LATEST, *own), **changes),
        complain=world.notebook.failed,
    )


async def found(published: Publisher, text: str) -> list[str]:
    """The titles on the page, which are those of the feed."""
    publication = published.searching(text)
    feed = json.loads((await published.document(publication, "json")).body)
    page = await published.page(publication, 1)
    titles = [shown.entry.content.title for shown in page.entries]
    assert [item["title"] for item in feed["items"]][: len(titles)] == titles
    assert page.count == len(feed["items"])
    return titles


async def test_a_search_is_a_page_and_a_feed(world):
    published = publisher(world)

    assert await found(published, "alpha") == ["Title a1", "Title a2", "Title a-shared"]
    assert await found(published, "学习 number") == ["Title b1", "Title a1", "Title b2"]
    assert await found(published, "学习 -beta number") == ["Title a1", "Title a2"]
    assert await found(published, "nothing of it") == []
    assert await found(published, "***") == []


async def test_a_feed_of_a_search_bears_its_own_address_and_name(world):
    published = publisher(world)
    feed = json.loads((await published.document(published.searching("深度"), "json")).body)

    assert feed["title"] == "Latest: “深度”"
    assert feed["feed_url"] == "https://site.example/search.json?q=%E6%B7%B1%E5%BA%A6"
    assert feed["home_page_url"] == "https://site.example/search?q=%E6%B7%B1%E5%BA%A6"


async def test_what_filters_hide_is_not_found(world):
    hidden = Filters(of_sources={"b": filter_of("sources", "b", exclude=("beta",))})
    published = publisher(world, filters=hidden)

    assert await found(published, "beta") == []  # not by the words of a hidden version either
    assert await found(published, "only") == ["Title a-shared"]
    entries = await published.entries(LATEST, Selection(search="beta"), limit=9)
    assert entries == []


async def test_a_search_within_a_publication_finds_only_what_that_shows(world):
    of_a = replace(LATEST, slug="a", path="publications/a", sources=frozenset("a"))
    published = publisher(world, of_a)

    titles = [
        shown.entry.content.title
        for shown in await published.entries(of_a, Selection(search="学习"), limit=9)
    ]
    assert titles == ["Title a1", "Title a2", "Title a-shared"]


async def test_a_publication_may_be_a_search(world):
    deep = replace(LATEST, slug="deep", path="publications/deep", search="深度")
    published = publisher(world, deep)
    page = await published.page(deep, 1)
    both = await published.entries(deep, Selection(search='"number 2'), limit=9)

    assert [shown.entry.content.title for shown in page.entries] == [
        "Title b1",
        "Title b2",
        "Title a-shared",
    ]
    assert [shown.entry.content.title for shown in both] == ["Title b2"]


async def test_a_source_of_titles_lends_its_text_to_nobody(world):
    published = publisher(world, content={"b": "title"})
    publication = published.searching("beta number")
    page = await published.page(publication, 1)

    assert [shown.excerpt for shown in page.entries] == ["", ""]
    for format in ("atom", "rss", "json"):
        body = (await published.document(publication, format)).body
        assert b"Title b1" in body
        assert b"number" not in body.replace(b"beta number", b"").replace(b"beta+number", b"")


async def test_searches_take_no_memory_from_feeds(world, monkeypatch):
    monkeypatch.setattr(memory, "MOST_KEPT", 3)
    published = publisher(world)
    kept = await published.document(LATEST, "atom")
    for n in range(9):
        await published.document(published.searching(f"word{n}"), "atom")

    assert await published.document(LATEST, "atom") is kept
    assert len(published._documents._kept) == 4


async def test_another_search_in_the_configuration_is_another_page(world):
    deep = replace(LATEST, slug="deep", path="publications/deep", search="深度")
    published = publisher(world, deep)
    before = await published.page(deep, 1)
    published.take(catalogue(publications=(LATEST, replace(deep, search="机器"))))
    after = await published.page(published.find("publications", "deep"), 1)

    assert before.etag != after.etag


async def test_the_archive_of_a_search_has_what_it_finds_and_no_more(world):
    deep = replace(LATEST, slug="deep", path="publications/deep", search="深度", limit=1)
    published = publisher(world, deep)
    await published.catch_up()
    volume = json.loads(
        (await published.document(deep, "json", Leaf(volume=Volume(number=1, first=3)))).body
    )
    second = json.loads((await published.document(deep, "json", Leaf(page=2))).body)

    assert sorted(item["title"] for item in volume["items"]) == [
        "Title a-shared",
        "Title b1",
        "Title b2",
    ]
    assert [item["title"] for item in second["items"]] == ["Title b2"]
