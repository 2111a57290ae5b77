"""RSS 2.0 and the profile of its Advisory Board, line by line, for any stored data."""

import re
from email.utils import parsedate_to_datetime

import pytest
from lxml import etree

from aggregator.core.model import Enclosure, Person
from tests.builders import NOON
from tests.formats.documents import CHANNEL, channel, gathered, rich, shown
from tests.formats.lines import documents, elements
from tests.formats.nasty import DATES
from tests.formats.validity import ATOM, CONTENT, CREATOR, MEDIA_CONTENT, html_findings, is_id
from tests.formats.whole import write_rss

ITEM = "channel/item"


def item_of(body: bytes):
    return etree.fromstring(body).find(ITEM)


def test_b2_01_the_channel_has_a_title_a_description_and_its_page():
    for made in documents("rss"):
        assert made.root.get("version") == "2.0"
        for name in ("title", "link", "description"):
            assert (made.root.findtext(f"channel/{name}") or "").strip()
        assert made.root.findtext("channel/link") == made.channel.page_url


def test_b2_02_items_come_last_and_each_has_a_title():
    for made in documents("rss"):
        tags = [child.tag for child in made.root[0]]
        first = tags.index("item") if "item" in tags else len(tags)
        assert set(tags[first:]) <= {"item"}
    assert all((item.findtext("title") or "").strip() for item in elements("rss", ITEM))


def test_b2_03_the_channel_links_to_itself():
    for made in documents("rss"):
        [link] = made.root.findall(f"channel/{ATOM}link[@rel='self']")
        assert (link.get("href"), link.get("type")) == (
            made.channel.self_url,
            "application/rss+xml",
        )


def test_b2_04_every_item_has_a_guid_that_stands_once():
    for made in documents("rss"):
        guids = [item.find("guid") for item in made.root.findall(ITEM)]
        assert all(is_id(guid.text or "") for guid in guids)
        assert len({guid.text for guid in guids}) == len(guids)


def test_b2_04_a_guid_is_a_permalink_only_where_it_is_the_link():
    for item in elements("rss", ITEM):
        guid = item.find("guid")
        assert guid.get("isPermaLink") == str(guid.text == item.findtext("link")).lower()


@pytest.mark.parametrize("date", DATES)
def test_b2_05_dates_are_english_with_four_digits_and_the_right_day(date):
    written = item_of(write_rss(CHANNEL, [shown(published=date)]).body).findtext("pubDate")

    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", written)
    moment = parsedate_to_datetime(written)
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    assert written[:3] == names[moment.weekday()]
    assert moment.year >= 1990
    assert moment <= NOON


def test_b2_06_the_build_date_is_when_the_content_changed():
    for made in documents("rss"):
        [date] = made.root.findall("channel/lastBuildDate")
        assert parsedate_to_datetime(date.text or "") == made.channel.updated


def test_b2_07_people_are_creators_and_no_author_needs_an_address():
    for item in elements("rss", ITEM):
        assert item.find("author") is None
        assert item.findall(CREATOR)
        assert all((one.text or "").strip() for one in item.findall(CREATOR))


def test_b2_08_the_description_comes_before_the_content():
    for item in elements("rss", ITEM):
        tags = [child.tag for child in item]
        if CONTENT in tags:
            assert tags.index("description") < tags.index(CONTENT)


def test_b2_09_one_enclosure_with_url_length_and_type_and_the_others_as_media():
    files = tuple(Enclosure(url=f"https://a.example/{n}.mp3") for n in range(3))
    item = item_of(write_rss(CHANNEL, [shown(content={"enclosures": files})]).body)

    assert [dict(one.attrib) for one in item.findall("enclosure")] == [
        {"url": "https://a.example/0.mp3", "length": "0", "type": "audio/mpeg"}
    ]
    assert len(item.findall(MEDIA_CONTENT)) == 2
    for one in elements("rss", f"{ITEM}/enclosure"):
        assert set(one.attrib) == {"url", "length", "type"}
        assert int(one.get("length")) >= 0


def test_b2_10_the_source_has_its_feed_and_is_no_element_of_atom():
    for item in elements("rss", ITEM):
        [source] = item.findall("source")
        assert source.get("url").startswith(("https://", "http://", "HTTPS://"))
        assert (source.text or "").strip()
        assert item.find(f"{ATOM}source") is None


def test_b2_10_what_a_planet_gathered_names_where_it_is_from():
    source = item_of(write_rss(CHANNEL, [gathered()]).body).find("source")

    assert (source.text, source.get("url")) == ("Of <B>", "https://b.example/feed?x=1&y=2")


def test_b2_11_markup_characters_in_plain_text_are_hexadecimal():
    body = write_rss(CHANNEL, [shown(content={"title": "R&D: a < b", "categories": ("<x>",)})]).body

    assert b"<title>R&#x26;D: a &#x3C; b</title>" in body
    assert b"<category>&#x3C;x&gt;</category>" in body
    plain = rb"<(title|category|source|dc:creator)\b[^>]*>[^<]*&(lt|amp);"
    assert not [made for made in documents("rss") if re.search(plain, made.body)]


def test_b2_12_no_ttl_and_no_cloud_is_promised():
    for made in documents("rss"):
        for name in ("ttl", "cloud", "skipHours", "skipDays"):
            assert made.root.find(f"channel/{name}") is None


def test_b2_13_the_image_says_what_the_channel_says():
    image = etree.fromstring(write_rss(CHANNEL, [rich()]).body).find("channel/image")
    assert image.findtext("url") == CHANNEL.icon

    for image in elements("rss", "channel/image"):
        above = image.getparent()
        for name in ("title", "link"):
            assert image.findtext(name) == above.findtext(name)
        assert (image.find("width"), image.find("height")) == (None, None)  # 88 by 31 are meant


def test_b2_13_without_an_address_there_is_no_image():
    body = write_rss(channel(icon="/icon.png"), []).body

    assert etree.fromstring(body).find("channel/image") is None


def test_b2_14_the_specification_and_the_generator_are_named():
    for made in documents("rss"):
        assert made.root.findtext("channel/docs") == "http://www.rssboard.org/rss-specification"
        assert re.fullmatch(r"aggregator \d.*", made.root.findtext("channel/generator") or "")


def test_b2_15_no_update_period_is_promised():
    for made in documents("rss"):
        assert b"syndication/" not in made.body


def test_b2_16_content_has_no_relative_reference_and_nothing_active():
    for content in elements("rss", f"{ITEM}/{CONTENT}"):
        assert html_findings(content.text or "") == []


def test_b2_17_there_is_nothing_of_itunes():
    for made in documents("rss"):
        assert b"itunes" not in made.body


def test_b2_18_no_character_is_one_that_no_document_should_hold():
    for made in documents("rss"):
        text = made.body.decode("utf-8")
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd-\uffff]", text)


def test_an_author_with_an_address_alone_is_named_by_it():
    item = item_of(
        write_rss(CHANNEL, [shown(content={"authors": (Person(email="a@a.example"),)})]).body
    )

    assert item.findtext(CREATOR) == "a@a.example"
