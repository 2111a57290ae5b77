"""The contract of changes: whoever follows them misses none, whatever the clock says."""

from datetime import timedelta

import pytest

from aggregator.core.positions import Position, Step
from aggregator.service.ports import Selection
from aggregator.store.sql import open_store
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

START = Step(0, 0)


async def changes(store: Store, after: Step, limit: int = 100) -> tuple[list[str], Step]:
    """The titles of what changed since, and where to go on."""
    found = await store.changed_stories(after, limit=limit)
    end = found[-1].changed if found else after
    return [each.story.entries[0].content.title for each in found], end


async def test_changes_come_oldest_first_and_each_story_once(store):
    await configure(store, "a")
    claimed = await poll(store, "a", story("1"), story("2"))
    first, end = await changes(store, START)
    edit = await edit_of(store, claimed, story("1"), title="Edited")
    await poll(store, "a", story("3"), edited=(edit,), at=NOON + HOUR)

    assert first == ["Title 1", "Title 2"]
    assert (await changes(store, end))[0] == ["Edited", "Title 3"]
    assert (await changes(store, START))[0] == ["Title 2", "Edited", "Title 3"]


async def test_a_change_tells_whether_the_story_is_new(store):
    await configure(store, "a")
    claimed = await poll(store, "a", story("1"))
    (first,) = await store.changed_stories(START, limit=10)
    edit = await edit_of(store, claimed, story("1"), title="Edited")
    await poll(store, "a", edited=(edit,))
    (again,) = await store.changed_stories(first.changed, limit=10)

    assert first.opened == first.changed
    assert again.opened == first.opened < again.changed


async def test_following_in_pages_tells_all_of_it(store):
    await configure(store, "a")
    await poll(store, "a", *(story(str(n)) for n in range(7)))
    told, step = [], START
    while (page := await changes(store, step, limit=2))[0]:
        told += page[0]
        step = page[1]

    assert told == [f"Title {n}" for n in range(7)]


async def test_changes_are_counted_as_far_as_somebody_cares(store):
    await configure(store, "a")
    await poll(store, "a", *(story(str(n)) for n in range(5)))
    (first, *_) = await store.changed_stories(START, limit=1)

    assert await store.count_changes(START, most=100) == 5
    assert await store.count_changes(first.changed, most=100) == 4
    assert await store.count_changes(START, most=3) == 3
    assert await store.count_changes((await store.revision()).end, most=3) == 0


async def test_a_clock_that_is_set_back_hides_no_change(store):
    await configure(store, "a")
    await poll(store, "a", story("1"), at=NOON)
    _, end = await changes(store, START)
    await poll(store, "a", story("2"), at=NOON - timedelta(days=1))

    assert (await changes(store, end))[0] == ["Title 2"]


async def test_the_end_of_a_revision_is_behind_all_that_is_there_and_before_all_that_comes(store):
    await configure(store, "a")
    await poll(store, "a", story("1"))
    end = (await store.revision()).end
    before, _ = await changes(store, end)
    await poll(store, "a", story("2"))

    assert before == []
    assert (await changes(store, end))[0] == ["Title 2"]


async def test_a_copy_that_is_edited_counts_since_filters_may_show_it_instead(store):
    link = "https://a.example/shared"
    await configure(store, "a", "b")
    await poll(store, "a", story("1", link=link))
    claimed = await poll(store, "b", story("b", link=link))
    _, end = await changes(store, START)
    edit = await edit_of(store, claimed, story("b", link=link), title="Edited")
    await poll(store, "b", edited=(edit,))
    (changed,) = await store.changed_stories(end, limit=10)

    assert [entry.content.title for entry in changed.story.entries] == ["Title 1", "Edited"]


async def test_another_guid_is_a_change(store):
    await configure(store, "a")
    claimed = await poll(store, "a", story("1"))
    _, end = await changes(store, START)
    id = await entry_id(store, claimed, story("1"))
    await poll(store, "a", migrated=((id, story("2").entry),))

    assert (await changes(store, end))[0] == ["Title 1"]


async def test_a_source_that_goes_or_comes_changes_its_stories(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1"))
    _, end = await changes(store, START)
    await configure(store, "b")
    (gone,) = await store.changed_stories(end, limit=10)
    await configure(store, "a", "b")
    (back,) = await store.changed_stories(gone.changed, limit=10)

    assert [entry.listed for entry in gone.story.entries] == [False]
    assert [entry.listed for entry in back.story.entries] == [True]


async def test_what_is_shown_already_changes_nothing(store):
    await configure(store, "a")
    await poll(store, "a", story("1"))
    _, end = await changes(store, START)
    await poll(store, "a", story("1"))

    assert await store.changed_stories(end, limit=10) == []


async def test_a_time_leads_to_the_first_change_of_that_time_or_later(store):
    await configure(store, "a")
    await poll(store, "a", story("1"), at=ago(days=2))
    await poll(store, "a", story("2"), at=ago(days=1))
    yesterday = await store.first_change(ago(days=1))
    ever = await store.first_change(ago(days=900))
    never = await store.first_change(NOON)
    await poll(store, "a", story("3"), at=ago(days=5))

    assert (await changes(store, yesterday))[0] == ["Title 2", "Title 3"]
    assert (await changes(store, ever))[0] == ["Title 1", "Title 2", "Title 3"]
    assert (await changes(store, never))[0] == ["Title 3"]


async def test_stories_go_on_below_a_position(store):
    await configure(store, "a")
    items = [story(str(n), at=ago(hours=n // 2)) for n in range(6)]
    await poll(store, "a", *reversed(items))
    everything = await titles(store)
    told, selection = [], EVERYTHING
    while page := await store.whole_stories(selection, limit=2):
        told += [each.entries[0].content.title for each in page]
        selection = Selection(after=Position(page[-1].rank_at, page[-1].number))
        await poll(store, "a", story(f"new{len(told)}", at=NOON + HOUR))

    assert told == everything
    assert len(everything) == 6


async def test_a_position_holds_although_its_story_is_gone(store):
    await configure(store, "a")
    await poll(store, "a", *(story(str(n), at=ago(hours=n)) for n in range(3)))
    top = (await store.whole_stories(EVERYTHING, limit=1))[0]
    after = Position(top.rank_at + timedelta(microseconds=1), top.number)

    assert await titles(store, Selection(after=after)) == ["Title 0", "Title 1", "Title 2"]
    assert await titles(store, Selection(after=after, sources=["a"], search="title 2")) == [
        "Title 2"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM stories WHERE (rank_at, id) < (5, 5) ORDER BY rank_at DESC, id DESC",
        "SELECT id FROM stories WHERE (changed_in, id) > (5, 5) ORDER BY changed_in, id",
    ],
)
async def test_pages_and_changes_are_read_off_an_index(tmp_path, statement):
    store = await open_store(f"sqlite:///{tmp_path}/test.db")
    plan = await store._database.read(
        lambda connection: connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    )
    await store.aclose()

    (step,) = [row.detail for row in plan]  # a second one would sort
    assert step.startswith("SEARCH stories USING COVERING INDEX")
