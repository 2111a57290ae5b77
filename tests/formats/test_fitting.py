from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.formats.fitting import (
    fit_language,
    fit_line,
    fit_media_type,
    fit_text,
    fit_url,
    rfc822,
)


@given(st.text())
def test_fit_text_may_stand_in_xml_and_in_utf_8(text):
    element = etree.Element("a")
    element.text = fit_text(text)

    assert fit_text(fit_text(text)) == fit_text(text).encode().decode()


def test_fit_text_keeps_what_people_write():
    assert fit_text("a\tb\r\nc é 字 🚀 עברית \u200d") == "a\tb\r\nc é 字 🚀 עברית \u200d"


def test_controls_and_signs_of_broken_encoding_go():
    assert fit_text("a\x00\x1f\x7f\x85\x9f\ud800\ufffd\ufffe\uffffb") == "ab"


def test_a_line_is_single_spaced():
    assert fit_line(" a\n\tb\u2003c ") == "a b c"


@pytest.mark.parametrize(
    ("url", "fit"),
    [
        ("https://a.example/p?x=1&y=%20#f", "https://a.example/p?x=1&y=%20#f"),
        ("https://[::1]:8000/~me/(a)!*'", "https://[::1]:8000/~me/(a)!*'"),
        ("https://a.example/é", "https://a.example/%C3%A9"),
        ('https://a.example/"<a b>"', "https://a.example/%22%3Ca%20b%3E%22"),
        ("https://a.example/\x00\ud800", "https://a.example/"),
    ],
)
def test_an_address_is_encoded_where_it_is_no_uri(url, fit):
    assert fit_url(url) == fit
    assert fit_url(fit) == fit


@pytest.mark.parametrize(
    ("tag", "fit"),
    [
        ("en", "en"),
        (" zh_Hans_CN ", "zh-Hans-CN"),
        ("", None),
        (None, None),
        ("c", None),
        ("English, please", None),
    ],
)
def test_only_a_language_tag_is_one(tag, fit):
    assert fit_language(tag) == fit


@pytest.mark.parametrize(
    ("declared", "url", "fit"),
    [
        ("audio/mpeg", "https://a.example/1", "audio/mpeg"),
        ("text/html; charset=utf-8", "https://a.example/1", "text/html"),
        ("mp3", "https://a.example/1.MP3?x=.pdf", "audio/mpeg"),
        ("", "https://a.example/1.m4a", "audio/mp4"),
        (None, "https://a.example/mp3", None),
        ("audio/", "https://a.example/", None),
    ],
)
def test_a_media_type_is_declared_or_told_by_the_name(declared, url, fit):
    assert fit_media_type(declared, url) == fit


def test_a_date_of_rfc_822_is_in_gmt():
    moment = datetime(2026, 3, 1, 1, 30, 5, 999, tzinfo=timezone(timedelta(hours=5, minutes=45)))

    assert rfc822(moment) == "Sat, 28 Feb 2026 19:45:05 GMT"
    assert rfc822(datetime(1999, 12, 31, tzinfo=UTC)) == "Fri, 31 Dec 1999 00:00:00 GMT"
