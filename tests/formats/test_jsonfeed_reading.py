import json
from datetime import UTC, datetime

import pytest

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import Content, Enclosure, Person, ReadEntry, ReadFeed
from aggregator.formats.jsonfeed_reading import read_json_feed

URL = "https://a.example/blog/feed.json"


def read(**fields: object) -> ReadFeed:
    document = {"version": "https://jsonfeed.org/version/1.1", "items": [], **fields}
    return read_json_feed(json.dumps(document).encode(), url=URL)


def item(**fields: object) -> ReadEntry:
    (entry,) = read(items=[fields]).entries
    return entry


def content(**fields: object) -> Content:
    return item(**fields).content


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "broken JSON"),
        (b"{}", "without items"),
        (b'{"items": 1}', "without items"),
        (b"[" * 100_000, "broken JSON"),
        (b"\xff\xfe{", "broken JSON"),
    ],
)
def test_what_is_no_json_feed_is_refused(body: bytes, reason: str):
    with pytest.raises(UnreadableFeed, match=reason):
        read_json_feed(body, url=URL)


def test_the_head_of_a_feed():
    info = read(
        title="T",
        description="D",
        home_page_url="/",
        icon="i.png",
        language="EN",
        authors=[{"name": "N", "url": "/n"}, "x", {}],
    ).info

    assert (info.title, info.subtitle, info.language) == ("T", "D", "en")
    assert (info.link, info.icon) == ("https://a.example/", "https://a.example/blog/i.png")
    assert info.authors == (Person(name="N", uri="https://a.example/n"),)


@pytest.mark.parametrize(
    ("written", "guid"),
    [
        ('"x"', "x"),
        ("7", "7"),
        ("1.50", "1.50"),
        ("1" * 4000, "1" * 4000),
        ("null", None),
        ('""', None),
        ("true", None),
        ("[]", None),
    ],
)
def test_an_id_is_the_source_s_own_text(written: str, guid: str | None):
    feed = read_json_feed(b'{"items": [{"id": %b}]}' % written.encode(), url=URL)

    assert feed.entries[0].guid == guid


def test_a_full_item():
    entry = item(
        id="1",
        url="../x",
        title="1 < 2 &amp;",
        content_html="<p onclick=x>a <a href='/y'>b</a></p>",
        summary="short",
        image="i.png",
        date_published="2026-11-02T10:00:00+01:00",
        date_modified="2026-11-03T10:00:00Z",
        tags=["a", "a", "", 3, "b"],
        language="de",
        attachments=[
            {"url": "a.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 12},
            {"url": "file:///x"},
            None,
        ],
        author={"name": "Old"},
    )

    assert entry.link_as_written == "../x"
    assert entry.published == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert entry.updated == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert entry.content == Content(
        title="1 < 2 &amp;",
        link="https://a.example/x",
        authors=(Person(name="Old"),),
        language="de",
        summary="short",
        content_html='<p>a <a href="https://a.example/y" rel="noopener noreferrer">b</a></p>',
        text="a b",
        categories=("a", "3", "b"),
        enclosures=(Enclosure(url="https://a.example/blog/a.mp3", type="audio/mpeg", length=12),),
        image="https://a.example/blog/i.png",
    )


def test_plain_content_becomes_paragraphs():
    assert content(content_text="a < b\n\nc").content_html == "<p>a &lt; b</p><p>c</p>"


def test_a_summary_alone_is_the_content():
    found = content(summary="s")

    assert (found.content_html, found.summary) == ("<p>s</p>", "")


def test_the_external_address_serves_where_there_is_no_other():
    assert content(external_url="https://b.example/").link == "https://b.example/"
    assert content(url="/x", external_url="https://b.example/").link == "https://a.example/x"


def test_the_feed_s_authors_are_those_of_items_without():
    feed = read(authors=[{"name": "F"}], items=[{"id": "1"}, {"authors": [{"name": "I"}]}])

    assert [entry.content.authors[0].name for entry in feed.entries] == ["F", "I"]


@pytest.mark.parametrize("date", ["", "soon", 5, None, "0001-01-01T00:00:00+23:00", "99999-01-01"])
def test_impossible_dates_are_none(date: object):
    assert item(date_published=date).published is None


def test_a_date_without_a_zone_is_utc():
    assert item(date_published="2026-11-02T10:00:00").published == datetime(
        2026, 11, 2, 10, tzinfo=UTC
    )


def test_fields_of_the_wrong_type_count_as_missing():
    wrong = dict.fromkeys(  # noqa: RUF024 never changed
        ("id", "url", "title", "content_html", "tags", "authors", "attachments", "image"),
        {"x": [1]},
    )

    feed = read(items=[wrong, {"id": "2"}, 7, None], title=[], authors=3, language={})

    assert [entry.guid for entry in feed.entries] == [None, "2"]


def test_characters_that_no_database_takes_are_gone():
    assert content(title="a\ud800\x00b").title == "ab"


def test_the_first_items_of_an_endless_feed_are_read():
    assert len(read(items=[{"id": str(n)} for n in range(2100)]).entries) == 2000
