"""RFC 9110 §12.5.3, §13.1: codings and conditions."""

from datetime import UTC, datetime

import pytest

from aggregator.web.conditional import Validity, forms_for, held_form, held_tags, wants_delta

VALIDITY = Validity(tag="a", last_modified=datetime(2026, 3, 4, 12, 0, 0, 900_000, tzinfo=UTC))
PLAIN = ("identity",)
ALL = ("br", "zstd", "gzip", "identity")


@pytest.mark.parametrize(
    ("accept_encoding", "best"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("compress", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip, br;q=0.5", "gzip"),
        ("br;q=0.5, zstd;q=0.8, gzip;q=0.8", "zstd"),
        ("br;q=0, gzip", "gzip"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("*", "br"),
        ("*;q=0.3, gzip;q=0.2", "br"),
        ("gzip;q=0", "identity"),
        ("gzip ; q=0.000", "identity"),
        ("gzip;q=0, *", "br"),
        ("*;q=0", "identity"),
        ("identity;q=0", "identity"),
        ("gzip;q=0.5, identity;q=0.9", "identity"),
        ("gzip;q=0.9, identity;q=0.5", "gzip"),
        ("gzip;q=1, identity;q=1", "gzip"),
        ("gzip;q=much", "identity"),
        ("gzip;q=nan", "identity"),
        ("gzip;q=inf", "identity"),
        ("gzip;q=-1", "identity"),
        ("gzip;q=0.5;x=y", "gzip"),
        (",;,=;q", "identity"),
    ],
)
def test_the_form_is_sent_that_the_client_likes_best(accept_encoding, best):
    assert forms_for(accept_encoding)[0] == best


def test_a_form_that_is_not_accepted_is_not_among_those_that_may_be_sent():
    assert forms_for("gzip, br;q=0") == ("gzip", "identity")
    assert forms_for("") == PLAIN


def held(if_none_match, forms=ALL, if_modified_since=None):
    return held_form(
        VALIDITY, forms, if_none_match=if_none_match, if_modified_since=if_modified_since
    )


@pytest.mark.parametrize(
    ("if_none_match", "forms", "form"),
    [
        ('"a"', PLAIN, "identity"),
        ('W/"a"', PLAIN, "identity"),
        ('"b", W/"c", "a"', PLAIN, "identity"),
        ("*", PLAIN, "identity"),
        ("*", ALL, "br"),
        (" * ", ALL, "br"),
        ('"a.gz"', ALL, "gzip"),
        ('"a.br"', ALL, "br"),
        ('"a.zst"', ALL, "zstd"),
        ('"a"', ALL, "identity"),
        ('"a.gz", "a.br"', ALL, "br"),
        ('"a-gzip"', PLAIN, "identity"),
        ('"a;br"', PLAIN, "identity"),
        ('W/"a-zstd"', PLAIN, "identity"),
        ('"a-df"', ALL, "identity"),
        ('"a.gz-gzip"', ALL, "gzip"),
        ('"b"', ALL, None),
        ('"aa"', ALL, None),
        ('"a.xz"', ALL, None),
        ("a", ALL, None),
        ("", ALL, None),
        ('"', ALL, None),
    ],
)
def test_a_tag_that_the_client_holds_is_found(if_none_match, forms, form):
    assert held(if_none_match, forms) == form


def test_a_packed_form_does_not_stand_in_for_one_that_the_client_cannot_unpack():
    assert held('"a.gz"', PLAIN) is None
    assert held('"a.br"', ("gzip", "identity")) is None


@pytest.mark.parametrize(
    ("if_modified_since", "form"),
    [
        ("Wed, 04 Mar 2026 12:00:00 GMT", "br"),
        ("Wed, 04 Mar 2026 12:00:00 -0000", "br"),
        ("Thu, 05 Mar 2026 00:00:00 GMT", "br"),
        ("Wed, 04 Mar 2026 11:59:59 GMT", None),
        ("yesterday", None),
        ("", None),
        ("Wed, 04 Mar 99999999999 12:00:00 GMT", None),
    ],
)
def test_a_date_counts_in_whole_seconds_and_only_when_it_is_one(if_modified_since, form):
    assert held(None, if_modified_since=if_modified_since) == form


def test_tags_win_over_dates():
    assert held('"old"', if_modified_since="Thu, 05 Mar 2026 00:00:00 GMT") is None


@pytest.mark.parametrize(
    ("if_none_match", "tag"),
    [('"a"', "a"), ('W/"a"', "a"), ('"a.gz"', "a"), ('"x", "a.zst"', "a"), ('"a;br"', "a")],
)
def test_the_tag_of_the_resource_is_found_in_that_of_its_form(if_none_match, tag):
    assert tag in held_tags(if_none_match)


@pytest.mark.parametrize(
    ("a_im", "wanted"),
    [
        ("feed", True),
        ("Feed", True),
        ("vcdiff, feed;q=0.4, gzip", True),
        ("feed;q=0", False),
        ("feed;q=no", False),
        ("vcdiff", False),
        ("feeds", False),
        ("*", False),
        ("", False),
    ],
)
def test_who_takes_a_part_of_a_feed_says_so(a_im, wanted):
    assert wants_delta(a_im, "*/*") is wanted
