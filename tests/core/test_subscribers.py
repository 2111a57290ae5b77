from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.subscribers import (
    FeedReader,
    count_subscribers,
    product_of,
    recognize,
    rounded_down,
    told_by,
)
from tests.builders import NOON, ago

FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; like FeedFetcher-Google)"
NEWSBLUR = (
    "NewsBlur Feed Fetcher - 3 subscribers - https://www.newsblur.com/site/{}/a-blog "
    "(Mozilla/5.0 (Macintosh; Intel Mac OS X 10_7_1) AppleWebKit/534.48.3 Version/5.1)"
)
OLD_READER = "Mozilla/5.0 (compatible; theoldreader.com; 12 subscribers; feed-id=5a2)"
BAZQUX = "Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 1 subscribers)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (FEEDLY, 16),
        (NEWSBLUR.format(7), 3),
        (OLD_READER, 12),
        (BAZQUX, 1),
        ("Feedbin feed-id:1373711 - 142 subscribers", 142),
        ("inoreader.com; 4 subscribers", 4),
        ("Feed Wrangler/1.0 (1 subscriber; feed-id=9; http://feedwrangler.net)", 1),
        ("Bloglines/3.1 (http://www.bloglines.com;12 Subscribers)", 12),
        ("aggregator/0.1.0 (+https://planet.example.org/; 37 subscribers)", 37),
        ("Reader/1.0 (0 subscribers)", 0),
        ("Reader/1.0 (123456789012 subscribers)", 1_000_000),
        (FIREFOX, None),
        ("Mozilla/5.0 (compatible; Miniflux/2.2; +https://miniflux.app)", None),
        ("curl/8.5.0", None),
        ("", None),
        ("Reader/1.0 (many subscribers)", None),
        ("Reader/1.0 (-5 subscribers)", None),
        ("Reader/1.0 (1.5 subscribers)", None),
        ("Reader/1.0 (1,000 subscribers)", None),
        ("Reader/2 subscribersonly", None),
        ("Reader/2 subscribers", None),
        (f"Reader/1.0 ({'9' * 5000} subscribers)", None),
        ("Reader/1.0 (\u0664 subscribers)", None),
    ],
)
def test_how_many_subscribers_a_user_agent_tells(agent, told):
    assert told_by(agent) == told


@pytest.mark.parametrize(
    ("agent", "product"),
    [
        (FEEDLY, ("feedly", "www.feedly.com")),
        (NEWSBLUR.format(7), ("newsblur feed fetcher", "www.newsblur.com")),
        (OLD_READER, ("theoldreader.com", "")),
        (BAZQUX, ("bazqux", "bazqux.com")),
        ("Feedbin feed-id:1373711 - 142 subscribers", ("feedbin feed-id", "")),
        ("Rojo 1.0 (http://www.rojo.com/; 5 subscribers)", ("rojo", "www.rojo.com")),
        ("aggregator/0.1.0 (+https://a.example/; 3 subscribers)", ("aggregator", "a.example")),
    ],
)
def test_a_product_is_known_by_its_name_and_its_site(agent, product):
    assert product_of(agent) == product


@given(st.text(max_size=200))
def test_no_user_agent_is_too_strange(agent):
    reader = fetch(agent=agent)

    assert reader.told is None or 0 <= reader.told <= 1_000_000


def fetch(**changes) -> FeedReader:
    facts = {
        "document": ".atom",
        "address": "192.0.2.7",
        "agent": FIREFOX,
        "salt": "salt",
        "now": NOON,
    }
    return recognize(**{**facts, **changes})


def who(reader: FeedReader) -> tuple[bytes, bytes]:
    return reader.group, reader.member


def test_clients_are_told_apart_by_address_and_agent():
    client = who(fetch())

    assert who(fetch(document="tags/python.rss")) == client
    assert who(fetch(address="192.0.2.8")) != client
    assert who(fetch(agent="curl/8.5.0")) != client


def test_another_salt_makes_another_client():
    assert fetch(salt="other").group != fetch().group
    assert fetch(salt="other").member != fetch().member


def test_a_product_is_the_same_wherever_and_whenever_it_comes_from():
    product = who(fetch(agent=FEEDLY))
    newer = FEEDLY.replace("16", "17").replace("/1.0", "/2.0")

    assert who(fetch(agent=newer, address="192.0.2.8", salt="other")) == product
    assert fetch(agent=NEWSBLUR.format(7)).group == fetch(agent=NEWSBLUR.format(8)).group
    assert fetch(agent=FEEDLY, document=".rss").member != fetch(agent=FEEDLY).member


def regular(**changes) -> FeedReader:
    """Who has come for two days; the last time just now."""
    return replace(fetch(**changes), first_seen_at=ago(days=2))


def count(*readers: FeedReader) -> int:
    return count_subscribers(readers, now=NOON)


def test_nobody_is_no_subscriber():
    assert count() == 0


def test_every_client_counts_once():
    assert count(*(regular(address=f"192.0.2.{n}") for n in range(5))) == 5


def test_a_product_counts_with_the_largest_number_of_its_documents():
    atom, rss = (
        regular(agent=FEEDLY.replace("16", told), document=document)
        for told, document in (("16", ".atom"), ("20", ".rss"))
    )

    assert count(atom, rss) == 20


def test_products_and_clients_add_up():
    assert count(regular(agent=FEEDLY), regular(agent=OLD_READER), regular()) == 16 + 12 + 1


def test_of_several_runs_the_one_with_most_clients_stands_for_all():
    before = [regular(address=f"192.0.2.{n}", salt="before") for n in range(5)]
    since = [regular(address=f"192.0.2.{n}", salt="since") for n in range(3)]

    assert count(*before, *since) == 5


@pytest.mark.parametrize("agent", [FIREFOX, FEEDLY])
@pytest.mark.parametrize(("minutes", "counts"), [(0, False), (59, False), (60, True)])
def test_who_does_not_come_again_after_an_hour_does_not_count(agent, minutes, counts):
    reader = replace(fetch(agent=agent), first_seen_at=ago(minutes=minutes))

    assert bool(count(reader)) == counts


@pytest.mark.parametrize(("hours", "counts"), [(0, 1), (7 * 24, 1), (7 * 24 + 1, 0), (-8 * 24, 0)])
def test_who_was_not_seen_for_a_week_has_left(hours, counts):
    last = NOON - timedelta(hours=hours)

    assert count(replace(fetch(), first_seen_at=ago(days=30), last_seen_at=last)) == counts


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, 0), (7, 7), (37, 37), (99, 99), (100, 100), (109, 100), (1234, 1200), (999_999, 990_000)],
)
def test_a_number_is_rounded_down_to_two_digits(number, told):
    assert rounded_down(number) == told
