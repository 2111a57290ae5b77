import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aggregator.core.offers import Offer
from aggregator.core.pushes import (
    DISTRUST,
    GRACE,
    LEASE,
    LONGEST_LEASE,
    SETTLING,
    SHORTEST_RENEWAL,
    VERIFYING,
    Callback,
    Plan,
    Push,
    PushStanding,
    has_missed,
    is_pushed,
    is_signed,
    lease_of,
    plan,
    renewal,
    retry_after,
)
from tests.builders import NOON, ago

HOUR = timedelta(hours=1)
HUB = "https://hub.example/"
TOPIC = "https://a.example/feed"
BASE = "https://us.example/websub/"
BODY = b"<rss/>"


def active(name: str = "1", **changes) -> Callback:
    facts = {
        "url": BASE + name,
        "hub": HUB,
        "topic": TOPIC,
        "state": "active",
        "asked_at": ago(days=1),
        "verified_at": ago(days=1),
        "renew_at": NOON + HOUR,
        "lease_until": NOON + 2 * HOUR,
    }
    return Callback(token=name, **{**facts, **changes})


def pending(name: str = "2", **changes) -> Callback:
    facts = {
        "state": "pending",
        "asked_at": NOON,
        "verified_at": None,
        "renew_at": None,
        "lease_until": None,
    }
    return active(name, **{**facts, **changes})


def planned(*callbacks: Callback, hubs=(HUB,), now: datetime = NOON, **changes) -> Plan:
    facts = {"source_id": 1, "key": "a", "url": TOPIC, "polled": True}
    offer = Offer(hubs=hubs, topic=TOPIC)
    push = Push(**{**facts, "offer": offer, "callbacks": callbacks, **changes})
    return plan(push, hubs, base=BASE, now=now)


def test_a_hub_that_is_offered_is_asked():
    assert planned() == Plan(ask=HUB)


def test_a_request_waits_for_its_verification():
    assert planned(pending()) == Plan(due_at=NOON + VERIFYING)


def test_a_request_that_nobody_verified_is_dropped():
    late = pending(asked_at=NOON - VERIFYING)

    assert planned(late) == Plan(ask=HUB, drop=(late,), lapsed=HUB)


def test_b5_subscriber_a_subscription_is_renewed_before_its_lease_ends():
    assert planned(active()) == Plan(due_at=NOON + HOUR)
    assert planned(active(), now=NOON + HOUR).ask == HUB
    waiting = pending(asked_at=NOON + HOUR)
    assert planned(active(), waiting, now=NOON + HOUR).ask is None


def test_a_lease_that_ended_is_forgotten_and_asked_for_again():
    over = active(lease_until=NOON)

    assert planned(over) == Plan(ask=HUB, drop=(over,))


@pytest.mark.parametrize("changes", [{"hub": "https://old.example/"}, {"topic": "https://b/"}])
def test_b5_subscriber_another_hub_or_topic_means_another_subscription(changes):
    assert planned(active(**changes)).ask == HUB


def test_another_address_of_ours_means_another_subscription():
    assert planned(active(url="https://old.example/1")).ask == HUB


def test_a_source_that_names_itself_anew_each_time_does_not_subscribe_each_time():
    young = active(topic="https://a.example/feed?1", verified_at=NOON)

    assert planned(young) == Plan(due_at=NOON + SETTLING)
    assert planned(young, now=NOON + SETTLING).ask == HUB


def test_b5_subscriber_where_nothing_is_wanted_everything_ends():
    ending = active("3", state="ending")

    assert planned(active(), pending(), ending, hubs=()) == Plan(
        end=(ending, active(), pending()), due_at=NOON + 2 * HOUR
    )


def test_what_was_replaced_is_ended():
    old = active("3", state="ending")

    assert planned(active(), old) == Plan(end=(old,), due_at=NOON + HOUR)


