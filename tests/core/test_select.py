from dataclasses import replace
from datetime import timedelta

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


def alone(name: str, **changes):
    return whole_story(story_entry(name, **changes))


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
