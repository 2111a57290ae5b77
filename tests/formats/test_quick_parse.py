"""The quicker core of feedparser finds what feedparser finds, whatever somebody wrote."""

from pathlib import Path

import feedparser
import pytest
from feedparser.util import FeedParserDict
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.formats.feedparsing.own import QuickDict
from aggregator.formats.feedparsing.quick import parse_quickly
from aggregator.formats.feedparsing.whole import parse_whole
from benchmarks.quick_parse import ADDRESS, bodies, compare, differ

CORPORA = Path("../shared/corpora")
EVERY = 37
"""Of some thousand documents."""
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not there")

NAMESPACES = {
    "": "http://www.w3.org/2005/Atom",
    "a": "http://www.w3.org/2005/Atom",
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "d": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rss": "http://purl.org/rss/1.0/",
    "h": "http://www.w3.org/1999/xhtml",
    "georss": "http://www.georss.org/georss",
    "cc": "http://web.resource.org/cc/",
    "psc": "http://podlove.org/simple-chapters",
    "thr": "http://purl.org/syndication/thread/1.0",
    "x": "urn:x",
    "xlink": "http://www.w3.org/1999/xlink",
    "r": "http://backend.userland.com/RSS2",
}
_WRITTEN = """
title link description summary content guid id pubDate published updated author name email uri
url category comments enclosure source image width height language lastBuildDate generator ttl
cloud skipHours hour day textInput copyright rights subtitle managingEditor webMaster docs logo
icon contributor issued modified created tagline info body item entry channel feed keywords
abstract content:encoded dc:creator dc:date dc:subject dc:title dc:description dc:publisher
dc:language dc:contributor dc:rights d:creator dcterms:modified dcterms:valid itunes:author
itunes:summary itunes:subtitle itunes:image itunes:owner itunes:name itunes:email
itunes:category itunes:explicit itunes:keywords itunes:block itunes:duration media:content
media:thumbnail media:group media:title media:description media:credit media:category
media:keywords media:player media:rating media:restriction media:license slash:comments
wfw:commentRss sy:updatePeriod atom:link atom:author a:link a:title a:id h:div h:body h:p div p
b br thr:total x:y x:title x:link rdf:li rdf:RDF georss:point georss:where cc:license
psc:chapters psc:chapter newlocation expirationDate fullitem admin:generatorAgent links tags
authors entries date updated_parsed license enclosures title_detail svg math r:title r:item
rss:item rss:title feedburner:browserFriendly
"""
ELEMENTS = _WRITTEN.split()
COMMON = [*ELEMENTS[:40], "content:encoded", "dc:creator", "atom:link", "media:content"]
ATTRIBUTES = {
    "rel": ["alternate", "self", "enclosure", "SELF", "replies", ""],
    "type": [
        *("html", "text", "xhtml", "text/html", "TEXT/HTML", "application/xhtml+xml", "text/plain"),
        *("image/png", "application/xml", "audio/mpeg", "", "application/octet-stream"),
    ],
    "href": ["https://a.example/1?a=1&amp;b=2", "/2", "", " x ", "mailto:a@b.example", "http://[x"],
    "url": ["https://a.example/f.mp3", "f.png", ""],
    "uri": ["https://a.example/u"],
    "URL": ["https://a.example/U"],
    "term": ["one", "", "two"],
    "label": ["One"],
    "scheme": ["urn:s"],
    "domain": ["d"],
    "isPermaLink": ["true", "false", "TRUE", ""],
    "xml:lang": ["en", "de_AT", "", "pt-BR"],
    "lang": ["fr", ""],
    "xml:base": ["https://b.example/x/", "y/", "", "javascript:x", "//c.example"],
    "base": ["https://e.example/"],
    "mode": ["base64", "escaped", "xml"],
    "src": ["https://a.example/s", ""],
    "version": ["2.0", "0.91", "0.92", "1.0", "0.3", ""],
    "text": ["Arts"],
    "medium": ["image"],
    "x:odd": ["1"],
    "x:rel": ["Self"],
    "xlink:href": ["https://a.example/l"],
    "rdf:about": ["urn:about"],
    "rdf:resource": ["urn:resource"],
    "lastmod": ["2026-01-02"],
    "start": ["00:01:00"],
    "LENGTH": ["12"],
    "value": ["v"],
}
PIECES = [
    *("A title", " ", "\n\t", "\xa0", "x &amp; y", "&lt;b&gt;bold&lt;/b&gt;", "&lt;div&gt;"),
    *(
        "<![CDATA[<p>One &amp; <a href='/x'>two</a></p>]]>",
        "<![CDATA[ ]]>",
        "&amp;lt;",
        "&amp;nbsp;",
    ),
    *(
        "&#8217;",
        "&#146;",
        "&#x92;",
        "\x85",
        "\u2019",
        "Ã©",
        "â\x80\x99",
        "é",
        "日本",
        "&quot;&apos;",
    ),
    *("<!-- c -->", "<?pi x?>", "https://a.example/p?a=1&amp;b=2&amp;c;", "/relative", "yes", "5"),
    *("Thu, 26 Nov 2026 10:00:00 GMT", "2026-11-26T10:00:00Z", "2026-11-26", "26.11.2026", "2026"),
    *(
        "jane@a.example (Jane)",
        "en_US",
        "a, b, c",
        "1 2",
        "start=2026;end=2027",
        "PGI+eDwvYj4=",
        "-",
    ),
    *("Tue, 03 Jun 2008 11:05:30 -0500", "--11-26", "12:00", "&lt;/p&gt;", "]]", "\U0001f600", "#"),
]

