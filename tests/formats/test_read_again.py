"""What we publish, read again by our own reader: another aggregator of ours sees the same."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aggregator.core.text import one_line
from aggregator.formats.reading import read_feed
from tests.formats.documents import CHANNEL, shown
from tests.formats.whole import write_atom, write_json_feed, write_rss

WRITERS = {
    "atom": (write_atom, "application/atom+xml"),
    "rss": (write_rss, "application/rss+xml"),
    "json": (write_json_feed, "application/feed+json"),
}


def looks_mended(text: str) -> bool:
    """Whether feedparser takes it for UTF-8 that somebody encoded twice ("Ã¼" for "ü")."""
    try:
        return text.encode("latin-1").decode("utf-8") != text
    except UnicodeError:
        return False


def speaks_of_markup(title: str) -> bool:
    """Whether a title may be taken for HTML where nothing says that it is plain text, as in RSS."""
    return re.search(r"</\w+>|&#?\w+;", title) is not None


# What cannot be read of a text is not written (`fit_text`).
characters = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffd")
titles = (
    st.text(characters, max_size=60)
    .map(lambda text: one_line(text, 60))
    .filter(lambda text: text and not looks_mended(text))
)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2026, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
ids = st.one_of(
    st.integers(0, 99).map(lambda n: f"https://a.example/posts/{n}"),
    st.uuids().map(lambda uuid: f"urn:uuid:{uuid}"),
    st.integers(0, 99).map(lambda n: f"tag:a.example,2020:{n}"),
)
links = st.integers(0, 99).map(lambda n: f"https://a.example/{n}?x=1&y=%C3%BC")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
facts = st.tuples(ids, titles, links, moments, moments)


@pytest.mark.parametrize(("write", "content_type"), WRITERS.values(), ids=WRITERS)
@settings(max_examples=50)
@given(st.lists(facts, max_size=4, unique_by=lambda fact: fact[0]))
@example([("urn:x:1", "the end of </DIV>", "https://a.example/", DAY, DAY)])
def test_ids_titles_links_and_dates_come_back(write, content_type, entries):
    assume(write is not write_rss or not any(speaks_of_markup(title) for _, title, *_ in entries))
    made = []
    for id, title, link, one, other in entries:
        item = shown(id=id, content={"title": title, "link": link})
        dated = replace(item.entry, published=min(one, other), updated=max(one, other))
        made.append(replace(item, entry=dated))

    body = write(CHANNEL, made).body
    read = read_feed(body, content_type=content_type, url=CHANNEL.self_url).entries

    assert [entry.guid for entry in read] == [item.entry.id for item in made]
    assert [entry.content.title for entry in read] == [item.entry.content.title for item in made]
    assert [entry.content.link for entry in read] == [item.entry.content.link for item in made]
    assert [entry.published for entry in read] == [item.entry.published for item in made]
    if content_type != "application/rss+xml":  # which has no date for edits
        assert [entry.updated for entry in read] == [item.entry.updated for item in made]
