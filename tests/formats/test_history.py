"""Feeds of several documents, as other programs read them (RFC 5005)."""

import json
from pathlib import Path

import feedparser
import pytest
from lxml import etree

from aggregator.core.leaves import Links
from tests.formats.documents import channel, shown
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.formats.whole import write_atom, write_json_feed, write_rss

FEED = "https://p.example/feed"
HISTORY = "{http://purl.org/syndication/history/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
WRITERS = {"atom": write_atom, "rss": write_rss}
FINDINGS = {"atom": atom_findings, "rss": rss_findings}


def newest(format: str, **related: str) -> Links:
    named = {rel.replace("_", "-"): f"{FEED}.{format}{query}" for rel, query in related.items()}
    return Links(related=tuple(named.items()))


def further(format: str, *, in_archive: bool, **related: str) -> Links:
    links = newest(format, **related)
    return Links(current=f"{FEED}.{format}", in_archive=in_archive, related=links.related)


def written(format: str, links: Links, query: str = "") -> bytes:
    head = channel(self_url=f"{FEED}.{format}{query}", links=links)
    body = WRITERS[format](head, [shown("1"), shown("2")]).body
    assert FINDINGS[format](body, self_url=head.self_url) == []
    return body


def archive_of(body: bytes):
    """The head of a document."""
    root = etree.fromstring(body)
    return root if root.tag == f"{ATOM}feed" else root[0]


def relations(body: bytes) -> dict[str, str]:
    return {
        link.get("rel"): link.get("href")
        for link in archive_of(body).findall(f"{ATOM}link")
        if link.get("rel") not in {"self", "alternate"}
    }


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_b4_a_subscription_document_names_the_archive_and_is_none(format):
    body = written(format, newest(format, prev_archive="?archive=3"))

    assert relations(body) == {"prev-archive": f"{FEED}.{format}?archive=3"}
    assert archive_of(body).find(f"{HISTORY}archive") is None
    assert b"purl.org/syndication/history" not in body


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_b4_an_archive_document_says_so_and_names_the_current_one(format):
    links = further(format, in_archive=True, prev_archive="?archive=1", next_archive="?archive=3")
    body = written(format, links, "?archive=2")
    head = archive_of(body)

    assert [len(each) for each in head.findall(f"{HISTORY}archive")] == [0]
    assert relations(body) == {
        "current": f"{FEED}.{format}",
        "prev-archive": f"{FEED}.{format}?archive=1",
        "next-archive": f"{FEED}.{format}?archive=3",
    }


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_b4_pages_say_previous_and_never_prev(format):
    links = further(format, in_archive=False, first="", previous="", next="?page=3", last="?page=9")
    body = written(format, links, "?page=2")

    assert set(relations(body)) == {"first", "previous", "next", "last"}
    assert archive_of(body).find(f"{HISTORY}archive") is None


@pytest.mark.parametrize("format", ["atom", "rss"])
@pytest.mark.parametrize(
    "links",
    [
        newest("atom", prev_archive="?archive=3", first="", next="?page=2", last="?page=9"),
        further("atom", in_archive=True, prev_archive="?archive=1"),
    ],
)
def test_b4_no_document_claims_to_be_complete(format, links):
    """What a reader once got would be dropped as soon as it left the window (RFC 5005 §2)."""
    body = written(format, links)

    assert archive_of(body).find(f"{HISTORY}complete") is None


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_b4_the_links_stand_in_the_head_alone(format):
    body = written(format, newest(format, prev_archive="?archive=3", next="?page=2"))
    relations_of_entries = {
        link.get("rel")
        for entry in etree.fromstring(body).iter(f"{ATOM}entry", "item")
        for link in entry.iter(f"{ATOM}link")
    }

    assert relations_of_entries.isdisjoint({"prev-archive", "next", "first", "last", "current"})


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_another_program_finds_the_archive(format):
    body = written(format, newest(format, prev_archive="?archive=3"))
    links = feedparser.parse(body).feed.links

    assert f"{FEED}.{format}?archive=3" in {
        link.href for link in links if link.rel == "prev-archive"
    }


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_a_channel_keeps_the_link_to_its_page(format):
    body = written(format, newest(format, prev_archive="?archive=3", first="", next="?page=2"))

    assert feedparser.parse(body).feed.link == "https://p.example/"


@pytest.mark.parametrize(
    ("links", "next_url"),
    [
        (newest("json", prev_archive="?archive=3", next="?page=2"), "?archive=3"),
        (newest("json", first="", next="?page=2"), "?page=2"),
        (
            further("json", in_archive=True, prev_archive="?archive=1", next_archive="?archive=3"),
            "?archive=1",
        ),
        (further("json", in_archive=True, next_archive="?archive=2"), None),
        (further("json", in_archive=False, first="", previous="", last=""), None),
    ],
)
def test_b3_next_url_goes_back_in_time_and_is_never_the_feed_itself(links, next_url):
    self_url = f"{FEED}.json?archive=2" if links.current else f"{FEED}.json"
    body = write_json_feed(channel(self_url=self_url, links=links), [shown("1")]).body
    head = json.loads(body)

    assert json_findings(body) == []
    assert head.get("next_url") == (next_url and f"{FEED}.json{next_url}")
    assert head["feed_url"] == f"{FEED}.json"


CASES = Path(__file__).parents[3] / "shared/corpora/feeds/feedvalidator/testcases/ext/fh"


def breaks_a_rule(root) -> list[str]:
    """What the W3C's validator says of documents of several (RFC 5005)."""
    rels = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    of_series = {"first", "previous", "next", "last", "prev-archive", "next-archive"}
    rules = {
        "FeedRelInCompleteFeed": root.find(f"{HISTORY}complete") is not None
        and of_series & rels.keys(),
        "MissingCurrentInArchive": root.find(f"{HISTORY}archive") is not None
        and "current" not in rels,
        "LinkPastEnd": ("previous" in rels and rels.get("first") == rels.get("self"))
        or ("next" in rels and rels.get("last") == rels.get("self")),
        "FeedHistoryRelInEntry": any(
            link.get("rel") in of_series
            for entry in root.findall(f"{ATOM}entry")
            for link in entry.findall(f"{ATOM}link")
        ),
    }
    return [name for name, broken in rules.items() if broken]


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared corpora are not there")
def test_b4_the_rules_that_we_keep_are_those_of_the_validator():
    wanted = {"MissingCurrentInArchive", "LinkPastEnd", "FeedRelInCompleteFeed"}
    wanted |= {"FeedHistoryRelInEntry"}
    tried = 0
    for path in sorted(CASES.glob("*.xml")):
        expected = path.read_text("utf-8").partition("Expect:")[2].split()[0]
        name = expected.strip("!").partition("{")[0]
        root = etree.parse(path).getroot()
        if name in wanted and root.tag == f"{ATOM}feed":
            assert (name in breaks_a_rule(root)) != expected.startswith("!"), path.name
            tried += 1
    assert tried > 5


@pytest.mark.parametrize(
    ("links", "query"),
    [
        (newest("atom", prev_archive="?archive=3", first="", next="?page=2", last="?page=9"), ""),
        (newest("atom"), ""),
        (
            further("atom", in_archive=False, first="", previous="?page=8", last="?page=9"),
            "?page=9",
        ),
        (further("atom", in_archive=True, prev_archive="?archive=1"), "?archive=2"),
    ],
)
def test_b4_our_documents_keep_these_rules(links, query):
    assert breaks_a_rule(etree.fromstring(written("atom", links, query))) == []
