from datetime import UTC, datetime

import pytest

from aggregator.formats.dates import is_plain, read_date
from aggregator.formats.reading import read_feed

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def date_of(written: str) -> datetime | None:
    """As a feed's reader has it, whoever read the date."""
    body = f"<rss><channel><item><pubDate>{written}</pubDate></item></channel></rss>"
    return read_feed(body.encode(), content_type="", url="").entries[0].published


@pytest.mark.parametrize(
    "written",
    [
        "Thu, 26 Nov 2026 12:00:00 GMT",
        "Thu, 26 Nov 2026 20:00:00 +0800",
        "26 Nov 26 12:00 UT",
        "Thurs, 26 November 2026 12:00:00 +0000",
        "Thu,26 Nov 2026 12:00:00 Z",
        "Thu, 26-Nov-2026 12:00:00 GMT",
        "Thu, 26 Nov 2026 12:00:00 Etc/GMT",
        "Thu, 26 Nov 2026 21:00:00+0900",
        "Thu, 26 Nov 2026 12:00:00 GMT+00:00",
        "Thu, 26 Nov 2026 14:00:00 GMT+02:00",
        "Thu (a comment), 26(th) Nov(ember) 2026 12:00 +0000 (GMT)",
        "Thu, Nov 26 2026 12:00:00 +0000",
        "November 26, 2026 12:00 pm",
        "Thu, 26 Nov 2026 04:00 am PST",
        "Thu Nov 26 12:00:00 2026",
        "Thu Nov 26 12:00:00 GMT 2026",
        "Thu Nov 26 21:00:00 JST 2026",
        "2026-11-26T12:00:00Z",
        "2026-11-26T12:00:00.999999Z",
        "2026-11-26T13:00:00+01:00",
        "2026-11-26T17:30:00+0530",
        "2026-11-26T08:30:00-0330",
        "2026-11-26 12:00:00",
        "2026-11-26 12:00",
        "2026-11-26t12:00:00z",
        "2026/11/26 12:00:00",
        "20261126T120000Z",
        "1795694400",
        "1795694400000",
    ],
)
def test_a_date_may_be_in_any_usual_form(written: str):
    assert date_of(written) == NOON


@pytest.mark.parametrize(
    "written",
    [
        "2026年11月26日 12:00",
        "2026年11月26日 星期四 下午 12:00:00",
        "2026年11月26日12時00分00秒",
        "周四, 26 11月 2026 12:00:00 +0000",
        "星期四, 26 十一月 2026 12:00:00 +0000",
        "2026年11月26日(木) 午後0:00",
        "2026년 11월 26일 (목) 오후 9:00",
        "2026년 11월 26일 21시 00분",
        "2026-11-26 오후 9:00:00",
        "２０２６年１１月２６日　１２：００",
        "Do, 26 Nov. 2026 13:00:00 MEZ",
        "jeu., 26 nov. 2026 12:00:00 +0000",
        "jueves, 26 de noviembre de 2026 12:00",
        "gio, 26 nov 2026 13:00:00 +0100",
        "qui, 26 nov 2026 09:00:00 BRT",
        "do, 26 november 2026 13:00:00 CET",
        "Чт, 26 ноя 2026 15:00:00 MSK",
        "26 ноября 2026 г. 12:00",
        "czw, 26 lis 2026 13:00:00 +0100",
        "Per, 26 Kas 2026 15:00:00 +0300",
        "Πεμ, 26 Νοε 2026 14:00:00 EET",
    ],
)
def test_a_date_may_be_in_another_language(written: str):
    assert date_of(written) == NOON


@pytest.mark.parametrize(
    ("written", "month"),
    [
        ("mer, 16 mär 2022", 3),
        ("16 März 2022", 3),
        ("16 févr. 2022", 2),
        ("16 juin 2022", 6),
        ("16 juillet 2022", 7),
        ("16 août 2022", 8),
        ("16 déc. 2022", 12),
        ("16 ene 2022", 1),
        ("16 mag 2022", 5),
        ("16 paź 2022", 10),
        ("16 мая 2022", 5),
        ("16 Ağu 2022", 8),
        ("16 Sept 2022", 9),
        ("16 October 2022", 10),
    ],
)
def test_months_go_by_many_names(written: str, month: int):
    assert date_of(written) == datetime(2022, month, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        *[("GMT", 12), ("UTC", 12), ("Z", 12), ("EST", 17), ("EDT", 16), ("CST", 18), ("PDT", 19)],
        *[("MSK", 9), ("CET", 11), ("CEST", 10), ("JST", 3), ("KST", 3), ("HKT", 4), ("BST", 11)],
        *[("AEST", 2), ("HST", 22), ("XYZ", 12), ("", 12)],
    ],
)
def test_zones_go_by_name(zone: str, hour: int):
    assert date_of(f"Thu, 26 Nov 2026 12:00:00 {zone}") == NOON.replace(hour=hour)


@pytest.mark.parametrize("offset", ["+9999", "-2500", "+15:00", "-13:00", "+0075"])
def test_an_impossible_offset_says_nothing(offset: str):
    assert date_of(f"Thu, 26 Nov 2026 12:00:00 {offset}") == NOON
    assert date_of(f"2026-11-26T12:00:00{offset}") == NOON


@pytest.mark.parametrize(
    "written",
    [
        *["", " ", "yesterday", "just now", "insert date here", "26 Foo 2026", "0000-00-00"],
        *["0000-01-01T00:00:00Z", "Thu, 31 Feb 0000 00:00:00 GMT", "9999-12-31T23:59:59-08:00"],
        *["99/99/9999", "-1", "x" * 5000, "1" * 5000],
    ],
)
def test_what_is_no_date_is_none(written: str):
    assert date_of(written) is None


def test_the_last_year_of_all_is_a_date():
    assert date_of("9999-12-31T23:59:59Z") == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_an_hour_24_and_a_leap_second_are_the_next_ones():
    assert read_date("2026-11-25T24:00:00Z") == NOON.replace(hour=0)
    assert read_date("2026-11-26T11:59:60Z") == NOON


@pytest.mark.parametrize(
    "written",
    [
        "Thu, 26 Nov 2026 12:00:00 GMT",
        "Thu, 26 Nov 2026 12:00:00 +0530",
        "2026-11-26T12:00:00+08:00",
    ],
)
def test_what_feedparser_reads_well_is_left_to_it(written: str):
    assert is_plain(written)
