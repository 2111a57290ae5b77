"""The contract of archives: stories in the order in which they came in, each once."""

import asyncio
from dataclasses import replace

import pytest

from aggregator.core.archives import Archive
from tests.builders import NOON, ago
from tests.store.steps import HOUR, Store, configure, edit_of, poll, story

LINK = "https://a.example/shared"


def new_archive(path: str = "", **changes) -> Archive:
    facts = {"path": path, "definition": b"d", "scanned_to": 0, "followed": (0, 0)}
    return Archive(**{**facts, **changes})


async def step(store: Store, path: str = "", sources=None, *, limit: int = 100) -> Archive:
    """One step of an archive that everything goes into."""
    number = (await store.revision()).number
    before = await store.archive(path) or new_archive(path, followed=(number, 0))
    found = await store.unarchived(before, sources, limit=limit)
    after = replace(before, scanned_to=found.scanned_to, followed=found.followed)
    extended = await store.extend_archive(before, after, found.stories)
    assert extended is not None
    return extended


async def names(store, path: str = "", start: int = 0, stop: int = 1000) -> list[str]:
    """Of the stories in the archive, the newest first."""
    found = await store.archived(path, start, stop)
    stories = await store.numbered_stories([each.number for each in found])
    return [stories[each.number].entries[0].content.title.removeprefix("Title ") for each in found]


async def test_there_is_no_archive_before_something_came_into_it(store):
    assert await store.archive("") is None
    assert await store.archived("", 0, 100) == []
    assert await store.archived_beside("", 0, 100) == (None, None)


