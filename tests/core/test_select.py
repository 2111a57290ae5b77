from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.publication import Publication
from aggregator.core.select import LeftOut, Selector, narrows
from tests.builders import NOON, ago, story_entry, whole_story
from tests.core.test_filters import filter_of

PLAIN = Publication(slug="p", title="P", path="publications/p", limit=5)


def judged(stories, *, filters: Filters = NO_FILTERS, **conditions) -> list[str]:
    """Titles of what is shown, and why the others are not."""
    selector = Selector(replace(PLAIN, **conditions), filters, now=NOON)
    return [
        one.why if isinstance(one, LeftOut) else one.content.title
        for one in map(selector.judge, stories)
    ]


def alone(name: str, *, rank_at: datetime | None = None, **changes):
    return whole_story(story_entry(name, **changes), rank_at=rank_at)


def test_one_source_cannot_fill_the_page():
    stories = [alone("1"), alone("2"), alone("3", source="b"), alone("4")]

    assert judged(stories, max_per_source=1) == [
        "Title 1",
        "max_per_source",
        "Title 3",
        "max_per_source",
    ]


def test_a_language_includes_its_regions():
    stories = [alone("1", language="zh-CN"), alone("2", language="en"), alone("3")]

    assert judged(stories, languages=frozenset({"zh"})) == ["Title 1", "language", "language"]


def test_old_stories_leave_by_their_own_date():
    stories = [alone("1", published=ago(days=1)), alone("2", published=ago(days=9))]

    assert judged(stories, max_age=timedelta(days=7)) == ["Title 1", "max_age"]


def test_a_publication_without_conditions_shows_all():
    assert not narrows(PLAIN, NO_FILTERS)
    assert judged([alone("1"), alone("2")]) == ["Title 1", "Title 2"]


def test_any_filter_makes_it_look():
    by_source = Filters(of_sources={"a": filter_of(include=("x",))})

    assert narrows(replace(PLAIN, filter=filter_of(exclude=("x",))), NO_FILTERS)
    assert narrows(PLAIN, by_source)
    assert narrows(PLAIN, Filters(everywhere=filter_of(include=("x",))))


def test_what_is_hidden_counts_for_nothing():
    stories = [alone("1"), alone("2"), alone("3")]

    assert judged(stories, filter=filter_of(exclude=("title: 1",)), max_per_source=1) == [
        "filter",
        "Title 2",
        "max_per_source",
    ]


def test_another_source_shows_the_story_whose_lead_is_hidden():
    story = whole_story(story_entry("1", source="a"), story_entry("2", source="b"))
    its_rules = Filters(of_sources={"a": filter_of(exclude=("title",))})

    assert judged([story], filters=its_rules) == ["Title 2"]
    assert judged([story], filters=its_rules, sources=frozenset("b")) == ["Title 2"]
    assert judged([story], filters=its_rules, sources=frozenset("a")) == ["filter"]


def test_sources_outside_and_those_that_left_the_configuration_show_nothing():
    left = whole_story(story_entry("1", source="a", listed=False), story_entry("2", source="b"))

    assert judged([left]) == ["Title 2"]
    assert judged([left], sources=frozenset("a")) == ["sources"]


def test_a_day_shows_so_many_of_a_source_the_newest():
    stories = [
        alone(f"{hours}", source=source, rank_at=ago(hours=hours))
        for hours, source in (
            (1, "a"),
            (2, "b"),
            (3, "a"),
            (4, "a"),
            (13, "a"),
            (14, "a"),
            (15, "a"),
        )
    ]

    assert judged(stories, max_per_day=(("a", 2),)) == [
        "Title 1",
        "Title 2",
        "Title 3",
        "max_per_day",
        "Title 13",  # yesterday: it is noon
        "Title 14",
        "max_per_day",
    ]


def test_days_are_those_of_utc():
    midnight = NOON.replace(hour=0)
    stories = [
        alone("1", rank_at=midnight.astimezone(timezone(timedelta(hours=9)))),
        alone("2", rank_at=midnight - timedelta(seconds=1)),
    ]

    assert judged(stories, max_per_day=(("a", 1),)) == ["Title 1", "Title 2"]


def test_what_is_left_out_takes_no_place_of_a_day():
    stories = [alone("1"), alone("2"), alone("3")]
    rules = filter_of(exclude=("title: 1",))

    assert judged(stories, filter=rules, max_per_day=(("a", 1),)) == [
        "filter",
        "Title 2",
        "max_per_day",
    ]


SOURCES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(min_value=0, max_value=5)), max_size=20
)


@given(SOURCES, st.integers(min_value=1, max_value=3), st.integers(min_value=1, max_value=3))
def test_limits_of_a_source_are_kept_and_nothing_else_is_dropped(times, of_day, in_all):
    newest_first = sorted(times, key=lambda time: time[1])
    stories = [
        alone(f"{n}", source=source, rank_at=ago(days=days))
        for n, (source, days) in enumerate(newest_first)
    ]
    found = judged(stories, max_per_day=(("a", of_day), ("b", of_day)), max_per_source=in_all)

    shown: Counter[tuple[str, int]] = Counter()
    for (source, days), why in zip(newest_first, found, strict=True):
        full_day = source != "c" and shown[source, days] == of_day
        full = sum(count for (its, _), count in shown.items() if its == source) == in_all
        assert why == "max_per_source" if full else (why == "max_per_day") == full_day
        shown[source, days] += not (full or full_day)


def test_a_search_shows_what_an_entry_that_passes_says():
    stories = [
        whole_story(story_entry("1", text="rust"), story_entry("2", source="b", text="python")),
        alone("3", text="Rust 机器学习"),
        alone("4"),
    ]
    of_b = Filters(of_sources={"b": filter_of(exclude=("python",))})

    assert judged(stories, search="rust") == ["Title 1", "Title 3", "search"]
    assert judged(stories, search="机器") == ["search", "Title 3", "search"]
    assert judged(stories, search="python") == ["Title 1", "search", "search"]
    assert judged(stories, search="python", filters=of_b) == ["search"] * 3
    assert judged(stories, search="rust", sources=frozenset("b")) == [
        "search",
        "sources",
        "sources",
    ]
    assert judged(stories, search="***") == ["search"] * 3
    assert not narrows(replace(PLAIN, search="rust"), NO_FILTERS)
    assert narrows(replace(PLAIN, max_per_day=(("a", 1),)), NO_FILTERS)


def test_what_the_store_found_is_looked_at_only_where_a_part_of_it_is_hidden():
    publication = replace(PLAIN, search="rust")
    story = whole_story(story_entry("1", text="python"), story_entry("2", source="b", text="rust"))
    of_b = Filters(of_sources={"b": filter_of(exclude=("rust",))})

    for filters, shown in ((NO_FILTERS, True), (of_b, False)):
        selector = Selector(publication, filters, now=NOON, found=True)
        assert isinstance(selector.judge(story), LeftOut) != shown
