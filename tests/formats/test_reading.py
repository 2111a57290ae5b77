import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import (
    Category,
    Content,
    Enclosure,
    Origin,
    Person,
    ReadEntry,
    ReadFeed,
)
from aggregator.formats.reading import read_feed

URL = "https://a.example/blog/feed.xml"
CORPORA = Path("../shared/corpora")


def read(body: str | bytes, *, content_type: str = "", url: str = URL) -> ReadFeed:
    raw = body.encode() if isinstance(body, str) else body
    return read_feed(raw, content_type=content_type, url=url)


def rss(items: str, head: str = "") -> str:
    return (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"'
        ' xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">'
        f"<channel>{head}{items}</channel></rss>"
    )


def atom(entries: str, head: str = "", attributes: str = "") -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {attributes}>{head}{entries}</feed>'


def rss_item(fields: str) -> ReadEntry:
    (entry,) = read(rss(f"<item>{fields}</item>")).entries
    return entry


def atom_entry(fields: str, head: str = "", attributes: str = "", entry: str = "") -> ReadEntry:
    body = atom(f"<entry {entry}>{fields}</entry>", head, attributes)
    (found,) = read(body).entries
    return found


def content(fields: str) -> Content:
    return rss_item(fields).content


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "an empty document"),
        (" \r\n\t", "an empty document"),
        ("<!DOCTYPE html><html><body>404</body></html>", "an HTML page, not a feed"),
        ("\n<html lang=en><head><title>Blog</title>", "an HTML page .“Blog”., not a feed"),
        ("<opml version='2.0'><body/></opml>", "begins with <opml>, not a feed"),
        ("Not found", "neither XML nor JSON"),
        ("/etc/passwd", "neither XML nor JSON"),
        ("http://127.0.0.1/feed", "neither XML nor JSON"),
    ],
)
def test_what_is_no_feed_is_refused_with_what_it_is(body: str, reason: str):
    with pytest.raises(UnreadableFeed, match=reason):
        read(body)


def test_a_feed_without_entries_is_a_feed():
    feed = read(rss("", "<title>T</title><link>https://a.example/</link>"))

    assert (feed.format, feed.info.title, feed.info.link) == ("rss20", "T", "https://a.example/")
    assert feed.entries == ()


def test_the_head_of_an_atom_feed():
    head = """<title type="html">A &amp;lt;b> &lt;i>c&lt;/i></title><subtitle>S</subtitle>
        <id>urn:x:1</id><link rel="self" href="f"/><link href="/"/><icon>i.png</icon>
        <rights>R</rights><updated>2026-11-01T10:00:00+02:00</updated>
        <author><name>N</name><email>n@a.example</email><uri>/n</uri></author>"""

    info = read(atom("", head, 'xml:lang="zh_CN"')).info

    assert info.title == "A <b> c"
    assert (info.subtitle, info.id, info.rights, info.language) == ("S", "urn:x:1", "R", "zh-cn")
    assert (info.link, info.icon) == ("https://a.example/", "https://a.example/blog/i.png")
    assert info.updated == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert info.authors == (Person(name="N", email="n@a.example", uri="https://a.example/n"),)


@pytest.mark.parametrize("guid", ["1", "foo", "episode/1/", "http:///x", "tag:a.example,2026:x"])
def test_a_guid_is_the_source_s_own_text(guid: str):
    assert rss_item(f"<guid>{guid}</guid>").guid == guid
    assert rss_item(f"<guid isPermaLink='false'>\n{guid} </guid>").guid == guid
    based = atom_entry(f"<id>{guid}</id>", attributes='xml:base="https://c.example/d/"')
    assert based.guid == guid


def test_a_guid_in_a_damaged_document_reads_like_in_a_sound_one():
    item = "<item><guid>https://a.example/?a=1&amp;b=2</guid><title>x</title></item>"

    sound, damaged = read(rss(item)), read(rss(item + "<broken"))

    assert sound.entries[0].guid == damaged.entries[0].guid == "https://a.example/?a=1&b=2"


