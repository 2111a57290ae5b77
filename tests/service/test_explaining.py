"""explain: every way in which an entry can be, or not be, where somebody looks for it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.digest import digest
from aggregator.core.filters import NO_FILTERS, Filters, Hiding
from aggregator.core.model import EntryChanges
from aggregator.core.publication import Publication
from aggregator.core.reconcile import Intake
from aggregator.core.stories import published_id
from aggregator.service import explaining, windows
from aggregator.service.explaining import Explained, Explainer, Explanation, Standing
from tests.builders import ago, read_entry
from tests.core.test_filters import filter_of
from tests.service.world import World

LINK = "https://a.example/shared"
LATEST = Publication(slug="latest", title="Latest", path="")


@pytest.fixture
async def world() -> World:
    """Source a has four entries, b one, and both have a story that a leads."""
    world = World()
    for key, count in (("b", 1), ("a", 4)):
        url = await world.add(key)
        own = [
            read_entry(f"{key}{n}", link=f"https://{key}.example/{n}", published=ago(days=n))
            for n in range(1, count + 1)
        ]
        shared = read_entry(f"{key}-shared", link=LINK, published=ago(days=9), language="de")
        world.serves(url, *own, shared)
        await world.poll(key)
    return world


async def explanation(
    world: World, text: str, *publications: Publication, filters: Filters = NO_FILTERS
) -> Explanation:
    explainer = Explainer(
        store=world.store,
        clock=world.clock,
        publications=publications or (LATEST,),
        filters=filters,
        where=lambda place: ".".join(map(str, place)),
        priorities={},
    )
    return await explainer.explain(text)


async def explained(world: World, text: str, *publications: Publication, **more) -> Explained:
    (found,) = (await explanation(world, text, *publications, **more)).stories
    return found


async def standing(
    world: World, text: str, *, filters: Filters = NO_FILTERS, **changes
) -> Standing:
    (found,) = (await explained(world, text, replace(LATEST, **changes), filters=filters)).standings
    return found


@pytest.mark.parametrize("text", ["guid-a3", "https://www.a.example/3/?utm_source=x"])
async def test_an_entry_is_found_where_it_stands(world, text):
    found = await explanation(world, text)
    (story,) = found.stories

    assert found.exact
    assert story.standings == [Standing(slug="latest", shown=True, position=4)]
    assert story.lead == "it is the only entry of its story"


async def test_a_story_tells_who_has_it_and_who_leads(world):
    story = await explained(world, LINK)

    assert [each.source.key for each in story.story.entries] == ["a", "b"]
    assert story.lead == "its source lives where the link points"
    assert story.shown is not None
    assert (story.shown.source.key, story.shown.also_in[0].key) == ("a", "b")
    assert (await explained(world, published_id("b", "guid-b-shared"))).story == story.story


async def test_a_part_finds_all_that_have_it(world):
    found = await explanation(world, "a.example/")

    assert not found.exact
    assert len(found.stories) == 5


async def test_the_rule_that_hides_it_is_named(world):
    filters = Filters(of_sources={"a": filter_of("sources", "a", exclude=("zzz", "title: a2"))})
    story = await explained(world, "guid-a2", filters=filters)

    assert story.shown is None
    assert story.hidden_by == [Hiding(place=("sources", "a", "exclude", 1), rule="title: a2")]
    assert story.standings[0].reason == "hidden by sources.a.exclude.1: title: a2"


async def test_a_rule_of_a_publication_is_named_there(world):
    its_own = filter_of("publications", "p", include=("title: a1",))
    found = await standing(world, "guid-a2", filter=its_own)

    assert found.reason == "it matches none of the rules of publications.p.include"


async def test_a_story_whose_lead_is_hidden_stands_by_the_other(world):
    filters = Filters(of_sources={"a": filter_of("sources", "a", exclude=("title",))})
    story = await explained(world, LINK, filters=filters)

    assert story.shown is not None
    assert story.shown.source.key == "b"
    assert [bool(by) for by in story.hidden_by] == [True, False]
    assert story.standings[0].shown


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        ("guid-a1", {"sources": frozenset("b")}, "the publication does not take from a"),
        ("guid-a1", {"languages": frozenset({"de"})}, "it has no language, not de"),
        (LINK, {"languages": frozenset({"zh"})}, "its language is de, not zh"),
        (LINK, {"max_age": timedelta(days=7)}, "published 9d ago, which is more than max_age = 7d"),
        ("guid-a3", {"max_per_source": 2}, "its source has 2 newer ones already: max_per_source"),
        (
            "guid-a4",
            {"limit": 2},
            "4 that pass are newer, and its feeds show 2: limit; its pages show it",
        ),
        (
            "guid-a4",
            {"limit": 2, "filter": filter_of(exclude=("title: a2",))},
            "3 that pass are newer, and its feeds show 2: limit",
        ),
    ],
)
async def test_each_publication_says_why_it_does_not_show_it(world, text, changes, reason):
    found = await standing(world, text, **changes)

    assert (found.shown, found.reason) == (False, reason)


@pytest.mark.parametrize(("days", "shown"), [(1, False), (10, True)])
@pytest.mark.parametrize("changes", [{}, {"filter": filter_of(exclude=("title: a2",))}])
async def test_a_window_makes_room_for_what_limit_leaves_out(world, days, shown, changes):
    window = timedelta(days=days)
    found = await standing(world, "guid-a3", limit=2, window=window, **changes)

    assert found.shown is shown
    assert shown or "its feeds show 2 and the newest 1d: limit, window" in (found.reason or "")


async def test_what_is_too_deep_for_everybody_is_told(world, monkeypatch):
    for module in (windows, explaining):
        monkeypatch.setattr(module, "WINDOW", 2)
        monkeypatch.setattr(module, "DEEPEST_WINDOW", 1)
    found = await standing(world, "guid-a4")

    assert found.reason == "it is not among the newest 2 stories, and nobody looks further"


async def test_an_entry_of_a_source_that_left_is_still_explained(world):
    del world.specs["a"]
    await world.store.sync_sources(list(world.specs.values()), now=world.clock.steady())
    story = await explained(world, "guid-a1")

    assert story.shown is None
    assert "no source of the configuration has it any more" in str(story.standings[0].reason)


async def test_what_backfill_left_out_is_told(world):
    url = await world.add("c", intake=Intake(backfill=1))
    old = read_entry("old", guid="https://c.example/1", published=ago(days=3))
    world.serves(url, read_entry("new", link="https://c.example/10", published=ago(days=2)), old)
    await world.poll("c")
    found = await explanation(world, "https://c.example/1")

    assert found.stories == ()  # that of which it is but a part is another one
    assert [(each.source, each.pruned_at) for each in found.tombstones] == [("c", None)]


async def test_what_bears_a_guid_that_others_bear_is_told(world):
    dead = EntryChanges(left_out=(digest("https://b.example/x", "http://b.example/x"),))
    world.store._sources["b"].tombstones.update(dead.left_out)

    assert len((await explanation(world, "https://b.example/x")).tombstones) == 1


@pytest.mark.parametrize("text", ["https://www.b.example/new", "b.example/new"])
async def test_what_was_never_seen_is_looked_for_at_its_neighbours(world, text):
    found = await explanation(world, text)

    assert (found.stories, found.tombstones) == ((), ())
    assert [(each.key, each.last_poll_at) for each in found.neighbours] == [
        ("b", world.clock.now())
    ]


@pytest.mark.parametrize("text", ["https://nobody.example/1", "no such guid", "https://["])
async def test_what_nobody_knows_is_nowhere(world, text):
    assert await explanation(world, text) == Explanation(neighbours=[])
