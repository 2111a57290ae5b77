import pytest

from aggregator.core.model import FeedInfo
from aggregator.core.takeover import is_other_feed

BLOG = FeedInfo(title="A blog", link="https://blog.example/", id="urn:blog")
SPAM = FeedInfo(title="Casino", link="https://casino.example/", id="urn:casino")


def other(before: FeedInfo, after: FeedInfo, *, entries: int = 5, known: int = 0) -> bool:
    return is_other_feed(before, after, entries=entries, known=known)


def test_a_feed_that_keeps_nothing_of_what_it_was_is_another():
    assert other(BLOG, SPAM)


@pytest.mark.parametrize(
    "kept",
    [
        {"title": "a  Blog"},
        {"link": "http://www.blog.example/new/"},
        {"link": "https://example/"},
        {"link": "https://new.blog.example/"},
        {"id": "urn:blog"},
    ],
)
def test_one_that_keeps_its_title_its_site_or_its_id_is_the_same(kept):
    facts = {"title": "Renamed", "link": "https://new.example/", "id": "urn:new", **kept}

    assert not other(BLOG, FeedInfo(**facts))


def test_a_known_entry_makes_it_the_same():
    assert not other(BLOG, SPAM, known=1)


def test_an_empty_document_says_nothing():
    assert not other(BLOG, SPAM, entries=0)


def test_a_new_title_alone_says_nothing():
    assert not other(FeedInfo(title="A blog"), FeedInfo(title="Renamed"))
    assert not other(BLOG, FeedInfo(title="Renamed"))