def test_two_guids_beyond_the_limit_stay_two():
    guids = [rss_item(f"<guid>{'x' * 5000}{n}</guid>").guid for n in (1, 2)]

    assert guids[0] != guids[1]
    assert all(guid and len(guid) == 4096 for guid in guids)


def test_a_missing_or_empty_guid_is_none():
    assert rss_item("<title>x</title>").guid is None
    assert rss_item("<guid> </guid>").guid is None


def test_a_link_is_kept_as_written_and_made_absolute():
    entry = rss_item("<link> ../2026/x?a=1&amp;b=2 </link>")

    assert entry.link_as_written == "../2026/x?a=1&b=2"
    assert entry.content.link == "https://a.example/2026/x?a=1&b=2"


def test_relative_links_follow_xml_base_which_ends_with_its_element():
    first = '<entry xml:base="https://c.example/d/"><link href="e"/><title>1</title></entry>'
    second = '<entry><link href="e"/><title>2</title></entry>'

    entries = read(atom(first + second)).entries

    assert [entry.content.link for entry in entries] == [
        "https://c.example/d/e",
        "https://a.example/blog/e",
    ]
    assert [entry.link_as_written for entry in entries] == ["e", "e"]


def test_the_html_alternate_is_the_link():
    links = """<link rel="self" href="/self"/><link rel="alternate" type="text/plain" href="/txt"/>
        <link rel="alternate" type="text/html" href="/html"/><link rel="edit" href="/edit"/>"""

    assert atom_entry(links).content.link == "https://a.example/html"


def test_a_permalink_serves_as_link_where_there_is_none():
    guid = "<guid>https://a.example/1</guid>"

    assert content(guid).link == "https://a.example/1"
    assert content(f"<link>/2</link>{guid}").link == "https://a.example/2"
    assert content(f"{guid}<link>/2</link>").link == "https://a.example/2"
    assert content(guid.replace("<guid>", "<guid isPermaLink='false'>")).link is None
    assert content("<guid>1</guid>").link is None


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "mailto:a@a.example", "https://[x", "ftp://a/b"]
)
def test_a_link_that_does_not_lead_to_the_web_is_none(link: str):
    assert content(f"<link>{link}</link>").link is None


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("&lt;b&gt;x&lt;/b&gt; y", "x y"),
        ("&amp;lt;tag&amp;gt;", "<tag>"),
        ("1 &lt; 2", "1 < 2"),
        ("AT&amp;T &amp;amp; co", "AT&T & co"),
        ("<![CDATA[<i>a</i>\n  b]]>", "a b"),
        ("Vec&lt;u8&gt;", "Vec<u8>"),
        ("a\u202eb", "ab"),
        ("", ""),
        ("x" * 2000, "x" * 1000),
    ],
)
def test_an_rss_title_is_plain_text(written: str, read_as: str):
    assert content(f"<title>{written}</title>").title == read_as


@pytest.mark.parametrize(
    ("type_", "written", "read_as"),
    [
        ("text", "&lt;b&gt; &amp;amp;", "<b> &amp;"),
        ("html", "&lt;b&gt;x&lt;/b&gt; &amp;amp; &amp;lt;y&amp;gt;", "x & <y>"),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml">a <b>b</b> &lt;c></div>', "a b <c>"),
    ],
)
def test_an_atom_title_is_read_by_its_type(type_: str, written: str, read_as: str):
    assert atom_entry(f'<title type="{type_}">{written}</title>').content.title == read_as


def test_the_title_of_a_picture_is_not_the_entry_s():
    media = (
        '<media:content url="/a.png" medium="image"><media:title>pic</media:title></media:content>'
    )

    assert content(f"<title>T</title>{media}").title == "T"


def test_a_description_alone_is_the_content():
    found = content(
        "<description>&lt;p&gt;a &lt;a href='/x'&gt;b&lt;/a&gt;&lt;/p&gt;</description>"
    )

    assert 'href="https://a.example/x"' in found.content_html
    assert (found.text, found.summary) == ("a b", "")


