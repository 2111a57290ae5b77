"""What holds for every output format alike."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest

from aggregator.core.model import Category, Enclosure, Origin, Person
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from tests.formats.documents import CHANNEL, NASTY, channel, rich, shown
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.formats.whole import Written, write_atom, write_json_feed, write_rss

Write = Callable[[Channel, Sequence[Shown]], Written]
Find = Callable[[bytes], list[str]]

FORMATS: dict[str, tuple[Write, Find]] = {
    "atom": (write_atom, lambda body: atom_findings(body, self_url=CHANNEL.self_url)),
    "rss": (write_rss, lambda body: rss_findings(body, self_url=CHANNEL.self_url)),
    "json": (write_json_feed, lambda body: json_findings(body, self_url=CHANNEL.self_url)),
}

every_format = pytest.mark.parametrize(("write", "findings"), FORMATS.values(), ids=FORMATS)


@every_format
def test_a_publication_with_everything_is_valid(write, findings):
    written = write(CHANNEL, [rich("1"), shown("2"), rich("3")])

    assert findings(written.body) == []
    assert written.dropped == ()


@every_format
def test_a_publication_without_entries_is_valid(write, findings):
    assert findings(write(CHANNEL, []).body) == []


@every_format
def test_a_publication_with_nothing_but_addresses_is_valid(write, findings):
    bare = channel(title=" ", subtitle="", language=None, author="", icon=None)

    assert findings(write(bare, [rich()]).body) == []


@every_format
def test_b5_publisher_a_feed_that_names_its_hub_is_valid(write, findings):
    written = write(channel(hub="https://hub.example/?a=1&b=2"), [rich()])

    assert findings(written.body) == []


def test_b5_publisher_every_format_names_hub_and_topic():
    hub = "https://hub.example/?a=1&b=2"
    links = {
        format: {
            link.rel: link.href
            for link in feedparser.parse(write(channel(hub=hub), []).body).feed.links
        }
        for format, (write, _) in FORMATS.items()
        if format != "json"
    }
    head = json.loads(write_json_feed(channel(hub=hub), []).body)

    assert links["atom"] == links["rss"] | {"alternate": CHANNEL.page_url}
    assert (links["rss"]["hub"], links["rss"]["self"]) == (hub, CHANNEL.self_url)
    assert (head["hubs"], head["feed_url"]) == ([{"type": "WebSub", "url": hub}], CHANNEL.self_url)


@every_format
def test_an_entry_with_nothing_at_all_is_valid(write, findings):
    empty = {"title": "", "link": None, "content_html": "", "text": ""}
    entry = shown(id="urn:uuid:00000000-0000-4000-8000-000000000000", content=empty, excerpt="")

    written = write(CHANNEL, [entry])

    assert findings(written.body) == []
    assert b"Untitled" in written.body
    assert written.dropped == ()


@every_format
@pytest.mark.parametrize("mode", ["summary", "title"])
@pytest.mark.parametrize("link", ["https://a.example/1", None])
def test_only_as_much_is_republished_as_the_configuration_says(write, findings, mode, link):
    entry = shown(mode=mode, content={"link": link, "content_html": "<p>Secret</p>"}, excerpt="Cut")

    body = write(CHANNEL, [entry]).body

    assert b"Secret" not in body
    assert (b"Cut" in body) == (mode == "summary")
    allowed = {"neither content nor a summary"} if mode == "title" else set()
    assert {finding.split(": ")[-1] for finding in findings(body)} <= allowed


@every_format
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(NASTY, id="marks of all kinds"),
        pytest.param("x" * 10_000, id="long"),
        pytest.param("字" * 10_000, id="long, without a space"),
        pytest.param("a\x00b\x0b\x85\ufffd\ufffe\ud800c", id="characters no document may hold"),
        pytest.param("<![CDATA[x]]>", id="a section of its own"),
        pytest.param(" \t\n ", id="white space"),
    ],
)
def test_no_text_breaks_a_document(write, findings, text):
    fields = {
        "title": text,
        "content_html": f"<p>{text}</p>",
        "authors": (Person(name=text, email=text, uri="https://a.example/"),),
        "categories": (text,),
        "language": text,
        "enclosures": (
            Enclosure(url="https://a.example/1.mp3", type=text, length=-1, duration=-1),
        ),
        "contributors": (Person(name=text, email=text, uri="https://a.example/"),),
        "terms": (Category(term=text, scheme="https://a.example/", label=text),),
        "comments": "https://a.example/c",
        "origin": Origin(title=text, id=text, link="https://b.example/", rights=text),
    }
    source = replace(rich().entry.source, name=text)
    entry = shown(content=fields, excerpt=text, source=source, also_in=(source,))

    written = write(channel(title=text, subtitle=text, author=text, language=text), [entry])

    # A title that looks like markup is a title all the same, and stays.
    assert [found for found in findings(written.body) if "markup in the d" not in found] == []
    assert written.dropped == ()


@every_format
def test_addresses_are_encoded_where_they_have_to_be(write, findings):
    odd = 'https://a.example/日本?q="<|>"'
    fields = {
        "link": odd,
        "image": odd,
        "enclosures": (Enclosure(url=odd + "/x.mp3", duration=1),),
        "comments": odd,
        "categories": ("a",),
        "terms": (Category(term="a", scheme=odd),),
        "origin": Origin(link=odd, url=odd),
    }

    written = write(CHANNEL, [shown(content=fields)])

    assert findings(written.body) == []
    assert b"https://a.example/%E6%97%A5%E6%9C%AC?q=%22%3C%7C%3E%22" in written.body


@every_format
@pytest.mark.parametrize(
    "changes",
    [
        {"id": "https://a.example/\x00"},
        {"id": "https://a.example/\ud800"},
        {"updated": datetime(2026, 3, 1)},  # noqa: DTZ001 the mistake in question
        {"content": {"enclosures": (Enclosure(url="https://[/"),)}},
    ],
    ids=["control character", "surrogate", "naive date", "broken address"],
)
def test_an_entry_that_cannot_be_written_is_left_out_alone(write, findings, changes):
    bad = shown("bad", **changes)

    written = write(CHANNEL, [shown("1"), bad, shown("2")])

    if written.dropped:
        assert written.dropped == (bad.entry.id,)
    assert (
        written.body.count(b"https://a.example/1") > 0 < written.body.count(b"https://a.example/2")
    )
    assert findings(written.body) == []


@every_format
def test_an_id_stands_once_in_a_document(write, findings):
    written = write(CHANNEL, [shown("1"), shown("1", excerpt="another"), shown("2")])

    assert written.dropped == ("https://a.example/1",)
    assert b"another" not in written.body
    assert findings(written.body) == []


@pytest.mark.parametrize("format", FORMATS)
def test_entries_stand_in_the_order_given(format):
    write, _ = FORMATS[format]

    body = write(CHANNEL, [shown("b"), shown("a"), shown("c")]).body

    assert body.index(b"Title b") < body.index(b"Title a") < body.index(b"Title c")


SCRIPT = """
import locale, sys, time

