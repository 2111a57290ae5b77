"""RFC 9110 §12.5.3, §13.1: codings and conditions."""

from datetime import UTC, datetime

import pytest

from aggregator.web.conditional import Validity, prefers_gzip, still_valid

VALIDITY = Validity(
    etag='"a"',
    gzip_etag='"a-gzip"',
    last_modified=datetime(2026, 3, 4, 12, 0, 0, 900_000, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip ; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity;q=0.9", False),
        ("gzip;q=0.9, identity;q=0.5", True),
        ("gzip;q=much", False),
        ("gzip;q=nan", False),
        (",;,=;q", False),
    ],
)
def test_gzip_is_sent_where_it_is_accepted_and_nothing_is_better(accept_encoding, expected):
    assert prefers_gzip(accept_encoding) is expected


@pytest.mark.parametrize(
    ("if_none_match", "gzip", "held"),
    [
        ('"a"', False, '"a"'),
        ('W/"a"', False, '"a"'),
        ('"b", W/"c", "a"', False, '"a"'),
        ("*", False, '"a"'),
        ('"a-gzip"', True, '"a-gzip"'),
        ('"a"', True, '"a"'),
        ('"a;gzip"', True, '"a"'),
        ('"a;br"', False, '"a"'),
        ('W/"a-zstd"', False, '"a"'),
        ('"b"', False, None),
        ('"aa"', False, None),
        ("a", False, None),
        ("", False, None),
        ('"', False, None),
    ],
)
def test_a_tag_that_the_client_holds_is_found(if_none_match, gzip, held):
    found = still_valid(VALIDITY, gzip=gzip, if_none_match=if_none_match, if_modified_since=None)

    assert found == held


def test_the_compressed_form_does_not_stand_in_for_the_plain_one():
    found = still_valid(VALIDITY, gzip=False, if_none_match='"a-gzip"', if_modified_since=None)

    assert found is None


@pytest.mark.parametrize(
    ("if_modified_since", "held"),
    [
        ("Wed, 04 Mar 2026 12:00:00 GMT", '"a"'),
        ("Wed, 04 Mar 2026 12:00:00 -0000", '"a"'),
        ("Thu, 05 Mar 2026 00:00:00 GMT", '"a"'),
        ("Wed, 04 Mar 2026 11:59:59 GMT", None),
        ("yesterday", None),
        ("", None),
        ("Wed, 04 Mar 99999999999 12:00:00 GMT", None),
    ],
)
def test_a_date_counts_in_whole_seconds_and_only_when_it_is_one(if_modified_since, held):
    found = still_valid(
        VALIDITY, gzip=False, if_none_match=None, if_modified_since=if_modified_since
    )

    assert found == held


def test_tags_win_over_dates():
    found = still_valid(
        VALIDITY,
        gzip=False,
        if_none_match='"old"',
        if_modified_since="Thu, 05 Mar 2026 00:00:00 GMT",
    )

    assert found is None
