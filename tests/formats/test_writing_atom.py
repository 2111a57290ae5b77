import html
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator.core.model import Enclosure, FeedInfo, Person, PublishedSource
from aggregator.formats.fitting import fit_line
from tests.builders import NOON, ago
from tests.formats.documents import (
    CHANNEL,
    NASTY,
    OTHER,
    SOURCE,
    channel,
    moments,
    read,
    rich,
    shown,
)
from tests.formats.validity import ATOM, LANG, atom_findings
from tests.formats.whole import write_atom


def entry_of(body: bytes):
    """The first entry as it stands in the document."""
    return etree.fromstring(body).find(f"{ATOM}entry")


def test_a_reader_finds_the_channel():
    feed = read(write_atom(CHANNEL, [rich()]).body).feed

    assert (feed.id, feed.title, feed.subtitle) == (CHANNEL.id, CHANNEL.title, CHANNEL.subtitle)
    assert (feed.author, feed.language, feed.icon) == ("The editors", "en", CHANNEL.icon)
    assert moments(feed, "updated") == [(2026, 3, 1, 12, 0, 0)]
    assert {(link.rel, link.href, link.type) for link in feed.links} == {
        ("self", CHANNEL.self_url, "application/atom+xml"),
        ("alternate", CHANNEL.page_url, "text/html"),
    }
    assert feed.generator_detail.name == "aggregator"


def test_a_reader_finds_the_whole_entry():
    item = rich()
    [entry] = read(write_atom(CHANNEL, [item]).body).entries
    content = item.entry.content

    assert (entry.id, entry.title, entry.link) == (item.entry.id, content.title, content.link)
    assert moments(entry, "published", "updated") == [
        (2026, 2, 27, 12, 0, 0),
        (2026, 3, 1, 9, 0, 0),
    ]
    assert [author.name for author in entry.authors] == ["Grace", "Joan"]
    assert entry.authors[0].href == "https://a.example/grace"
    assert [tag.label or tag.term for tag in entry.tags] == ["python", "R&D"]
    assert (entry.summary, entry.summary_detail.type) == (item.excerpt, "text/plain")
    assert [(part.value, part.type) for part in entry.content] == [
        (content.content_html, "text/html")
    ]


def test_links_keep_their_relation_type_length_and_title():
    links = entry_of(write_atom(CHANNEL, [rich()]).body).findall(f"{ATOM}link")

    assert [dict(link.attrib) for link in links] == [
        {"rel": "alternate", "href": "https://a.example/1"},
        {
            "rel": "enclosure",
            "href": "https://a.example/1.mp3",
            "type": "audio/mpeg",
            "length": "123",
        },
        {"rel": "enclosure", "href": "https://a.example/1.pdf", "type": "application/pdf"},
        {
            "rel": "enclosure",
            "href": "https://a.example/raw",
            "type": "application/octet-stream",
            "length": "7",
        },
        {"rel": "related", "href": "https://planet.example/", "title": "Planet"},
        {"rel": "replies", "href": "https://a.example/1#comments", "type": "text/html"},
    ]


def test_a_reader_finds_the_source():
    source = read(write_atom(CHANNEL, [rich()]).body).entries[0].source

    assert (source.id, source.title, source.rights) == (
        SOURCE.info.id,
        SOURCE.name,
        "All rights reserved",
    )
    assert moments(source, "updated") == [(2026, 2, 28, 12, 0, 0)]
    assert {(link.rel, link.href) for link in source.links} == {
        ("self", SOURCE.url),
        ("alternate", SOURCE.info.link),
    }
    assert (source.author, source.icon) == ("Ada", SOURCE.info.icon)


def of_source(**info) -> bytes:
    """A document with one entry, whose source says this of itself."""
    source = PublishedSource(key="a", name="A", url="https://a.example/feed", info=FeedInfo(**info))
    return write_atom(CHANNEL, [shown(source=source, updated=ago(hours=2))]).body


@pytest.mark.parametrize("id", [None, "", "12345", "urn:", "https://a.example/日本", "a b"])
def test_a_source_without_a_proper_id_goes_by_its_address(id):
    body = of_source(id=id)

    assert read(body).entries[0].source.id == "https://a.example/feed"
    assert atom_findings(body) == []


