from pathlib import Path

import pytest

from aggregator.core.errors import UnreadableFeed
from aggregator.formats.opml import write_opml
from aggregator.formats.opml_reading import Listed, read_opml
from tests.formats.test_opml import Listed as Source
from tests.formats.test_opml import opml_findings

CORPUS = Path(__file__).parents[3] / "shared/corpora/opml"
NO_OPML = "missingOpml.opml"
FILES = sorted(path for path in CORPUS.rglob("*.opml") if path.name != NO_OPML)


def opml(*outlines: str, declaration: str = "") -> str:
    body = "\n".join(outlines)
    return f'{declaration}<opml version="2.0"><head/><body>\n{body}\n</body></opml>'


def listed(text: str | bytes) -> list[tuple[str, str, tuple[str, ...]]]:
    body = text.encode() if isinstance(text, str) else text
    return [(one.url, one.name, one.tags) for one in read_opml(body).listed]


def test_groups_around_a_subscription_are_its_tags():
    inner = '<outline text="Deep/er"><outline text="B" xmlUrl="http://b.example/"/></outline>'
    text = opml(
        f'<outline text="Outer"><outline text="A" xmlUrl="http://a.example/"/>{inner}</outline>',
        '<outline text="C" xmlUrl="http://c.example/"/>',
    )

    assert listed(text) == [
        ("http://a.example/", "A", ("Outer",)),
        ("http://b.example/", "B", ("Outer", "Deep-er")),
        ("http://c.example/", "C", ()),
    ]


def test_categories_are_tags_and_each_tag_stands_once():
    text = opml('<outline text="b"><outline xmlUrl="u" category="/a/b, c,/,"/></outline>')

    assert listed(text) == [("u", "", ("b", "a", "c"))]


@pytest.mark.parametrize(
    "outline",
    [
        '<outline text="A" xmlUrl=" http://a.example/ "/>',
        '<outline title="A" xmlurl="http://a.example/"/>',
        '<OUTLINE TEXT="A" XMLURL="http://a.example/" TYPE="Atom"/>',
        '<outline text="A" xmlUrl="feed://a.example/"/>',
        '<outline text="A" xmlUrl="feed:http://a.example/"/>',
    ],
)
def test_attributes_may_be_written_in_many_ways(outline):
    assert listed(opml(outline)) == [("http://a.example/", "A", ())]


def test_a_subscription_without_an_address_is_named_and_a_group_is_none():
    read = read_opml(opml('<outline text="F" type="rss"/>', '<outline text="G"/>').encode())

    assert read.listed == ()
    assert read.skipped == ("F: no xmlUrl",)


@pytest.mark.parametrize(
    ("encoding", "declaration"),
    [
        ("utf-8-sig", ""),
        ("latin-1", '<?xml version="1.0" encoding="ISO-8859-1"?>'),
        ("utf-16", ""),
        ("cp1252", ""),
        ("cp1252", '<?xml version="1.0" encoding="no-such"?>'),
    ],
)
def test_encodings_are_told_apart(encoding, declaration):
    text = opml('<outline text="Müße" xmlUrl="http://a.example/"/>', declaration=declaration)

    assert listed(text.encode(encoding)) == [("http://a.example/", "Müße", ())]


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("This & That", "This & That"),
        ("Caf&eacute; &amp; bar", "Café & bar"),
        ('<a href="https://x.example/">Say</a> "hi"', '<a href="https://x.example/">Say</a> "hi"'),
        ("1 < 2", "1 < 2"),
        ("bell \x07 rings", "bell rings"),
    ],
)
def test_what_is_not_well_formed_is_mended(attribute, name):
    text = opml(
        f'<outline text="G"><outline text="{attribute}" xmlUrl="http://a.example/?x=1&y=2" />',
        '<outline text="B" xmlUrl="http://b.example/" /></outline>',
    )
    read = read_opml(text.encode())

    assert read.mended
    assert read.listed == (
        Listed(url="http://a.example/?x=1&y=2", name=name, tags=("G",)),
        Listed(url="http://b.example/", name="B", tags=("G",)),
    )


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes():
    text = opml('<outline text="A" xmlUrl="http://a.example/"/>', '<outline text="B" xmlU')

    assert listed(text[: text.index("xmlU", 80)])[:1] == [("http://a.example/", "A", ())]


@pytest.mark.parametrize("body", [b"", b"plain", b"<html><body/></html>", b"\x00\xff"])
def test_what_is_no_opml_is_refused(body):
    with pytest.raises(UnreadableFeed, match="not an OPML document"):
        read_opml(body)


def test_entities_neither_read_files_nor_grow():
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))
    secret = '<!ENTITY file SYSTEM "file:///etc/passwd">'
    text = opml('<outline text="&e9;&file;" xmlUrl="http://a.example/"/>')
    [(_, name, _)] = listed(f"<!DOCTYPE opml [{bomb}{secret}]>{text}")

    assert len(name) <= 200
    assert "root:" not in name


@pytest.mark.skipif(not FILES, reason="the corpus of OPML files is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_no_subscription_of_the_corpus_is_lost(path):
    body = path.read_bytes()
    read = read_opml(body)

    assert len(read.listed) == body.lower().count(b"xmlurl=")
    assert all(one.url for one in read.listed)


@pytest.mark.skipif(not FILES, reason="the corpus of OPML files is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_the_corpus_comes_back_from_what_we_write(path):
    listed = read_opml(path.read_bytes()).listed
    sources = [Source(key=f"k{n}", url=one.url, name=one.name) for n, one in enumerate(listed)]
    tags = {f"k{n}": one.tags for n, one in enumerate(listed)}
    body = write_opml("Mine", sources, tags=tags)
    read = read_opml(body)

    assert opml_findings(body) == []
    assert not read.mended
    assert [(one.name, set(one.tags)) for one in read.listed] == [
        (one.name or f"k{n}", set(one.tags)) for n, one in enumerate(listed)
    ]


def test_a_tag_with_a_comma_survives_as_a_group():
    body = write_opml("Mine", [Source()], tags={"blog": ("a, b", "c", "d")})

    assert opml_findings(body) == []
    assert read_opml(body).listed[0].tags == ("a, b", "c", "d")
