from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator.core.model import Enclosure, Person, PublishedSource
from aggregator.formats.fitting import fit_line
from tests.builders import ago
from tests.formats.documents import CHANNEL, NASTY, SOURCE, channel, moments, read, rich, shown
from tests.formats.validity import CONTENT, CREATOR, MEDIA_CONTENT, rss_findings
from tests.formats.whole import write_rss


def item_of(body: bytes):
    """The first item as it stands in the document."""
    return etree.fromstring(body).find("channel/item")


def test_a_reader_finds_the_channel():
    feed = read(write_rss(CHANNEL, [rich()]).body).feed

    assert (feed.link, feed.subtitle, feed.language) == (CHANNEL.page_url, CHANNEL.subtitle, "en")
    assert feed.image.href == CHANNEL.icon
    assert feed.generator.startswith("aggregator ")
    assert moments(feed, "updated") == [(2026, 3, 1, 12, 0, 0)]
    assert [(link.href, link.type) for link in feed.links if link.rel == "self"] == [
        (CHANNEL.self_url, "application/rss+xml")
    ]


def test_a_channel_without_a_subtitle_is_described_by_its_title():
    body = write_rss(channel(subtitle=""), []).body

    assert etree.fromstring(body).findtext("channel/description") == CHANNEL.title


def test_a_reader_finds_the_whole_item():
    item = rich()
    [entry] = read(write_rss(CHANNEL, [item]).body).entries
    content = item.entry.content

    assert (entry.id, entry.title, entry.link) == (item.entry.id, content.title, content.link)
    assert moments(entry, "published") == [(2026, 2, 27, 12, 0, 0)]
    assert [author.name for author in entry.authors] == ["Grace", "Joan"]
    assert [tag.term for tag in entry.tags] == ["python", "R&D"]
    assert entry.content[0].value == content.content_html
    assert (entry.source.href, entry.source.title) == (SOURCE.url, SOURCE.name)


def test_the_first_file_is_the_enclosure_and_the_others_are_media():
    item = item_of(write_rss(CHANNEL, [rich()]).body)

    assert [dict(file.attrib) for file in item.findall("enclosure")] == [
        {"url": "https://a.example/1.mp3", "type": "audio/mpeg", "length": "123"}
    ]
    assert [dict(file.attrib) for file in item.findall(MEDIA_CONTENT)] == [
        {
            "url": "https://a.example/1.mp3",
            "type": "audio/mpeg",
            "fileSize": "123",
            "duration": "3723",
        },
        {"url": "https://a.example/1.pdf", "type": "application/pdf"},
        {"url": "https://a.example/raw", "type": "application/octet-stream", "fileSize": "7"},
    ]


def test_an_enclosure_of_unknown_length_and_type_says_so():
    item = shown(content={"enclosures": (Enclosure(url="https://a.example/raw"),)})

    assert dict(item_of(write_rss(CHANNEL, [item]).body).find("enclosure").attrib) == {
        "url": "https://a.example/raw",
        "length": "0",
        "type": "application/octet-stream",
    }


@pytest.mark.parametrize(
    ("id", "link", "permalink"),
    [
        ("https://a.example/1", "https://a.example/1", "true"),
        ("https://a.example/?p=1", "https://a.example/1", "false"),
        ("https://a.example/1", None, "false"),
        ("tag:a.example,2020:1", "https://a.example/1", "false"),
    ],
)
def test_a_guid_is_a_permalink_only_when_it_is_the_link(id, link, permalink):
    body = write_rss(CHANNEL, [shown(id=id, content={"link": link})]).body

    guid = item_of(body).find("guid")
    assert (guid.text, guid.get("isPermaLink")) == (id, permalink)
    assert rss_findings(body) == []


def test_an_excerpt_stays_text_where_readers_expect_html():
    excerpt = "use <script>alert(1)</script> & </b>"

    [entry] = read(write_rss(CHANNEL, [shown(excerpt=excerpt)]).body).entries

    assert entry.summary == "use &lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;/b&gt;"


def test_content_without_an_excerpt_is_described_by_the_title():
    item = item_of(write_rss(CHANNEL, [shown(excerpt="")]).body)

    assert item.findtext("description") == "Title 1"
    assert item.findtext(CONTENT) == "<p>Text 1</p>"


@pytest.mark.parametrize(("mode", "description"), [("summary", "An excerpt"), ("title", None)])
def test_content_that_is_not_republished_has_no_place_held(mode, description):
    item = item_of(write_rss(CHANNEL, [shown(mode=mode)]).body)

    assert item.findtext("description") == description
    assert item.find(CONTENT) is None


def test_authors_need_no_email_address():
    authors = (Person(name="Ada"), Person(name="Bob", email="bob@a.example"))
    item = item_of(write_rss(CHANNEL, [shown(content={"authors": authors})]).body)

    assert [creator.text for creator in item.findall(CREATOR)] == ["Ada", "Bob"]
    assert item.find("author") is None


def test_plain_text_is_written_the_way_that_readers_show_right():
    entry = shown(content={"title": "a < b & c", "categories": ("R&D",)})
    body = write_rss(CHANNEL, [entry]).body

    assert b"<title>a &#x3C; b &#x26; c</title>" in body
    assert b"<category>R&#x26;D</category>" in body
    assert b"&lt;p&gt;Text 1&lt;/p&gt;</content:encoded>" in body


def test_namespaces_are_declared_once():
    body = write_rss(CHANNEL, [rich("1"), rich("2")]).body

    assert body.count(b"xmlns:") == 4


def test_nasty_text_comes_back_as_it_was():
    fields = {"title": NASTY, "content_html": NASTY, "categories": (NASTY,)}
    item = item_of(write_rss(CHANNEL, [shown(content=fields)]).body)

    assert item.findtext("title") == fit_line(NASTY)
    assert item.findtext("category") == fit_line(NASTY)
    assert item.findtext(CONTENT) == NASTY


@pytest.mark.parametrize("day", range(1, 8))
def test_every_day_of_the_week_is_right(day):
    body = write_rss(CHANNEL, [shown(published=ago(days=day))]).body

    assert rss_findings(body) == []


texts = st.text(st.characters(codec="utf-8"), max_size=60)
dates = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis adds the zone
paths = st.text("abcdefghijklmnopqrstuvwxyz0123456789-._~/?&=+", min_size=1, max_size=30)


@settings(max_examples=150)
@given(title=texts, path=paths, name=texts, published=dates)
def test_what_is_written_is_read(title, path, name, published):
    link = f"https://a.example/p{path}"
    source = PublishedSource(key="key", name=name, url=f"https://s.example/{path}")
    entry = shown(
        id=link,
        source=source,
        published=published,
        changed_at=published,
        content={"title": title, "link": link},
    )

    body = write_rss(CHANNEL, [entry]).body
    [seen] = read(body).entries
    item = item_of(body)  # feedparser cleans what looks like HTML, and RSS may have it in titles

    assert rss_findings(body) == []
    assert (seen.id, seen.link, seen.source.href) == (link, link, source.url)
    assert moments(seen, "published") == [tuple(published.timetuple())[:6]]
    assert item.findtext("title") == (fit_line(title) or "An excerpt")
    assert item.findtext("source") == (fit_line(name) or "key")