def refuse(*_):
    raise AssertionError("the locale of the whole process is touched")

locale.setlocale = refuse
from tests.formats.test_writing import FORMATS, channel, rich, shown

for write, _ in FORMATS.values():
    sys.stdout.buffer.write(write(channel(), [rich("1"), shown("2")]).body)
"""


def bytes_in(environment: dict[str, str]) -> bytes:
    """All formats as a process with such surroundings writes them."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
    ).stdout


def test_time_zone_locale_and_hash_seed_change_no_byte():
    here = b"".join(write(CHANNEL, [rich("1"), shown("2")]).body for write, _ in FORMATS.values())

    for environment in (
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "UTC+11", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"},
    ):
        assert bytes_in(environment) == here


@every_format
def test_no_date_is_that_of_the_writing(write, findings):
    old = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    entry = replace(rich(), entry=replace(rich().entry, published=old, updated=old))

    body = write(channel(updated=old), [entry]).body

    assert findings(body) == []
    assert b"2001" in body
    years = re.findall(rb"(\d{4})-\d\d-\d\dT|\d\d \w{3} (\d{4}) \d\d:", body)
    assert {year for either in years for year in either if year} == {b"2001"}


@every_format
def test_enclosures_of_unknown_type_and_length_are_valid(write, findings):
    files = (Enclosure(url="https://a.example/raw"), Enclosure(url="https://a.example/2.MP3"))

    assert findings(write(CHANNEL, [shown(content={"enclosures": files})]).body) == []