@pytest.mark.parametrize("order", [0, 1])
def test_beside_a_content_the_description_is_the_summary(order: int):
    fields = [
        "<description>&lt;i&gt;short&lt;/i&gt; one</description>",
        "<content:encoded><![CDATA[<p>long</p>]]></content:encoded>",
    ]

    found = content("".join(fields if order else reversed(fields)))

    assert (found.content_html, found.summary) == ("<p>long</p>", "short one")


def test_a_summary_that_says_the_same_is_none():
    assert atom_entry('<summary>a</summary><content type="html">&lt;p>a</content>').content == (
        Content(content_html="<p>a</p>", text="a")
    )


def test_podcast_and_media_descriptions_stand_back_behind_the_item_s_own():
    fields = "<description>own</description><itunes:summary>i</itunes:summary>"

    assert content(f"{fields}<media:description>caption</media:description>").text == "own"
    assert (
        content("<media:description>a\n\nb</media:description>").content_html == "<p>a</p><p>b</p>"
    )


def test_atom_content_is_read_by_its_type():
    plain = atom_entry('<content type="text">a &lt; b\n\nc</content>').content
    xhtml = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a<br/>b</p></div>'
    picture = atom_entry('<content type="image/png">AAAA</content><summary>s</summary>').content

    assert plain.content_html == "<p>a &lt; b</p><p>c</p>"
    assert atom_entry(f'<content type="xhtml">{xhtml}</content>').content.content_html == (
        "<p>a<br>b</p>"
    )
    assert picture.content_html == "<p>s</p>"


def test_content_follows_its_own_xml_base():
    found = atom_entry(
        '<content type="html" xml:base="https://c.example/d/">&lt;img src="e.png"></content>'
    )

    assert found.content.content_html == '<img src="https://c.example/d/e.png">'


LINKED = '<content type="html">&lt;a href="x">x&lt;/a>&lt;a href="#n">n&lt;/a></content>'


@pytest.mark.parametrize(
    ("fields", "entry", "base"),
    [
        ('<link href="https://a.example/p/1"/>', 'xml:base="https://c.example/d/"', "c.example/d/"),
        ('<link href="https://a.example/p/1"/>', "", "a.example/p/1"),
        ('<link href="https://www.site.example/p/1"/>', "", "www.site.example/p/1"),
        ('<link href="https://elsewhere.example/p/1"/>', "", "site.example/"),
        ("", "", "site.example/"),
        (
            (
                '<link href="https://b.example/p/1"/>'
                '<source><id>urn:b</id><link href="https://b.example/"/></source>'
            ),
            "",
            "b.example/p/1",
        ),
    ],
    ids=["xml:base", "its page", "of the feed's site", "a link blog", "no link", "a planet's"],
)
def test_relative_addresses_stand_for_what_the_text_was_written_for(fields, entry, base):
    head = '<id>urn:a</id><link href="https://site.example/"/>'
    found = atom_entry(fields + LINKED, head=head, entry=entry).content.content_html

    assert f'href="https://{base.rpartition("/")[0]}/x"' in found
    assert f'href="https://{base}#n"' in found


def test_relative_addresses_of_an_entry_without_a_page_follow_the_document():
    head = '<link href="https://a.example/"/>'

    assert 'href="https://a.example/blog/x"' in atom_entry(LINKED, head=head).content.content_html
    assert 'href="https://a.example/blog/x"' in atom_entry(LINKED).content.content_html


