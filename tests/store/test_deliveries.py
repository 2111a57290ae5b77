"""The contract of deliveries: who is told of what, how far each has come, and who may try."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.deliveries import EVERY_KIND, STRANGERS, Bounds, DeliveryState, NewDelivery
from tests.builders import NOON
from tests.store.steps import EVERYTHING, HOUR, configure, poll, story

TOPIC = "https://p.example/feed.atom"
OTHER = "https://p.example/feed.rss"
WIDE = Bounds(in_all=1000, in_domain=1000, unverified_in_domain=1000)
LEASE = timedelta(minutes=1)


def verification(name: str = "a", **changes) -> NewDelivery:
    facts = {
        "kind": "verification",
        "topic": TOPIC,
        "url": f"https://{name}.example/callback?key=1",
        "mode": "subscribe",
        "lease": timedelta(days=10),
        "sent": "old",
    }
    return NewDelivery(**{**facts, **changes})


def ping(topic: str = TOPIC) -> NewDelivery:
    return NewDelivery(kind="ping", topic=topic, url="https://hub.example/")


async def order(store, delivery, bounds=WIDE, now=NOON):
    return await store.order_delivery(delivery, bounds, now=now)


async def claim(store, kind="subscription", marks=None, *, now=NOON, **changes):
    facts = {"lease_until": now + LEASE, "limit": 100, "failing": 100, "per_domain": 100}
    facts["under_way"] = {}
    marks = {TOPIC: "new"} if marks is None else marks
    return await store.claim_deliveries(kind, marks, now=now, **{**facts, **changes})


async def subscribe(store, name="a", *, expires_at=NOON + 24 * HOUR, now=NOON, **changes):
    """A subscription, as a verified request makes it."""
    assert await order(store, verification(name, **changes), now=now)
    (claimed,) = await claim(store, "verification", {TOPIC: "?", OTHER: "?"}, now=now)
    assert await store.confirm_subscription(claimed, expires_at=expires_at, now=now)


def state(sent="new", **changes) -> DeliveryState:
    return DeliveryState(**{"sent": sent, "cursor": None, "next_try_at": NOON, **changes})


async def test_a_verified_request_is_a_subscription(store):
    secret = "s\x00\ud83d \U0001f680"
    await subscribe(store, secret=secret)
    (delivery,) = await claim(store)

    assert (delivery.kind, delivery.topic, delivery.url) == (
        "subscription",
        TOPIC,
        verification().url,
    )
    assert (delivery.secret, delivery.sent, delivery.failures) == (secret, "old", 0)
    assert delivery.domain == "a.example"
    assert await store.delivery_topics("subscription") == [TOPIC]
    assert await store.delivery_topics("verification") == []


async def test_what_is_claimed_is_nobody_elses_until_its_lease_is_over(store):
    await subscribe(store)
    (mine,) = await claim(store)

    assert await claim(store) == []
    (theirs,) = await claim(store, now=NOON + LEASE)
    assert not await store.save_delivery(mine, state())
    assert await store.save_delivery(theirs, state())


async def test_what_arrived_is_due_again_only_when_there_is_something_else(store):
    await subscribe(store)
    (delivery,) = await claim(store)
    await store.save_delivery(delivery, state("new", cursor="7"))

    assert await claim(store) == []
    (again,) = await claim(store, marks={TOPIC: "newer"})
    assert (again.sent, again.cursor) == ("new", "7")


async def test_only_topics_with_a_mark_are_looked_at(store):
    await subscribe(store)

    assert await claim(store, marks={OTHER: "new"}) == []
    assert await claim(store, marks={}) == []


async def test_a_failure_waits_for_its_time_and_comes_after_the_others(store):
    await subscribe(store, "a")
    await subscribe(store, "b")
    for delivery in await claim(store):
        if delivery.domain == "a.example":
            failed = state("old", failures=1, failing_since=NOON, next_try_at=NOON + HOUR)
            await store.save_delivery(delivery, failed)
        else:
            await store.save_delivery(delivery, state("new"))

    newer = {TOPIC: "newer"}
    assert [p.domain for p in await claim(store, marks=newer)] == ["b.example"]
    later = NOON + 2 * HOUR
    again = await claim(store, marks=newer, now=later)
    assert [(p.domain, p.failures) for p in again] == [("b.example", 0), ("a.example", 1)]
    assert again[1].failing_since == NOON
    await store.release_deliveries(again)
    assert [p.domain for p in await claim(store, marks=newer, now=later, failing=0)] == [
        "b.example"
    ]


async def test_a_domain_takes_as_many_at_a_time_as_it_has_room_for(store):
    for name in ("one.a", "two.a", "three.a", "b"):
        await subscribe(store, name)

    claimed = await claim(store, per_domain=2, under_way={"a.example": 1})

    assert sorted(delivery.domain for delivery in claimed) == ["a.example", "b.example"]


async def test_no_more_are_claimed_than_there_is_room_for(store):
    for name in "abc":
        await subscribe(store, name)

    assert len(await claim(store, limit=2)) == 2
    assert len(await claim(store, limit=2)) == 1


async def test_what_is_given_back_is_due_as_it_was(store):
    await subscribe(store)
    claimed = await claim(store)
    await store.release_deliveries(claimed)

    assert [delivery.digest for delivery in await claim(store)] == [claimed[0].digest]


async def test_b5_hub_a_renewal_changes_nothing_until_it_is_verified(store):
    await subscribe(store, secret="first")
    await order(store, verification(secret="second"))

    (delivery,) = await claim(store)
    assert delivery.secret == "first"


async def test_b5_hub_a_renewal_goes_on_from_where_the_subscription_was(store):
    await subscribe(store, secret="first", expires_at=NOON + HOUR)
    (delivery,) = await claim(store)
    await subscribe(store, secret="second", sent="newest", expires_at=NOON + 9 * HOUR)

    assert await claim(store) == []  # the delivery under way goes on
    assert await store.save_delivery(delivery, state("new"))
    (delivery,) = await claim(store, marks={TOPIC: "newer"}, now=NOON + 2 * HOUR)
    assert (delivery.secret, delivery.sent) == ("second", "new")


async def test_a_request_made_anew_takes_the_place_of_one_under_way(store):
    await order(store, verification(secret="first"))
    (first,) = await claim(store, "verification")
    await order(store, verification(secret="second"))

    assert not await store.confirm_subscription(first, expires_at=NOON + HOUR, now=NOON)
    (second,) = await claim(store, "verification")
    assert second.secret == "second"


async def test_b5_hub_unsubscribing_ends_the_subscription_once_it_is_verified(store):
    await subscribe(store)
    await order(store, verification(mode="unsubscribe"))

    assert await store.delivery_topics("subscription") == [TOPIC]
    (asked,) = await claim(store, "verification")
    assert asked.mode == "unsubscribe"
    assert await store.confirm_subscription(asked, expires_at=NOON + HOUR, now=NOON)
    assert await store.delivery_topics("subscription") == []


async def test_a_subscription_is_of_one_callback_and_one_topic(store):
    await subscribe(store)
    await subscribe(store, topic=OTHER)
    await subscribe(store, "b")

    assert len(await claim(store, marks={TOPIC: "new", OTHER: "new"})) == 3


async def test_b5_hub_a_lease_ends(store):
    await subscribe(store, "a", expires_at=NOON + HOUR)
    await subscribe(store, "b", expires_at=NOON + 2 * HOUR)
    later = NOON + HOUR

    assert [delivery.domain for delivery in await claim(store, now=later)] == ["b.example"]
    assert await store.drop_expired(now=later) == 1
    assert await store.drop_expired(now=later) == 0


async def test_a_dropped_delivery_is_gone(store):
    await subscribe(store)
    (delivery,) = await claim(store)

    assert not await store.drop_delivery(replace(delivery, token="another"))
    assert await store.drop_delivery(delivery)
    assert await store.delivery_topics("subscription") == []


async def test_a_pause_holds_for_all_of_a_domain(store):
    for name in ("one.a", "two.a", "b"):
        await subscribe(store, name)
    await store.pause_domain("a.example", EVERY_KIND, until=NOON + HOUR)

    assert [delivery.domain for delivery in await claim(store)] == ["b.example"]
    assert len(await claim(store, now=NOON + HOUR, per_domain=9)) == 3


async def test_a_pause_holds_for_its_kinds_alone(store):
    await subscribe(store, "hub")
    await store.sync_deliveries("ping", [ping()], now=NOON)
    await store.pause_domain("hub.example", STRANGERS, until=NOON + HOUR)

    assert await claim(store) == []
    assert len(await claim(store, "ping")) == 1


@pytest.mark.parametrize("next_try_at", [None, NOON + timedelta(minutes=1)])
async def test_a_pause_holds_for_what_was_under_way_too(store, next_try_at):
    await subscribe(store)
    (delivery,) = await claim(store)
    await store.pause_domain("a.example", EVERY_KIND, until=NOON + HOUR)
    await store.save_delivery(delivery, state("old", next_try_at=next_try_at))

    assert await claim(store, now=NOON + HOUR - timedelta(seconds=1)) == []
    assert len(await claim(store, now=NOON + HOUR)) == 1


@pytest.mark.parametrize(
    "bounds",
    [
        replace(WIDE, in_all=2),
        replace(WIDE, in_domain=2),
        replace(WIDE, unverified_in_domain=1),
    ],
)
async def test_strangers_order_only_so_many(store, bounds):
    await subscribe(store, "one.a")
    assert await order(store, verification("two.a"), bounds)

    assert not await order(store, verification("three.a"), bounds)
    assert await order(store, verification("two.a", secret="another"), bounds)


async def test_what_the_configuration_orders_is_made_so(store):
    await store.sync_deliveries("ping", [ping(TOPIC), ping(OTHER)], now=NOON)
    marks = {TOPIC: "1", OTHER: "1"}
    for delivery in await claim(store, "ping", marks):
        assert delivery.url is None
        await store.save_delivery(delivery, state("1"))
    await subscribe(store)

    await store.sync_deliveries(
        "ping", [ping(OTHER), ping("https://p.example/feed.json")], now=NOON
    )

    assert await store.delivery_topics("ping") == ["https://p.example/feed.json", OTHER]
    assert await claim(store, "ping", marks) == []  # what was sent is remembered
    assert await store.delivery_topics("subscription") == [TOPIC]


async def test_a_time_that_only_a_wrong_clock_can_have_set_stops_nobody(store):
    await subscribe(store, expires_at=NOON + timedelta(days=400))
    await claim(store, now=NOON, lease_until=NOON + timedelta(days=300))
    (delivery,) = await claim(store)
    await store.save_delivery(delivery, state("old", next_try_at=NOON + timedelta(days=300)))

    assert len(await claim(store)) == 1


async def test_a_thousand_topics_are_no_matter(store):
    topics = [f"https://p.example/sources/{n}.atom" for n in range(1000)]
    await store.sync_deliveries("ping", [ping(topic) for topic in topics], now=NOON)

    claimed = await claim(store, "ping", dict.fromkeys(topics, "1"), limit=2000, per_domain=2000)

    assert {delivery.topic for delivery in claimed} == set(topics)


async def test_what_a_delivery_was_told_is_remembered_of_each_story(store):
    await configure(store, "a")
    await poll(store, "a", story("1"), story("2"))
    one, two = [each.number for each in await store.whole_stories(EVERYTHING, limit=9)]
    hook = NewDelivery(kind="webhook", topic="latest", url="https://hook.example/")
    await store.sync_deliveries("webhook", [hook], now=NOON)
    (delivery,) = await claim(store, "webhook", {"latest": "1"})
    await store.save_delivery(delivery, state("1"), {one: b"1", two: b"2"})
    (delivery,) = await claim(store, "webhook", {"latest": "2"})
    await store.save_delivery(delivery, state("2"), {two: b"22"})

    assert await store.told_of(delivery, [one, two, 10**12]) == {one: b"1", two: b"22"}
    await store.sync_deliveries("webhook", [hook], now=NOON)
    assert await store.told_of(delivery, [one]) == {one: b"1"}
    await store.sync_deliveries("webhook", [], now=NOON)
    assert await store.told_of(delivery, [one, two]) == {}
