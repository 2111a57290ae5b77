"""New entries of several sources that are stored together, as if one came after the other."""

import asyncio
from dataclasses import replace

from aggregator.core.model import EntryChanges, FeedInfo
from tests.builders import NOON
from tests.store.steps import (
    EVERYTHING,
    HOUR,
    configure,
    edit_of,
    health,
    poll,
    record,
    story,
    titles,
    unsafe,
)

LONE_SURROGATE = "a\ud800b"


async def saved_together(store, **news):
    """One transaction with a poll of each of these sources, in this order."""
    await configure(store, *news)
    leases = {one.key: one.lease for one in await store.claim([*news], lease_until=NOON + HOUR)}
    polls = [
        record(
            leases[key],
            read=True,
            info=FeedInfo(title=key),
            changes=new if isinstance(new, EntryChanges) else EntryChanges(new=tuple(new)),
        )
        for key, new in news.items()
    ]
    before = await store.revision()
    assert all(await asyncio.gather(*map(store.save_poll, polls)))
    assert (await store.revision()).number == before.number + 1


async def shown(store):
    """Every story as its lead and the others."""
    stories = await store.stories(EVERYTHING, limit=100)
    return sorted((each.source.key, *(other.key for other in each.also_in)) for each in stories)


async def test_of_sources_that_are_saved_together_the_first_with_a_link_opens_the_story(sql_store):
    link = "https://a.example/1"
    await saved_together(
        sql_store, b=[story("b", link=link)], c=[story("c")], a=[story("a", link=link)]
    )

    assert await shown(sql_store) == [("a", "b"), ("c",)]


async def test_of_sources_that_are_saved_together_one_alone_gets_an_id_that_both_want(sql_store):
    await saved_together(
        sql_store,
        a=[story("1", guid="https://x.example/1")],
        b=[story("2", guid="https://x.example/1")],
    )

    ids = [each.id for each in await sql_store.stories(EVERYTHING, limit=9)]
    assert sorted(id == "https://x.example/1" for id in ids) == [False, True]


async def test_sources_that_are_saved_together_meet_in_a_story_that_was_there(sql_store):
    long = " ".join(f"word{n}" for n in range(99))
    copied = story("copied", text=long, title="T", link="https://blog.example/1")
    copy = story("copy", text=long, title="T", link="https://mirror.example/1")
    await configure(sql_store, "blog", "mirror")
    await poll(sql_store, "blog", copied)
    await poll(sql_store, "mirror", copy)
    await saved_together(
        sql_store,
        one=[story("1", link="https://blog.example/1")],
        two=[story("2", link="https://mirror.example/1")],
    )

    await configure(sql_store, "blog", "mirror", "one", "two")
    assert await shown(sql_store) == [("blog", "mirror", "one", "two")]


async def test_an_entry_that_is_refused_leaves_those_that_are_saved_with_it(sql_store):
    bad = unsafe(story("bad"), title=LONE_SURROGATE)
    await saved_together(sql_store, a=[story("1")], b=[bad, story("2")], c=[story("3")])

    assert await shown(sql_store) == [("a",), ("b",), ("c",)]
    told = [(await health(sql_store, key)).last_error for key in "abc"]
    assert (told[0], told[2]) == (None, None)
    assert "refused 1 of 2 entries" in (told[1] or "")


async def test_an_edit_meets_what_came_with_it_but_before(sql_store):
    link = "https://a.example/1"
    old = story("1", link="https://b.example/1")
    await configure(sql_store, "a", "b")
    claimed = await poll(sql_store, "b", old)
    edit = await edit_of(sql_store, claimed, old, title="Edited", link=link)
    edit = replace(
        edit, entry=replace(edit.entry, link_digest=story("x", link=link).entry.link_digest)
    )
    await saved_together(
        sql_store, a=[story("a", link=link)], b=EntryChanges(edited=(edit,)), c=[story("c")]
    )

    assert await shown(sql_store) == [("a",), ("b",), ("c",)]
    assert "Edited" in await titles(sql_store)