def test_players_stay_and_links_are_cleaned_where_that_is_asked_for():
    frame = '<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ"></iframe><a href="/x?y">x</a>'
    body = rss(f"<item><description><![CDATA[{frame}]]></description></item>").encode()

    (entry,) = read_feed(
        body, content_type="", url=URL, players=True, clean=lambda url: url.partition("?")[0]
    ).entries

    assert "<iframe" in entry.content.content_html
    assert 'href="https://a.example/x"' in entry.content.content_html


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("Mon, 02 Nov 2026 10:00:00 +0100", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02T10:00:60Z", datetime(2026, 11, 2, 10, 1, tzinfo=UTC)),
        ("0000-00-00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_utc_and_impossible_ones_are_none(written: str, read_as: datetime | None):
    assert rss_item(f"<title>x</title><pubDate>{written}</pubDate>").published == read_as


def test_a_published_date_is_not_taken_for_an_updated_one():
    entry = rss_item("<pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate>")

    assert entry.published is not None
    assert entry.updated is None


@pytest.mark.parametrize("name", ["pubDate", "lastBuildDate"])
def test_the_build_s_own_date_on_all_entries_is_none(name: str):
    stamp = "Mon, 02 Nov 2026 10:00:00 GMT"
    items = "".join(f"<item><guid>{n}</guid><pubDate>{stamp}</pubDate></item>" for n in range(5))

    stamped = read(rss(items, f"<{name}>{stamp}</{name}>")).entries

    assert [entry.published for entry in stamped] == [None] * 5
    assert None not in {entry.published for entry in read(rss(items)).entries}


def test_authors_are_found_each_once():
    found = content(
        "<author>jane@a.example (Jane)</author><dc:creator>Joe</dc:creator>"
        "<dc:creator>Jane</dc:creator><itunes:author>Joe</itunes:author><dc:creator> </dc:creator>"
    )

    assert found.authors == (Person(name="Jane", email="jane@a.example"), Person(name="Joe"))


@pytest.mark.parametrize(
    "written",
    [
        "jane@a.example (Jane Doe)",
        "Jane Doe &lt;jane@a.example&gt;",
        "Jane Doe (jane@a.example)",
        "&quot;Jane Doe&quot; &lt;mailto:jane@a.example&gt;",
    ],
)
def test_an_rss_author_is_a_name_and_an_address(written: str):
    author = Person(name="Jane Doe", email="jane@a.example")

    assert content(f"<author>{written}</author>").authors == (author,)


def test_an_rss_author_may_be_one_of_both():
    assert content("<author>jane@a.technology</author>").authors == (
        Person(email="jane@a.technology"),
    )
    assert content("<author>Jane @ home</author>").authors == (Person(name="Jane @ home"),)


def test_a_long_author_costs_little():
    assert content(f"<author>{'a' * 500_000}</author>").authors == (Person(name="a" * 300),)


def test_an_atom_entry_has_all_its_authors_else_the_feed_s():
    head = "<author><name>Feed</name></author>"
    own = "<author><name>A</name><uri>javascript:x</uri></author><author><name>B</name></author>"

    assert atom_entry(own, head).content.authors == (Person(name="A"), Person(name="B"))
    assert atom_entry("<title>x</title>", head).content.authors == (Person(name="Feed"),)


def test_categories_are_labels_else_terms_each_once():
    found = atom_entry('<category term="a" label="A"/><category term="b"/><category term="b"/>')

    assert found.content.categories == ("A", "b")
    assert len(content("".join(f"<category>{n}</category>" for n in range(99))).categories) == 50


def test_a_category_that_says_more_than_its_name_is_kept_whole():
    found = atom_entry(
        '<category term="a" label="A" scheme="https://a.example/s"/><category term="b"/>'
        '<category term="c" scheme="no scheme"/><category term="d" scheme="data:x"/>'
        '<category term="b" scheme="urn:x:y"/>'
    ).content

    assert found.categories == ("A", "b", "c", "d")
    assert found.terms == (
        Category(term="a", label="A", scheme="https://a.example/s"),
        Category(term="b", scheme="urn:x:y"),
    )


def test_contributors_are_no_authors():
    found = atom_entry(
        "<author><name>Ada</name></author>"
        "<contributor><name>Grace</name><uri>/g</uri></contributor>"
        "<contributor><name>Joan</name><email>j@a.example</email></contributor>"
    ).content

    assert found.authors == (Person(name="Ada"),)
    assert found.contributors == (
        Person(name="Grace", uri="https://a.example/g"),
        Person(name="Joan", email="j@a.example"),
    )
    assert content("<dc:contributor>Grace</dc:contributor>").contributors == (Person(name="Grace"),)


def test_where_people_discuss_it():
    replies = '<link rel="replies" type="{}" href="/c"/>'

    assert content("<comments>/c</comments>").comments == "https://a.example/c"
    assert content("<comments>javascript:x</comments>").comments is None
    assert atom_entry(replies.format("text/html")).content.comments == "https://a.example/c"
    assert atom_entry(replies.format("application/atom+xml")).content.comments is None


SOURCE = (
    "<source><id>urn:b</id><title>B</title><link href='https://b.example/'/>"
    "<link rel='self' href='https://b.example/feed'/><rights>free</rights></source>"
)


def test_a_gathered_entry_says_which_feed_it_is_from():
    from_atom = atom_entry(SOURCE, head="<id>urn:a</id>").content
    from_rss = content("<source url='https://b.example/feed'>B &amp; b</source>")

    assert from_atom.origin == Origin(
        title="B",
        id="urn:b",
        link="https://b.example/",
        url="https://b.example/feed",
        rights="free",
    )
    assert from_rss.origin == Origin(title="B & b", url="https://b.example/feed")


@pytest.mark.parametrize(
    "source",
    [f"<source url='{URL}'>A</source>", "<source>A</source>", "<source url='x:y'>A</source>"],
)
def test_a_feed_that_names_itself_or_nobody_is_no_other_origin(source: str):
    assert content(source).origin is None
    assert atom_entry(SOURCE, head="<id>urn:b</id>").content.origin is None


@pytest.mark.parametrize(
    ("title", "ours"), [("<title>A</title>", True), ("<title>Planet</title>", False)]
)
def test_a_feed_that_names_itself_by_another_address_is_no_other_origin(title: str, ours: bool):
    body = rss("<item><source url='https://www.a.example/rss'>A</source></item>", head=title)

    assert (read(body).entries[0].content.origin is None) == ours


def test_enclosures_are_absolute_typed_and_each_once():
    found = content(
        "<enclosure url='/a.mp3' type='Audio/MPEG' length='12'/><enclosure url='/a.mp3'/>"
        "<enclosure url='b.ogg' type='&quot;x' length='-5'/><enclosure url='javascript:x'/>"
        "<media:content url='/c.mp4' medium='video' fileSize='7'/>"
        "<media:content url='/d.png' type='image/png'/>"
    )

    assert found.enclosures == (
        Enclosure(url="https://a.example/a.mp3", type="audio/mpeg", length=12),
        Enclosure(url="https://a.example/blog/b.ogg"),
        Enclosure(url="https://a.example/c.mp4", length=7),
    )
    assert found.image == "https://a.example/d.png"


def test_an_atom_enclosure_is_a_link():
    found = atom_entry('<link rel="enclosure" href="a.mp3" length="9" type="audio/mpeg"/>')

    assert found.content.enclosures == (
        Enclosure(url="https://a.example/blog/a.mp3", type="audio/mpeg", length=9),
    )
    assert found.content.link is None


def test_pictures_that_the_entry_does_not_show_otherwise_are_files():
    found = content(
        "<media:thumbnail url='/t.png'/><media:content url='/c.png' type='image/png'/>"
        "<media:content url='/shown.png?a=1&amp;b=2' type='image/png'/>"
        "<media:content url='/untyped.png' medium='image'/>"
        "<description>&lt;img src='/shown.png?a=1&amp;amp;b=2'></description>"
    )

    assert found.image == "https://a.example/t.png"
    assert found.enclosures == (Enclosure(url="https://a.example/c.png", type="image/png"),)


def test_of_a_media_group_all_files_are_kept_the_default_first():
    found = content(
        "<media:group><media:content url='/a.mp4' fileSize='7' duration='62'/>"
        "<media:content url='/b.webm' type='video/webm' isDefault='true'/></media:group>"
    )

    assert found.enclosures == (
        Enclosure(url="https://a.example/b.webm", type="video/webm"),
        Enclosure(url="https://a.example/a.mp4", length=7, duration=62),
    )


def test_media_of_other_kinds_are_files_unless_nobody_can_play_them():
    found = content(
        "<media:content url='/a.pdf' type='application/pdf'/>"
        "<media:content url='/b' medium='document'/><media:content url='/c'/>"
        "<media:content url='/d.swf' type='application/x-shockwave-flash' medium='video'/>"
        "<media:content url='/e' type='text/html' medium='video'/>"
    )

    assert [file.url[-6:] for file in found.enclosures] == ["/a.pdf", "mple/b"]


def test_an_author_s_avatar_is_no_picture_of_the_entry():
    avatar = "<media:content url='https://1.gravatar.com/avatar/x?s=96' medium='image'/>"

    assert content(avatar).image is None
    assert content(f"{avatar}<media:content url='/a.png' medium='image'/>").image is not None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("3723", 3723),
        ("1:02:03", 3723),
        (" 62:03 ", 3723),
        ("3723.9", 3723),
        ("0", None),
        ("-5", None),
        ("an hour", None),
        ("9" * 30, None),
        ("99999999", None),
    ],
)
def test_the_duration_of_an_item_is_that_of_the_first_file_that_plays(written: str, seconds):
    found = content(
        "<enclosure url='/a.pdf' type='application/pdf'/>"
        "<enclosure url='/a.mp3' type='audio/mpeg'/>"
        f"<itunes:duration>{written}</itunes:duration>"
    )

    assert [file.duration for file in found.enclosures] == [None, seconds]