texts = st.lists(st.sampled_from(PIECES), max_size=3).map("".join)
pairs = st.sampled_from(sorted(ATTRIBUTES)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(ATTRIBUTES[name]))
)
attributes = st.one_of(
    st.just(""),
    st.lists(pairs, max_size=4, unique_by=lambda pair: pair[0]).map(
        lambda found: "".join(f" {name}='{value}'" for name, value in found)
    ),
)
declarations = st.one_of(
    *[st.just("")] * 12,
    st.tuples(st.sampled_from(sorted(NAMESPACES)), st.sampled_from(sorted(NAMESPACES))).map(
        lambda pair: f" xmlns{':' if pair[0] else ''}{pair[0]}='{NAMESPACES[pair[1]]}'"
    ),
)
names = st.one_of(st.sampled_from(COMMON), st.sampled_from(ELEMENTS))


def element(name: str, opening: str, inside: str) -> str:
    return f"<{name}{opening}>{inside}</{name}>" if inside else f"<{name}{opening}/>"


def elements(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    openings = st.tuples(attributes, declarations).map("".join)
    return st.builds(element, names, openings, inside)


def mixed(inner: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(inner, texts), max_size=most).map("".join)


leaves = elements(texts)
branches = elements(mixed(leaves, 4))
fields = st.one_of(leaves, leaves, leaves, branches, elements(mixed(branches, 3)))
heads = mixed(fields, 5)
items = st.builds(
    element,
    st.sampled_from(["item", "entry"]),
    attributes,
    st.lists(fields, max_size=9).map("".join),
)
ALL_DECLARED = "".join(
    f" xmlns{':' if prefix else ''}{prefix}='{uri}'" for prefix, uri in NAMESPACES.items() if prefix
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["rss", "feed", "rss", "feed", "rdf:RDF", "x:other"]))
    default = draw(st.sampled_from(["", f" xmlns='{NAMESPACES['']}'", " xmlns='urn:d'"]))
    version = draw(st.sampled_from([" version='2.0'", " version='0.92'", ""]))
    more = draw(st.sampled_from(["", "", " xml:lang='en_GB'", " xml:base='https://g.example/'"]))
    admin = " xmlns:admin='http://webns.net/mvcb/' xmlns:feedburner='urn:fb'"
    inside = draw(heads) + "".join(draw(st.lists(items, max_size=3))) + draw(heads)
    if kind == "rss":
        inside = element("channel", draw(attributes), inside)
    prolog = draw(st.sampled_from(["", "<?xml version='1.0' encoding='utf-8'?>", "\n", DOCTYPE]))
    return (
        f"{prolog}<{kind}{default}{version}{more}{admin}{ALL_DECLARED}>{inside}</{kind}>".encode()
    )


DOCTYPE = (
    '<?xml version="1.0"?>\n<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"'
    ' "http://my.netscape.com/publish/formats/rss-0.91.dtd">\n'
)


def check(document: bytes) -> bool:
    """Whether the quicker core read it at all."""
    quick = parse_quickly(document, ADDRESS)
    if quick is None:
        return False
    assert differ(parse_whole(document, ADDRESS), quick) == ""
    return True


@settings(max_examples=60)
@given(documents())
def test_the_same_is_found_in_whatever_is_written(document):
    check(document)


@needs_corpora
def test_the_same_is_found_in_a_sample_of_what_others_wrote():
    tallies = [compare(job, times=2) for job in bodies(CORPORA, EVERY)]

    assert [difference for tally in tallies for difference in tally.differ] == []
    assert sum(tally.quick for tally in tallies) > 0.8 * len(tallies) > 50


def rss(item: str, root: str = "") -> bytes:
    return f'<rss version="2.0"{root}><channel><item>{item}</item></channel></rss>'.encode()


def atom(entry: str, root: str = "") -> bytes:
    return f'<feed xmlns="{NAMESPACES[""]}"{root}><entry>{entry}</entry></feed>'.encode()


XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><p>One <b>two</b><br/> &lt;</p></div>'


