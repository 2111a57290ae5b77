"""The contract of stories without their texts, and of what sources are called beside them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.model import FeedInfo
from aggregator.core.shown import attribution_of
from aggregator.service.ports import Selection
from tests.builders import NOON, ago
from tests.store.steps import EVERYTHING, HOUR, claim_one, configure, edit_of, poll, spec, story

LINK = "https://a.example/shared"
INFO = FeedInfo(title="Feed", link="https://a.example/", updated=ago(days=1))


@pytest.fixture
async def stocked(store):
    """Three stories: one of a, one of both, one of b."""
    await configure(store, "a", "b")
    await poll(store, "a", story("1", at=ago(hours=1)), story("2", link=LINK), info=INFO)
    await poll(store, "b", story("3", link=LINK), story("4", at=ago(hours=2)))
    return store


async def numbers(store, selection=EVERYTHING) -> list[int]:
    return [each.number for each in await store.whole_stories(selection, limit=9)]


@pytest.mark.parametrize(
    "selection",
    [EVERYTHING, Selection(sources={"a"}), Selection(since=ago(hours=1)), Selection(search="3")],
)
async def test_places_are_those_of_the_stories_in_their_order(stocked, selection):
    places = await stocked.places(selection, limit=9)

    assert [each.number for each in places] == await numbers(stocked, selection)
    assert [each.rank_at for each in places] == [
        each.rank_at for each in await stocked.whole_stories(selection, limit=9)
    ]
    assert places == sorted(places, key=lambda each: (each.rank_at, each.number), reverse=True)


async def test_places_come_in_pages(stocked):
    places = await stocked.places(EVERYTHING, limit=9)

    assert await stocked.places(EVERYTHING, limit=1, offset=1) == places[1:2]
    assert await stocked.places(EVERYTHING, limit=9, offset=3) == []


async def test_a_place_tells_the_revision_that_changed_what_is_shown(stocked):
    before = await stocked.places(EVERYTHING, limit=9)
    claimed = await claim_one(stocked, "a")
    edit = await edit_of(stocked, claimed, story("1"), title="Another")
    await poll(stocked, "a", edited=(edit,), info=INFO, at=NOON + HOUR)
    after = await stocked.places(EVERYTHING, limit=9)
    number = (await stocked.revision()).number

    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert after[1] == before[1]._replace(changed_in=number)


async def test_stories_are_found_by_number(stocked):
    places = await stocked.places(EVERYTHING, limit=9)
    some = [places[2].number, places[0].number, 10**9]

    assert sorted(await stocked.placed(some)) == sorted([places[0], places[2]])
    assert await stocked.placed([]) == []


async def test_what_is_shown_of_numbered_stories_is_what_the_list_shows(stocked):
    listed = dict(
        zip(await numbers(stocked), await stocked.stories(EVERYTHING, limit=9), strict=True)
    )

    assert await stocked.shown_stories([*listed, 10**9]) == listed
    assert await stocked.shown_stories([]) == {}


async def test_what_is_not_listed_is_not_shown_by_number_either(stocked):
    known = await numbers(stocked)
    await configure(stocked, "a")

    shown = await stocked.shown_stories(known)

    assert sorted(shown) == sorted(await numbers(stocked))
    assert {each.source.key for each in shown.values()} == {"a"}
    assert all(not each.also_in for each in shown.values())


async def test_attributions_are_those_of_the_sources_that_are_shown(stocked):
    shown = await stocked.stories(EVERYTHING, limit=9)
    its_own = {each.source.key: attribution_of(each.source) for each in shown}

    assert await stocked.attributions(["a", "b", "c"]) == its_own
    assert await stocked.attributions([]) == {}


async def test_another_name_is_another_attribution(stocked):
    before = await stocked.attributions(["a", "b"])
    await configure(stocked, spec("a", name="Another"), "b")
    after = await stocked.attributions(["a", "b"])

    assert after["a"].look != before["a"].look
    assert after["b"] == before["b"]


async def test_when_a_source_was_updated_stands_apart(stocked):
    before = (await stocked.attributions(["a"]))["a"]
    later = replace(INFO, updated=NOON)
    await poll(stocked, "a", story("5"), info=later, at=NOON + timedelta(hours=2))
    after = (await stocked.attributions(["a"]))["a"]

    assert after == replace(before, updated=NOON)


async def test_stories_that_have_nothing_to_show_have_no_place_among_the_others(stocked):
    first, *_ = await stocked.whole_stories(EVERYTHING, limit=9)
    await stocked.take_down(first.id, reason="", now=NOON)
    shown = await numbers(stocked)

    assert first.number not in shown
    assert [each.number for each in await stocked.places(EVERYTHING, limit=9)] == shown

    await configure(stocked, "b")
    shown = await numbers(stocked)

    assert [each.number for each in await stocked.places(EVERYTHING, limit=9)] == shown


async def edit_1(store) -> None:
    claimed = await claim_one(store, "a")
    edit = replace(await edit_of(store, claimed, story("1"), title="Another"), rank_at=ago(days=9))
    await poll(store, "a", edited=(edit,), info=INFO)


async def add_one(store) -> None:
    await poll(store, "b", story("5"))


async def tell_2_by_another_source(store) -> None:
    await poll(store, "c", story("6", link=LINK))


async def take_down_the_first(store) -> None:
    first, *_ = await store.whole_stories(EVERYTHING, limit=1)
    await store.take_down(first.id, reason="", now=NOON)


async def take_down_and_put_back(store) -> None:
    first, *_ = await store.whole_stories(EVERYTHING, limit=1)
    await store.take_down(first.id, reason="", now=NOON)
    await store.put_back(first.id, now=NOON)


async def leave_out_a(store) -> None:
    await configure(store, "b", "c")


async def rename_a(store) -> None:
    await configure(store, spec("a", name="Another"), "b", "c")


async def tell_otherwise(store) -> None:
    await poll(store, "a", info=replace(INFO, title="Another"))


async def tell_otherwise_with_an_entry(store) -> None:
    await poll(store, "a", story("7"), info=replace(INFO, updated=NOON))


async def tell_otherwise_with_an_entry_that_is_known(store) -> None:
    await poll(store, "a", story("1"), info=replace(INFO, updated=NOON))


async def tell_otherwise_with_what_is_taken_down(store) -> None:
    await tell_otherwise_with_an_entry(store)
    await take_down_the_first(store)


async def nothing(store) -> None: ...


STEPS = [
    add_one,
    edit_1,
    tell_2_by_another_source,
    take_down_the_first,
    take_down_and_put_back,
    leave_out_a,
    rename_a,
    tell_otherwise,
    tell_otherwise_with_an_entry,
    tell_otherwise_with_an_entry_that_is_known,
    tell_otherwise_with_what_is_taken_down,
    nothing,
]
SELECTIONS = [EVERYTHING, Selection(sources=frozenset({"a"})), Selection(search="title")]


@pytest.mark.parametrize("selection", SELECTIONS, ids=["all", "a", "search"])
@pytest.mark.parametrize("step", STEPS)
async def test_who_follows_what_moved_knows_where_all_stand(stocked, step, selection):
    await configure(stocked, "a", "b", "c")
    before = await stocked.standing(selection, limit=9)
    await step(stocked)
    moved = await stocked.moved(selection, before.at, most=9)
    after = await stocked.standing(selection, limit=9)

    stayed = [each for each in before.places if each.number not in moved.changed]
    assert sorted([*stayed, *moved.places], reverse=True) == after.places
    assert moved.at == after.at


@pytest.mark.parametrize("step", STEPS)
async def test_who_follows_what_moved_knows_what_else_is_told_of_sources(stocked, step):
    await configure(stocked, "a", "b", "c")
    at = (await stocked.standing(EVERYTHING, limit=9)).at
    before = await stocked.attributions("abc")
    await step(stocked)
    moved = await stocked.moved(Selection(sources=frozenset({"b"})), at, most=9)
    after = await stocked.attributions("abc")

    assert moved.told is None or {**before, **moved.told} == after


async def test_what_comes_with_a_new_entry_is_told_with_it(sql_store):
    await configure(sql_store, "a", "b")
    await poll(sql_store, "a", story("1"), info=INFO)
    at = (await sql_store.standing(EVERYTHING, limit=9)).at
    later = replace(INFO, updated=NOON)
    await poll(sql_store, "a", story("2"), info=later)
    moved = await sql_store.moved(EVERYTHING, at, most=9)

    assert moved.told == await sql_store.attributions(["a"])
    assert moved.told["a"].updated == NOON


async def test_a_standing_is_the_first_places(stocked):
    standing = await stocked.standing(EVERYTHING, limit=2)

    assert standing.places == (await stocked.places(EVERYTHING, limit=9))[:2]
    assert standing.at.revision == (await stocked.revision()).number
    assert standing.at.stories == 3


async def test_of_too_many_changes_nothing_is_told(stocked):
    before = await stocked.standing(EVERYTHING, limit=9)
    await poll(stocked, "a", story("5"), story("6"))

    assert await stocked.moved(EVERYTHING, before.at, most=1) is None
    assert await stocked.moved(EVERYTHING, before.at, most=2) is not None


async def test_of_what_was_before_another_database_took_its_place_nothing_is_told(stocked):
    before = (await stocked.standing(EVERYTHING, limit=9)).at
    later = replace(before, revision=before.revision + 1)

    assert await stocked.moved(EVERYTHING, before, most=9) is not None
    assert await stocked.moved(EVERYTHING, later, most=9) is None


async def test_of_stories_that_were_deleted_nothing_is_told(sql_store):
    await configure(sql_store, "a", "b")
    await poll(sql_store, "a", story("1"), story("old", at=ago(days=9)))
    before = await sql_store.standing(EVERYTHING, limit=9)
    await poll(sql_store, "b", story("2"))

    assert await sql_store.moved(EVERYTHING, before.at, most=9) is not None

    await sql_store.prune(before=ago(days=1), keep_per_source=0, now=NOON)

    assert await sql_store.moved(EVERYTHING, before.at, most=9) is None
