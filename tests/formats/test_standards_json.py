"""JSON Feed 1.1, statement by statement, for any stored data."""

import json
from datetime import datetime
from typing import Any

from aggregator.core.leaves import Links
from tests.formats.documents import CHANNEL, channel, gathered, rich, shown
from tests.formats.lines import documents
from tests.formats.validity import html_findings, is_id
from tests.formats.whole import write_json_feed


def feeds() -> list[dict[str, Any]]:
    return [json.loads(made.body) for made in documents("json")]


def items() -> list[dict[str, Any]]:
    found = [item for feed in feeds() for item in feed["items"]]
    assert found
    return found


def head(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write_json_feed(channel(**changes), []).body)
    return found


def test_b3_01_version_title_and_items_are_there():
    for feed in feeds():
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        assert feed["title"].strip()
        assert isinstance(feed["items"], list)


def test_b3_02_the_page_and_the_feed_itself_are_named():
    for made, feed in zip(documents("json"), feeds(), strict=True):
        assert feed["home_page_url"] == made.channel.page_url
        assert feed["feed_url"] == made.channel.self_url


def test_b3_03_an_id_is_a_string_that_stands_once():
    for feed in feeds():
        ids = [item["id"] for item in feed["items"]]
        assert all(isinstance(id, str) and is_id(id) for id in ids)
        assert len(ids) == len(set(ids))


def test_b3_04_an_item_has_content():
    for item in items():
        assert (item.get("content_html") or item.get("content_text") or "").strip()


def test_b3_05_title_and_summary_are_plain_text():
    odd = shown(excerpt="1 < 2 & </b>", content={"title": "<b>R&D</b>"})
    item = json.loads(write_json_feed(CHANNEL, [odd]).body)["items"][0]

    assert (item["title"], item["summary"]) == ("<b>R&D</b>", "1 < 2 & </b>")


def test_b3_06_dates_are_those_of_rfc_3339():
    for item in items():
        for name in ("date_published", "date_modified"):
            moment = datetime.fromisoformat(item[name])
            assert item[name].endswith("Z")
            assert moment.year >= 1990


def test_b3_07_authors_are_a_list_of_objects_with_names():
    for item in items():
        assert "author" not in item
        assert all(author["name"].strip() for author in item["authors"])
    assert head(author="Ada")["authors"] == [{"name": "Ada"}]


def test_b3_08_languages_are_told_where_they_are_some():
    known = {None, "de", "en", "en-US", "zh-Hant-TW", "gsw"}

    assert {feed.get("language") for feed in feeds()} <= known
    assert {item.get("language") for item in items()} <= known


def test_b3_09_url_is_the_page_of_the_item():
    for item in items():
        assert item.get("url", "https://").lower().startswith(("https://", "http://"))
        assert "external_url" not in item  # where a page links to is the page's matter


def test_b3_10_tags_and_the_picture_come_along():
    item = json.loads(write_json_feed(CHANNEL, [rich()]).body)["items"][0]

    assert (item["tags"], item["image"]) == (["python", "R&D"], "https://a.example/1.png")
    for each in items():
        assert all(isinstance(tag, str) and tag.strip() for tag in each.get("tags", []))
        assert each.get("image", "https://").lower().startswith(("https://", "http://"))


def test_b3_11_an_attachment_has_its_address_and_its_type():
    for file in (file for item in items() for file in item.get("attachments", [])):
        assert file["url"].lower().startswith(("https://", "http://"))
        assert "/" in file["mime_type"]
        for name in ("size_in_bytes", "duration_in_seconds"):
            assert 0 < file.get(name, 1) < 2**53


def test_b3_12_what_comes_next_is_another_document():
    onwards = "https://p.example/feed.json?page=2"

    assert head(links=Links(related=(("next", onwards),)))["next_url"] == onwards
    assert not [feed for feed in feeds() if "next_url" in feed]


def test_b3_13_the_hub_is_one_of_websub():
    hub = "https://hub.example/"

    assert head(hub=hub)["hubs"] == [{"type": "WebSub", "url": hub}]
    assert not [feed for feed in feeds() if "hubs" in feed]


def test_b3_14_an_icon_is_icon_and_favicon_and_has_an_address():
    assert (head()["icon"], head()["favicon"]) == (CHANNEL.icon, CHANNEL.icon)
    assert not {"icon", "favicon"} & set(head(icon="/icon.png"))


def test_b3_15_the_origin_is_an_extension_without_dots():
    item = json.loads(write_json_feed(CHANNEL, [gathered()]).body)["items"][0]

    assert set(item["_source"]) == {"id", "title", "feed_url", "home_page_url"}
    for each in items():
        assert {"_aggregator"} <= set(each)
        assert not [key for key in each if key.startswith("_") and "." in key]


def test_b3_16_it_is_utf_8_and_nothing_in_it_is_null():
    for made in documents("json"):
        text = made.body.decode("utf-8")
        assert not text.startswith("\ufeff")
        assert ":null" not in text.replace('"null"', "")


def test_b3_17_a_hundred_ordinary_items_stay_below_250_kb():
    many = [rich(str(n)) for n in range(100)]

    assert len(write_json_feed(CHANNEL, many).body) < 250_000


def test_b3_18_no_feed_says_that_it_is_over():
    assert not [feed for feed in feeds() if "expired" in feed]


def test_b3_19_html_has_no_relative_reference_and_nothing_active():
    for item in items():
        assert html_findings(item.get("content_html", "")) == []
