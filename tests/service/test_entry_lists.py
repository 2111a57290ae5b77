from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.filters import Filter, Filters
from aggregator.core.positions import Step
from aggregator.core.publication import Publication, Site
from aggregator.core.rules import parse_rule
from aggregator.service import entry_lists
from aggregator.service.catalogue import Catalogue
from aggregator.service.entry_lists import EntryLists, Scope
from tests.builders import ago, read_entry
from tests.service.world import World

SITE = Site(title="Latest", url="https://site.example/")
LATEST = Publication(slug="latest", title="Latest", path="")
START = Step(0, 0)
EVERYTHING = Scope()


def catalogue(**changes) -> Catalogue:
    facts = {"site": SITE, "publications": (LATEST,), "names": {}, "tags": {}}
    return Catalogue(**{**facts, **changes})


def hiding(*rules: str) -> Filter:
    return Filter(exclude=tuple(parse_rule(rule) for rule in rules))


@pytest.fixture
async def world() -> World:
    """Source a has seven entries and b three; a's are younger."""
    world = World()
    for key, count, days in (("a", 7, 0), ("b", 3, 20)):
        await world.add(key)
        await say(world, key, *range(count), days=days)
    return world


async def say(world: World, key: str, *numbers: int, days: int = 0, **changes) -> None:
    """The source has these entries from now on."""
    entries = [
        read_entry(
            f"{key}{n}",
            link=f"https://{key}.example/{n}",
            published=ago(days=days + n + 1),
            **changes,
        )
        for n in numbers
    ]
    world.serves(f"https://{key}.example/feed", *entries)
    await world.poll(key)


def lists(world: World, **changes) -> EntryLists:
    return EntryLists(store=world.store, clock=world.clock, catalogue=catalogue(**changes))


async def walk(listed: EntryLists, scope: Scope, limit: int = 3) -> list[list[str]]:
    """The titles on each part."""
    parts, after = [], None
    while True:
        part = await listed.part(scope, after=after, limit=limit)
        parts.append([shown.entry.content.title.removeprefix("Title ") for shown in part.entries])
        if part.rest is None:
            return parts
        after = part.rest


async def test_parts_go_on_where_the_last_one_ended(world):
    assert await walk(lists(world), EVERYTHING, 4) == [
        ["a0", "a1", "a2", "a3"],
        ["a4", "a5", "a6", "b0"],
        ["b1", "b2"],
    ]


async def test_a_full_last_part_is_the_last(world):
    assert [len(part) for part in await walk(lists(world), EVERYTHING, 5)] == [5, 5]


async def test_what_comes_in_between_moves_nobodys_place(world):
    listed = lists(world)
    first = await listed.part(EVERYTHING, limit=4)
    await say(world, "a", 90, 91, days=-99)
    second = await listed.part(EVERYTHING, after=first.rest, limit=3)

    assert [shown.entry.content.title for shown in second.entries] == [
        "Title a4",
        "Title a5",
        "Title a6",
    ]


async def test_a_source_and_words_narrow_a_list(world):
    listed = lists(world)

    assert await walk(listed, Scope(sources=frozenset({"b"}))) == [["b0", "b1", "b2"]]
    assert await walk(listed, Scope(search="text a5")) == [["a5"]]


async def test_what_the_filters_hide_is_not_listed(world):
    filters = Filters(everywhere=hiding("title: a1"), of_sources={"b": hiding("title: b1")})

    assert await walk(lists(world, filters=filters), EVERYTHING, 20) == [
        ["a0", "a2", "a3", "a4", "a5", "a6", "b0", "b2"]
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("conditions", "titles"),
    [
        ({"limit": 4}, ["a0", "a1", "a2", "a3"]),
        ({"limit": 3, "filter": hiding("title: a1")}, ["a0", "a2", "a3"]),
        ({"limit": 1, "window": timedelta(days=2)}, ["a0", "a1", "a2"]),
        ({"max_per_source": 2}, ["a0", "a1", "b0", "b1"]),
        ({"max_per_source": 2, "limit": 3}, ["a0", "a1", "b0"]),
        ({"max_age": timedelta(days=2, hours=1)}, ["a0", "a1"]),
        ({"sources": frozenset({"b"})}, ["b0", "b1", "b2"]),
    ],
)
async def test_a_publication_lists_what_its_feeds_show(world, conditions, titles, limit):
    scope = Scope(publication=replace(LATEST, **conditions))
    parts = await walk(lists(world), scope, limit)

    assert [title for part in parts for title in part] == titles
    assert parts == [titles[n : n + limit] for n in range(0, len(titles), limit)]


async def test_a_list_that_hides_nearly_all_goes_on_all_the_same(world, monkeypatch):
    monkeypatch.setattr(entry_lists, "DEEPEST_WINDOW", 1)
    monkeypatch.setattr(entry_lists, "WINDOW", 4)
    filters = Filters(everywhere=hiding("title: a"))

    assert await walk(lists(world, filters=filters), EVERYTHING, 3) == [[], ["b0"], ["b1", "b2"]]


