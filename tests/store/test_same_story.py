"""The contract of stories whose entries tell the same, or claim to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.model import FeedInfo
from aggregator.core.stories import published_id
from aggregator.service.ports import Selection
from tests.builders import NOON
from tests.store.steps import (
    EVERYTHING,
    HOUR,
    configure,
    edit_of,
    entry_id,
    poll,
    spec,
    story,
    titles,
)

VICTIM = "https://victim.example/post"
WORDS = "the quick brown fox jumps over some lazy dogs while nobody in this house is watching them"


def long_text(of: str) -> str:
    """A text of 85 words that no other word makes."""
    return " ".join(f"{word}{n}{of}" for n in "abcde" for word in WORDS.split())


def told(name: str, host: str, *, text: str = "one", title: str = "A title", **changes):
    changes = {"link": f"https://{host}/{name}", **changes}
    return story(name, title=title, text=long_text(text), **changes)


async def shown(store):
    """Every story as its lead and the others, newest first."""
    stories = await store.stories(EVERYTHING, limit=100)
    return [(each.source.key, *(other.key for other in each.also_in)) for each in stories]


async def test_the_same_text_under_two_links_is_one_story(store):
    await configure(store, "blog", "mirror")
    await poll(store, "blog", told("1", "blog.example"))
    (before,) = await store.stories(EVERYTHING, limit=10)
    await poll(store, "mirror", told("copy", "mirror.example"), at=NOON + HOUR)

    (after,) = await store.stories(EVERYTHING, limit=10)
    assert await shown(store) == [("blog", "mirror")]
    assert (after.id, after.content) == (before.id, before.content)
    assert await titles(store, Selection(sources={"mirror"})) == ["A title"]


async def test_the_link_of_a_copy_leads_to_the_story_too(store):
    await configure(store, "blog", "mirror", "planet", "evil")
    await poll(store, "blog", told("1", "blog.example"))
    await poll(store, "mirror", told("copy", "mirror.example"))
    await poll(store, "planet", story("p", link="https://mirror.example/copy"))
    await poll(store, "evil", told("e", "", link="https://mirror.example/copy", text="evil"))

    assert await shown(store) == [("evil",), ("blog", "mirror", "planet")]


@pytest.mark.parametrize(
    "other",
    [
        told("2", "mirror.example", text="other"),
        told("2", "mirror.example", title="Another title"),
        told("2", "www.blog.example"),
        told("2", "mirror.example", at=NOON + timedelta(days=8)),
        story("2", title="A title", text="Text 1", link="https://mirror.example/2"),
    ],
    ids=["other text", "other title", "other page of the site", "much later", "short"],
)
async def test_what_only_looks_alike_is_two_stories(store, other):
    await configure(store, "blog", "mirror")
    await poll(store, "blog", told("1", "blog.example"), story("s", title="A title", text="Text 1"))
    await poll(store, "mirror", other)

    assert ("mirror",) in await shown(store)


@pytest.mark.parametrize("in_one_poll", [True, False])
async def test_a_text_that_one_source_repeats_names_no_story(store, in_one_poll):
    await configure(store, "blog", "mirror", "third")
    items = [told("1", "blog.example"), told("2", "blog.example")]
    for batch in [items] if in_one_poll else [items[:1], items[1:]]:
        await poll(store, "blog", *batch)
    await poll(store, "mirror", told("3", "mirror.example"))
    await poll(store, "third", told("4", "third.example"), told("5", "third.example"))

    assert sorted(await shown(store)) == [("blog",)] * 2 + [("mirror",)] + [("third",)] * 2


async def test_an_entry_that_says_where_it_is_from_leaves_the_lead_to_that_source(store):
    await configure(store, "planet", "a")
    copy = told("copy", "planet.example")
    copy = replace(copy, entry=replace(copy.entry, taken_from=("https://a.example/feed",)))
    await poll(store, "planet", copy)
    await poll(store, "a", told("own", "elsewhere.example"))

    assert await shown(store) == [("a", "planet")]


async def test_a_source_that_repeats_anothers_id_and_text_stands_beside_it(store):
    await configure(store, "victim", "evil")
    guid = VICTIM
    await poll(store, "victim", told("v", "", link=VICTIM, guid=guid))
    (before,) = await store.stories(EVERYTHING, limit=10)
    await poll(store, "evil", told("e", "evil.example", guid=guid), at=NOON + HOUR)

    (after,) = await store.stories(EVERYTHING, limit=10)
    assert (after.id, after.guid, after.content) == (before.id, before.guid, before.content)
    assert await shown(store) == [("victim", "evil")]


@pytest.mark.parametrize("first", ["victim", "evil"])
@pytest.mark.parametrize("site", [None, "https://victim.example/"])
async def test_another_text_under_anothers_link_is_a_story_of_its_own(store, first, site):
    await configure(store, "victim", "evil", "planet")
    own = told("v", "", link=VICTIM, guid=VICTIM)
    bad = told("e", "", link=VICTIM, guid=VICTIM, text="evil")
    polls = {
        "victim": lambda: poll(store, "victim", own),
        "evil": lambda: poll(store, "evil", bad, info=FeedInfo(link=site)),
    }
    await polls.pop(first)()
    ids = {each.source.key: each.id for each in await store.stories(EVERYTHING, limit=9)}
    for other in polls.values():
        await other()
    await poll(store, "planet", told("p", "", link=VICTIM))

    assert sorted(await shown(store)) == [("evil",), ("victim", "planet")]
    by_source = {each.source.key: each for each in await store.stories(EVERYTHING, limit=9)}
    assert by_source["victim"].content == own.entry.content
    assert by_source[first].id == ids[first]
    assert by_source["victim"].id != by_source["evil"].id


async def test_a_short_text_under_anothers_link_joins_and_never_leads(store):
    await configure(store, "evil", "victim")
    await poll(
        store, "evil", story("e", link=VICTIM), info=FeedInfo(link="https://victim.example/")
    )
    await poll(store, "victim", told("v", "", link=VICTIM))

    assert await shown(store) == [("victim", "evil")]


async def test_two_feeds_of_one_host_are_one_story_whatever_they_say(store):
    await configure(store, "victim", spec("other", url="https://www.victim.example/summaries"))
    await poll(store, "victim", told("v", "", link=VICTIM))
    await poll(store, "other", told("o", "", link=VICTIM, text="other"))

    assert await shown(store) == [("victim", "other")]


async def test_an_edit_to_another_text_parts_what_had_joined(store):
    await configure(store, "blog", "mirror", "planet")
    item = told("copy", "mirror.example", guid="https://mirror.example/copy")
    await poll(store, "blog", told("1", "blog.example"), story("later", at=NOON + HOUR))
    claimed = await poll(store, "mirror", item)
    before = {each.id for each in await store.stories(EVERYTHING, limit=9)}
    edit = await edit_of(store, claimed, item, text=long_text("new"), title="New")
    await poll(store, "mirror", edited=(edit,), at=NOON + HOUR)

    assert await shown(store) == [("blog",), ("mirror",), ("blog",)]
    after = {each.id for each in await store.stories(EVERYTHING, limit=9)}
    assert after == before | {"https://mirror.example/copy"}
    changed = [each.changed_at for each in await store.stories(EVERYTHING, limit=9)]
    assert changed == [NOON, NOON + HOUR, NOON + HOUR]

    await poll(store, "planet", told("p", "planet.example", text="new", title="New"))
    assert ("mirror", "planet") in await shown(store)


async def test_when_the_opener_becomes_another_story_it_keeps_the_id_and_the_others_leave(store):
    await configure(store, "blog", "mirror", "third")
    item = told("1", "blog.example")
    claimed = await poll(store, "blog", item)
    await poll(store, "mirror", told("2", "mirror.example"))
    await poll(store, "third", told("3", "third.example"))
    (before,) = await store.stories(EVERYTHING, limit=9)
    edit = await edit_of(store, claimed, item, text=long_text("new"), title="New")
    await poll(store, "blog", edited=(edit,), at=NOON + HOUR)

    by_source = {each.source.key: each for each in await store.stories(EVERYTHING, limit=9)}
    assert sorted(await shown(store)) == [("blog",), ("mirror", "third")]
    assert by_source["blog"].id == before.id
    assert by_source["mirror"].id == published_id("mirror", "guid-2")


async def test_a_small_edit_parts_nothing(store):
    await configure(store, "blog", "mirror")
    item = told("1", "blog.example")
    claimed = await poll(store, "blog", item)
    await poll(store, "mirror", told("2", "mirror.example"))
    edit = await edit_of(
        store, claimed, item, text=f"{long_text('one')} Update: 3 more words", title="A new title"
    )
    await poll(store, "blog", edited=(edit,), at=NOON + HOUR)

    assert await shown(store) == [("blog", "mirror")]
    assert await titles(store) == ["A new title"]


async def test_a_copy_that_turns_against_its_story_leaves_it(store):
    await configure(store, "victim", "evil")
    await poll(store, "victim", told("v", "", link=VICTIM))
    item = story("e", link=VICTIM)
    claimed = await poll(store, "evil", item)
    edit = await edit_of(store, claimed, item, text=long_text("evil"))
    await poll(store, "evil", edited=(replace(edit, rank_at=NOON + HOUR),), at=NOON + HOUR)

    assert await shown(store) == [("evil",), ("victim",)]


async def test_an_edit_of_a_copy_does_not_move_the_story(store):
    await configure(store, "victim", "evil")
    await poll(store, "victim", story("v", link=VICTIM), story("newer", at=NOON + HOUR))
    item = story("e", link=VICTIM)
    claimed = await poll(store, "evil", item)
    edit = await edit_of(store, claimed, item, title="Me first")
    await poll(store, "evil", edited=(replace(edit, rank_at=NOON + 2 * HOUR),))

    assert await titles(store) == ["Title newer", "Title v"]


async def test_a_story_follows_the_link_of_its_entry(store):
    await configure(store, "a", "b")
    item = story("old")
    claimed = await poll(store, "a", item)
    moved = story("old", link="https://a.example/new")
    edit = replace(await edit_of(store, claimed, item), entry=moved.entry)
    await poll(store, "a", edited=(edit,))
    await poll(store, "b", story("copy", link="https://a.example/new"))

    assert await shown(store) == [("a", "b")]


async def test_a_permanent_link_that_changes_parts_nothing(store):
    await configure(store, "planet", "a")
    await poll(store, "planet", story("copy", link="https://a.example/old", title="T"))
    item = story("own", link="https://a.example/old", title="T")
    claimed = await poll(store, "a", item)
    moved = story("own", link="https://a.example/new", title="T")
    edit = replace(await edit_of(store, claimed, item), entry=moved.entry)
    await poll(store, "a", edited=(edit,))

    assert await shown(store) == [("a", "planet")]


async def test_a_story_told_twice_is_passed_on_when_its_lead_leaves_and_comes_back(store):
    await configure(store, "blog", "mirror")
    await poll(store, "blog", told("1", "blog.example"))
    await poll(store, "mirror", told("2", "mirror.example"))
    (before,) = await store.stories(EVERYTHING, limit=9)

    await configure(store, "mirror")
    (without,) = await store.stories(EVERYTHING, limit=9)
    await configure(store, "blog", "mirror")
    (after,) = await store.stories(EVERYTHING, limit=9)

    assert (without.source.key, without.id) == ("mirror", before.id)
    assert (after.source.key, after.id) == ("blog", before.id)


async def test_entry_ids_stay_with_their_entries(store):
    await configure(store, "blog", "mirror")
    item = told("2", "mirror.example")
    await poll(store, "blog", told("1", "blog.example"))
    claimed = await poll(store, "mirror", item)
    before = await entry_id(store, claimed, item)
    edit = await edit_of(store, claimed, item, text=long_text("new"), title="New")
    await poll(store, "mirror", edited=(edit,))

    assert await entry_id(store, claimed, item) == before


async def test_the_priority_of_a_source_decides_and_a_changed_one_works_backwards(store):
    await configure(store, "a", spec("b", priority=1))
    for key in "ab":
        await poll(store, key, story(f"{key}1", link=VICTIM), story(f"{key}2"))
    before = await shown(store)
    revision = await store.revision()

    later = NOON + HOUR
    await configure(store, spec("a", priority=2), spec("b", priority=1), now=later)
    after = await store.stories(EVERYTHING, limit=9)

    assert before == [("b",), ("a",), ("b", "a")]
    assert await shown(store) == [("b",), ("a",), ("a", "b")]
    assert (await store.revision()).number > revision.number
    assert [each.changed_at == later for each in after] == [False, False, True]
