from dataclasses import replace

import pytest

from aggregator.core.joined import in_one
from aggregator.core.publication import Document
from aggregator.service import kept
from aggregator.service.kept import Kept, KeptDocuments
from tests.builders import NOON, ago


def one(size: int = 10, **changes) -> Kept:
    document = Document(
        text=in_one(b"x" * size),
        content_type="application/atom+xml",
        etag='"x"',
        last_modified=NOON,
        self_url="https://site.example/feed.atom",
    )
    return replace(Kept(revision=7, made_of=b"", document=document, until=None), **changes)


@pytest.fixture
def small(monkeypatch) -> KeptDocuments:
    """Has room for three, and for a hundred bytes."""
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    monkeypatch.setattr(kept, "MOST_BYTES", 100)
    return KeptDocuments()


def put(documents: KeptDocuments, *pages: str, size: int = 10) -> None:
    for page in pages:
        documents.put((page, "atom"), one(size))


def held(documents: KeptDocuments, pages: str) -> str:
    return "".join(page for page in pages if (page, "atom") in documents)


def test_those_that_nobody_asks_for_make_room(small):
    put(small, *"abc")
    small.get(("a", "atom"))
    put(small, "d")

    assert held(small, "abcd") == "acd"


def test_large_ones_take_more_room(small):
    put(small, "a", "b", size=40)
    put(small, "c", size=50)

    assert held(small, "abc") == "bc"


def test_one_is_kept_in_any_case(small):
    put(small, "a")
    put(small, "b", size=1000)

    assert held(small, "ab") == "b"


def test_searches_and_archives_take_only_the_room_of_their_like(small):
    put(small, *"abc")
    put(small, *(f"search?q={n}" for n in range(50)), *(f"?archive={n}" for n in range(50)))

    assert held(small, "abc") == "abc"
    assert len(small) == 6


def test_put_again_it_takes_its_room_once(small):
    put(small, *"abcabcabc")

    assert held(small, "abc") == "abc"


@pytest.mark.parametrize(
    ("number", "until", "good"),
    [
        (7, None, True),
        (6, None, True),
        (8, None, False),
        (7, NOON, True),
        (7, ago(hours=1), False),
    ],
)
def test_it_is_good_until_something_or_time_changes_it(number, until, good):
    assert one(until=until).shows(number, NOON) is good


def test_an_outdated_one_shows_no_revision(small):
    put(small, "a")
    small.outdate()
    outdated = small.get(("a", "atom"))

    assert outdated
    assert not outdated.shows(0, NOON)
