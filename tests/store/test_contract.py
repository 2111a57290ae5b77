"""The contract of entries and stories: what a poll changes, and what is shown of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.digest import digest
from aggregator.core.model import Category, Enclosure, FeedInfo, Origin, Person, Wishes
from aggregator.core.stories import published_id
from aggregator.service.ports import Selection
from tests.builders import NOON, ago
from tests.store.steps import (
    EVERYTHING,
    FULL,
    HOUR,
    claim_one,
    configure,
    edit_of,
    entry_id,
    health,
    poll,
    record,
    spec,
    story,
    titles,
)

LINK = "https://a.example/shared"


async def test_an_entry_reads_back_as_it_was_stored(store):
    content = replace(
        FULL,
        authors=(Person(name="Ånn", email="a@a.example"), Person(uri="https://a.example/ann")),
        enclosures=(
            Enclosure(
                url="https://a.example/1.mp3", type="audio/mpeg", length=2**40, duration=3723
            ),
        ),
        contributors=(Person(name="Grace", uri="https://a.example/grace"),),
        terms=(Category(term="py", scheme="https://a.example/s", label="Python"),),
        comments="https://a.example/c",
        origin=Origin(
            title="Of",
            id="urn:b",
            link="https://b.example/",
            url="https://b.example/feed",
            rights="free",
        ),
    )
    info = FeedInfo(
        title="Feed",
        subtitle="Sub",
        link="https://a.example/",
        id="urn:x:1",
        updated=ago(days=1, microseconds=1),
        language="zh",
        icon="https://a.example/icon",
        rights="©",
        authors=(Person(name="Ann"),),
        wishes=Wishes(ttl=timedelta(hours=3), skip_hours=(0, 23), skip_days=(6,)),
    )
    item = replace(story("1"), published=ago(days=3, microseconds=7), updated=ago(days=2))
    item = replace(item, entry=replace(item.entry, content=content))
    await configure(store, "a")
    await poll(store, "a", item, info=info, at=NOON + HOUR)

    (shown,) = await store.stories(EVERYTHING, limit=10)

    assert shown.content == content
    assert (shown.guid, shown.id) == ("guid-1", published_id("a", "guid-1"))
    assert (shown.source.key, shown.source.name, shown.source.url) == (
        "a",
        "A",
        "https://a.example/feed",
    )
    assert shown.source.info == info
    assert (shown.published, shown.updated) == (item.published, item.updated)
    assert (shown.first_seen, shown.changed_at) == (NOON, NOON + HOUR)
    assert (await health(store, "a")).info == info


async def test_a_source_without_a_name_bears_its_feeds_title_or_its_key(store):
    await configure(store, spec("a", name=None), spec("b", name=None))
    await poll(store, "a", story("1"), info=FeedInfo(title="From the feed"))
    await poll(store, "b", story("2"), info=FeedInfo())

    names = {shown.source.name for shown in await store.stories(EVERYTHING, limit=10)}

    assert names == {"From the feed", "b"}


async def test_a_refreshed_entry_is_shown_with_what_it_has_now(store):
    await configure(store, "a")
    item = story("1")
    claimed = await poll(store, "a", item)
    number = (await store.revision()).number
    edit = await edit_of(store, claimed, item, comments="https://a.example/c")

    await poll(store, "a", refreshed=(edit,), at=NOON + HOUR)

    (shown,) = await store.stories(EVERYTHING, limit=10)
    assert shown.content == edit.entry.content
    assert shown.changed_at == NOON + HOUR
    assert (await store.revision()).number > number


async def test_stories_come_newest_first_by_rank_and_in_pages(store):
    await configure(store, "a")
    ranks = {"1": 3, "2": 1, "3": 2, "4": 1}
    await poll(store, "a", *(story(name, at=ago(days=days)) for name, days in ranks.items()))

    assert await titles(store) == ["Title 4", "Title 2", "Title 3", "Title 1"]
    page = await store.stories(EVERYTHING, limit=2, offset=1)
    assert [shown.content.title for shown in page] == ["Title 2", "Title 3"]
    assert await store.stories(EVERYTHING, limit=2, offset=4) == []
    assert await store.count_stories(EVERYTHING) == 4


async def test_what_is_known_of_a_document(store):
    await configure(store, "a", "b")
    item = replace(story("1"), published=ago(days=1), updated=ago(hours=3))
    buried = story("old").entry.digest
    claimed = await poll(store, "a", item, left_out=(buried,))
    other = await poll(store, "b", story("2"))
    link = item.entry.link_digest

    known = await store.known(
        claimed.lease.source_id, [item.entry.digest, buried, b"?" * 16], [link, b"?" * 16]
    )
    elsewhere = await store.known(other.lease.source_id, [item.entry.digest, buried], [link])

    (found,) = known.by_digest.values()
    assert known.by_link == {link: found}
    assert (found.digest, found.fingerprint) == (item.entry.digest, item.entry.fingerprint)
    assert (found.published, found.updated, found.first_seen) == (
        ago(days=1),
        ago(hours=3),
        NOON,
    )
    assert known.tombstones == {buried}
    assert (elsewhere.by_digest, elsewhere.by_link, elsewhere.tombstones) == ({}, {}, frozenset())


async def test_of_a_source_that_never_had_an_entry_there_is_nothing_to_know(store):
    await configure(store, "a", "b", "c")
    await poll(store, "a", story("1"))
    await poll(store, "b", left_out=(story("1").entry.digest,))
    leases = [(await claim_one(store, name)).lease for name in ("a", "b", "c")]

    known = [await store.known(lease.source_id, [b"?" * 16], []) for lease in leases]

    assert [one.nothing for one in known] == [False, False, True]


async def test_a_long_document_is_looked_up_whole(store):
    await configure(store, "a")
    items = [story(str(n)) for n in range(2100)]
    claimed = await poll(store, "a", *items)
    digests = [item.entry.digest for item in items]

    known = await store.known(
        claimed.lease.source_id, digests, [item.entry.link_digest for item in items]
    )

    assert set(known.by_digest) == set(digests)
    assert len(known.by_link) == 2100


async def test_an_entry_that_is_there_already_is_no_error_and_no_change(store):
    await configure(store, "a")
    await poll(store, "a", story("1"), story("1", title="again"))
    before = await store.revision()
    await poll(store, "a", story("1", title="once more"), at=NOON + HOUR)

    assert await titles(store) == ["Title 1"]
    assert await store.revision() == before


async def test_what_must_not_return_does_not(store):
    await configure(store, "a")
    await poll(store, "a", left_out=(story("1").entry.digest,))
    await poll(store, "a", story("1"), story("2"))

    assert await titles(store) == ["Title 2"]


async def test_a_document_without_news_leaves_the_revision(store):
    await configure(store, "a")
    await poll(store, "a", story("1"), info=FeedInfo(title="F", updated=NOON))
    before = await store.revision()
    await poll(store, "a", info=FeedInfo(title="F", updated=NOON + HOUR))
    await store.save_poll(record((await claim_one(store, "a")).lease, failures=1))

    assert await store.revision() == before
    await poll(store, "a", info=FeedInfo(title="Renamed"), at=NOON + HOUR)
    assert (await store.revision()).number == before.number + 1


async def test_each_of_our_own_changes_of_the_revision_is_counted(store):
    await configure(store, "a")
    before = store.moves
    await poll(store, "a", story("1"))
    after = store.moves
    await poll(store, "a")
    await store.save_poll(record((await claim_one(store, "a")).lease, failures=1))

    assert after > before
    assert store.moves == after


async def test_only_a_read_document_says_something_of_the_feed(store):
    await configure(store, "a")
    lease = (await claim_one(store, "a")).lease
    await store.save_poll(record(lease, read=False, info=FeedInfo(title="no")))
    assert not (await claim_one(store, "a")).ever_read
    await poll(store, "a", info=FeedInfo(title="yes"))

    assert (await claim_one(store, "a")).ever_read
    assert (await health(store, "a")).info.title == "yes"


async def test_what_a_document_asks_of_its_pollers_comes_with_the_next_claim(store):
    asked = Wishes(ttl=timedelta(hours=3), skip_hours=(0, 23), skip_days=(6,))
    await configure(store, "a")
    await poll(store, "a", info=FeedInfo(wishes=asked))

    assert (await claim_one(store, "a")).info.wishes == asked


async def test_an_edit_changes_the_entry_where_it_stands(store):
    await configure(store, "a")
    item = story("1", at=ago(days=1))
    claimed = await poll(store, "a", item, story("2"), at=ago(days=1))
    before = await store.revision()
    edit = await edit_of(store, claimed, item, at=NOON, title="Edited")
    await poll(store, "a", edited=(edit,))

    _, shown = await store.stories(EVERYTHING, limit=10)
    known = await store.known(claimed.lease.source_id, [item.entry.digest], [])
    assert (shown.content.title, shown.updated, shown.published) == ("Edited", NOON, ago(days=1))
    assert shown.changed_at == NOON
    assert known.by_digest[item.entry.digest].fingerprint == edit.entry.fingerprint
    assert (await store.revision()).number == before.number + 1


async def test_an_edit_with_a_rank_moves_the_story(store):
    await configure(store, "a")
    item = story("1", at=ago(days=2))
    claimed = await poll(store, "a", item, story("2", at=ago(days=1)))
    edit = replace(await edit_of(store, claimed, item, title="Bumped"), rank_at=NOON)
    await poll(store, "a", edited=(edit,))

    assert await titles(store) == ["Bumped", "Title 2"]


async def test_a_changed_guid_leaves_the_story_and_its_id(store):
    await configure(store, "a")
    item = story("1")
    claimed = await poll(store, "a", item)
    (before,) = await store.stories(EVERYTHING, limit=10)
    moved = replace(item.entry, guid="new-guid", digest=digest("new-guid"))
    await poll(store, "a", migrated=((await entry_id(store, claimed, item), moved),))

    (after,) = await store.stories(EVERYTHING, limit=10)
    known = await store.known(claimed.lease.source_id, [item.entry.digest, moved.digest], [])
    assert (after.id, after.guid) == (before.id, "new-guid")
    assert set(known.by_digest) == {moved.digest}


async def test_a_source_cannot_touch_another_ones_entry(store):
    await configure(store, "a", "evil")
    item = story("1", at=ago(days=1))
    claimed = await poll(store, "a", item)
    edit = replace(await edit_of(store, claimed, item, title="Owned"), rank_at=NOON)
    stolen = replace(item.entry, guid="stolen", digest=digest("stolen"))
    (before,) = await store.stories(EVERYTHING, limit=10)
    await poll(store, "evil", edited=(edit,), migrated=((edit.id, stolen),))
    await poll(store, "evil", left_out=(item.entry.digest,))

    assert await store.stories(EVERYTHING, limit=10) == [before]
    known = await store.known(claimed.lease.source_id, [item.entry.digest], [])
    assert set(known.by_digest) == {item.entry.digest}
    assert known.tombstones == frozenset()


async def test_entries_of_several_sources_with_one_link_are_one_story(store):
    await configure(store, "z", "b", "c")
    for number, key in enumerate("zbc"):
        item = story(key, link=LINK, at=NOON + number * HOUR)
        await poll(store, key, item, at=NOON + number * HOUR)

    (shown,) = await store.stories(EVERYTHING, limit=10)

    assert shown.source.key == "z"
    assert [source.key for source in shown.also_in] == ["b", "c"]
    assert shown.id == published_id("z", "guid-z")
    assert shown.changed_at == NOON + 2 * HOUR
    assert await store.count_stories(EVERYTHING) == 1
    assert (await health(store, "b")).entries == 1


async def test_the_origin_takes_the_lead_and_the_story_keeps_its_id_and_place(store):
    await configure(store, "planet", "a", "late")
    await poll(store, "planet", story("p", link=LINK), story("2"), at=NOON)
    (_, before) = await store.stories(EVERYTHING, limit=10)
    await poll(store, "a", story("own", link=LINK, at=NOON + HOUR), at=NOON + HOUR)
    await poll(store, "late", story("l", link=LINK, at=NOON + HOUR), at=NOON + HOUR)

    (_, after) = await store.stories(EVERYTHING, limit=10)

    assert (before.source.key, after.source.key) == ("planet", "a")
    assert (after.content.title, after.guid) == ("Title own", "guid-own")
    assert [source.key for source in after.also_in] == ["late", "planet"]
    assert after.id == before.id


async def test_the_site_of_a_feed_makes_it_the_origin_too(store):
    await configure(store, "planet", "host")
    await poll(store, "planet", story("p", link=LINK))
    info = FeedInfo(title="A", link="https://www.a.example/")
    await poll(store, "host", story("own", link=LINK), info=info)

    (shown,) = await store.stories(EVERYTHING, limit=10)

    assert shown.source.key == "host"


@pytest.mark.parametrize("in_one_poll", [True, False])
async def test_two_entries_of_one_source_are_never_one_story(store, in_one_poll):
    await configure(store, "a", "b")
    items = [story("1", link=LINK), story("2", link=LINK)]
    for batch in [items] if in_one_poll else [[items[0]], [items[1]]]:
        await poll(store, "a", *batch)
    await poll(store, "b", story("3", link=LINK), story("4", link=LINK))

    shown = await store.stories(EVERYTHING, limit=10)

    assert [(each.content.title, len(each.also_in)) for each in shown] == [
        ("Title 4", 0),
        ("Title 2", 0),
        ("Title 1", 1),
    ]


async def test_two_sources_with_one_guid_are_published_under_two_ids(store):
    await configure(store, "a", "b")
    guid = "https://a.example/guid"
    await poll(store, "a", story("1", guid=guid))
    await poll(store, "b", story("2", guid=guid))

    by_source = {each.source.key: each.id for each in await store.stories(EVERYTHING, limit=10)}

    assert by_source == {"a": guid, "b": published_id("b", guid, taken=True)}


async def test_one_guid_for_many_entries_still_makes_many_ids(store):
    await configure(store, "a")
    items = [story(str(n)) for n in range(5)]
    same = [replace(item, entry=replace(item.entry, guid="same")) for item in items]
    await poll(store, "a", *same)

    ids = [each.id for each in await store.stories(EVERYTHING, limit=10)]

    assert len(set(ids)) == 5
    assert ids[-1] == published_id("a", "same")


async def test_an_edit_of_another_entry_than_the_lead_does_not_change_what_is_shown(store):
    await configure(store, "a", "b")
    item = story("2", link=LINK)
    await poll(store, "a", story("1", link=LINK))
    claimed = await poll(store, "b", item)
    edit = await edit_of(store, claimed, item, title="Edited")
    await poll(store, "b", edited=(edit,), at=NOON + HOUR)

    (shown,) = await store.stories(EVERYTHING, limit=10)

    assert (shown.content.title, shown.changed_at) == ("Title 1", NOON)


async def test_the_next_listed_source_leads_when_the_lead_leaves(store):
    await configure(store, "a", "b", "c")
    for key in "abc":
        await poll(store, key, story(key, link=LINK))
    await configure(store, "b", "c", now=NOON + HOUR)

    (shown,) = await store.stories(EVERYTHING, limit=10)

    assert (shown.source.key, shown.content.title) == ("b", "Title b")
    assert [source.key for source in shown.also_in] == ["c"]
    assert shown.id == published_id("a", "guid-a")
    assert shown.changed_at == NOON + HOUR


async def test_stories_are_selected_by_any_of_their_sources(store):
    await configure(store, "a", "b", "c")
    await poll(store, "a", story("1", link=LINK))
    await poll(store, "b", story("2", link=LINK), story("3"))
    await poll(store, "c", story("4"))

    assert await titles(store, Selection(sources={"b"})) == ["Title 3", "Title 1"]
    assert await titles(store, Selection(sources=["c", "a", "nobody"])) == ["Title 4", "Title 1"]
    assert await titles(store, Selection(sources=())) == []
    assert await store.count_stories(Selection(sources={"b"})) == 2
    assert await store.count_stories(Selection(sources={"nobody"})) == 0


async def test_the_count_leaves_out_what_is_hidden(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1"), story("2"), story("shared"))
    await poll(store, "b", story("3"), story("b-shared", link="https://a.example/shared"))
    assert await store.count_stories(EVERYTHING) == 4
    assert await store.count_stories(EVERYTHING, most=3) == 3
    assert await store.count_stories(Selection(since=NOON), most=3) == 3
    (second,) = [
        each for each in await store.stories(EVERYTHING, limit=9) if each.content.title == "Title 2"
    ]

    await store.take_down(second.id, reason="asked", now=NOON)
    assert await store.count_stories(EVERYTHING) == 3
    await configure(store, "b")

    assert await store.count_stories(EVERYTHING) == len(await titles(store)) == 2


async def test_sources_are_listed_by_key_with_what_is_stored_of_them(store):
    await configure(store, "b", spec("B", name=None), "a")
    await poll(store, "a", story("1", link=LINK), story("2"))
    await poll(store, "b", story("3", link=LINK))

    counts = [(source.key, source.name, source.entries) for source in await store.sources()]

    assert counts == [("B", None, 0), ("a", "A", 2), ("b", "B", 1)]


async def test_a_store_that_works_answers(store):
    await store.ping()

    assert (await store.revision()).number == 0


async def test_times_keep_their_microseconds_and_their_order_before_1970(store):
    await configure(store, "a")
    early = NOON.replace(year=1902) + timedelta(microseconds=3)
    await poll(store, "a", story("1", at=early), story("2", at=early + timedelta(microseconds=1)))

    shown = await store.stories(EVERYTHING, limit=10)

    assert [each.published for each in shown] == [early + timedelta(microseconds=1), early]


async def test_edits_are_counted_and_the_rest_of_the_entries_have_none(store):
    await configure(store, "a")
    items = [story("1"), story("2")]
    claimed = await poll(store, "a", *items)
    for number in (1, 2):
        edit = await edit_of(store, claimed, items[0], at=NOON + number * HOUR, title=f"{number}")
        await poll(store, "a", edited=(replace(edit, edits=number),))

    known = await store.known(claimed.lease.source_id, [i.entry.digest for i in items], [])
    edited, other = (known.by_digest[item.entry.digest] for item in items)
    assert (edited.edits, edited.edited_at) == (2, NOON + 2 * HOUR)
    assert (other.edits, other.edited_at) == (0, None)


async def test_a_source_cannot_use_up_the_edits_of_another_ones_entry(store):
    await configure(store, "a", "evil")
    item = story("1")
    claimed = await poll(store, "a", item)
    await poll(store, "evil", edited=(await edit_of(store, claimed, item, title="Owned"),))

    known = await store.known(claimed.lease.source_id, [item.entry.digest], [])
    assert known.by_digest[item.entry.digest].edits == 0


async def test_entries_are_recalled_with_their_words_newest_first(store):
    await configure(store, "a", "b")
    items = [story(name, at=ago(days=int(name))) for name in "213"]
    claimed = await poll(store, "a", *items)
    await poll(store, "b", story("other"))

    newest = await store.recall(claimed.lease.source_id, limit=2)
    chosen = await store.recall(
        claimed.lease.source_id, ids=[await entry_id(store, claimed, items[2]), 10**9], limit=9
    )

    assert [(one.title, one.text) for one in newest] == [
        ("Title 1", "Text 1"),
        ("Title 2", "Text 2"),
    ]
    assert [one.known.digest for one in chosen] == [items[2].entry.digest]
    assert await store.recall(claimed.lease.source_id, ids=[], limit=9) == []