@pytest.mark.parametrize(
    ("said", "shown_as"),
    [
        (ago(days=1), "2026-02-28T12:00:00Z"),
        (None, "2026-03-01T10:00:00Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "2026-03-01T10:00:00Z"),
        (ago(hours=1), "2026-03-01T10:00:00Z"),
        (NOON + timedelta(days=9), "2026-03-01T10:00:00Z"),
    ],
    ids=["as it says", "unsaid", "before all feeds", "after the entry", "stamped with the time"],
)
def test_a_source_was_updated_when_it_says_but_not_after_its_entry(said, shown_as):
    assert entry_of(of_source(updated=said)).findtext(f"{ATOM}source/{ATOM}updated") == shown_as


@pytest.mark.parametrize(
    ("authors", "feed_authors", "names"),
    [
        ((Person(name="Ada"),), (Person(name="Bob"),), ["Ada"]),
        ((), (Person(name="Bob"),), ["Bob"]),
        ((), (), ["A"]),
        ((Person(email="ada@a.example"),), (), ["ada@a.example"]),
        ((Person(uri="https://a.example/ada"),), (), ["https://a.example/ada"]),
        ((Person(name=" "), Person(name="Ada")), (), ["Ada"]),
    ],
)
def test_an_entry_has_an_author_of_its_own(authors, feed_authors, names):
    source = PublishedSource(
        key="a", name="A", url="https://a.example/feed", info=FeedInfo(authors=feed_authors)
    )
    body = write_atom(CHANNEL, [shown(content={"authors": authors}, source=source)]).body

    assert [author.name for author in read(body).entries[0].authors] == names
    assert atom_findings(body) == []


def test_a_word_that_is_no_address_is_no_email():
    body = write_atom(CHANNEL, [shown(content={"authors": (Person(name="A", email="ask me"),)})])

    assert entry_of(body.body).find(f"{ATOM}author/{ATOM}email") is None


def test_the_feed_has_an_author_even_when_nobody_is_named():
    assert read(write_atom(channel(author=""), []).body).feed.author == CHANNEL.title


@pytest.mark.parametrize(
    ("excerpt", "title"),
    [
        ("A short note", "A short note"),
        ("word " * 40, "word " * 15 + "word..."),
        ("字" * 100, "字" * 80 + "..."),
        ("two\nlines", "two lines"),
        ("", "Untitled"),
    ],
)
def test_an_entry_without_a_title_is_titled_by_its_beginning(excerpt, title):
    body = write_atom(CHANNEL, [shown(content={"title": ""}, excerpt=excerpt)]).body

    assert entry_of(body).findtext(f"{ATOM}title") == title


@pytest.mark.parametrize("mode", ["full", "summary", "title"])
def test_an_entry_without_a_link_has_content(mode):
    entry = shown(mode=mode, excerpt="Text", content={"link": None, "content_html": ""})

    content = entry_of(write_atom(CHANNEL, [entry]).body).find(f"{ATOM}content")

    assert (content.get("type"), content.text) == (
        "text",
        "Title 1" if mode == "title" else "Text",
    )


@pytest.mark.parametrize(
    ("language", "marked"),
    [("de", "de"), ("EN", None), (None, None), ("pt_BR", "pt-BR"), ("klingon!", None)],
)
def test_an_entry_names_its_language_where_it_is_another(language, marked):
    entry = entry_of(write_atom(CHANNEL, [shown(content={"language": language})]).body)

    assert entry.get(LANG) == marked


def test_every_other_source_of_a_story_is_related():
    second = replace(OTHER, key="c", info=FeedInfo())
    entry = shown(also_in=(OTHER, second))

    links = read(write_atom(CHANNEL, [entry]).body).entries[0].links

    assert [link.href for link in links if link.rel == "related"] == [
        "https://planet.example/",
        "https://planet.example/feed",
    ]


def test_a_file_is_enclosed_once():
    files = (Enclosure(url="https://a.example/1.mp3"),) * 2
    links = read(write_atom(CHANNEL, [shown(content={"enclosures": files})]).body).entries[0].links

    assert [link.rel for link in links].count("enclosure") == 1


def plain(element) -> str:
    """What a reader shows of a text construct."""
    return html.unescape(element.text) if element.get("type") == "html" else element.text


def test_nasty_text_comes_back_as_it_was():
    entry = shown(
        excerpt=NASTY, content={"title": NASTY, "content_html": f"<p>{html.escape(NASTY)}</p>"}
    )
    element = entry_of(write_atom(CHANNEL, [entry]).body)

    assert plain(element.find(f"{ATOM}title")) == fit_line(NASTY)
    assert plain(element.find(f"{ATOM}summary")) == NASTY
    assert element.findtext(f"{ATOM}content") == f"<p>{html.escape(NASTY)}</p>"


# feedparser takes some Latin-1 text, such as "Â¡", for UTF-8 that was encoded twice.
LATIN_1 = "".join(map(chr, range(0xA0, 0x100)))
texts = st.text(st.characters(codec="utf-8", exclude_characters=LATIN_1), max_size=60)
dates = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis adds the zone
paths = st.text("abcdefghijklmnopqrstuvwxyz0123456789-._~/?&=+", min_size=1, max_size=30)


@settings(max_examples=150)
@given(title=texts, path=paths, name=texts, published=dates, updated=dates)
def test_what_is_written_is_read(title, path, name, published, updated):
    link = f"https://a.example/p{path}"
    source = PublishedSource(key="key", name=name, url=f"https://s.example/{path}")
    entry = shown(
        id=link,
        source=source,
        published=published,
        updated=updated,
        changed_at=max(published, updated),
        content={"title": title, "link": link},
    )

    written = write_atom(channel(updated=updated), [entry])
    [seen] = read(written.body).entries

    assert atom_findings(written.body) == []
    assert (seen.id, seen.link) == (link, link)
    element = entry_of(written.body)
    assert plain(element.find(f"{ATOM}title")) == (fit_line(title) or "An excerpt")
    assert plain(element.find(f"{ATOM}source/{ATOM}title")) == (fit_line(name) or "key")
    assert seen.source.id == source.url
    assert moments(seen, "published", "updated") == [
        tuple(published.timetuple())[:6],
        tuple(updated.timetuple())[:6],
    ]