async def test_all_stories_that_are_stored_come_in_first_seen_first(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1", at=ago(days=1)))
    await poll(store, "b", story("2", at=ago(days=5)), story("3", at=ago(days=9)))

    steps = [await step(store, limit=2) for _ in range(3)]

    assert await names(store) == ["3", "2", "1"]
    assert [each.length for each in steps] == [2, 3, 3]
    assert [each.scanned_to is None for each in steps] == [False, True, True]


async def test_what_changed_comes_in_afterwards_and_nothing_twice(store):
    await configure(store, "a")
    claimed = await poll(store, "a", item := story("1"))
    await step(store)
    await poll(store, "a", story("2"))
    edit = await edit_of(store, claimed, item, title="Edited")
    await poll(store, "a", edited=(edit,))
    await step(store)
    await step(store)

    assert await names(store) == ["2", "Edited"]


async def test_the_changes_of_one_poll_may_take_several_steps(store):
    await configure(store, "a")
    await step(store)
    await step(store)
    await poll(store, "a", *(story(str(n)) for n in range(7)))

    lengths = [(await step(store, limit=3)).length for _ in range(4)]

    assert lengths == [3, 6, 7, 7]
    assert await names(store) == ["6", "5", "4", "3", "2", "1", "0"]


async def test_a_step_says_when_it_has_seen_all_that_changed(store):
    await configure(store, "a")
    await step(store)
    await poll(store, "a", *(story(str(n)) for n in range(3)))
    archive = await store.archive("")

    some = await store.unarchived(archive, None, limit=2)
    rest = await store.unarchived(replace(archive, followed=some.followed), None, limit=2)

    assert (some.complete, len(some.stories)) == (False, 2)
    assert (rest.complete, len(rest.stories)) == (True, 1)


async def test_each_archive_takes_from_its_own_sources(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1"))
    await poll(store, "b", story("2"))
    await step(store, "sources/b", {"b"})
    await step(store, "sources/b", {"b"})
    await poll(store, "a", story("3"))
    await poll(store, "b", story("4"))
    await step(store, "sources/b", {"b"})
    await step(store, "", None)

    assert await names(store, "sources/b") == ["4", "2"]
    assert await names(store, "") == ["4", "3", "2", "1"]


async def test_a_story_that_another_source_opened_comes_in_when_it_joins(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1", link=LINK))
    await step(store, "sources/b", {"b"})
    await poll(store, "b", story("2"))
    await step(store, "sources/b", {"b"})
    await poll(store, "b", story("3", link=LINK))
    await step(store, "sources/b", {"b"})

    assert len(await names(store, "sources/b")) == 2
    (newest, *_) = await store.archived("sources/b", 0, 100)
    assert (await store.numbered_stories([newest.number]))[newest.number].entries[0].guid == (
        "guid-1"
    )


async def test_a_source_that_is_listed_again_brings_its_stories(store):
    await configure(store, "a", "b")
    await poll(store, "b", story("1"))
    await configure(store, "a")
    await step(store)
    assert await names(store) == []

    await configure(store, "a", "b")
    await step(store)

    assert await names(store) == ["1"]


async def test_the_stories_of_a_source_that_left_keep_their_places_and_are_not_shown(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1"))
    await poll(store, "b", story("2"))
    await step(store)
    await configure(store, "a")

    places = await store.archived("", 0, 100)

    assert [each.place for each in places] == [1, 0]
    assert list(await store.numbered_stories([each.number for each in places])) == [
        places[1].number
    ]


async def test_places_are_found_and_their_neighbours(store):
    await configure(store, "a")
    await poll(store, "a", *(story(str(n)) for n in range(10)))
    await step(store)

    assert await names(store, "", 3, 6) == ["5", "4", "3"]
    assert await store.archived_beside("", 3, 6) == (2, 6)
    assert await store.archived_beside("", 0, 10) == (None, None)


async def test_whoever_comes_second_adds_nothing(store):
    await configure(store, "a")
    await poll(store, "a", story("1"))
    number = (await store.revision()).number
    before = new_archive(followed=(number, 0))
    found = await store.unarchived(before, None, limit=10)
    after = replace(before, scanned_to=None, followed=found.followed)

    first = await store.extend_archive(before, after, found.stories)
    second = await store.extend_archive(before, after, found.stories)

    assert first is not None
    assert second is None
    assert await names(store) == ["1"]


async def test_an_archive_says_all_of_itself(store):
    await configure(store, "a")
    before = new_archive()
    after = replace(before, definition=b"e", scanned_to=None, followed=(7, 9), again_from=3)
    after = replace(after, again_at=NOON + HOUR)

    extended = await store.extend_archive(before, after, [])

    assert extended == after == await store.archive("")


async def test_two_processes_add_each_story_once(sql_store, second_store):
    await configure(sql_store, "a")
    await poll(sql_store, "a", *(story(str(n)) for n in range(9)))
    number = (await sql_store.revision()).number
    before = new_archive(followed=(number, 0))
    found = await sql_store.unarchived(before, None, limit=10)
    after = replace(before, scanned_to=None, followed=found.followed)

    done = await asyncio.gather(
        *(each.extend_archive(before, after, found.stories) for each in (sql_store, second_store))
    )

    assert sorted(one is None for one in done) == [False, True]
    assert [each.place for each in await sql_store.archived("", 0, 100)] == [*range(8, -1, -1)]


async def test_places_of_dropped_stories_stay_empty(sql_store):
    await configure(sql_store, "a")
    await poll(sql_store, "a", *(story(str(n), at=ago(days=n)) for n in range(4)))
    await step(sql_store)
    await step(sql_store)

    await sql_store.prune(before=ago(days=1), keep_per_source=0, now=NOON)
    await poll(sql_store, "a", story("4"))
    archive = await step(sql_store)

    assert archive.length == 5
    assert [each.place for each in await sql_store.archived("", 0, 100)] == [4, 1, 0]
    assert await sql_store.archived_beside("", 2, 4) == (1, 4)


async def test_a_story_that_is_gone_meanwhile_is_not_added(sql_store):
    await configure(sql_store, "a")
    await poll(sql_store, "a", story("1", at=ago(days=3)), story("2"))
    before = new_archive()
    found = await sql_store.unarchived(before, None, limit=10)
    await sql_store.prune(before=ago(days=1), keep_per_source=0, now=NOON)

    await sql_store.extend_archive(before, replace(before, scanned_to=None), found.stories)

    assert await names(sql_store) == ["2"]


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_a_parted_entry_comes_in_with_its_new_story(store, limit):
    await configure(store, "a", "b")
    await poll(store, "a", story("1", link=LINK))
    claimed = await poll(store, "b", item := story("2", link=LINK))
    for _ in range(5):
        await step(store, limit=limit)
    edit = await edit_of(store, claimed, item, link="https://b.example/other", title="Other")
    edit = replace(edit, entry=replace(edit.entry, link_digest=b"other"))
    await poll(store, "b", edited=(edit,))
    for _ in range(5):
        await step(store, limit=limit)

    assert await names(store) == ["Other", "1"]
