from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.filters import Hiding
from aggregator.core.publication import Publication
from aggregator.core.reasons import beyond, hidden, left_out, why_it_leads, why_the_date
from aggregator.core.select import LeftOut
from tests.builders import NOON, ago, story_entry, whole_story

PUBLICATION = Publication(
    slug="p",
    title="P",
    path="publications/p",
    languages=frozenset({"zh", "de"}),
    max_age=timedelta(days=3),
    max_per_source=2,
)


def where(place) -> str:
    return f"config.toml:7: {place[0]}"


def reason(why, story=None, **changes) -> str:
    story = story or whole_story(story_entry(published=ago(days=4, hours=5)))
    left = LeftOut(why=why, **changes)
    return left_out(story, left, PUBLICATION, where, now=NOON)


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("sources", "the publication does not take from a"),
        ("language", "it has no language, not de, zh"),
        ("max_age", "published 4d 5h ago, which is more than max_age = 3d"),
        ("max_per_source", "its source has 2 newer ones already: max_per_source"),
    ],
)
def test_each_reason_has_its_sentence(why, told):
    assert reason(why) == told


def test_a_foreign_language_is_named():
    assert reason("language", whole_story(story_entry(language="en"))) == (
        "its language is en, not de, zh"
    )


def test_a_source_that_left_is_named():
    gone = whole_story(story_entry(listed=False))

    assert "no source of the configuration has it any more (it came from a)" in reason(
        "sources", gone
    )


def test_a_filter_is_told_with_its_place():
    rule = Hiding(place=("filters", "exclude", 0), rule="title: x")

    assert reason("filter", by=rule) == "hidden by config.toml:7: filters: title: x"
    assert hidden(replace(rule, rule=None), where) == (
        "it matches none of the rules of config.toml:7: filters"
    )


def test_who_leads_and_why():
    at_home = story_entry("1", link="https://a.example/1")
    elsewhere = story_entry("2", source="b", link="https://a.example/1")

    assert why_it_leads(whole_story(elsewhere), {}) == "it is the only entry of its story"
    assert "lives where the link points" in why_it_leads(whole_story(at_home, elsewhere), {})
    assert why_it_leads(whole_story(elsewhere, elsewhere), {}).startswith("it was seen first")
    other = story_entry("3", source="c", link="https://a.example/1")
    preferred = why_it_leads(whole_story(elsewhere, other), {"b": 5})
    assert preferred.startswith("its source has the highest priority, 5, and no source")


def test_a_date_of_our_own_is_told():
    assert why_the_date(story_entry()) is None
    assert "when we first saw it" in str(why_the_date(story_entry(published=ago(hours=1))))


def test_the_newer_ones_are_counted():
    told = "130 that pass are newer, and its feeds show 100"
    assert beyond(131, 100, None) == f"{told}: limit"
    assert beyond(131, 100, timedelta(hours=30)) == f"{told} and the newest 1d 6h: limit, window"
