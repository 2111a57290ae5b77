"""Our own hub, by the rules of https://www.w3.org/TR/websub/."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import parse_qs, urlsplit

import pytest

from aggregator.core.hub import Refusal
from aggregator.core.wire import Called, Failed
from aggregator.service.deliveries.delivering import FAILING_AT_ONCE, PER_DOMAIN
from aggregator.service.deliveries.hub import BOUNDS
from tests.service.outbox import (
    CALLBACK,
    DOWN,
    FEED,
    HUB,
    LATEST,
    OK,
    Outbox,
    filled_world,
    news,
    signed,
)

NO = Called(status=404, body=b"")


@pytest.fixture
async def outbox() -> Outbox:
    return Outbox(await filled_world())


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


async def test_b5_hub_intent_is_verified_before_anything_is_delivered(outbox):
    assert await outbox.ask(lease_seconds="7200") is None
    assert outbox.caller.calls == []  # the answer to the request does not depend on it
    await outbox.deliver()

    (asked,) = outbox.caller.to(CALLBACK, "GET")
    assert asked.url.startswith(f"{CALLBACK}&")
    assert query(asked.url) == {
        "key": ["1"],
        "hub.mode": ["subscribe"],
        "hub.topic": [FEED],
        "hub.challenge": ["challenge-0"],
        "hub.lease_seconds": ["7200"],
    }
    assert outbox.caller.to(CALLBACK) == []


@pytest.mark.parametrize(
    "answer",
    [
        NO,
        Called(status=200, body=b"something else"),
        Called(status=200, body=b"challenge-0\n"),
        Called(status=302, body=b"challenge-0", location="https://s.example/other"),
        Failed(kind="blocked", reason="refused"),
        Failed(kind="too_large", reason="the body is larger", status=404),
        Failed(kind="too_large", reason="the body is larger", status=200),
    ],
)
async def test_b5_hub_only_the_challenge_with_a_2xx_confirms(outbox, answer):
    outbox.caller.answers["https://s.example/callback"] = answer
    await outbox.subscribe()
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert len(outbox.caller.calls) == 1
    assert await outbox.world.store.delivery_topics("verification") == []


@pytest.mark.parametrize(
    "answer",
    [
        DOWN,
        Called(status=502, body=b""),
        Failed(kind="too_large", reason="the body is larger", status=500),
    ],
)
async def test_a_callback_that_is_out_of_order_is_asked_again_for_a_while(outbox, answer):
    outbox.caller.answers["https://s.example/callback"] = answer
    await outbox.subscribe()
    for _ in range(5):
        outbox.world.clock.pass_(seconds=25)
        await outbox.deliver()

    assert len(outbox.caller.to(CALLBACK, "GET")) == 3
    assert await outbox.world.store.delivery_topics("verification") == []


async def test_b5_hub_the_whole_document_is_delivered_with_type_and_links(outbox):
    await outbox.subscribe()
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    document = await outbox.publisher.document(LATEST, "atom")

    (delivery,) = outbox.caller.to(CALLBACK)
    assert delivery.url == CALLBACK
    assert delivery.body == document.body
    assert b"Title a2" in delivery.body
    assert dict(delivery.headers) == {
        "Content-Type": "application/atom+xml; charset=utf-8",
        "Link": f'<{HUB}>; rel="hub", <{FEED}>; rel="self"',
    }


async def test_b5_hub_what_is_delivered_is_signed_with_the_subscribers_secret(outbox):
    await outbox.subscribe(secret="key of s")
    await outbox.subscribe("https://t.example/", secret="key of t")
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert signed(outbox.caller.to(CALLBACK)[0], "key of s")
    assert signed(outbox.caller.to("https://t.example/")[0], "key of t")


async def test_b5_hub_nothing_is_delivered_while_the_bytes_are_the_same(outbox):
    await outbox.subscribe()
    await outbox.deliver()
    await outbox.world.poll("a")
    await outbox.deliver()

    assert outbox.caller.to(CALLBACK) == []


@pytest.mark.parametrize(
    "topic",
    [
        "https://p.example/feed.rss",
        "https://p.example/feed.json",
        "https://p.example/publications/only-b.atom",
        "https://p.example/sources/a.json",
        "https://p.example/tags/%E6%95%B0%E5%AD%A6.atom",
    ],
)
async def test_b5_hub_every_feed_of_ours_is_a_topic_of_its_own(outbox, topic):
    await outbox.subscribe(topic=topic)
    await news(outbox.world, "a", "2")
    await news(outbox.world, "b", "2")
    await outbox.deliver()

    assert {f'<{HUB}>; rel="hub", <{topic}>; rel="self"'} == {
        dict(call.headers)["Link"] for call in outbox.caller.to(CALLBACK)
    }


@pytest.mark.parametrize(
    "topic",
    [
        "https://other.example/feed.atom",
        "https://p.example/",
        "https://p.example/feed.xml",
        "https://p.example/publications/latest.atom",  # its self is /feed.atom
        "https://p.example/publications/nothing.atom",
        "https://p.example/sources/a/b.atom",
        "https://p.example/search.atom?q=x",
        "https://p.example/feed.atom?page=2",
    ],
)
async def test_b5_hub_only_our_own_topics_are_taken(outbox, topic):
    refusal = await outbox.ask(topic=topic)

    assert isinstance(refusal, Refusal)
    assert (refusal.status, "hub.topic" in refusal.reason) == (404, True)


async def test_b5_hub_a_faulty_request_is_told_what_is_wrong(outbox):
    refusal = await outbox.ask(mode="publish")

    assert isinstance(refusal, Refusal)
    assert "hub.mode" in refusal.reason


async def test_b5_hub_leases_end(outbox):
    await outbox.subscribe(lease_seconds="7200")
    outbox.world.clock.pass_(hours=2)
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert outbox.caller.to(CALLBACK) == []
    assert await outbox.world.store.delivery_topics("subscription") == []


async def test_b5_hub_a_renewal_that_is_not_confirmed_changes_nothing(outbox):
    await outbox.subscribe(secret="first")
    outbox.caller.answers["https://s.example/callback"] = NO
    await outbox.subscribe(secret="second")
    outbox.caller.answers["https://s.example/callback"] = OK
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert signed(outbox.caller.to(CALLBACK)[-1], "first")


async def test_b5_hub_a_renewal_that_is_confirmed_takes_the_place_of_the_old_one(outbox):
    await outbox.subscribe(secret="first", lease_seconds="7200")
    outbox.world.clock.pass_(hours=1)
    await outbox.subscribe(lease_seconds="7200")
    outbox.world.clock.pass_(minutes=90)
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    (delivery,) = outbox.caller.to(CALLBACK)
    assert "X-Hub-Signature" not in dict(delivery.headers)


async def test_b5_hub_unsubscribing_is_verified_too(outbox):
    await outbox.subscribe()
    outbox.caller.answers["https://s.example/callback"] = NO
    await outbox.ask(mode="unsubscribe")
    await outbox.deliver()
    assert await outbox.world.store.delivery_topics("subscription") == [FEED]

    del outbox.caller.answers["https://s.example/callback"]
    await outbox.ask(mode="unsubscribe")
    await outbox.deliver()
    asked = outbox.caller.to(CALLBACK, "GET")[-1]
    assert query(asked.url)["hub.mode"] == ["unsubscribe"]
    assert await outbox.world.store.delivery_topics("subscription") == []


async def test_b5_hub_a_failed_delivery_is_tried_again_and_nothing_is_lost(outbox):
    await outbox.subscribe()
    outbox.caller.answers["https://s.example/callback"] = Called(status=500, body=b"")
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    outbox.world.clock.pass_(seconds=9)
    await outbox.deliver()
    assert len(outbox.caller.to(CALLBACK)) == 1

    outbox.caller.answers["https://s.example/callback"] = OK
    outbox.world.clock.pass_(seconds=2)
    await outbox.deliver()
    outbox.world.clock.pass_(hours=1)
    await outbox.deliver()
    assert len(outbox.caller.to(CALLBACK)) == 2
    assert outbox.log.events == ["subscribed", "delivery failed", "delivery works again"]


async def test_b5_hub_who_fails_for_a_day_is_no_subscriber_any_more(outbox):
    await outbox.subscribe()
    outbox.caller.answers["https://s.example/callback"] = DOWN
    await news(outbox.world, "a", "2")
    for _ in range(60):
        await outbox.deliver()
        outbox.world.clock.pass_(minutes=30)

    assert await outbox.world.store.delivery_topics("subscription") == []
    assert len(outbox.caller.to(CALLBACK)) < 40
    assert outbox.log.events == ["subscribed", "delivery failed", "delivery ended"]


async def test_b5_hub_a_410_ends_the_subscription(outbox):
    await outbox.subscribe()
    outbox.caller.answers["https://s.example/callback"] = Called(status=410, body=b"")
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert await outbox.world.store.delivery_topics("subscription") == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_b5_hub_a_redirect_is_a_failure_and_not_followed(outbox, status):
    await outbox.subscribe()
    moved = Called(status=status, body=b"", location="https://elsewhere.example/")
    outbox.caller.answers["https://s.example/callback"] = moved
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert outbox.caller.to("https://elsewhere.example/") == []
    assert "delivery failed" in outbox.log.events


async def test_b5_hub_what_a_subscriber_says_beside_its_status_is_not_read(outbox):
    await outbox.subscribe()
    chatty = Failed(kind="too_large", reason="the body is larger", status=200)
    outbox.caller.answers["https://s.example/callback"] = chatty
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    outbox.world.clock.pass_(hours=1)
    await outbox.deliver()

    assert len(outbox.caller.to(CALLBACK)) == 1


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (Called(status=429, body=b"", retry_after=timedelta(minutes=9)), 9),
        (Called(status=503, body=b"", retry_after=timedelta(minutes=9)), 9),
        (Called(status=429, body=b""), 1),
    ],
)
async def test_a_host_that_asks_for_a_pause_gets_one_for_all_of_its_callbacks(
    outbox, answer, pause
):
    await outbox.subscribe()
    await outbox.subscribe("https://s.example/other")
    await outbox.subscribe("https://t.example/")
    outbox.caller.answers["https://s.example/callback"] = answer
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    await news(outbox.world, "a", "2", "3")
    outbox.world.clock.pass_(minutes=pause, seconds=-2)
    await outbox.deliver()

    assert len(outbox.caller.to(CALLBACK)) == 1
    assert len(outbox.caller.to("https://s.example/other")) == 1  # was under way already
    assert len(outbox.caller.to("https://t.example/")) == 2
    outbox.world.clock.pass_(seconds=3)
    await outbox.deliver()
    assert len(outbox.caller.to(CALLBACK)) == 2
    assert len(outbox.caller.to("https://s.example/other")) == 2


async def test_a_slow_subscriber_delays_no_other(outbox):
    for n in range(10):
        await outbox.subscribe(f"https://slow.example/{n}")
    await outbox.subscribe("https://quick.example/")
    outbox.caller.held.clear()
    await news(outbox.world, "a", "2")
    await outbox.delivering.sweep()
    for _ in range(10):
        await asyncio.sleep(0)

    called = [call.url for call in outbox.caller.calls if call.method == "POST"]
    assert "https://quick.example/" in called
    assert len(called) == PER_DOMAIN + 1
    outbox.caller.held.set()
    await outbox.deliver()
    assert len(outbox.caller.to("https://slow.example/9")) == 1


async def test_many_dead_subscribers_hold_up_no_other(outbox):
    for n in range(FAILING_AT_ONCE + 5):
        await outbox.subscribe(f"https://dead{n}.example/")
        outbox.caller.answers[f"https://dead{n}.example/"] = DOWN
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    await outbox.subscribe("https://quick.example/")
    outbox.world.clock.pass_(minutes=1)
    outbox.caller.calls.clear()
    outbox.caller.held.clear()
    await news(outbox.world, "a", "2", "3")
    await outbox.delivering.sweep()
    for _ in range(10):
        await asyncio.sleep(0)

    called = [call.url for call in outbox.caller.calls]
    assert called[0] == "https://quick.example/"
    assert len(called) == FAILING_AT_ONCE + 1
    outbox.caller.held.set()
    await outbox.delivering.idle()


async def test_b5_hub_a_topic_that_is_no_more_is_denied(outbox):
    await outbox.subscribe(topic="https://p.example/publications/only-b.atom")
    outbox.publications = (LATEST,)
    await outbox.take()
    await outbox.deliver()

    denial = query(outbox.caller.to(CALLBACK, "GET")[-1].url)
    assert denial["hub.mode"] == ["denied"]
    assert denial["hub.topic"] == ["https://p.example/publications/only-b.atom"]
    assert denial["hub.reason"]
    assert await outbox.world.store.delivery_topics("subscription") == []


async def test_a_hub_that_is_closed_delivers_nothing_and_forgets_nobody(outbox):
    await outbox.subscribe()
    outbox.hub.is_open = False
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    assert outbox.caller.to(CALLBACK) == []

    outbox.hub.is_open = True
    await outbox.deliver()
    assert len(outbox.caller.to(CALLBACK)) == 1


@pytest.mark.parametrize(
    "callback", ["http://127.0.0.1/x", "http://[::1]/x", "http://intranet/x", "http://10.0.0.1/x"]
)
async def test_callbacks_in_private_networks_are_refused_unless_some_are_opened(callback):
    world = await filled_world()
    closed, opened = Outbox(world), Outbox(world, private=(ip_network("127.0.0.0/8"),))

    refusal = await closed.ask(callback)
    assert isinstance(refusal, Refusal)
    assert "private network" in refusal.reason
    assert await opened.ask(callback) is None  # the guard judges which


async def test_strangers_cannot_fill_the_database(outbox, monkeypatch):
    monkeypatch.setattr("aggregator.service.deliveries.hub.BOUNDS", replace(BOUNDS, in_all=2))
    await outbox.subscribe("https://s.example/1")
    await outbox.subscribe("https://t.example/2")

    refusal = await outbox.ask("https://u.example/3")
    assert isinstance(refusal, Refusal)
    assert refusal.status == 503


async def test_a_change_between_request_and_verification_is_delivered(outbox):
    await outbox.ask()
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert len(outbox.caller.to(CALLBACK)) == 1


async def test_another_process_makes_up_for_what_one_that_died_had_under_way(outbox):
    await outbox.subscribe()
    outbox.caller.held.clear()
    await news(outbox.world, "a", "2")
    await outbox.delivering.sweep()
    heir = Outbox(outbox.world)
    await heir.deliver()
    assert heir.caller.calls == []  # the lease holds

    outbox.world.clock.pass_(minutes=1)
    await heir.deliver()
    assert len(heir.caller.to(CALLBACK)) == 1
    outbox.caller.held.set()
    await outbox.delivering.idle()


async def test_a_stop_gives_back_what_is_under_way(outbox, monkeypatch):
    monkeypatch.setattr("aggregator.service.deliveries.delivering.GRACE", 0.0)
    await outbox.subscribe()
    outbox.caller.held.clear()
    await news(outbox.world, "a", "2")
    running = asyncio.create_task(outbox.delivering.run())
    outbox.delivering.wake()
    await outbox.caller.called("POST")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    heir = Outbox(outbox.world)
    await heir.deliver()
    assert len(heir.caller.to(CALLBACK)) == 1


async def test_an_error_of_ours_with_one_delivery_harms_no_other(outbox):
    await outbox.subscribe()
    await outbox.subscribe("https://t.example/")

    def broken(_):
        raise RuntimeError("a bug")

    outbox.caller.answers["https://s.example/callback"] = broken
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert len(outbox.caller.to("https://t.example/")) == 1
    assert [str(error) for _, error in outbox.log.failures] == ["a bug"]
    outbox.caller.answers.clear()
    outbox.world.clock.pass_(minutes=1)
    await outbox.deliver()
    assert len(outbox.caller.to(CALLBACK)) == 2


async def test_neither_callbacks_nor_secrets_are_logged(outbox):
    await outbox.subscribe("https://s.example/capability", secret="hush")
    outbox.caller.answers["https://s.example/capability"] = DOWN
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    outbox.world.clock.pass_(days=2)
    await outbox.deliver()

    assert len(outbox.log.lines) == 3
    assert "capability" not in repr(outbox.log.lines)
    assert "hush" not in repr(outbox.log.lines)


async def test_a_document_that_cannot_be_made_holds_up_no_other(outbox, monkeypatch):
    await outbox.subscribe()
    await outbox.subscribe("https://t.example/", "https://p.example/feed.json")
    whole = outbox.publisher.document

    async def broken(publication, format, **how):
        if format == "atom":
            raise RuntimeError("a bug")
        return await whole(publication, format, **how)

    await news(outbox.world, "a", "2")
    monkeypatch.setattr(outbox.publisher, "document", broken)
    await outbox.deliver()

    assert len(outbox.caller.to("https://t.example/")) == 1
    assert ("writing https://p.example/feed.atom", "a bug") in [
        (doing, str(error)) for doing, error in outbox.log.failures
    ]


async def test_a_look_that_is_overtaken_leaves_nothing_stale(outbox, monkeypatch):
    whole, reached, go_on = outbox.publisher.document, asyncio.Event(), asyncio.Event()

    async def held(publication, format, **how):
        document = await whole(publication, format, **how)
        if not reached.is_set():
            reached.set()
            await go_on.wait()
        return document

    monkeypatch.setattr(outbox.publisher, "document", held)
    slow = asyncio.create_task(outbox.topics.marks([FEED]))
    await reached.wait()
    await news(outbox.world, "a", "2")
    quick = await outbox.topics.marks([FEED])
    go_on.set()

    assert await slow != quick
    assert await outbox.topics.marks([FEED]) == quick


async def test_a_look_from_before_another_process_delivered_sends_nothing_twice(
    outbox, monkeypatch
):
    await outbox.subscribe()
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    async def stale(topics):
        return dict.fromkeys(topics, "as it was")

    monkeypatch.setattr(outbox.topics, "marks", stale)
    await outbox.delivering.sweep()
    await outbox.delivering.idle()

    assert len(outbox.caller.to(CALLBACK)) == 1
