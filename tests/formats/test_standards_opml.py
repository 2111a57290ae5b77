"""OPML 2.0, rule by rule, for any stored data."""

from dataclasses import replace
from typing import Any

from lxml import etree

from aggregator.formats.opml import write_opml
from aggregator.formats.opml_reading import read_opml
from tests.builders import NOON
from tests.formats.nasty import Nasty
from tests.formats.validity import opml_findings

SEEDS = range(30)


def lists() -> list[Any]:
    found = []
    for seed in SEEDS:
        nasty = Nasty(seed)
        sources = [nasty.source(f"key-{n}") for n in range(nasty.random.randint(0, 5))]
        tags = {source.key: nasty.some(nasty.text) for source in sources}
        body = write_opml(nasty.text(), sources, modified=NOON, tags=tags)
        assert opml_findings(body) == []
        found.append(etree.fromstring(body))
    return found


def subscriptions() -> list[Any]:
    found = [one for opml in lists() for one in opml.iter("outline") if "xmlUrl" in one.attrib]
    assert found
    return found


def test_b6_01_there_is_one_head_and_one_body_with_an_outline():
    for opml in lists():
        assert opml.get("version") == "2.0"
        assert [child.tag for child in opml] == ["head", "body"]
        assert opml.findall("body/outline")


def test_b6_02_every_outline_has_text():
    for opml in lists():
        assert all((one.get("text") or "").strip() for one in opml.iter("outline"))


def test_b6_03_a_subscription_has_type_rss_text_title_and_its_address():
    for one in subscriptions():
        assert one.get("type") == "rss"
        assert (one.get("title") or "").strip()
        assert one.get("xmlUrl").startswith("https://s.example/feed?a=1&b=")
        assert one.get("htmlUrl", "https://").lower().startswith(("https://", "http://"))


def test_b6_04_dates_are_those_of_rfc_822():
    for opml in lists():
        assert opml.findtext("head/dateModified") == "Sun, 01 Mar 2026 12:00:00 GMT"


def test_b6_05_elements_of_the_head_stand_once():
    for opml in lists():
        tags = [child.tag for child in opml.find("head")]
        assert len(tags) == len(set(tags))


def test_b6_06_tags_are_categories_and_groups():
    source = replace(Nasty(1).source("a"), name="A")
    body = write_opml("T", [source], tags={"a": ["news", "b, c"]})
    group = etree.fromstring(body).find("body/outline")

    assert group.get("text") == "b, c"
    assert group.find("outline").get("category") == "news"


def test_b6_08_docs_and_version_of_an_outline_are_left_out():
    for opml in lists():
        assert opml.find("head/docs") is None
        assert not [one for one in opml.iter("outline") if "version" in one.attrib]


def test_b6_09_what_others_write_is_read():
    nested = (
        "\ufeff<opml><body><outline text='Group'><outline xmlUrl='https://a.example/feed'/>"
        "<outline text='\u00e9' type='RSS' xmlUrl='https://b.example/feed'/></outline></body></opml>"
    )
    latin = "<?xml version='1.0' encoding='iso-8859-1'?>" + nested.removeprefix("\ufeff")
    for document in (nested.encode(), latin.encode("latin-1")):
        urls = [each.url for each in read_opml(document).listed]
        assert urls == ["https://a.example/feed", "https://b.example/feed"]
