from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.core.wire import FetchRequest, Validators
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.headers import (
    LONGEST_WAIT,
    announced_length,
    asked_pause,
    encoding_of,
    fields_of,
    fresh_for,
    request_headers,
    retry_after,
    validators_of,
)

NOON = datetime(1994, 11, 6, 12, 0, 0, tzinfo=UTC)


def asking(**changes) -> FetchRequest:
    plain = FetchRequest(url="http://a.example/", timeout=1, max_body=1, user_agent="agent/1")
    return replace(plain, **changes)


def sent(request: FetchRequest, *, auth=None, own=True) -> dict[bytes, bytes]:
    pairs = request_headers(request, auth, own=own)
    assert len({name.lower() for name, _ in pairs}) == len(pairs)
    return {name.lower(): value for name, value in pairs}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("Sun, 06 Nov 1994 12:01:30 GMT", 90),
        ("Sunday, 06-Nov-94 12:01:30 GMT", 90),
        ("Sun Nov  6 12:01:30 1994", 90),
        ("Sun, 06 Nov 1994 13:01:30 +0100", 90),
        ("Sun, 06 Nov 1994 11:00:00 GMT", 0),
        ("99999999999999", LONGEST_WAIT.total_seconds()),
        ("9" * 5000, LONGEST_WAIT.total_seconds()),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT.total_seconds()),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(text, seconds):
    assert retry_after(text, NOON) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "nan", "soon", "٣", "Sun, 99 Nov 1994 99:99:99 GMT", "1, 2"]
)
def test_a_retry_after_that_cannot_be_read_is_ignored(text):
    assert retry_after(text, NOON) is None


def test_nobody_asks_for_the_time_where_no_pause_is_asked_for():
    def never():
        raise AssertionError

    assert asked_pause({b"server": [b"x"]}, never) is None
    assert asked_pause({b"retry-after": [b"9"]}, lambda: NOON) == timedelta(seconds=9)


def test_validators_go_out_byte_for_byte_and_only_those_we_have():
    both = Validators('W/"a\xe9b"', "sunday, or so")

    headers = sent(asking(validators=both))

    assert headers[b"if-none-match"] == b'W/"a\xe9b"'
    assert headers[b"if-modified-since"] == b"sunday, or so"
    assert not {b"if-none-match", b"if-modified-since"} & sent(asking()).keys()
    assert b"if-modified-since" not in sent(asking(validators=Validators(etag='"x"')))


def test_validators_come_in_byte_for_byte():
    fields = [(b"ETAG", b'W/"a\xe9"'), (b"etag", b"second"), (b"Last-Modified", b"whenever")]

    assert validators_of(fields_of(fields)) == Validators('W/"a\xe9"', "whenever")


def test_a_validator_too_long_to_be_sent_back_is_none():
    fields = fields_of([(b"etag", b"x" * 5000), (b"last-modified", b"")])

    assert validators_of(fields) == Validators()


def test_private_headers_and_password_go_only_where_they_belong():
    request = asking(headers=(("X-Key", "s3cret"),))

    own = sent(request, auth=("me", "pä:ss"), own=True)
    other = sent(request, auth=("me", "pä:ss"), own=False)

    assert own[b"x-key"] == b"s3cret"
    assert own[b"authorization"] == b"Basic bWU6cMOkOnNz"
    assert not {b"x-key", b"authorization"} & other.keys()


def test_a_configured_header_replaces_ours_but_not_what_makes_the_exchange_work():
    request = asking(headers=(("user-agent", "other"), ("Accept-Encoding", "lzma"), ("Host", "x")))

    headers = sent(request)

    assert headers[b"user-agent"] == b"other"
    assert headers[b"accept-encoding"] == b"gzip, deflate, br, zstd"
    assert b"host" not in headers


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Content-Length",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
    ],
)
def test_a_configured_header_of_the_connection_is_not_sent(name):
    assert name.lower().encode() not in sent(asking(headers=((name, "x"),)))


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b"", None),
        (b"identity", None),
        (b"GZIP", "gzip"),
        (b"x-gzip", "gzip"),
        (b"deflate,", "deflate"),
        (b"br", "br"),
        (b"Zstd", "zstd"),
    ],
)
def test_the_encoding_is_named(value, encoding):
    assert encoding_of(fields_of([(b"Content-Encoding", value)])) == encoding


@pytest.mark.parametrize(
    "value", [b"compress", b"dcb", b"gzip, gzip", b"br, zstd", b"gzip;q=1", b"\xff"]
)
def test_an_encoding_that_we_did_not_ask_for_is_refused(value):
    with pytest.raises(FetchFailure) as caught:
        encoding_of(fields_of([(b"content-encoding", value)]))

    assert caught.value.kind == "encoding"


def test_encodings_in_several_fields_add_up():
    with pytest.raises(FetchFailure, match="more than once"):
        encoding_of(fields_of([(b"content-encoding", b"gzip")] * 2))


def test_a_missing_length_is_none():
    assert announced_length({}) == 0
    assert announced_length(fields_of([(b"Content-Length", b"12")])) == 12


DATES = [
    (b"Date", b"Sun, 01 Mar 2026 11:00:00 GMT"),
    (b"Expires", b"Sun, 01 Mar 2026 13:00:00 GMT"),
]


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ([], None),
        ([(b"Cache-Control", b"max-age=7200")], 2),
        ([(b"cache-control", b'public, Max-Age="7200", must-revalidate')], 2),
        ([(b"Cache-Control", b"max-age=7200"), (b"Age", b"3600")], 1),
        ([(b"Cache-Control", b"max-age=3600"), (b"Age", b"7200")], 0),
        (DATES, 2),
        ([*DATES, (b"Cache-Control", b"max-age=3600")], 1),
        ([(b"Expires", b"0"), DATES[0]], None),
        ([DATES[1]], None),
        ([(b"Cache-Control", b"no-cache, max-age=7200")], None),
        ([(b"Cache-Control", b"no-store")], None),
        ([(b"Cache-Control", b"max-age=soon")], None),
    ],
)
def test_how_long_an_answer_is_fresh(fields, hours):
    assert fresh_for(fields_of(fields)) == (None if hours is None else timedelta(hours=hours))


def test_no_server_can_ask_for_ever():
    fields = [(b"Cache-Control", b"max-age=" + b"9" * 5000)]

    assert fresh_for(fields_of(fields)) == LONGEST_WAIT
