"""Many views of one store: what a publication's conditions mean for pages, feeds and archives."""

import json
from dataclasses import replace

import pytest

from aggregator.core.archives import Volume
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.publication import Publication
from aggregator.service.explaining import Explainer
from aggregator.service.ports import Selection
from aggregator.service.publishing import Publisher
from tests.builders import ago, read_entry
from tests.service.published import LATEST, catalogue
from tests.service.world import World

LANGUAGES = ["zh-CN", "en", None, "zh"]
LIMITS = (("a", 2),)


@pytest.fixture
async def world() -> World:
    """Sources a and b have four entries each of this morning, in different languages."""
    world = World()
    for key in "ab":
        url = await world.add(key)
        entries = [
            read_entry(
                f"{key}{n}",
                link=f"https://{key}.example/{n}",
                published=ago(hours=n + 1),
                language=language,
            )
            for n, language in enumerate(LANGUAGES)
        ]
        world.serves(url, *entries)
        await world.poll(key)
    return world


def publisher(world: World, *own: Publication, **changes) -> Publisher:
    return Publisher(
        store=world.store,
        clock=world.clock,
        catalogue=catalogue(publications=own or (LATEST,), **changes),
        complain=world.notebook.failed,
    )


async def fed(published: Publisher, publication: Publication, leaf: Leaf = NEWEST) -> list[str]:
    feed = json.loads((await published.document(publication, "json", leaf)).body)
    return [item["title"].removeprefix("Title ") for item in feed["items"]]


async def paged(published: Publisher, publication: Publication) -> list[str]:
    first = await published.page(publication, 1)
    pages = [first, *[await published.page(publication, n + 1) for n in range(1, first.pages)]]
    titles = [each.entry.content.title for page in pages for each in page.entries]
    assert first.count == len(titles)
    return [title.removeprefix("Title ") for title in titles]


async def test_a_language_holds_for_pages_feeds_and_archives(world):
    chinese = replace(LATEST, slug="zh", path="publications/zh", languages=frozenset({"zh"}))
    published = publisher(world, LATEST, chinese)
    await published.catch_up()

    assert await fed(published, chinese) == ["b0", "a0", "b3", "a3"]
    assert await paged(published, chinese) == ["b0", "a0", "b3", "a3"]
    archived = await fed(published, chinese, Leaf(volume=Volume(number=1, first=4)))
    assert sorted(archived) == ["a0", "a3", "b0", "b3"]


async def test_a_loud_source_is_heard_so_often_a_day_and_nothing_of_it_is_lost(world):
    mixed = replace(LATEST, max_per_day=LIMITS)
    published = publisher(world, mixed, max_per_day=dict(LIMITS))
    await published.catch_up()
    shown = ["b0", "a0", "b1", "a1", "b2", "b3"]

    assert await fed(published, mixed) == shown
    assert await paged(published, mixed) == shown
    of_a = published.find("sources", "a")
    assert await fed(published, of_a) == await paged(published, of_a) == ["a0", "a1", "a2", "a3"]
    assert len(await fed(published, published.searching("title"))) == 8
    assert len(await published.entries(None, Selection(), limit=99)) == 8
    archived = await fed(published, mixed, Leaf(volume=Volume(number=1, first=8)))
    assert len(archived) == 8


async def test_pages_go_on_behind_the_feed_although_a_source_is_limited(world):
    mixed = replace(LATEST, max_per_day=LIMITS, limit=3)

    assert len(await paged(publisher(world, mixed), mixed)) == 6


async def test_who_is_left_out_is_told_why(world):
    mixed = replace(LATEST, max_per_day=LIMITS)
    found = replace(LATEST, slug="found", path="publications/found", search="b1")
    explainer = Explainer(
        store=world.store,
        clock=world.clock,
        publications=(mixed, found),
        filters=catalogue().filters,
        where=str,
        priorities={},
    )
    (explained,) = (await explainer.explain("https://a.example/2")).stories

    assert [standing.reason for standing in explained.standings] == [
        f"its source has 2 newer ones of {ago(hours=3).date()} already: max_per_day",
        "the publication's search does not find it: b1",
    ]
