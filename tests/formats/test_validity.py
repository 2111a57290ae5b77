"""The checks of validity find what they are for: each breaks a valid document in one place."""

import pytest

from tests.formats.documents import CHANNEL, rich
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.formats.whole import write_atom, write_json_feed, write_rss

ATOM = write_atom(CHANNEL, [rich()]).body
RSS = write_rss(CHANNEL, [rich()]).body
JSON = write_json_feed(CHANNEL, [rich()]).body

LINK = b'<link href="https://a.example/1" rel="alternate"/>'


def broken(body: bytes, old: bytes, new: bytes) -> bytes:
    assert old in body
    return body.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (b"<?xml", b"\n<?xml", "declaration"),
        (b"</feed>", b"", "well-formed"),
        (b"<feed", b"<!DOCTYPE feed><feed", "DOCTYPE"),
        (b"<id>https://p.example/</id>", b"", "0 id"),
        (b"<author><name>The editors</name></author>", b"", "no author"),
        (b'rel="self" type="application/atom+xml"', b'rel="via"', "rel=self"),
        (b"2026-03-01T12:00:00+00:00", b"2026-03-01T12:00:00", "RFC 3339"),
        (b"2026-03-01T12:00:00+00:00", b"2026-02-01T12:00:00Z", "updated before"),
        (b"2026-02-27T12:00:00+00:00", b"1970-01-01T00:00:00Z", "before all feeds"),
        (LINK, LINK * 2, "two alternates"),
        (LINK, b'<link href="/1" rel="alternate"/>', "a link to"),
        (b' rel="enclosure"', b"", "without rel"),
        (b"<id>https://a.example/1</id>", b"<id>1</id>", "no absolute URI"),
        (b"<title>Title 1: R&amp;D, 1 &lt; 2</title>", b"<title/>", "blank title"),
        (b"href=&quot;https://a.example/x", b"href=&quot;/x", "relative reference"),
        (b'xml:lang="de"', b'xml:lang="en"', "xml:lang says"),
        (b"<entry ", b'<entry xml:base="https://a.example/" ', "xml:base"),
        (b"<id>tag:a.example,2020:blog</id>", b"", "source: 0 id"),
        (b"<name>Grace</name>", b"<name/>", "author without a name"),
        (b"An excerpt", b"\xc2\x85", "character"),
    ],
)
def test_a_fault_in_atom_is_found(old, new, finding):
    body = ATOM.replace(b"Hello x &amp; y</summary>", b"An excerpt</summary>")
    body = body.replace(b'href="https://a.example/x"', b"href=&quot;https://a.example/x&quot;")

    assert atom_findings(body, self_url=CHANNEL.self_url) == []
    assert any(finding in found for found in atom_findings(broken(body, old, new)))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (b"<link>https://p.example/</link><desc", b"<desc", "channel/link"),
        (
            b"<link>https://p.example/</link><d",
            b"<link>https://p.example/feed.atom</link><d",
            "page",
        ),
        (b' type="application/rss+xml"', b"", "atom:link"),
        (b"</item>", b"</item><ttl>1</ttl>", "after an item"),
        (b"Sun, 01 Mar", b"Mon, 01 Mar", "day of the week"),
        (b"01 Mar 2026", b"01 Mar 26", "RFC 822"),
        (b'<guid isPermaLink="true">h', b'<guid isPermaLink="true">tag:h', "permalink"),
        (b'<guid isPermaLink="true">', b"<guid>", "does not say"),
        (b"&#x3C; 2", b"&lt; 2", "markup characters"),
        (b' length="123"', b"", "without length"),
        (b"<dc:creator>Grace</dc:creator><dc:creator>Joan</dc:creator>", b"", "dc:creator"),
        (b"<description>Hello x &amp;amp; y</description>", b"", "description before"),
        (b'<source url="https://a.example/feed?x=1&#x26;y=2">', b"<source>", "without url"),
        (b"<enclosure", b'<enclosure url="https://a.example/"/><enclosure', "repeated"),
        (b"<image><url>h", b"<image><link>x</link><url>h", "image"),
    ],
)
def test_a_fault_in_rss_is_found(old, new, finding):
    assert rss_findings(RSS, self_url=CHANNEL.self_url) == []
    assert any(finding in found for found in rss_findings(broken(RSS, old, new)))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (b"version/1.1", b"version/1", "version"),
        (b'"feed_url"', b'"feed"', "feed_url"),
        (b'"id":"https://a.example/1"', b'"id":1', "id is no string that"),
        (b'"content_html"', b'"content"', "content_html"),
        (b"12:00:00Z", b"12:00:00", "RFC 3339"),
        (b'"size_in_bytes":7', b'"size_in_bytes":NaN', "NaN"),
        (b'"mime_type":"audio/mpeg",', b"", "media type"),
        (b'"language":"de"', b'"language":null', "null"),
        (b'"_aggregator"', b'"_a.b"', "key"),
        (b'href=\\"https://a.example/x', b'href=\\"x', "relative reference"),
        (b'"items":[{', b'"items":[{"id":"https://a.example/1","authors":[]},{', "more than once"),
        (b"}", b"}}", "no JSON"),
    ],
)
def test_a_fault_in_json_feed_is_found(old, new, finding):
    assert json_findings(JSON, self_url=CHANNEL.self_url) == []
    assert any(finding in found for found in json_findings(broken(JSON, old, new)))
