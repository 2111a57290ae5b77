import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.core.model import FeedInfo, Person, PublishedSource
from aggregator.core.shown import Shown
from aggregator.formats.fitting import fit_line, fit_text
from tests.formats.documents import CHANNEL, NASTY, OTHER, channel, rich, shown
from tests.formats.validity import json_findings
from tests.formats.whole import write_json_feed


def written(*entries: Shown) -> Any:
    return json.loads(write_json_feed(CHANNEL, entries).body)


def item_of(entry: Shown) -> Any:
    return written(entry)["items"][0]


def test_the_head_tells_of_the_channel():
    head = written()

    assert head == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": CHANNEL.title,
        "home_page_url": CHANNEL.page_url,
        "feed_url": CHANNEL.self_url,
        "description": CHANNEL.subtitle,
        "icon": CHANNEL.icon,
        "favicon": CHANNEL.icon,
        "authors": [{"name": "The editors"}],
        "language": "en",
        "items": [],
    }


def test_an_item_tells_everything_of_its_entry():
    assert item_of(rich()) == {
        "id": "https://a.example/1",
        "url": "https://a.example/1",
        "title": "Title 1: R&D, 1 < 2",
        "content_html": '<p>Hello <a href="https://a.example/x">x &amp; y</a></p>',
        "summary": "Hello x & y",
        "image": "https://a.example/1.png",
        "date_published": "2026-02-27T12:00:00Z",
        "date_modified": "2026-03-01T09:00:00Z",
        "authors": [{"name": "Grace", "url": "https://a.example/grace"}, {"name": "Joan"}],
        "tags": ["python", "R&D"],
        "language": "de",
        "attachments": [
            {
                "url": "https://a.example/1.mp3",
                "mime_type": "audio/mpeg",
                "size_in_bytes": 123,
                "duration_in_seconds": 3723,
            },
            {"url": "https://a.example/1.pdf", "mime_type": "application/pdf"},
            {
                "url": "https://a.example/raw",
                "mime_type": "application/octet-stream",
                "size_in_bytes": 7,
            },
        ],
        "_aggregator": {"source": "blog", "also_in": ["planet"]},
    }


def test_a_story_of_one_source_is_in_no_other():
    assert item_of(shown())["_aggregator"] == {"source": "a", "also_in": []}


def test_every_other_source_is_named_by_its_key():
    again = PublishedSource(key="again", name="Again", url="https://again.example/")

    assert item_of(shown(also_in=(OTHER, again)))["_aggregator"]["also_in"] == ["planet", "again"]


@pytest.mark.parametrize(
    ("mode", "text"), [("full", "An excerpt"), ("summary", "An excerpt"), ("title", "Title 1")]
)
def test_an_item_without_html_has_text(mode, text):
    item = item_of(shown(mode=mode, content={"content_html": ""}))

    assert item["content_text"] == text
    assert "content_html" not in item
    assert item.get("summary") == (None if mode == "title" else "An excerpt")


def test_no_title_is_made_up_where_none_is_needed():
    assert "title" not in item_of(shown(content={"title": ""}))


def test_an_item_without_authors_is_its_sources():
    source = PublishedSource(
        key="a", name="A", url="https://a.example/", info=FeedInfo(authors=(Person(name="Ada"),))
    )

    assert item_of(shown(source=source))["authors"] == [{"name": "Ada"}]
    assert item_of(shown())["authors"] == [{"name": "A"}]


def test_text_stands_in_utf_8_as_it_is():
    body = write_json_feed(CHANNEL, [shown(excerpt=NASTY)]).body

    assert "👩‍👩‍👧 עברית".encode() in body
    assert json.loads(body)["items"][0]["summary"] == NASTY


def test_keys_stand_in_one_order():
    body = write_json_feed(channel(), [rich()]).body

    assert list(json.loads(body))[:3] == ["version", "title", "home_page_url"]
    assert list(json.loads(body)["items"][0])[:2] == ["id", "url"]


texts = st.text(max_size=60)  # lone surrogates, too
dates = st.datetimes(datetime(1990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis adds the zone


@settings(max_examples=150)
@given(title=texts, excerpt=texts, published=dates, updated=dates)
def test_what_is_written_is_read(title, excerpt, published, updated):
    entry = shown(
        published=published,
        updated=updated,
        changed_at=max(published, updated),
        excerpt=excerpt,
        content={"title": title},
    )

    body = write_json_feed(CHANNEL, [entry]).body
    [item] = json.loads(body)["items"]

    assert json_findings(body) == []
    assert item["id"] == entry.entry.id
    assert item.get("title", "") == fit_line(title)
    assert item.get("summary", "").strip() == fit_text(excerpt).strip()
    assert datetime.fromisoformat(item["date_published"]) == published
    assert datetime.fromisoformat(item["date_modified"]) == updated