@pytest.mark.parametrize(
    "document",
    [
        rss("<title>a &amp;amp; b</title><link>https://a.example/?a=1&amp;b;=2</link>"),
        rss("<title>T</title><title><title/></title><description>D</description><description/>"),
        rss("<description>D</description><description>C</description><guid>g</guid>"),
        rss("<description>Not <b>escaped</b> at all</description>"),
        rss("<title>Ã©\x85</title><author>a@a.example (A)</author>"),
        rss("<media:thumbnail url='/a'/>", f" xmlns:media='{NAMESPACES['media']}'"),
        rss("<pubDate>Thu, 26 Nov 2026 10:00 GMT</pubDate><y:date xmlns:y='urn:y'>1</y:date>"),
        rss("<links>1</links><link/><link rel='self' href='/x'/>"),
        rss(
            "<x:a/><x:b><x:c/></x:b>", " xmlns:x='urn:x' xmlns:xlink='http://www.w3.org/1999/xlink'"
        ),
        DOCTYPE.encode() + rss("<title>T</title>"),
        b"<?xml version='1.0' encoding='koi8-r'?>" + rss("<title>’</title>"),
        atom(f"<content type='xhtml'>{XHTML}</content><title type='xhtml'>{XHTML}</title>"),
        atom("<content type='html'>&lt;div&gt;<div>a</div>&lt;/div&gt;</content>"),
        atom("<content type='image/png'>PGI+eDwvYj4=</content><summary type='text'>S</summary>"),
        atom("<content src='/x' type='video/mp4'/><link rel='enclosure' href='/y' length='1'/>"),
        atom("<content xml:base='/x/' xml:lang='de'>C</content><title>T</title>", " xml:lang='en'"),
        atom(
            "<source><id>i</id><title>T</title></source><author><name>N</name><uri>u</uri></author>"
        ),
    ],
)
def test_what_feeds_often_have_is_read_quickly_and_alike(document):
    assert check(document)


@pytest.mark.parametrize(
    "document",
    [
        rss("<title>T</titel>"),
        b"<!DOCTYPE rss [\n<!ENTITY a 'b'>\n]>\n" + rss("<title>&a;</title>"),
        rss("<title>&nbsp;</title>"),
        rss("<svg xmlns='http://www.w3.org/2000/svg'/>"),
        rss("<title>T</title>", " xmlns:x='urn: x'").replace(b"<title>", b"<x:t/><title>"),
        atom("<content type='html'>One<b>two</b></content>"),
        rss("<title>\xff</title>").decode().encode("latin-1"),
        b"\x4c\x6f\xa7\x94",
        b"",
    ],
)
def test_what_might_be_read_otherwise_is_left_to_feedparser(document):
    assert parse_quickly(document, ADDRESS) is None


def test_without_an_address_everything_is_left_to_feedparser():
    assert parse_quickly(rss(""), "") is None


KEYS = [*FeedParserDict.keymap, "summary", "subtitle", "id", "href", "updated", "published", "x"]
dictionaries = st.dictionaries(st.sampled_from(KEYS), st.integers(), max_size=4).map(
    lambda found: found | {"links": [{"rel": "license", "href": "h"}], "tags": [{"term": "t"}]}
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(dictionaries, st.sampled_from([*KEYS, "category", "enclosures", "license", "links"]))
def test_a_quick_dictionary_answers_as_feedparsers_does(values, key):
    slow, quick = FeedParserDict(values), QuickDict(values)

    assert [key in quick, quick.get(key), quick.get(key, 1)] == [
        key in slow,
        slow.get(key),
        slow.get(key, 1),
    ]
    for one in (slow, quick):
        one["date" if key == "x" else key] = 2
        one.setdefault(key, 3)
    assert (quick, quick.get(key)) == (slow, slow.get(key))
    if key in slow:
        assert quick[key] == slow[key]
    else:
        with pytest.raises(KeyError):
            quick[key]


def test_what_is_ours_of_feedparser_is_nobody_else_s():
    document = rss("<title>T</title>")

    assert type(parse_whole(document, ADDRESS)) is QuickDict
    others = feedparser.parse(document)
    assert type(others) is type(others.entries[0]) is FeedParserDict


def test_names_and_dates_too_long_to_keep_are_read_all_the_same():
    assert not check(rss(f"<{'x' * 400}/>"))
    assert check(rss(f"<pubDate>{' ' * 100}2026-11-26{' x' * 100}</pubDate>"))


def test_every_difference_is_noticed():
    one = QuickDict(title="T", links=[QuickDict(href="h")], n=1)

    assert differ(one, QuickDict(title="T", links=[QuickDict(href="h")], n=1)) == ""
    for other in (
        QuickDict(title="T", links=[{"href": "h"}], n=1),
        QuickDict(title="T", links=[], n=1),
        QuickDict(title="T", links=[QuickDict(href="h")], n=True),
        QuickDict(title="U", links=[QuickDict(href="h")], n=1),
        QuickDict(title="T"),
    ):
        assert differ(one, other) != ""
