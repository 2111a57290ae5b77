from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.formats.charsets import in_utf8
from aggregator.formats.known_slices import found_again
from aggregator.formats.slices import Slices, digest_of, slices

CORPORA = Path("../shared/corpora/feeds")
EVERY = 7

ONE, TWO, THREE = (f"<item><guid>{name}</guid>ü</item>" for name in ("one", "two", "three"))
KNOWN = frozenset(digest_of(item.encode()) for item in (ONE, TWO))


def rss(*parts: str) -> bytes:
    return f'<rss version="2.0"><channel>{"".join(parts)}</channel></rss>'.encode()


def whole(document: bytes, content_type: str = "") -> Slices | None:
    return slices(in_utf8(document, content_type))


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
def test_items_are_found_again_where_a_parser_of_the_whole_finds_them(parts):
    found = found_again(rss(*parts), "", KNOWN)

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
def test_what_only_looks_like_a_known_item_is_left_to_a_parser_of_the_whole(parts):
    assert found_again(rss(*parts), "", KNOWN) is None


@pytest.mark.parametrize(
    ("content_type", "trusted"),
    [
        ("text/xml; charset=utf-8", True),
        ("text/xml; charset=iso-8859-1", True),  # which many declare, and few mean
        ("text/xml; charset=big5", False),
        ("text/xml; charset=iso-2022-jp", False),
    ],
)
def test_items_are_found_again_in_what_is_surely_utf_8(content_type, trusted):
    found = found_again(rss(ONE, TWO), content_type, KNOWN)

    assert (found is not None) == trusted
    assert found is None or found == whole(rss(ONE, TWO), content_type)


def test_bytes_that_are_no_utf_8_are_left_to_who_knows_charsets():
    assert found_again(rss(ONE, TWO).replace(b"2.0", b"2\xff0"), "", KNOWN) is None


_pieces = st.sampled_from(
    [
        *(ONE, TWO, THREE, ONE, TWO, "<item>", "</item>", "<item/>", "<item >x</item >", "\n"),
        *("<!--", "-->", "<![CDATA[", "]]>", "<a>", "</a>", "<a b='", "'/>", "<entry>", "</entry>"),
        *("<channel>", "</channel>", "<b:item/>", "&#1;", "&amp;", "&", "x", "<items/>"),
    ]
)


@given(st.lists(_pieces, max_size=12))
def test_what_is_found_again_is_never_otherwise(parts):
    found = found_again(rss(*parts), "", KNOWN)

    assert found is None or found == whole(rss(*parts))


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not there")
def test_items_of_what_others_wrote_are_found_again():
    checked = 0
    for path in sorted(path for path in CORPORA.rglob("*.*") if path.is_file())[::EVERY]:
        body = path.read_bytes().lstrip()
        found = whole(body)
        if found is None or len(found.items) < 2:
            continue
        for unknown in (found.digests[0], found.digests[-1]):
            again = found_again(body, "", frozenset(found.digests) - {unknown})
            assert again is None or again == found, path
            checked += again is not None
    assert checked > 20
