"""Publications with rules: feeds, pages and lists show what passes, and all of them the same."""

import json
from dataclasses import replace

import pytest

from aggregator.core.errors import UnknownPublication
from aggregator.core.filters import NO_FILTERS, Filter, Filters
from aggregator.core.model import Story
from aggregator.core.publication import Publication
from aggregator.core.reconcile import Intake
from aggregator.service import windows
from aggregator.service.ports import Selection
from aggregator.service.publishing import Publisher
from tests.builders import ago, read_entry
from tests.core.test_filters import filter_of
from tests.service.published import LATEST, catalogue
from tests.service.world import World
from tests.store.memory import MemoryStore

LINK = "https://a.example/shared"


@pytest.fixture
async def world() -> World:
    """Sources a and b have four entries each, and one story together that a leads."""
    world = World()
    for key in "ab":
        url = await world.add(key)
        own = [
            read_entry(f"{key}{n}", link=f"https://{key}.example/{n}", published=ago(days=n))
            for n in range(1, 5)
        ]
        shared = read_entry(f"{key}-shared", link=LINK, published=ago(days=9))
        world.serves(url, *own, shared)
        await world.poll(key)
    return world


def publisher(world: World, filters: Filters = NO_FILTERS, *own: Publication) -> Publisher:
    return Publisher(
        store=world.store,
        clock=world.clock,
        catalogue=catalogue(filters=filters, publications=(LATEST, *own)),
        complain=world.notebook.failed,
    )


def of_source(key: str, **rules) -> Filters:
    return Filters(of_sources={key: filter_of("sources", key, **rules)})


async def listed(published: Publisher, publication: Publication) -> list[str]:
    """The titles of entries, which those of the feed and of the pages have to be as well.

    The pages may go on where feeds end.
    """
    entries = await published.entries(publication, Selection(), limit=1000)
    titles = [shown.entry.content.title for shown in entries]
    document = json.loads((await published.document(publication, "json")).body)
    first = await published.page(publication, 1)
    pages = [first, *[await published.page(publication, n) for n in range(2, first.pages + 1)]]
    assert [item["title"] for item in document["items"]] == titles
    paged = [shown.entry.content.title for page in pages for shown in page.entries]
    assert paged[: len(titles)] == titles
    assert len(paged) == len(titles) or len(titles) == publication.limit
    return titles


async def test_a_rule_for_all_holds_everywhere(world):
    published = publisher(world, Filters(everywhere=filter_of(include=("title: 1", "title: 2"))))

    assert await listed(published, LATEST) == ["Title b1", "Title a1", "Title b2", "Title a2"]
    for b in (published.find("sources", "b"), published.find("tags", "数学")):
        assert await listed(published, b) == ["Title b1", "Title b2"]


async def test_a_rule_of_a_source_holds_for_its_entries_alone(world):
    published = publisher(world, of_source("a", exclude=("title ~ [1-4]",)))

    assert await listed(published, LATEST) == [
        "Title b1",
        "Title b2",
        "Title b3",
        "Title b4",
        "Title a-shared",
    ]


async def test_a_rule_of_a_publication_holds_there_alone(world):
    few = replace(LATEST, slug="few", path="publications/few", filter=filter_of(include=("a1",)))
    published = publisher(world, NO_FILTERS, few)

    assert await listed(published, few) == ["Title a1"]
    assert len(await listed(published, LATEST)) == 9


async def test_a_story_is_shown_with_the_source_that_is_left(world):
    published = publisher(world, of_source("a", exclude=("title: shared",)))
    (shown,) = await published.entries(LATEST, Selection(search="shared"), limit=9)

    assert (shown.entry.source.key, shown.entry.also_in) == ("b", ())
    assert "Title b-shared" in await listed(published, published.find("sources", "b"))
    assert "Title b-shared" not in await listed(published, published.find("sources", "a"))


async def test_a_changed_rule_works_backwards_and_gives_back_what_it_hid(world):
    published = publisher(world)
    before = await listed(published, LATEST)
    published.take(catalogue(filters=of_source("b", include=("nothing",))))
    meanwhile = await listed(published, LATEST)
    published.take(catalogue())

    assert len(before) == 9
    assert meanwhile == ["Title a1", "Title a2", "Title a3", "Title a4", "Title a-shared"]
    assert await listed(published, LATEST) == before


async def test_everything_stored_is_listed_without_a_publication(world):
    published = publisher(world, Filters(everywhere=filter_of(include=("nothing",))))

    assert await listed(published, LATEST) == []
    assert len(await published.entries(None, Selection(), limit=99)) == 9


