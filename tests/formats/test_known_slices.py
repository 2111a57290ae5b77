from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadFeed, Sketch
from aggregator.formats.known_slices import MOST_ITEMS, Rest, without_known
from aggregator.formats.reading import read_feed, read_rest
from aggregator.formats.slices import sketch_of

CORPORA = Path("../shared/corpora/feeds")
EVERY = 7
URL = "https://a.example/feed"

ONE, TWO, THREE = (f"<item><guid>{name}</guid>ü</item>" for name in ("one", "two", "three"))
KNOWN = tuple(sketch_of(item.encode()) for item in (ONE, TWO))
EMPTY = "<item></item>"


def rss(*parts: str) -> bytes:
    return f'<rss version="2.0"><channel>{"".join(parts)}</channel></rss>'.encode()


def rest_of(*parts: str) -> Rest:
    rest = without_known(rss(*parts), KNOWN)
    assert rest is not None
    return rest


def in_part(
    document: bytes, known: tuple[Sketch, ...] = KNOWN, content_type: str = ""
) -> ReadFeed | None:
    """None where the whole is wanted."""
    rest = without_known(document, known)
    feed = read_rest(rest, content_type=content_type, url=URL) if rest else None
    if rest is None or feed is None or feed.sliced is None:
        return None
    return replace(feed, sliced=replace(feed.sliced, resting=rest.sketches))


def whole(
    document: bytes, known: tuple[Sketch, ...] = KNOWN, content_type: str = ""
) -> ReadFeed | None:
    try:
        return read_feed(
            document,
            content_type=content_type,
            url=URL,
            known_items=frozenset(digest for digest, _, _ in known),
        )
    except UnreadableFeed:
        return None


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        ([ONE], [EMPTY]),
        ([ONE, "\n\t", TWO], [EMPTY, "\n\t"]),
        ([THREE, "\n", ONE, "\n", TWO], [THREE, "\n", EMPTY, "\n"]),
        ([ONE, "<ttl>1</ttl>", TWO], [EMPTY, "<ttl>1</ttl>", EMPTY]),
        ([TWO, THREE, ONE], [EMPTY, THREE, EMPTY]),
        ([ONE, TWO, "<item/>"], [EMPTY, "<item/>"]),
    ],
)
def test_an_empty_item_stands_for_known_ones_side_by_side(parts, left):
    rest = rest_of(*parts)

    assert rest.document == rss(*left)
    assert all(rest.document.startswith(EMPTY.encode(), place) for place, _ in rest.runs)
    assert sum(count for _, count in rest.runs) == len(rest.sketches)


def test_an_item_in_which_only_a_count_moved_is_known_and_sketched_anew():
    counted = "<item><guid>1</guid><slash:comments>{}</slash:comments></item>"
    before, after = (sketch_of(counted.format(count).encode()) for count in (9, 10))

    rest = without_known(rss(counted.format(10)), [before])

    assert rest is not None
    assert rest.sketches == (after,)
    assert after[0] == before[0]
    assert after != before


@pytest.mark.parametrize(
    "document",
    [
        rss(THREE),
        rss(),
        rss(ONE, THREE, THREE),
        rss(ONE) + b" " * 5000,
        b"",
        rss(*[ONE] * (MOST_ITEMS + 1)),
    ],
    ids=["nothing known", "no items", "most are new", "a long tail", "no bytes", "very many"],
)
def test_a_document_goes_whole_where_little_would_be_left_out(document):
    assert without_known(document, KNOWN) is None


@pytest.mark.parametrize("opened", ["<!--", "<slash:comments>" + " " * 50, "<item>", "<item><!--"])
def test_no_bytes_take_long_to_search(opened):
    """Less than a second of what would be hours if it were not linear."""
    document = rss(ONE, opened * (4_000_000 // len(opened)), "</item>")

    assert without_known(document, KNOWN) is not None


@pytest.mark.parametrize(
    "parts",
    [
        [ONE],
        [ONE, TWO],
        [THREE, "\n", ONE, "\n\t", TWO],
        [ONE, "<title>T</title>", TWO, THREE],
        [THREE, ONE, "<ttl>1</ttl>", "<item></item>", TWO],
        ["<items>a</items>", ONE, TWO],
        [ONE, "<!-- -->", TWO],
        [f"<item><![CDATA[{ONE}]]></item>", TWO],
        [ONE, THREE.replace("three", "<![CDATA[<item>]]>"), TWO],
    ],
)
def test_the_rest_tells_what_the_whole_does(parts):
    found = in_part(rss(*parts))

    assert found is not None
    assert found == whole(rss(*parts))


@pytest.mark.parametrize(
    "parts",
    [
        [f"<!-- {ONE} -->", TWO],
        [f"<title><![CDATA[{ONE}]]></title>", TWO],
        [f"<item>{ONE}</item>", TWO],
        [f'<title a="{ONE}"/>', TWO],
        [f"<a>{ONE}</a>", TWO],
        [ONE, "<item>", TWO],
        [ONE, "</channel><channel>", TWO],
        [ONE, "\x01", TWO],
    ],
)
def test_of_what_only_looks_like_a_known_item_the_whole_is_wanted(parts):
    assert in_part(rss(*parts)) is None


@pytest.mark.parametrize(
    ("content_type", "trusted"),
    [
        ("text/xml; charset=utf-8", True),
        ("text/xml; charset=iso-8859-1", True),  # which many declare, and few mean
        ("text/xml; charset=big5", False),
        ("text/xml; charset=iso-2022-jp", False),
    ],
)
def test_items_are_left_out_of_what_is_surely_utf_8(content_type, trusted):
    found = in_part(rss(ONE, TWO), content_type=content_type)

    assert (found is not None) == trusted
    assert found is None or found == whole(rss(ONE, TWO), content_type=content_type)


@pytest.mark.parametrize(
    "document", [rss(ONE, TWO).replace(b"2.0", b"2\xff0"), b'{"a": "' + rss(ONE) + b'"}']
)
def test_bytes_that_are_no_utf_8_or_no_xml_are_wanted_whole(document):
    assert in_part(document) is None


def test_white_space_before_the_root_moves_nothing():
    document = b"\n" * 99 + b"<?xml version='1.0'?>" + b"\n" * 99 + rss(THREE, ONE)

    found = in_part(document)

    assert found is not None
    assert found == whole(document)


_pieces = st.sampled_from(
    [
        *(ONE, TWO, THREE, ONE, TWO, "<item>", "</item>", "<item/>", "<item >x</item >", "\n"),
        *("<!--", "-->", "<![CDATA[", "]]>", "<a>", "</a>", "<a b='", "'/>", "<entry>", "</entry>"),
        *("<channel>", "</channel>", "<b:item/>", "&#1;", "&amp;", "&", "x", "<items/>"),
    ]
)


@given(st.lists(_pieces, max_size=12))
def test_the_rest_never_tells_anything_else(parts):
    found = in_part(rss(*parts))

    assert found is None or found == whole(rss(*parts))


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not there")
def test_the_rest_of_what_others_wrote_tells_what_the_whole_does():
    checked = 0
    for path in sorted(path for path in CORPORA.rglob("*.*") if path.is_file())[::EVERY]:
        body = path.read_bytes()
        feed = whole(body, ())
        if feed is None or feed.sliced is None or len(feed.sliced.read) < 2:
            continue
        for unknown in (feed.sliced.read[0], feed.sliced.read[-1]):
            known = tuple(sketch for sketch in feed.sliced.read if sketch != unknown)
            found = in_part(body, known)
            assert found is None or found == whole(body, known), path
            checked += found is not None
    assert checked > 20
