"""What months of polls must not do to an entry: lose it, double it, or lift it for nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.core.edits import MOST_EDITS
from aggregator.core.model import PublishedEntry, ReadEntry
from aggregator.core.reconcile import Intake
from aggregator.core.wire import Validators
from aggregator.service.ports import Selection
from tests.builders import NOON, ago, read_entry
from tests.service.world import World

URL = "https://a.example/feed"
ALL = Selection()


@pytest.fixture
async def world() -> World:
    world = World()
    await world.add("a", intake=Intake(backfill=None))
    return world


async def poll(world: World, *entries: ReadEntry) -> tuple[int, int]:
    """New and edited entries of a poll an hour later."""
    world.clock.pass_(hours=1)
    world.serves(URL, *entries, validators=Validators())
    report = await world.poll("a")
    return report.entries_new, report.entries_updated


async def ids(world: World) -> list[str]:
    return [story.id for story in await world.store.stories(ALL, limit=1000)]


def page(name: str, *, guid: str | None = None, site: str = "https://a.example", **changes):
    link = f"{site}/{name}"
    return read_entry(name, guid=guid or link, link=link, **changes)


def pages(*names: str, **changes) -> list[ReadEntry]:
    return [page(name, **changes) for name in names]


async def test_a_source_that_moves_to_https_and_www_brings_nothing_new(world):
    await poll(world, *pages("1", "2", site="http://a.example"))
    before = await ids(world)

    assert await poll(world, *pages("1", "2", site="https://www.a.example")) == (0, 2)
    assert await ids(world) == before
    guids = [story.guid for story in await world.store.stories(ALL, limit=10)]
    assert guids == ["https://www.a.example/1", "https://www.a.example/2"]


async def test_a_source_that_moves_to_another_domain_is_known_by_its_texts(world):
    await poll(world, *pages("1", "2", "3"))
    before = await ids(world)

    assert await poll(world, *pages("4", "1", "2", "3", site="https://b.example/blog")) == (1, 3)
    assert (await ids(world))[1:] == before


async def test_a_source_that_is_read_under_another_address_is_known_there_too(world):
    await poll(world, *[page(n, guid=f"old-{n}") for n in "123"])
    before = await ids(world)

    url = await world.add("a", url="https://new.example/feed", intake=Intake(backfill=None))
    world.serves(url, *[page(n, guid=f"new-{n}", site="https://new.example") for n in "123"])

    assert (await world.poll("a")).entries_new == 0
    assert await ids(world) == before


async def test_a_source_that_changes_all_but_its_texts_is_no_other_feed(world):
    for title, site in (("One", "https://a.example"), ("Two", "https://b.example")):
        entries = tuple(pages("1", "2", "3", site=site))
        world.serves(URL, *entries, link=site, validators=Validators())
        feed = world.reader.shelf[repr(entries).encode()]
        info = replace(feed.info, title=title)
        world.reader.shelf[repr(entries).encode()] = replace(feed, info=info)
        report = await world.poll("a")

    assert (report.error, report.entries_new, report.entries_updated) == (None, 0, 3)


async def test_what_was_left_out_does_not_return_in_another_form():
    world = World()
    await world.add("a", intake=Intake(backfill=1))
    await poll(world, *pages("2", "1", site="http://a.example"))

    assert (await poll(world, *pages("3", "2", "1", site="https://a.example")))[0] == 1
    assert len(await ids(world)) == 2


async def test_what_fell_out_of_the_document_before_a_move_stays_as_it_is(world):
    await poll(world, *pages("1", "2", "3", "4", "5"))

    assert (await poll(world, *pages("1", "2", "3", site="https://b.example")))[0] == 0
    assert len(await ids(world)) == 5


async def test_a_source_that_serves_an_old_document_once_publishes_nothing_twice(world):
    old = pages("3", "2", "1")
    new = [*pages("4", "3"), page("2", title="Edited")]
    await poll(world, *old)
    await poll(world, *new)
    before = await ids(world)

    assert (await poll(world, *old))[0] == 0
    assert (await poll(world, *new))[0] == 0
    assert await ids(world) == before
    assert (await world.titles())[2] == "Edited"


async def test_a_change_of_guids_that_is_taken_back_and_made_again_publishes_nothing_twice(world):
    old = [page(n, guid=f"old-{n}") for n in "321"]
    new = [page(n, guid=f"new-{n}") for n in "321"]
    await poll(world, *old)
    before = await ids(world)

    for document in (new, old, new):
        assert await poll(world, *document) == (0, 0)
    assert await ids(world) == before


async def test_an_entry_without_a_date_keeps_the_first_one(world):
    await poll(world, page("1"))
    await poll(world, page("1", title="Edited"))
    await poll(world, page("1", title="Edited", published=ago(days=9)))

    (story,) = await world.store.stories(ALL, limit=10)
    assert story.published == story.first_seen == NOON + timedelta(hours=1)


async def test_a_date_that_moves_alone_changes_nothing(world):
    await poll(world, page("1", published=ago(days=2), updated=ago(days=2)))
    before = await world.store.revision()
    for day in (1, 0):
        assert await poll(world, page("1", published=ago(days=day), updated=ago(days=day))) == (
            0,
            0,
        )

    assert await world.store.revision() == before


async def test_a_counter_is_no_endless_stream_of_edits(world):
    await poll(world, page("1", content_html="<p>0 views</p>"))
    edits = [
        (await poll(world, page("1", content_html=f"<p>{n} views</p>")))[1] for n in range(1, 73)
    ]

    assert sum(edits[:MOST_EDITS]) == MOST_EDITS
    assert sum(edits) <= MOST_EDITS + 4 * 3


@pytest.fixture
async def lifting() -> World:
    world = World()
    await world.add("a", intake=Intake(backfill=None, updates="bump"))
    await poll(world, *pages("1", "2", "3", "4", "5"))
    return world


async def test_a_significant_edit_comes_to_the_top_where_that_is_wanted(lifting):
    entries = pages("1", "2", "3", "4", "5")
    entries[3] = replace(entries[3], content=replace(entries[3].content, title="Another title"))

    assert await poll(lifting, *entries) == (0, 1)
    assert (await lifting.titles())[0] == "Another title"


async def test_a_small_edit_stays_where_it_was(lifting):
    before = await ids(lifting)

    edited = page("4", text="Text  4!", content_html="<p class=x>Text 4!</p>")
    assert await poll(lifting, *pages("1", "2", "3"), edited, page("5")) == (0, 1)
    assert await ids(lifting) == before


async def test_a_document_that_is_rendered_anew_lifts_nothing(lifting):
    before = await ids(lifting)

    assert await poll(lifting, *[page(n, title=f"Blog – {n}") for n in "12345"]) == (0, 5)
    assert await ids(lifting) == before


def series_of(*sites: str):
    """Some documents, each with some versions of some entries."""
    versions = st.builds(
        page,
        st.sampled_from("12345678"),
        title=st.sampled_from(["One", "Two"]),
        site=st.sampled_from(sites),
    )
    document = st.lists(versions, max_size=6, unique_by=lambda entry: entry.guid)
    return st.lists(document, min_size=1, max_size=6)


async def guids_after(series: list[list[ReadEntry]]) -> list[str]:
    """Polls each document twice; checks what holds whatever a source serves."""
    world = World()
    await world.add("a", intake=Intake(backfill=None))
    guids: list[str] = []
    for document in series:
        before = await ids(world)
        await poll(world, *document)
        after = await ids(world)
        guids = [story.guid for story in await world.store.stories(ALL, limit=100)]
        assert after[len(after) - len(before) :] == before
        assert {entry.guid for entry in document} <= set(guids)
        world.store._sources["a"].forget_body()
        assert await poll(world, *document) == (0, 0)
        assert await ids(world) == after
    return guids


@settings(max_examples=30)
@given(series_of("http://a.example"))
async def test_whatever_a_source_serves_each_entry_is_published_once(series):
    guids = await guids_after(series)

    assert sorted(guids) == sorted({entry.guid for document in series for entry in document})


@settings(max_examples=60)
@given(series_of("http://a.example", "https://www.a.example", "https://b.example"))
async def test_whatever_forms_its_guids_have_nothing_is_lost_and_none_is_there_twice(series):
    guids = await guids_after(series)

    assert len(guids) == len(set(guids))


OWN, SHARED = range(3), range(3, 6)
sources = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.sampled_from([*OWN, *SHARED]), max_size=5, unique=True),
    min_size=2,
).flatmap(lambda served: st.tuples(st.just(served), st.permutations(sorted(served))))


def post(key: str, number: int) -> ReadEntry:
    site = "shared" if number in SHARED else key
    link = f"https://{site}.example/{number}"
    return read_entry(f"{key}{number}", link=link, published=ago(days=number))


async def published_by(served: dict[str, list[int]], order: list[str]) -> list[PublishedEntry]:
    world = World()
    for key, numbers in served.items():
        url = await world.add(key, intake=Intake(backfill=None))
        world.serves(url, *(post(key, number) for number in numbers))
    for key in order:
        await world.poll(key)
    return await world.store.stories(ALL, limit=1000)


def stories_of(shown: list[PublishedEntry]) -> set[tuple[object, ...]]:
    """What does not depend on who was polled first; that is which id a shared story has."""
    return {
        (
            story.content.link,
            story.published,
            frozenset([story.source.key, *(source.key for source in story.also_in)]),
            None if story.also_in else story.id,
        )
        for story in shown
    }


@settings(max_examples=30)
@given(sources)
async def test_the_order_of_polls_does_not_change_what_is_published(case):
    served, order = case
    one, other = await published_by(served, sorted(served)), await published_by(served, order)

    assert len(one) == len(other)
    assert stories_of(one) == stories_of(other)
    assert [story.published for story in one] == [story.published for story in other]
