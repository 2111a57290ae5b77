from dataclasses import replace
from datetime import timedelta

from aggregator.core.publication import Publication
from aggregator.core.select import narrows, select
from tests.builders import NOON, ago, published


def chosen(stories, **conditions) -> list[str]:
    publication = Publication(slug="p", title="P", path="publications/p", **conditions)
    return [story.content.title for story in select(stories, publication, now=NOON)]


def in_language(name: str, language: str | None):
    story = published(name)
    return replace(story, content=replace(story.content, language=language))


def test_one_source_cannot_fill_the_page():
    stories = [published("1"), published("2"), published("3", source="b"), published("4")]

    assert chosen(stories, max_per_source=1) == ["Title 1", "Title 3"]


def test_a_language_includes_its_regions():
    stories = [in_language("1", "zh-CN"), in_language("2", "en"), in_language("3", None)]

    assert chosen(stories, languages=frozenset({"zh"})) == ["Title 1"]


def test_old_stories_leave_by_their_own_date():
    stories = [published("1", published=ago(days=1)), published("2", published=ago(days=9))]

    assert chosen(stories, max_age=timedelta(days=7)) == ["Title 1"]


def test_a_publication_without_conditions_shows_all():
    plain = Publication(slug="p", title="P", path="publications/p", limit=5)

    assert not narrows(plain)
    assert chosen([published("1"), published("2")]) == ["Title 1", "Title 2"]
