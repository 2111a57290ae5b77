"""The contract of whole stories: by rank, or by what somebody has of one of their entries."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.digest import digest
from aggregator.core.stories import published_id
from aggregator.service.ports import Selection, Tombstone
from tests.builders import NOON, ago
from tests.store.steps import EVERYTHING, HOUR, configure, poll, story

LINK = "https://a.example/shared"


@pytest.fixture
async def shared(store):
    """One story of three sources, whose origin is the second, and one of the first alone."""
    await configure(store, "c", "a", "b")
    await poll(store, "c", story("1", link=LINK, title="By c", guid="c-1"))
    await poll(store, "a", story("2", link=f"{LINK}/", title="By a", guid="https://a.example/?p=2"))
    await poll(store, "b", story("3", link=LINK, title="By b", guid="tag:b.example,2026:3"))
    await poll(store, "c", story("4", at=ago(hours=3), link="https://x.example/50%25_off?utm_id=1"))
    return store


async def test_a_whole_story_has_all_of_its_entries_the_lead_first(shared):
    whole, other = await shared.whole_stories(EVERYTHING, limit=10)
    lead, *others = whole.entries

    assert [lead.source.key, *(each.source.key for each in others)] == ["a", "c", "b"]
    assert (lead.guid, lead.content.title) == ("https://a.example/?p=2", "By a")
    assert (lead.published, lead.first_seen, lead.listed) == (NOON, NOON, True)
    assert (whole.rank_at, other.rank_at) == (NOON, ago(hours=3))
    assert [each.id for each in (whole, other)] == [
        each.id for each in await shared.stories(EVERYTHING, limit=10)
    ]


async def test_whole_stories_come_in_pages_and_as_selected(shared):
    of_a = Selection(sources={"a"})

    assert [len(s.entries) for s in await shared.whole_stories(of_a, limit=9)] == [3]
    assert [len(s.entries) for s in await shared.whole_stories(EVERYTHING, limit=1, offset=1)] == [
        1
    ]
    assert await shared.whole_stories(EVERYTHING, limit=9, offset=2) == []
    assert len(await shared.whole_stories(Selection(search="by B"), limit=9)) == 1


async def test_entries_of_a_source_that_left_are_found_but_not_shown(shared):
    await configure(shared, "c", "b")

    [shown, _] = await shared.whole_stories(EVERYTHING, limit=9)
    [found] = await shared.find_stories(LINK, limit=9)

    assert [each.source.key for each in shown.entries] == ["c", "b"]
    assert [(each.source.key, each.listed) for each in found.entries] == [
        ("a", False),
        ("c", True),
        ("b", True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "c-1",
        "https://a.example/?p=2",
        "tag:b.example,2026:3",
        LINK,
        "http://www.a.example/shared/?utm_source=x#top",
        "a.example/shared",
        "SHARED",
        "?p=",
    ],
)
async def test_a_story_is_found_by_guid_link_or_a_part_of_them(shared, text):
    assert len(await shared.find_stories(text, limit=9)) == 1


async def test_a_story_is_found_by_its_published_id(shared):
    [found] = await shared.find_stories(published_id("c", "c-1"), limit=9)

    assert found.id == published_id("c", "c-1")
    assert await shared.find_stories(found.id[:20].upper(), limit=9)


async def test_what_is_exactly_it_goes_before_what_has_it_as_a_part(store):
    await configure(store, "a")
    await poll(store, "a", story("1", guid="one"), story("2", guid="one more"))

    assert [s.entries[0].guid for s in await store.find_stories("one", limit=9)] == ["one"]
    assert len(await store.find_stories("on", limit=9)) == 2
    assert len(await store.find_stories("on", limit=1)) == 1


@pytest.mark.parametrize("text", ["nothing", "x.example/50_", "%", "https://[", "'"])
async def test_signs_stand_for_themselves(shared, text):
    found = await shared.find_stories(text, limit=9)

    assert [each.entries[0].guid for each in found] == (["guid-4"] if text == "%" else [])


async def test_what_backfill_left_out_has_a_tombstone(store):
    await configure(store, "a", "b")
    for key in ("b", "a"):
        await poll(store, key, left_out=(digest("old"), digest(key)))

    found = await store.tombstones([digest("old"), digest("other")])

    assert found == [
        Tombstone(source="a", pruned_at=None),
        Tombstone(source="b", pruned_at=None),
    ]


async def test_what_retention_dropped_has_a_tombstone_with_its_time(sql_store):
    await configure(sql_store, "a")
    old = replace(story("1"), published=ago(days=99), first_seen=ago(days=99))
    await poll(sql_store, "a", old)
    later = NOON + HOUR
    await sql_store.prune(before=NOON - timedelta(days=90), keep_per_source=0, now=later)

    [found] = await sql_store.tombstones([digest("guid-1")])

    assert found == Tombstone(source="a", pruned_at=later)