async def test_a_selection_narrows_what_passes(world):
    published = publisher(world, of_source("a", exclude=("title: a1", "title: shared")))
    only_a = await published.entries(LATEST, Selection(sources={"a"}), limit=99)

    assert [shown.entry.content.title for shown in only_a] == ["Title a2", "Title a3", "Title a4"]


async def test_entries_come_and_go_with_their_age(world):
    rested = filter_of(include=("age > 3d",), exclude=("age > 9d",))
    published = publisher(world, Filters(everywhere=rested))
    before, page = await listed(published, LATEST), await published.page(LATEST, 1)
    world.clock.pass_(hours=1)
    after, later = await listed(published, LATEST), await published.page(LATEST, 1)

    assert before == ["Title b4", "Title a4", "Title a-shared"]
    assert after == ["Title b3", "Title a3", "Title b4", "Title a4"]
    assert page.etag != later.etag


async def test_a_page_says_so_when_a_story_changes_hands_with_age(world):
    published = publisher(world, of_source("a", exclude=("age > 9d",)))
    only_shared = replace(LATEST, filter=filter_of(include=("title: shared",)))
    page = await published.page(only_shared, 1)
    world.clock.pass_(hours=1)
    later = await published.page(only_shared, 1)

    assert [each.entry.source.key for each in (*page.entries, *later.entries)] == ["a", "b"]
    assert page.etag != later.etag


@pytest.fixture
async def many() -> World:
    """A source with 700 entries, of which every seventh has a seven."""
    world = World(store=CountingStore())
    url = await world.add("a", intake=Intake(backfill=None))
    names = [f"{n} seven" if n % 7 == 0 else f"{n}" for n in range(700)]
    world.serves(
        url,
        *(
            read_entry(name, link=f"https://a.example/{n}", published=ago(minutes=n + 1))
            for n, name in enumerate(names)
        ),
    )
    await world.poll("a")
    return world


async def test_a_window_is_full_as_long_as_enough_entries_pass(many):
    sevens = Filters(everywhere=filter_of(include=("title: seven",)))

    assert len(await listed(publisher(many, sevens), LATEST)) == 100
    assert len(await listed(publisher(many, sevens), replace(LATEST, limit=1000))) == 100
    assert len(await listed(publisher(many, sevens), replace(LATEST, limit=20))) == 20


async def test_pages_go_on_where_feeds_end_unless_the_publication_has_conditions(many):
    published = publisher(many, Filters(everywhere=filter_of(include=("title: seven",))))
    own = replace(LATEST, path="own", limit=10, filter=filter_of(exclude=("title: 7 seven",)))
    short = replace(LATEST, path="short", limit=10)

    assert (await published.page(short, 1)).pages == 34
    assert (await published.page(own, 1)).pages == 4
    last = await published.page(short, 34)
    assert [shown.entry.content.title for shown in last.entries] == ["Title 693 seven"]
    for number in (0, 35, 10**30):
        with pytest.raises(UnknownPublication):
            await published.page(short, number)


async def test_pages_are_counted_once_for_a_revision(many):
    published = publisher(many, Filters(everywhere=filter_of(include=("title: seven",))))
    await published.page(LATEST, 1)
    many.store.reads = 0
    await published.page(LATEST, 2)
    once = many.store.reads
    many.serves("https://a.example/feed", read_entry("new seven", link="https://a.example/n"))
    await many.poll("a")
    page = await published.page(LATEST, 1)

    assert once == 1
    assert page.entries[0].entry.content.title == "Title new seven"
    assert many.store.reads == 1 + 4


class CountingStore(MemoryStore):
    """Counts how often whole stories are read."""

    reads = 0

    async def whole_stories(
        self, selection: Selection, *, limit: int, offset: int = 0
    ) -> list[Story]:
        self.reads += 1
        return await super().whole_stories(selection, limit=limit, offset=offset)


async def test_nobody_looks_through_more_than_so_many_windows(many, monkeypatch):
    monkeypatch.setattr(windows, "WINDOW", 70)
    monkeypatch.setattr(windows, "DEEPEST_WINDOW", 2)
    sevens = Filters(everywhere=filter_of(include=("title: seven",)))

    assert len(await listed(publisher(many, sevens), LATEST)) == 20


async def test_an_empty_filter_costs_nothing(world):
    published = publisher(world, Filters(everywhere=Filter(place=("filters",))))
    world.store.whole_stories = None

    assert len(await listed(published, LATEST)) == 9