def test_one_file_that_is_named_twice_is_known_by_all_that_is_said_of_it():
    found = content(
        "<enclosure url='/a.mp3' type='audio/mpeg' length='0'/>"
        "<media:content url='/a.mp3' medium='audio' fileSize='9' duration='8'/>"
    )

    assert found.enclosures == (
        Enclosure(url="https://a.example/a.mp3", type="audio/mpeg", length=9, duration=8),
    )


def test_a_thumbnail_is_the_picture_before_others():
    found = content(
        "<media:content url='/c.png' medium='image'/><itunes:image href='/i.png'/>"
        "<media:thumbnail url='/t.png'/>"
    )

    assert found.image == "https://a.example/t.png"


def test_an_entry_s_language_goes_before_the_feed_s():
    head = "<language>en-us</language>"
    items = "<item><title>a</title></item><item><dc:language>de</dc:language></item>"

    assert [entry.content.language for entry in read(rss(items, head)).entries] == ["en-us", "de"]
    own = atom_entry("<title>x</title>", attributes='xml:lang="en"', entry='xml:lang="zh"')
    assert own.content.language == "zh"
    assert content("<dc:language>&lt;b&gt;</dc:language>").language is None


def test_white_space_and_a_mark_before_the_document_do_no_harm():
    body = '<?xml version="1.0" encoding="utf-8"?>\n' + rss("<item><title>中</title></item>")

    for raw in (b"\n \t" + body.encode(), b"\xef\xbb\xbf\n" + body.encode()):
        assert read(raw).entries[0].content.title == "中"