def test_several_hubs_are_tried_in_turn():
    hubs = ("https://1.example/", "https://2.example/")

    assert [planned(hubs=hubs, failures=n).ask for n in range(3)] == [hubs[0], hubs[1], hubs[0]]


def test_a_hub_that_fails_is_asked_later_and_later():
    minutes = [retry_after(n) / timedelta(minutes=1) for n in (1, 2, 3)]

    assert minutes == [5, 10, 20]
    assert retry_after(20) == timedelta(days=1)
    assert retry_after(40) == timedelta(days=7)


@pytest.mark.parametrize(
    ("written", "lease"),
    [
        ("3600", HOUR),
        ("0", timedelta()),
        ("1000000000", LONGEST_LEASE),
        ("9" * 5000, LONGEST_LEASE),
        (None, LEASE),
        ("", LEASE),
        ("-5", LEASE),
        ("1e3", LEASE),
        ("٣", LEASE),
    ],
)
def test_a_lease_is_read_and_bounded(written, lease):
    assert lease_of(written) == lease


def test_b5_subscriber_renewals_are_spread_and_before_the_end():
    assert renewal(LEASE, 0.0) == LEASE * 0.7
    assert LEASE * 0.8 < renewal(LEASE, 0.99) < LEASE * 0.9
    assert renewal(timedelta(), 0.5) == SHORTEST_RENEWAL


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_b5_subscriber_1xx_every_method_of_the_standard_is_checked(method):
    made = hmac.new(b"s3cret", BODY, getattr(hashlib, method)).hexdigest()

    assert is_signed(BODY, f"{method}={made}", "s3cret")
    assert is_signed(BODY, f" {method.upper()}={made.upper()} ", "s3cret")
    assert not is_signed(BODY + b" ", f"{method}={made}", "s3cret")
    assert not is_signed(BODY, f"{method}={made}", "other")
    assert not is_signed(BODY, f"{method}={made[:-1]}", "s3cret")


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256",
        "sha256=",
        "=",
        "md5=" + hmac.new(b"s3cret", BODY, "md5").hexdigest(),
        hmac.new(b"s3cret", BODY, "sha256").hexdigest(),
        "sha256=ä",
        "sha1=" + hmac.new(b"s3cret", BODY, "sha256").hexdigest(),
    ],
)
def test_b5_subscriber_301_302_a_wrong_or_missing_signature_is_none(signature):
    assert not is_signed(BODY, signature, "s3cret")


STANDING = PushStanding(verified_at=ago(days=20), lease_until=NOON + HOUR, delivered_at=ago(days=1))


def test_pushes_stand_in_for_polls_as_long_as_they_come():
    assert is_pushed(STANDING, NOON)
    assert not is_pushed(None, NOON)
    assert not is_pushed(STANDING, NOON + HOUR)  # the lease is over


def test_a_hub_that_verifies_and_never_delivers_is_not_relied_on():
    silent = replace(STANDING, delivered_at=None)

    assert not is_pushed(silent, NOON)
    assert not has_missed(silent, [NOON], NOON)


def test_a_hub_that_missed_news_is_not_relied_on_until_it_has_delivered_for_a_while():
    missed = replace(STANDING, missed_at=ago(days=2))

    assert not is_pushed(missed, NOON)
    assert is_pushed(replace(missed, missed_at=NOON - DISTRUST), NOON)
    assert not is_pushed(replace(missed, missed_at=NOON - DISTRUST, delivered_at=ago(days=8)), NOON)


def test_news_that_a_poll_finds_was_missed():
    assert has_missed(STANDING, [ago(hours=1)], NOON)
    assert not has_missed(STANDING, [], NOON)
    assert not has_missed(STANDING, [ago(days=21)], NOON)  # older than the subscription
    assert not has_missed(None, [NOON], NOON)


def test_a_poll_right_after_a_push_missed_nothing():
    """Such as the one that the push asked for."""
    assert not has_missed(replace(STANDING, delivered_at=NOON - GRACE), [NOON], NOON)
