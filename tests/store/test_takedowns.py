"""The contract of takedowns: what is taken down is never shown again, whichever way it returns."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.digest import digest
from aggregator.core.model import Takedown
from aggregator.service.ports import Selection
from tests.builders import NOON, ago
from tests.store.steps import (
    EVERYTHING,
    HOUR,
    Store,
    configure,
    edit_of,
    entry_id,
    poll,
    story,
    titles,
)
from tests.store.test_same_story import long_text, told

LINK = "https://a.example/shared"


@pytest.fixture
async def stocked(store):
    """A story of sources a and b, and one of a alone."""
    await configure(store, "a", "b")
    await poll(store, "a", story("1", link=LINK, guid="urn:x:1"), story("2", at=ago(hours=1)))
    await poll(store, "b", story("3", link=LINK, guid="urn:x:3"))
    return store


async def hide(store: Store, id: str = "urn:x:1", reason: str = "", at=NOON) -> bool:
    return await store.take_down(id, reason=reason, now=at)


async def shown(store, selection: Selection = EVERYTHING) -> list[str]:
    """Titles by every way of listing stories, which agree."""
    listed = await titles(store, selection)
    whole = await store.whole_stories(selection, limit=1000)
    assert len(whole) == len(listed) == await store.count_stories(selection)
    assert all(entry.available for each in whole for entry in each.entries)
    return listed


async def test_a_story_that_is_taken_down_is_in_no_list(stocked):
    assert await shown(stocked) == ["Title 1", "Title 2"]

    assert await hide(stocked)

    assert await shown(stocked) == ["Title 2"]
    assert await shown(stocked, Selection(sources={"b"})) == []
    assert await shown(stocked, Selection(search="title")) == ["Title 2"]
    assert await shown(stocked, Selection(sources={"a"}, search="title 1")) == []


async def test_a_takedown_moves_the_revision(stocked):
    before = await stocked.revision()

    await hide(stocked, at=NOON + HOUR)
    after = await stocked.revision()

    assert (after.number, after.changed_at) == (before.number + 1, NOON + HOUR)


async def test_what_is_not_stored_cannot_be_taken_down(stocked):
    before = await stocked.revision()

    assert not await hide(stocked, "urn:x:3")  # a guid, under which nothing is published
    assert await stocked.revision() == before
    assert await stocked.takedowns() == []


async def test_takedowns_are_listed_newest_first(stocked):
    [_, second] = await stocked.stories(EVERYTHING, limit=9)
    await hide(stocked, reason="asked\x00 for")
    await hide(stocked, second.id, at=NOON + HOUR)

    newest, oldest = await stocked.takedowns()

    assert (newest.id, newest.taken_at, newest.reason) == (second.id, NOON + HOUR, "")
    assert replace(oldest, reason="") == Takedown(
        id="urn:x:1",
        taken_at=NOON,
        title="Title 1",
        link=LINK,
        entries=(("a", "urn:x:1"), ("b", "urn:x:3")),
    )
    assert oldest.reason.startswith("asked")


async def test_a_second_takedown_changes_no_date(stocked):
    await hide(stocked, reason="first")
    assert await hide(stocked, reason="second", at=NOON + HOUR)

    [takedown] = await stocked.takedowns()
    assert (takedown.taken_at, takedown.reason) == (NOON, "first")


async def test_it_is_found_with_what_hides_it(stocked):
    await hide(stocked)

    [found] = await stocked.find_stories(LINK, limit=9)

    assert [entry.taken_down for entry in found.entries] == ["urn:x:1", "urn:x:1"]


async def test_it_does_not_return_when_its_source_says_it_again_or_edits_it(stocked):
    claimed = await poll(stocked, "a")
    edit = await edit_of(stocked, claimed, story("1", guid="urn:x:1", link=LINK), title="New")
    await hide(stocked)

    await poll(stocked, "a", story("1", guid="urn:x:1", link=LINK))
    await poll(stocked, "a", edited=[replace(edit, rank_at=NOON + HOUR)])

    assert await shown(stocked) == ["Title 2"]


async def test_it_does_not_return_under_another_guid(stocked):
    claimed = await poll(stocked, "a")
    moved = story("1", guid="urn:x:moved", link=LINK)
    id = await entry_id(stocked, claimed, story("1", guid="urn:x:1"))
    await hide(stocked)

    await poll(stocked, "a", migrated=[(id, moved.entry)])

    assert await shown(stocked) == ["Title 2"]


async def test_another_source_that_copies_it_is_hidden_with_it(stocked):
    await configure(stocked, "a", "b", "c")
    await hide(stocked)

    await poll(stocked, "c", story("9", link=f"{LINK}/?utm_source=c"))

    assert await shown(stocked) == ["Title 2"]


@pytest.fixture
async def copied(store):
    """A story of source a that b copies is taken down. With what b's poll claimed, and brought."""
    await configure(store, "a", "b", "c")
    await poll(store, "a", told("1", "a.example"))
    item = told("2", "b.example", guid="urn:x:b")
    claimed = await poll(store, "b", item)
    [both] = await store.stories(EVERYTHING, limit=9)
    await hide(store, both.id)
    return store, claimed, item


