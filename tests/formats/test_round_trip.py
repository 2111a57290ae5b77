"""What we write, our own reader and feedparser read back: nothing that an entry carries is lost."""

from dataclasses import replace
from typing import Any

import pytest

from aggregator.core.model import Content, Origin, Person
from aggregator.formats.entry_json import entry_object
from aggregator.formats.item import item_of
from aggregator.formats.reading import read_feed
from tests.formats.documents import CHANNEL, ORIGIN, SOURCE, gathered, read, rich, shown
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.formats.whole import write_atom, write_json_feed, write_rss

WRITERS = {
    "atom": (write_atom, atom_findings),
    "rss": (write_rss, rss_findings),
    "json": (write_json_feed, json_findings),
}


def read_back(format: str, entry: Any) -> Content:
    write, findings = WRITERS[format]
    written = write(CHANNEL, [entry])
    assert written.dropped == ()
    assert findings(written.body) == []
    (found,) = read_feed(written.body, content_type="", url=CHANNEL.self_url).entries
    return found.content


def files(content: Content) -> list[tuple[str, int | None, int | None]]:
    return [(file.url, file.length, file.duration) for file in content.enclosures]


@pytest.mark.parametrize("format", ["atom", "rss", "json"])
def test_everything_that_the_format_has_comes_back(format: str):
    entry = rich()
    before, found = entry.entry.content, read_back(format, entry)

    assert (found.title, found.link, found.content_html) == (
        before.title,
        before.link,
        before.content_html.replace(">x", ' rel="noopener noreferrer">x'),
    )
    assert found.categories == before.categories
    assert files(found) == files(before)
    assert found.image == before.image
    assert [person.name for person in found.authors] == ["Grace", "Joan"]


def test_atom_brings_back_people_terms_comments_and_language_whole():
    before, found = rich().entry.content, read_back("atom", rich())

    assert found.authors == before.authors
    assert found.contributors == before.contributors
    assert found.terms == before.terms
    assert found.comments == before.comments
    assert found.language == before.language


def test_rss_brings_back_what_it_has_elements_for():
    before, found = rich().entry.content, read_back("rss", rich())

    assert [person.name for person in found.contributors] == ["Barbara"]
    assert [(one.term, one.scheme) for one in found.terms] == [("R&D", before.terms[0].scheme)]
    assert found.comments == before.comments
    assert found.language == before.language


def test_feedparser_finds_it_all():
    (of_atom,) = read(write_atom(CHANNEL, [rich()]).body).entries
    (of_rss,) = read(write_rss(CHANNEL, [rich()]).body).entries

    assert [one.name for one in of_atom.contributors] == ["Barbara"]
    assert {"term": "r-and-d", "scheme": "https://a.example/topics", "label": "R&D"} in of_atom.tags
    assert [link.href for link in of_atom.links if link.rel == "replies"] == [
        "https://a.example/1#comments"
    ]
    for found in (of_atom, of_rss):
        assert found.media_thumbnail[0]["url"] == "https://a.example/1.png"
        assert found.media_content[0]["duration"] == "3723"
    assert of_rss.comments == "https://a.example/1#comments"
    assert [tag.scheme for tag in of_rss.tags] == [None, "https://a.example/topics"]


def test_a_gathered_entry_is_attributed_to_where_it_is_from_in_atom():
    found = read_back("atom", gathered())
    (entry,) = read(write_atom(CHANNEL, [gathered()]).body).entries

    assert found.origin == ORIGIN
    assert found.authors == (Person(name="Of <B>"),)
    assert entry.source.id == "tag:b.example,2026:b"
    assert [(link.rel, link.href, link.title) for link in entry.links if link.rel == "via"] == [
        ("via", "https://planet.example/", "Planet")
    ]


def test_a_gathered_entry_is_attributed_to_where_it_is_from_in_rss():
    found = read_back("rss", gathered())

    assert found.origin == Origin(title=ORIGIN.title, url=ORIGIN.url)
    assert found.authors == (Person(name="Of <B>"),)


def test_a_gathered_entry_is_attributed_to_where_it_is_from_in_json_feed():
    assert read_back("json", gathered()).origin == replace(ORIGIN, rights="")
    body = write_json_feed(CHANNEL, [gathered()]).body

    assert json_findings(body) == []
    assert b'"_source":{"id":"tag:b.example,2026:b","title":"Of <B>","feed_url":' in body
    assert b'"_aggregator":{"source":"planet","also_in":["planet"]}' in body


@pytest.mark.parametrize(
    ("origin", "id", "title"),
    [
        (Origin(url="https://b.example/feed"), "https://b.example/feed", "b.example"),
        (Origin(id="no iri", link="https://b.example/", title=" B "), "https://b.example/", "B"),
        (Origin(id="tag:b,2020:b"), "tag:b,2020:b", "tag:b,2020:b"),
    ],
)
def test_an_origin_has_an_id_and_a_title(origin: Origin, id: str, title: str):
    written = item_of(gathered(origin=origin)).origin

    assert written is not None
    assert (written.id, written.title) == (id, title)
    assert read_back("atom", gathered(origin=origin)).origin is not None
    assert rss_findings(write_rss(CHANNEL, [gathered(origin=origin)]).body) == []


def test_an_origin_that_cannot_be_named_is_none():
    entry = gathered(origin=Origin(title="B", id="no iri"))

    assert item_of(entry).origin is None
    assert atom_findings(write_atom(CHANNEL, [entry]).body) == []


def test_without_an_origin_the_source_stands_for_itself():
    (entry,) = read(write_atom(CHANNEL, [rich()]).body).entries

    assert entry.source.id == SOURCE.info.id
    assert not [link for link in entry.links if link.rel == "via"]


def test_the_documented_entry_has_the_documented_fields_only():
    found = entry_object(gathered())

    assert set(found["enclosures"][0]) == {"url", "type", "length"}
    assert found["categories"] == ["python", "R&D"]
    assert not {"contributors", "terms", "comments", "origin"} & set(found)


def test_two_categories_of_one_name_are_one():
    entry = shown(content={"categories": ("a", "a ", "b")})

    assert [category.term for category in item_of(entry).categories] == ["a", "b"]
