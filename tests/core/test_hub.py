from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from aggregator.core.hub import (
    Refusal,
    SubscriptionRequest,
    content_headers,
    denial_url,
    read_request,
    topic_path,
    verification_url,
)

ASKED = {
    "hub.mode": "subscribe",
    "hub.callback": "https://s.example/callback?key=1",
    "hub.topic": "https://p.example/feed.atom",
}


def read(**changes: str | None) -> SubscriptionRequest | Refusal:
    fields = ASKED | {f"hub.{name}": value for name, value in changes.items()}
    return read_request({name: value for name, value in fields.items() if value is not None})


def test_b5_hub_a_request_needs_mode_callback_and_topic_and_no_more():
    assert read_request(ASKED | {"hub.foo": "x", "bar": "y"}) == SubscriptionRequest(
        mode="subscribe",
        callback="https://s.example/callback?key=1",
        topic="https://p.example/feed.atom",
        lease=timedelta(days=10),
        secret=None,
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mode": None}, "hub.mode"),
        ({"mode": "publish"}, "hub.mode"),
        ({"callback": None}, "hub.callback"),
        ({"callback": "ftp://s.example/"}, "hub.callback"),
        ({"callback": "/callback"}, "hub.callback"),
        ({"callback": "https://me:pw@s.example/"}, "hub.callback"),
        ({"callback": "https://s.example/#part"}, "hub.callback"),
        ({"callback": "https://s.example\\@t.example/"}, "hub.callback"),
        ({"topic": None}, "hub.topic"),
        ({"topic": ""}, "hub.topic"),
        ({"topic": "news"}, "hub.topic"),
        ({"topic": "https://p.example/\x1b[2J"}, "hub.topic"),
        ({"topic": "https://p.example/\0", "mode": "unsubscribe"}, "hub.topic"),
        ({"topic": f"https://p.example/{'x' * 5000}", "mode": "unsubscribe"}, "hub.topic"),
        ({"lease_seconds": "soon"}, "hub.lease_seconds"),
        ({"lease_seconds": "-5"}, "hub.lease_seconds"),
        ({"lease_seconds": "0"}, "hub.lease_seconds"),
        ({"lease_seconds": "٣"}, "hub.lease_seconds"),
        ({"secret": "x" * 200}, "hub.secret"),
        ({"secret": "é" * 100}, "hub.secret"),
    ],
)
def test_b5_hub_a_faulty_request_is_told_what_is_wrong(changes, named):
    answer = read(**changes)

    assert isinstance(answer, Refusal)
    assert answer.status == 400
    assert named in answer.reason


def test_b5_hub_a_secret_of_199_bytes_is_taken():
    answer = read(secret="x" * 199)

    assert isinstance(answer, SubscriptionRequest)
    assert answer.secret == "x" * 199
    assert "xxx" not in repr(answer)
    assert "callback" not in repr(answer)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, timedelta(days=10)),
        ("", timedelta(days=10)),
        ("86400", timedelta(days=1)),
        ("5", timedelta(hours=1)),
        ("1000000000", timedelta(days=30)),
        ("9" * 5000, timedelta(days=30)),
    ],
)
def test_b5_hub_a_lease_is_neither_endless_nor_very_short(asked, granted):
    answer = read(lease_seconds=asked)

    assert isinstance(answer, SubscriptionRequest)
    assert answer.lease == granted


def test_b5_hub_a_lease_means_nothing_when_unsubscribing():
    assert isinstance(read(mode="unsubscribe", lease_seconds="soon"), SubscriptionRequest)


@pytest.mark.parametrize("callback", ["https://s.example/c", "https://s.example/c?a=1&hub.mode=x"])
def test_b5_hub_the_callbacks_own_query_stays_in_front(callback):
    url = verification_url(
        callback, mode="subscribe", topic="https://p.example/a?b=c&d", challenge="x/y+z", lease=60
    )
    own, added = parse_qs(urlsplit(callback).query), parse_qs(urlsplit(url).query)

    assert url.startswith(callback)
    assert {name: values[-1] for name, values in added.items() if name != "a"} == {
        "hub.mode": "subscribe",
        "hub.topic": "https://p.example/a?b=c&d",
        "hub.challenge": "x/y+z",
        "hub.lease_seconds": "60",
    }
    assert added["hub.mode"][:-1] == own.get("hub.mode", [])


def test_b5_hub_a_denial_names_mode_topic_and_reason():
    url = denial_url("https://s.example/c", topic="https://p.example/a", reason="it is gone")

    assert parse_qs(urlsplit(url).query) == {
        "hub.mode": ["denied"],
        "hub.topic": ["https://p.example/a"],
        "hub.reason": ["it is gone"],
    }


def test_b5_hub_content_goes_with_type_links_and_signature():
    facts = {"content_type": "text/x", "topic": "https://p.example/a", "hub": "https://p.example/h"}
    plain = dict(content_headers(b"body", **facts, secret=None))
    signed = dict(content_headers(b"body", **facts, secret="key"))

    assert plain == {
        "Content-Type": "text/x",
        "Link": '<https://p.example/h>; rel="hub", <https://p.example/a>; rel="self"',
    }
    # echo -n body | openssl dgst -sha256 -hmac key
    assert signed["X-Hub-Signature"] == (
        "sha256=515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1"
    )


@pytest.mark.parametrize(
    ("topic", "path"),
    [
        ("https://p.example/x/feed.atom", ("feed.atom",)),
        ("https://p.example/x/tags/a%20b.rss", ("tags", "a b.rss")),
        ("https://p.example/x/feed%2Eatom", ("feed.atom",)),
        ("https://p.example/x/feed.atom?page=2", None),
        ("https://p.example/feed.atom", None),
        ("http://p.example/x/feed.atom", None),
    ],
)
def test_b5_hub_topics_stand_below_the_site(topic, path):
    assert topic_path(topic, "https://p.example/x/") == path