async def test_an_entry_that_leaves_the_story_stays_down(copied):
    store, claimed, item = copied

    edit = await edit_of(store, claimed, item, text=long_text("new"), title="New")
    await poll(store, "b", edited=[edit])

    assert len(await store.find_stories("https://", limit=9)) == 2
    assert await shown(store) == []


async def test_an_entry_that_leaves_the_story_under_another_guid_stays_down(copied):
    store, claimed, item = copied
    renamed = replace(item, entry=told("2", "b.example", guid="urn:x:renamed").entry)

    await poll(store, "b", migrated=[(await entry_id(store, claimed, item), renamed.entry)])
    edit = await edit_of(store, claimed, renamed, text=long_text("new"), title="New")
    await poll(store, "b", edited=[edit])

    assert len(await store.find_stories("https://", limit=9)) == 2
    assert await shown(store) == []


async def test_a_story_that_such_an_entry_joins_is_shown_by_its_others(copied):
    store, claimed, item = copied
    await poll(store, "c", told("3", "c.example", text="new", title="New"))

    edit = await edit_of(store, claimed, item, text=long_text("new"), title="New")
    await poll(store, "b", edited=[edit])

    assert len(await store.find_stories("https://", limit=9)) == 2
    [left] = await store.stories(EVERYTHING, limit=9)
    assert (left.source.key, left.also_in) == ("c", ())


async def test_what_is_put_back_is_shown_where_it_was(stocked):
    before = await stocked.stories(EVERYTHING, limit=9)
    await hide(stocked)

    assert await stocked.put_back("urn:x:1", now=NOON + HOUR)

    assert await shown(stocked) == ["Title 1", "Title 2"]
    after = await stocked.stories(EVERYTHING, limit=9)
    assert [replace(each, changed_at=NOON) for each in after] == before
    assert after[0].changed_at == NOON + HOUR
    assert (await stocked.revision()).changed_at == NOON + HOUR
    assert await stocked.takedowns() == []


async def test_who_follows_the_changes_hears_of_it_both_times(stocked):
    end = (await stocked.revision()).end
    await hide(stocked)
    [gone] = await stocked.changed_stories(end, limit=9)
    end = (await stocked.revision()).end
    await stocked.put_back("urn:x:1", now=NOON + HOUR)
    [back] = await stocked.changed_stories(end, limit=9)

    assert gone.story.id == back.story.id == "urn:x:1"
    assert [entry.available for entry in gone.story.entries] == [False, False]
    assert [entry.available for entry in back.story.entries] == [True, True]


async def test_what_is_not_down_cannot_be_put_back(stocked):
    before = await stocked.revision()

    assert not await stocked.put_back("urn:x:1", now=NOON + HOUR)
    assert await stocked.revision() == before


async def test_it_does_not_return_when_its_row_is_pruned(sql_store):
    await configure(sql_store, "a", "b")
    old = replace(story("1", guid="urn:x:1"), published=ago(days=99), first_seen=ago(days=99))
    await poll(sql_store, "a", old)
    await hide(sql_store)
    await sql_store.prune(before=NOON - timedelta(days=90), keep_per_source=0, now=NOON)
    assert await sql_store.find_stories("urn:x:1", limit=9) == []

    await poll(sql_store, "a", story("1", guid="urn:x:1"))
    await poll(sql_store, "b", story("1", guid="urn:x:1", link="https://b.example/else"))

    assert await shown(sql_store) == []
    [takedown] = await sql_store.takedowns()
    assert takedown.entries == (("a", "urn:x:1"),)


async def test_what_was_pruned_can_be_put_back_for_the_others(sql_store):
    await configure(sql_store, "a", "b")
    old = replace(story("1", guid="urn:x:1"), published=ago(days=99), first_seen=ago(days=99))
    await poll(sql_store, "a", old)
    await hide(sql_store)
    await sql_store.prune(before=NOON - timedelta(days=90), keep_per_source=0, now=NOON)

    assert await sql_store.put_back("urn:x:1", now=NOON)
    await poll(sql_store, "b", story("1", guid="urn:x:1", link="https://b.example/else"))

    assert await shown(sql_store) == ["Title 1"]
    assert len(await sql_store.tombstones([digest("urn:x:1")])) == 1


async def test_takedowns_are_few_but_may_be_many(store):
    await configure(store, "a")
    await poll(store, "a", *(story(str(n), guid=f"urn:x:{n}") for n in range(60)))
    for n in range(50):
        await hide(store, f"urn:x:{n}")

    assert len(await shown(store)) == 10
    assert len(await store.takedowns()) == 50


async def test_it_is_gone_from_archives_and_searches(stocked):
    stories = await stocked.whole_stories(EVERYTHING, limit=9)
    numbers = {story.id: story.number for story in stories}
    await hide(stocked)

    left = await stocked.numbered_stories(list(numbers.values()))

    assert [story.id for story in left.values()] == [id for id in numbers if id != "urn:x:1"]
    assert await titles(stocked, Selection(search="1")) == []