def test_much_white_space_before_the_root_costs_little():
    body = '<?xml version="1.0"?>' + "\n" * 200_000 + rss("<item><title>x</title></item>")

    assert len(read(body).entries) == 1


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", ""),
        ("utf-16", "application/rss+xml"),
        ("gb18030", "text/xml; charset=gb18030"),
        ("big5", "text/html"),
    ],
)
def test_text_is_read_in_the_document_s_encoding(encoding: str, content_type: str):
    body = f'<?xml version="1.0" encoding="{encoding}"?>' + rss("<item><title>中文</title></item>")

    assert read(body.encode(encoding), content_type=content_type).entries[0].content.title == "中文"


@pytest.mark.parametrize("encoding", ["undefined", "idna", "x\x00y", "\udcff", "rot13", "no-such"])
def test_a_nonsensical_encoding_does_not_cost_the_feed(encoding: str):
    body = f'<?xml version="1.0" encoding="{encoding}"?>' + rss("<item><title>x</title></item>")

    raw = body.encode("utf-8", "surrogateescape")

    assert read(raw).entries[0].content.title == "x"


@pytest.mark.parametrize("reference", ["&#xD800;", "&#1114112;", "&#99999999999999999999;", "&#0;"])
def test_a_reference_to_no_character_costs_neither_its_entry_nor_another(reference: str):
    items = f"<item><title>a{reference}</title></item><item><title>b</title></item>"

    titles = [entry.content.title for entry in read(rss(items)).entries]

    assert len(titles) == 2
    assert (titles[0][:1], titles[1]) == ("a", "b")


