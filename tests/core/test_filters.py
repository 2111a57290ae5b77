"""Which entries are hidden, by which rule, and what is left of their story."""

from datetime import timedelta

from aggregator.core.filters import Filter, Filters, Hiding, as_shown, hiding, turns
from aggregator.core.rules import parse_rule
from tests.builders import NOON, ago, story_entry, whole_story


def filter_of(*place: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Filter:
    return Filter(
        place=place,
        include=tuple(map(parse_rule, include)),
        exclude=tuple(map(parse_rule, exclude)),
    )


def hidden_by(entry, *filters: Filter) -> Hiding | None:
    return hiding(filters, entry, now=NOON)


def test_one_of_the_includes_is_enough():
    either = filter_of(include=("title: 1", "title: 2"))

    assert hidden_by(story_entry("1"), either) is None
    assert hidden_by(story_entry("2"), either) is None
    assert hidden_by(story_entry("3"), either) == Hiding(place=("include",))


def test_one_of_the_excludes_is_enough_whatever_is_included():
    filters = filter_of("sources", "a", include=("title",), exclude=("title: 1", "title: 2"))

    assert hidden_by(story_entry("3"), filters) is None
    assert hidden_by(story_entry("2"), filters) == Hiding(
        place=("sources", "a", "exclude", 1), rule="title: 2"
    )


def test_all_of_the_filters_have_to_let_it_through():
    filters = Filters(
        everywhere=filter_of("filters", exclude=("title: 1",)),
        of_sources={"a": filter_of("sources", "a", exclude=("title: 2",))},
    )
    its_own = filter_of("publications", "p", exclude=("title: 3",))

    def place(name: str, source: str):
        entry = story_entry(name, source=source)
        found = hiding(filters.over(entry, its_own), entry, now=NOON)
        return found and found.place[0]

    assert [place(name, "a") for name in "1234"] == ["filters", "sources", "publications", None]
    assert [place(name, "b") for name in "1234"] == ["filters", None, "publications", None]


def test_rules_about_age_say_when_they_change_their_mind():
    young = filter_of(include=("age < 3d", "title: x"), exclude=("not age > 1h",))
    entry = story_entry(published=ago(days=1))

    assert hidden_by(entry, young) is None
    assert list(turns([young], entry, now=NOON)) == [ago(days=1) + timedelta(days=3)]


def test_a_story_is_shown_by_the_entries_that_are_left():
    story = whole_story(*(story_entry(key, source=key) for key in "abc"))

    whole, part = as_shown(story, story.entries), as_shown(story, story.entries[:0:-1])

    assert (whole.source.key, [s.key for s in whole.also_in]) == ("a", ["b", "c"])
    assert (part.source.key, [s.key for s in part.also_in]) == ("c", ["b"])
    assert (part.id, part.content.title) == (whole.id, "Title c")
