from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import Sketch
from aggregator.formats.reading import read_feed
from aggregator.formats.slices import slices

CORPORA = Path("../shared/corpora/feeds")
EVERY = 11
"""Of some thousand documents."""

URL = "https://a.example/blog/feed.xml"


def rss(*items: str, head: str = "<title>T</title>") -> bytes:
    return f'<rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode()


def item(name: str, more: str = "") -> str:
    return f"<item><guid>{name}</guid><title>{name}</title>{more}</item>"


def _digests(sketches: Iterable[Sketch]) -> frozenset[int]:
    return frozenset(digest for digest, _, _ in sketches)


def test_items_are_found_where_they_stand():
    document = rss(item("one"), "\n", item("two"))
    found = slices(document)

    assert found is not None
    assert [document[start:end].decode() for start, end in found.items] == [
        item("one"),
        item("two"),
    ]


def test_the_document_with_some_of_its_items_is_the_head_with_those():
    found = slices(rss(item("one"), item("two"), item("three")))

    assert found is not None
    assert found.with_items({1}) == rss(item("two"))


def test_entries_of_atom_are_found_too():
    found = slices(
        b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id></entry><id>f</id></feed>'
    )

    assert found is not None
    assert len(found.items) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"<rss><channel><item></channel></rss>",
        b'<!DOCTYPE rss [<!ENTITY a "b">]><rss><channel><item>&a;</item></channel></rss>',
        b"<rss><channel><item><item></item></item></channel></rss>",
        b"<rss><channel><item><a><item></item></a></item></channel></rss>",
        b"<rss><channel><item><item></item><item></item></item></channel></rss>",
        b"<rss><channel><item><item/></item></channel></rss>",
        b"<rss><channel><item><channel><item></item></channel></item></channel></rss>",
        b"<rss><channel><item><entry></entry></item></channel></rss>",
        b"<rss><channel><item><b:item xmlns:b='b'></b:item></item></channel></rss>",
        b"<feed><entry><source><entry></entry></source></entry></feed>",
        b"<rss><channel/><channel><item></item></channel></rss>",
        b"<rss><channel><item/></channel></rss>",
        b"<rss><channel></channel><item></item></rss>",
        b'<rdf:RDF xmlns:rdf="r"><item></item></rdf:RDF>',
        b'<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry></a:entry></a:feed>',
        "<rss><channel><item>\udce9</item></channel></rss>".encode("utf-8", "surrogateescape"),
        b"",
    ],
    ids=lambda document: document[:40].decode("ascii", "replace"),
)
def test_what_is_odd_is_read_whole(document):
    assert slices(document) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (item("1", "<slash:comments>3</slash:comments>"), "<slash:comments>4</slash:comments>"),
        (item("1", "<!-- served by a -->"), "<!-- served by b -->"),
    ],
)
def test_what_nobody_wrote_changes_no_digest(before, after):
    namespace = '<rss version="2.0" xmlns:slash="s"><channel>'
    documents = [f"{namespace}{one}</channel></rss>".encode() for one in (before, item("1", after))]
    one, other = (slices(document) for document in documents)

    assert one is not None
    assert other is not None
    assert [digest for digest, _, _ in one.sketches] == [digest for digest, _, _ in other.sketches]
    assert one.sketches != other.sketches


def test_the_time_of_the_build_is_no_part_of_the_head():
    built = "<title>T</title><lastBuildDate>{}</lastBuildDate>"
    one, other = (slices(rss(item("1"), head=built.format(n))) for n in ("Mon", "Tue"))

    assert one is not None
    assert other is not None
    assert one.head_digest() == other.head_digest()


def test_a_known_document_is_not_read():
    document = rss(item("one"), item("two"))
    first = read_feed(document, content_type="", url=URL)
    assert first.sliced is not None

    again = read_feed(
        document,
        content_type="",
        url=URL,
        known_head=first.sliced.head,
        known_items=_digests(first.sliced.read),
    )

    assert again.sliced == replace(first.sliced, read=(), resting=first.sliced.read, same=True)
    assert again.entries == ()


def test_of_a_changed_document_only_the_new_item_is_read():
    first = read_feed(rss(item("one"), item("two")), content_type="", url=URL)
    assert first.sliced is not None
    changed = rss(item("zero"), item("one"), item("two"))

    again = read_feed(changed, content_type="", url=URL, known_items=_digests(first.sliced.read))

    assert [entry.guid for entry in again.entries] == ["zero"]
    assert again.sliced is not None
    assert (len(again.sliced.read), again.sliced.resting) == (1, first.sliced.read)
    assert again.info == first.info


def test_a_document_that_is_new_for_the_most_part_is_read_whole():
    first = read_feed(rss(item("one")), content_type="", url=URL)
    assert first.sliced is not None
    changed = rss(item("three"), item("two"), item("one"))

    again = read_feed(changed, content_type="", url=URL, known_items=_digests(first.sliced.read))

    assert len(again.entries) == 3
    assert again.sliced is not None
    assert (len(again.sliced.read), again.sliced.resting) == (3, ())


def test_dates_that_only_stamp_the_document_keep_it_whole():
    date = "<pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate>"
    items = [item(str(n), date) for n in range(6)]
    feed = read_feed(rss(*items, head=f"<title>T</title>{date}"), content_type="", url=URL)

    assert feed.sliced is None
    assert all(entry.published is None for entry in feed.entries)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not there")
def test_an_item_alone_reads_as_it_does_among_the_others():
    """Over a sample of what others wrote; `python -m benchmarks.slices` does it for histories."""
    checked = 0
    for path in sorted(path for path in CORPORA.rglob("*.*") if path.is_file())[::EVERY]:
        body = path.read_bytes()
        try:
            whole = read_feed(body, content_type="", url=URL)
        except UnreadableFeed:
            continue
        if whole.sliced is None or not whole.entries:
            continue
        chosen = len(whole.entries) // 2
        others = [sketch for n, sketch in enumerate(whole.sliced.read) if n != chosen]
        part = read_feed(body, content_type="", url=URL, known_items=_digests(others))
        assert part.sliced is not None, path
        if part.sliced.read == (whole.sliced.read[chosen],):
            checked += 1
            assert part.entries == (whole.entries[chosen],), path
        assert replace(part.info, updated=None) == replace(whole.info, updated=None), path
    assert checked > 50