def test_a_document_that_breaks_off_gives_what_came():
    body = rss("<item><guid>1</guid></item><item><guid>2</guid></item>")

    assert [entry.guid for entry in read(body[:-40]).entries][:1] == ["1"]


@pytest.mark.parametrize(
    "element",
    [
        "<summary_detail x='1'/>",
        "<content a='b'/>",
        "<title_detail>x</title_detail>",
        "<published_parsed>x</published_parsed>",
        "<source x='y'/>",
        "<media_content>x</media_content>",
        "<guidislink>x</guidislink>",
    ],
)
def test_elements_named_like_a_parser_s_fields_harm_nothing(element: str):
    items = f"<item><guid>1</guid>{element}</item><item><guid>2</guid></item>"

    assert [entry.guid for entry in read(rss(items)).entries] == ["1", "2"]


def test_the_first_entries_of_an_endless_document_are_read():
    feed = read(rss("".join(f"<item><guid>{n}</guid></item>" for n in range(2100))))

    assert len(feed.entries) == 2000
    assert feed.entries[-1].guid == "1999"


def test_entities_are_not_expanded():
    prolog = '<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hosts">]>'

    feed = read(prolog + rss("<item><title>&b;</title><description>&f;</description></item>"))

    assert "xxx" not in feed.entries[0].content.title
    assert "localhost" not in feed.entries[0].content.text


@pytest.mark.parametrize("content_type", ["application/feed+json", "text/plain", ""])
def test_a_json_feed_is_told_by_its_beginning(content_type: str):
    assert read('\n{"items": []}', content_type=content_type).format == "json1"


def test_an_xml_feed_that_is_sent_as_json_is_read():
    assert read(rss(""), content_type="application/json").format == "rss20"


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not there")
def test_real_feeds_give_as_many_entries_as_feedparser_finds():
    with (CORPORA / "feeds.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["group"] == "real"]
    small = [row for row in rows if int(row["bytes"]) < 60_000 and int(row["entries"])]

    for row in small[::8]:
        feed = read((CORPORA / "feeds" / row["path"]).read_bytes())
        assert (row["path"], len(feed.entries)) == (row["path"], int(row["entries"]))


def test_an_entry_says_which_feed_it_is_from():
    own = rss_item('<guid>1</guid><source url="https://b.example/feed">B</source>')
    copied = atom_entry(
        "<id>1</id><source><id>https://b.example/id</id><title>B</title>"
        '<link rel="self" href="https://b.example/feed"/><link href="/"/></source>',
        attributes=' xml:base="https://b.example/x/"',
    )

    assert own.taken_from == ("https://b.example/feed",)
    assert {"https://b.example/feed", "https://b.example/id"} <= set(copied.taken_from)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "<source>B</source>",
        '<source url="javascript:x">B</source>',
        '<source url="">B</source>',
    ],
)
def test_an_entry_without_a_usable_source_is_its_feeds_own(source):
    assert rss_item(f"<guid>1</guid>{source}").taken_from == ()
