from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.errors import UnknownPublication
from aggregator.service.ports import Selection
from aggregator.service.publishing import Publisher
from tests.builders import read_entry
from tests.service.published import LATEST, SITE, catalogue, two_sources
from tests.service.world import World


@pytest.fixture
async def world() -> World:
    return await two_sources()


def publisher(world: World, **changes) -> Publisher:
    return Publisher(
        store=world.store,
        clock=world.clock,
        catalogue=catalogue(**changes),
        complain=world.notebook.failed,
    )


@pytest.mark.parametrize("format", ["atom", "rss", "json"])
async def test_a_document_is_the_same_object_until_something_changes(world, format):
    published = publisher(world)
    first = await published.document(LATEST, format)
    again = await published.document(LATEST, format)
    world.serves("https://a.example/feed", read_entry("a9", link="https://a.example/9"))
    await world.poll("a")
    changed = await published.document(LATEST, format)

    assert again is first
    assert changed.etag != first.etag
    assert b"Title a9" in changed.body


@pytest.mark.parametrize("format", ["atom", "rss", "json"])
async def test_the_same_entries_give_the_same_bytes_in_another_process(world, format):
    one = await publisher(world).document(LATEST, format)
    world.clock.pass_(days=3)
    other = await publisher(world).document(LATEST, format)

    assert other == one
    assert other.body == one.body


async def test_pages_hold_the_newest_first_and_all_of_them(world):
    published = publisher(world)
    pages = [await published.page(LATEST, number) for number in (1, 2)]
    titles = [shown.entry.content.title for page in pages for shown in page.entries]

    assert titles == ["Title b0", "Title a0", "Title b1", "Title a1", "Title a2", "Title a3"]
    assert {page.pages for page in pages} == {2}


async def test_a_page_is_made_once_a_revision(world):
    published = publisher(world)
    first, second = [(await published.page(LATEST, number)).entries for number in (1, 2)]

    assert (await published.page(LATEST, 1)).entries is first
    assert (await published.page(LATEST, 2)).entries is second
    world.serves("https://a.example/feed", read_entry("a9", link="https://a.example/9"))
    await world.poll("a")
    changed = await published.page(LATEST, 1)
    assert changed.entries[0].entry.content.title == "Title a9"
    published.take(catalogue(site=replace(SITE, page_size=2)))
    assert len((await published.page(LATEST, 1)).entries) == 2


@pytest.mark.parametrize("number", [0, -1, 3, 10**30])
async def test_there_is_no_page_beyond_the_last(world, number):
    with pytest.raises(UnknownPublication):
        await publisher(world).page(LATEST, number)


async def test_an_empty_publication_has_one_page():
    page = await publisher(World()).page(LATEST, 1)

    assert (page.pages, page.entries) == (1, ())


async def test_a_source_and_a_tag_are_published_too(world):
    published = publisher(world)
    by_tag = await published.page(published.find("tags", "数学"), 1)
    by_source = await published.page(published.find("sources", "b"), 1)

    assert [shown.entry.source.key for shown in by_tag.entries] == ["b", "b"]
    assert by_tag.entries == by_source.entries
    assert published.find("tags", "数学").path == "tags/%E6%95%B0%E5%AD%A6"


@pytest.mark.parametrize("kind", ["publications", "sources", "tags"])
async def test_what_is_not_configured_is_not_published(world, kind):
    with pytest.raises(UnknownPublication):
        publisher(world).find(kind, "nothing")


async def test_a_source_without_a_name_bears_its_feeds_title(world):
    published = publisher(world, names={"a": "a", "b": "B"})
    page = await published.page(published.find("sources", "a"), 1)
    document = await published.document(published.find("sources", "a"), "json")

    assert page.publication.title == "A feed"
    assert b'"title":"A feed"' in document.body


async def test_a_publication_keeps_its_own_conditions(world):
    fair = replace(LATEST, max_per_source=1)
    young = replace(LATEST, max_age=timedelta(days=1, hours=1))

    for narrow in (fair, young):
        shown = await publisher(world).entries(narrow, Selection(), limit=100)
        assert [one.entry.content.title for one in shown] == ["Title b0", "Title a0"]


async def test_a_publication_forgets_what_has_become_too_old(world):
    young = replace(LATEST, max_age=timedelta(days=1, hours=1))
    published = publisher(world)
    before, page = await published.document(young, "json"), await published.page(young, 1)
    world.clock.pass_(hours=2)
    after, later = await published.document(young, "json"), await published.page(young, 1)

    assert (before.body.count(b'"id"'), after.body.count(b'"id"')) == (2, 0)
    assert page.etag != later.etag


async def test_a_changed_configuration_counts_as_a_change(world):
    published = publisher(world)
    before, page = await published.document(LATEST, "atom"), await published.page(LATEST, 1)
    world.clock.pass_(hours=1)
    published.take(catalogue())
    same = await published.document(LATEST, "atom")
    published.take(catalogue(site=replace(SITE, title="Renamed")))
    after, later = await published.document(LATEST, "atom"), await published.page(LATEST, 1)

    assert same == before
    assert after.last_modified == later.last_modified == world.clock.now()
    assert page.last_modified < later.last_modified


async def test_a_publication_shows_its_limit(world):
    shown = await publisher(world).entries(replace(LATEST, limit=2), Selection(), limit=100)

    assert len(shown) == 2


async def test_without_a_publication_everything_stored_is_listed(world):
    shown = await publisher(world).entries(None, Selection(), limit=100)

    assert len(shown) == 6


async def test_a_source_that_wants_summaries_gets_them(world):
    published = publisher(world, content={"b": "summary"})
    page = await published.page(LATEST, 1)

    assert [shown.content for shown in page.entries] == ["summary", "full", "summary"]


async def test_another_configuration_changes_pages_and_documents(world):
    published = publisher(world)
    before = (await published.page(LATEST, 1)).etag, await published.document(LATEST, "atom")
    published.take(catalogue(site=replace(SITE, title="Renamed", author="Somebody")))
    after = (await published.page(LATEST, 1)).etag, await published.document(LATEST, "atom")

    assert before[0] != after[0]
    assert before[1] != after[1]
