"""What rules do to what is stored, counted rule by rule."""

import pytest

from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.publication import Publication
from aggregator.service import counting
from aggregator.service.counting import count_matches
from tests.builders import ago, read_entry
from tests.core.test_filters import filter_of
from tests.service.world import World

LATEST = Publication(slug="latest", title="Latest", path="")


@pytest.fixture
async def world() -> World:
    """Source a has four entries, b one, and both have one more in common."""
    world = World()
    for key, count in (("a", 4), ("b", 1), ("empty", 0)):
        url = await world.add(key)
        own = [
            read_entry(f"{key}{n}", link=f"https://{key}.example/{n}", published=ago(days=n))
            for n in range(1, count + 1)
        ]
        if count:
            own.append(read_entry(f"{key}-shared", link="https://a.example/s"))
        world.serves(url, *own)
        await world.poll(key)
    return world


async def said(world: World, filters: Filters = NO_FILTERS, **its_own) -> list[str]:
    publication = Publication(slug="p", title="P", path="publications/p", **its_own)
    tallies = await count_matches(
        world.store, [LATEST, publication], filters, now=world.clock.now()
    )
    return [
        f"{'.'.join(map(str, place))}: {sentence}"
        for tally in tallies
        for place, sentence in tally.said()
    ]


async def test_each_rule_is_counted_among_the_entries_that_it_looks_at(world):
    filters = Filters(
        everywhere=filter_of("filters", exclude=("title: shared", "title: 1")),
        of_sources={"a": filter_of("sources", "a", exclude=("title: b1", "age > 2d"))},
    )
    its_own = filter_of("publications", "p", include=("title: 1", "title: 2", "title: zzz"))

    assert await said(world, filters, filter=its_own, sources=frozenset("a")) == [
        "filters.exclude.0: hides 2 of the 7 stored entries",
        "filters.exclude.1: hides 2 of the 7 stored entries",
        "sources.a.exclude.0: matches none of the 5 stored entries",
        "sources.a.exclude.1: hides 2 of the 5 stored entries",
        "publications.p.include.0: shows 1 of the 5 stored entries",
        "publications.p.include.1: shows 1 of the 5 stored entries",
        "publications.p.include.2: matches none of the 5 stored entries",
        "publications.p.include: hides 3 of the 5 stored entries",
    ]


async def test_includes_that_let_nothing_through_are_told(world):
    nothing = Filters(everywhere=filter_of("filters", include=("zzz",)))

    assert await said(world, nothing) == [
        "filters.include.0: matches none of the 7 stored entries",
        "filters.include: hides all of the 7 stored entries: nothing is left",
    ]


async def test_rules_that_hide_all_together_are_told(world):
    nothing = Filters(everywhere=filter_of("filters", include=("b1",), exclude=("not author: x",)))

    assert (await said(world, nothing))[-1] == (
        "filters: its include and exclude together hide all of the 7 stored entries"
    )


async def test_a_source_without_entries_has_nothing_to_try_rules_on(world):
    filters = Filters(of_sources={"empty": filter_of("sources", "empty", include=("x",))})

    assert await said(world, filters) == [
        "sources.empty: no entry is stored yet that its rules could be tried on"
    ]


async def test_all_windows_are_counted(world, monkeypatch):
    monkeypatch.setattr(counting, "_AT_ONCE", 2)

    assert await said(world, filter=filter_of("p", exclude=("title",))) == [
        "p.exclude.0: hides all of the 7 stored entries"
    ]


async def test_without_rules_nobody_reads_the_database(world):
    world.store.whole_stories = None

    assert await said(world) == []
