"""What sources write otherwise than a format says, and feedparser does not see through."""

import pytest

from aggregator.core.model import Person
from tests.formats.test_reading import atom, content, read, rss


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("R&amp;D", "R&D"),
        ("R&amp;amp;D", "R&D"),
        ("O&amp;#039;Neil", "O'Neil"),
        ("<![CDATA[Ren&eacute;e]]>", "Renée"),
        ("AT&amp;notT", "AT&notT"),
        ("&lt;b>", "<b>"),
        ("a\n  b", "a b"),
    ],
)
def test_names_are_plain_text_however_often_they_are_escaped(written: str, read_as: str):
    found = content(f"<dc:creator>{written}</dc:creator><category>{written}</category>")

    assert found.authors == (Person(name=read_as),)
    assert found.categories == (read_as,)


def test_a_podcast_s_owner_is_its_author_only_where_nobody_else_is():
    owner = "<itunes:owner><itunes:name>Owner</itunes:name></itunes:owner>"
    author = "<itunes:author>Author</itunes:author>"

    assert read(rss("", owner + author)).info.authors == (Person(name="Author"),)
    assert read(rss("", author + owner)).info.authors == (Person(name="Author"),)
    assert read(rss("", owner)).info.authors == (Person(name="Owner"),)


def test_podcast_subtitles_and_summaries_serve_where_nothing_else_does():
    subtitle = "<itunes:subtitle>short</itunes:subtitle>"
    summary = "<itunes:summary>&lt;p&gt;long</itunes:summary>"
    own = "<description>own</description>"

    assert read(rss("", own + summary + subtitle)).info.subtitle == "own"
    assert read(rss("", subtitle + own)).info.subtitle == "own"
    assert read(rss("", subtitle + summary)).info.subtitle == "long"
    assert read(rss("", subtitle)).info.subtitle == "short"
    assert content(own + subtitle) == content(subtitle + own) == content(own)
    assert content(subtitle).text == "short"


def test_the_picture_of_an_rss_1_0_feed_stands_beside_its_channel():
    body = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns="http://purl.org/rss/1.0/"><channel/><image><url>/i.png</url></image></rdf:RDF>"""

    assert read(body).info.icon == "https://a.example/i.png"


def test_pictures_and_homepages_of_a_feed_follow_its_xml_base():
    head = """<logo xml:base="img/">l.png</logo>
        <author xml:base="https://d.example/"><name>N</name><uri>n</uri></author>"""

    info = read(atom("", head, 'xml:base="https://c.example/"')).info

    assert info.icon == "https://c.example/img/l.png"
    assert info.authors == (Person(name="N", uri="https://d.example/n"),)


def test_an_atom_link_counts_without_its_declaration():
    head = '<atom:link href="https://a.example/" rel="alternate" type="text/html"/>'

    assert read(f"<rss><channel>{head}</channel></rss>").info.link == "https://a.example/"


def test_an_entry_inside_of_another_is_none():
    inner = "<source><title>S</title><entry><title>inner</title><id>i</id></entry></source>"
    outer = f"<entry>{inner}<title>outer</title><id>o</id></entry>"

    entries = read(atom(outer + "<entry><id>next</id></entry>")).entries

    assert [(entry.guid, entry.content.title) for entry in entries] == [
        ("o", "outer"),
        ("next", ""),
    ]
    nested = read(rss("<item><guid>1</guid><item><guid>2</guid></item></item>")).entries
    assert [entry.guid for entry in nested] == ["1", "2"]