async def changes(
    listed: EntryLists, since: Step, scope: Scope = EVERYTHING, limit: int = 100
) -> list[str]:
    """What is told: "+title" of new ones, "title" of others, "-" of what is gone."""
    told = []
    while True:
        found = await listed.changed(scope, since, limit=limit)
        told += [
            "-"
            if change.shown is None
            else ("+" if change.new else "") + change.shown.entry.content.title
            for change in found.changes
        ]
        if not found.more:
            return told
        since = found.until


async def test_changes_tell_new_and_edited_entries_oldest_change_first(world):
    listed = lists(world)
    end = await listed.end()
    await say(world, "b", 0, days=20, content_html="<p>Other words</p>")
    await say(world, "a", 50)

    assert await changes(listed, end) == ["Title b0", "+Title a50"]
    assert (await changes(listed, START))[-2:] == ["+Title b0", "+Title a50"]
    assert len(await changes(listed, START, limit=3)) == 11


async def test_what_the_filters_hide_by_now_is_told_as_gone(world):
    listed = lists(world, filters=Filters(everywhere=hiding("title: advert")))
    end = await listed.end()
    await say(world, "b", 0, days=20, title="Advert")

    assert await changes(listed, end) == ["-"]


async def test_nothing_is_told_of_what_was_hidden_from_its_first_day(world):
    listed = lists(world, filters=Filters(everywhere=hiding("title: advert")))
    end = await listed.end()
    await say(world, "b", 70, title="Advert")

    assert await changes(listed, end) == []
    assert (await listed.changed(EVERYTHING, end, limit=5)).until > end


async def test_the_entries_of_a_source_that_left_are_told_as_gone(world):
    listed = lists(world)
    end = await listed.end()
    del world.specs["b"]
    await world.store.sync_sources(list(world.specs.values()), now=world.clock.steady())

    assert await changes(listed, end) == ["-", "-", "-"]
    assert await changes(listed, end, Scope(sources=frozenset({"a"}))) == ["-", "-", "-"]


async def test_a_publication_tells_changes_beyond_what_its_feeds_have_room_for(world):
    narrow = replace(LATEST, limit=1, max_per_source=1)

    assert len(await changes(lists(world), START, Scope(publication=narrow))) == 10


async def test_changes_are_looked_for_only_so_far_in_one_go(world, monkeypatch):
    monkeypatch.setattr(entry_lists, "MOST_STEPS", 4)
    monkeypatch.setattr(entry_lists, "WINDOW", 2)
    listed = lists(world, filters=Filters(everywhere=hiding("title: a")))
    found = await listed.changed(EVERYTHING, START, limit=1)

    assert (found.changes, found.more) == ([], True)
    assert len(await changes(listed, START)) == 3


def test_a_view_is_the_same_in_every_process_and_another_for_other_rules(world):
    scope = Scope(publication=replace(LATEST, sources=frozenset({"a", "b"})))
    same = Scope(publication=replace(LATEST, sources=frozenset({"b", "a"}), title="Other"))
    others = [
        lists(world).view(EVERYTHING),
        lists(world).view(Scope(publication=replace(LATEST, filter=hiding("x")))),
        lists(world, filters=Filters(everywhere=hiding("x"))).view(scope),
        lists(world, content={"a": "title"}).view(scope),
    ]

    assert lists(world).view(scope) == lists(world).view(same)
    assert len({lists(world).view(scope), *others}) == 5


async def test_a_changed_configuration_counts_at_once(world):
    listed = lists(world)
    listed.take(catalogue(filters=Filters(everywhere=hiding("title: a"))))

    assert await walk(listed, EVERYTHING) == [["b0", "b1", "b2"]]


async def test_the_sources_that_a_change_touches_are_named(world, monkeypatch):
    listed = lists(world)
    end = await listed.end()
    await say(world, "b", 50)

    assert await listed.touched(end) == frozenset("b")
    assert await listed.touched(START) == frozenset("ab")
    monkeypatch.setattr(entry_lists, "MOST_STEPS", 5)
    assert await listed.touched(START) is None


async def test_large_entries_come_in_more_parts(world, monkeypatch):
    monkeypatch.setattr(entry_lists, "LARGEST", 1000)
    await say(world, "a", *range(7), content_html=f"<p>{'x' * 600}</p>")
    listed = lists(world)

    assert await walk(listed, EVERYTHING, 500) == [
        ["a0", "a1"],
        ["a2", "a3"],
        ["a4", "a5"],
        ["a6", "b0", "b1", "b2"],
    ]
    sizes, since, more = [], START, True
    while more:
        found = await listed.changed(EVERYTHING, since, limit=500)
        sizes.append(len(found.changes))
        since, more = found.until, found.more
    assert max(sizes) < 7
    assert sum(sizes) == 10
