import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.errors import StoreError, UnreadableFeed
from aggregator.core.pushes import DISTRUST, GRACE
from aggregator.core.wire import NotModified
from aggregator.service.pushes import receiving
from aggregator.service.pushes.receiving import MOST_OF_A_SOURCE, Busy, TooMuch
from tests.builders import NOON, read_entry
from tests.patience import turns, until
from tests.service.hub_world import HUB, HubWorld
from tests.service.world import TAGGED

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ONE, TWO = read_entry("1"), read_entry("2")
PLAIN_HUB = "http://hub.example/"


@pytest.fixture
def world():
    return HubWorld()


async def pushed(world, callback, body, **changes) -> None:
    """A push, and what comes of it."""
    await world.push(callback, body, **changes)
    await world.receiver.idle()


# --- verification


async def test_b5_subscriber_1xx_a_request_that_we_made_is_confirmed(world):
    await world.offering("a", ONE)
    await world.tend()
    (callback,) = await world.callbacks()

    assert await world.verify(callback, challenge="<b>42") == "<b>42"

    shown = await world.hub()
    assert (shown.state, shown.lease_until) == ("active", NOON + timedelta(days=10))
    assert world.notebook.subscribed_at == [("a", HUB, timedelta(days=10))]


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": "https://b.example/feed"},
        {"topic": None},
        {"mode": "unsubscribe"},
        {"mode": "publish"},
        {"mode": None},
        {"challenge": None},
        {"challenge": "x" * 10_000},
    ],
)
async def test_b5_subscriber_205_what_we_did_not_ask_for_is_not_confirmed(world, wrong):
    await world.offering("a", ONE)
    await world.tend()
    (callback,) = await world.callbacks()

    assert await world.verify(callback, **wrong) is None
    assert (await world.hub()).state == "pending"


async def test_b5_subscriber_nobody_can_end_a_subscription_that_we_want(world):
    callback = await world.subscribed("a", ONE)

    assert await world.verify(callback, mode="unsubscribe") is None
    assert await world.verify(callback, mode="denied", topic="https://b.example/") is None
    assert (await world.hub()).state == "active"


async def test_a_hub_may_ask_again(world):
    callback = await world.subscribed("a", ONE)
    world.clock.pass_(days=1)

    assert await world.verify(callback, lease_seconds="3600") == "xyz"
    assert (await world.hub()).lease_until == world.clock.steady() + HOUR


async def test_an_unknown_callback_is_none(world):
    assert await world.receiver.find("guessed") is None


# --- delivery


async def test_b5_subscriber_1xx_a_signed_push_brings_its_entries(world):
    callback = await world.subscribed("a", ONE)
    before, asked = await world.health("a"), len(world.fetcher.requests)

    await pushed(world, callback, world.put_on_the_shelf(TWO))

    assert sorted(await world.titles()) == ["Title 1", "Title 2"]
    assert world.notebook.pushes == [("a", 1, 0)]
    assert world.changes == 1
    assert len(world.fetcher.requests) == asked
    after = await world.health("a")
    assert after.push.delivered_at == NOON
    assert replace(after, push=before.push, entries=1) == before


async def test_b5_subscriber_301_302_what_is_not_signed_rightly_is_dropped(world):
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)

    for signature in ("", "sha1=", "sha256=" + "0" * 64, "md5=" + "0" * 32):
        await pushed(world, callback, body, signature=signature)

    assert await world.titles() == ["Title 1"]
    assert (await world.hub()).delivered_at is None
    assert (await world.health("a")).next_poll_at == NOON + HOUR


async def test_b5_subscriber_a_part_of_the_document_takes_nothing_away(world):
    """Hubs may leave out what they have delivered (WebSub §7)."""
    callback = await world.subscribed("a", ONE, TWO)

    await pushed(world, callback, world.put_on_the_shelf(read_entry("3")))

    assert len(await world.titles()) == 3


async def test_what_the_last_poll_left_stays(world):
    callback = await world.subscribed("a", ONE, validators=TAGGED)

    await pushed(world, callback, world.put_on_the_shelf(TWO))
    await world.poll("a")

    assert world.fetcher.requests[-1].validators == TAGGED
    assert world.notebook.reports[-1].outcome == "not_modified"


async def test_the_same_push_twice_is_one_entry(world):
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)

    await asyncio.gather(*(world.push(callback, body) for _ in range(4)))
    await world.receiver.idle()

    assert len(await world.titles()) == 2


async def test_an_edit_comes_by_push(world):
    callback = await world.subscribed("a", ONE)

    await pushed(world, callback, world.put_on_the_shelf(read_entry("1", title="Corrected")))

    assert await world.titles() == ["Corrected"]
    assert world.notebook.pushes == [("a", 0, 1)]


async def test_b5_subscriber_an_unsigned_push_is_no_more_than_a_hint(world):
    callback = await world.subscribed("a", ONE, hub=PLAIN_HUB)

    await pushed(world, callback, world.put_on_the_shelf(TWO))

    told = await world.health("a")
    assert await world.titles() == ["Title 1"]
    assert (told.next_poll_at, told.next_poll_reason) == (NOON, "its hub says that there is news")
    assert world.wakes == 1


async def test_many_hints_are_a_poll_a_minute(world):
    callback = await world.subscribed("a", ONE, hub=PLAIN_HUB)
    await world.push(callback, b"")
    await world.poll("a")

    for seconds in (1, 1, 50):
        world.clock.pass_(seconds=seconds)
        await world.push(callback, b"")

    assert (await world.health("a")).next_poll_at == NOON + timedelta(minutes=1)


async def test_a_push_before_the_first_poll_is_no_flood(world):
    """The first document says where a source's past ends: a part of it must not."""
    callback = await world.subscribed("a", ONE)
    world.store._sources["a"].forget_document()  # as when it comes back to the configuration

    await pushed(world, callback, world.put_on_the_shelf(TWO, read_entry("3")))

    assert await world.titles() == ["Title 1"]
    assert (await world.health("a")).next_poll_at == NOON


@pytest.mark.parametrize("body", [b"no feed", b""])
async def test_a_signed_push_that_cannot_be_read_is_a_hint(world, body):
    callback = await world.subscribed("a", ONE)

    await pushed(world, callback, body)

    assert await world.titles() == ["Title 1"]
    assert (await world.health("a")).next_poll_at == NOON
    assert (await world.health("a")).failures == 0


async def test_a_push_waits_for_a_poll_that_is_under_way(world, monkeypatch):
    monkeypatch.setattr(receiving, "PAUSE", 0.001)
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)
    (source,) = await world.store.claim(["a"], lease_until=NOON + HOUR)

    await world.push(callback, body)
    await turns()
    assert world.notebook.pushes == []
    await world.dispatcher.poll([source])
    await world.receiver.idle()

    assert len(await world.titles()) == 2
    assert world.notebook.outcomes == {"a": "not_modified"}


async def test_a_source_that_is_held_for_long_is_polled_instead(world, monkeypatch):
    monkeypatch.setattr(receiving, "PAUSE", 0.0)
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)
    await world.store.claim(["a"], lease_until=NOON + HOUR)

    await pushed(world, callback, body)

    assert (await world.health("a")).next_poll_at == NOON


async def test_b5_subscriber_the_source_is_free_again_whatever_happens(world, monkeypatch):
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)

    async def broken(_):
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(world.reader, "read", broken)
        await pushed(world, callback, body)
    assert [doing for doing, _ in world.notebook.failures] == ["taking in what was pushed for a"]

    await pushed(world, callback, body)
    assert len(await world.titles()) == 2


async def test_what_was_acknowledged_waits_for_a_database_that_is_out_of_reach(world, monkeypatch):
    monkeypatch.setattr(receiving, "AGAIN", 0.0)
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)
    claim, tries = world.store.claim_pushed, []

    async def broken(*about, **more):
        tries.append(about)
        if len(tries) < 3:
            raise StoreError("out of reach")
        return await claim(*about, **more)

    monkeypatch.setattr(world.store, "claim_pushed", broken)
    await pushed(world, callback, body)

    assert len(await world.titles()) == 2
    assert len(world.notebook.failures) == 2


async def test_a_stop_takes_in_what_was_acknowledged_and_no_more(world):
    callback = await world.subscribed("a", ONE)
    body = world.put_on_the_shelf(TWO)
    await world.push(callback, body)

    await world.receiver.finish()

    assert len(await world.titles()) == 2
    with pytest.raises(Busy):
        await world.push(callback, body)


async def test_a_body_is_as_large_as_a_document_may_be(world):
    callback = await world.subscribed("a", ONE)
    world.policies["a"] = replace(world.policies["a"], max_body=10)

    with pytest.raises(TooMuch):
        await world.push(callback, b"x" * 11)
    await world.push(callback, b"x" * 10)


async def test_more_than_we_can_hold_is_to_come_again(world, monkeypatch):
    monkeypatch.setattr(receiving, "PAUSE", 0.001)
    callback = await world.subscribed("a", ONE)
    other = await world.subscribed("b", read_entry("3"))
    body = world.put_on_the_shelf(TWO)
    (held,) = await world.store.claim(["a"], lease_until=NOON + HOUR)

    for _ in range(MOST_OF_A_SOURCE):
        await world.push(callback, body)
    with pytest.raises(Busy):
        await world.push(callback, body)
    await world.push(other, body)  # no source waits for another
    await until(lambda: world.notebook.pushes)
    assert [source for source, *_ in world.notebook.pushes] == ["b"]
    await world.store.release([held.lease])
    await world.receiver.idle()

    await pushed(world, callback, body)
    assert world.receiver._bytes == 0
    assert not world.receiver._of_source


async def test_all_that_is_held_together_is_bounded(world, monkeypatch):
    monkeypatch.setattr(receiving, "MOST_BYTES", 100)
    monkeypatch.setattr(receiving, "PAUSE", 0.0)
    first, second = await world.subscribed("a", ONE), await world.subscribed("b", TWO)
    await world.store.claim(["a"], lease_until=NOON + HOUR)
    await world.push(first, b"x" * 60)

    with pytest.raises(Busy):
        await world.push(second, b"x" * 60)

    assert world.receiver._bytes == 60
    await world.receiver.idle()


async def test_another_feed_in_a_push_is_not_taken_in(world):
    callback = await world.subscribed("a", ONE, link="https://a.example/")
    other = read_entry("9", link="https://spam.example/9")
    body = repr((other,)).encode()
    world.serves("https://nowhere.example/", other, link="https://spam.example/")
    spam = world.reader.shelf[body]
    info = replace(spam.info, title="Buy")
    world.reader.shelf[body] = replace(spam, info=info)

    await pushed(world, callback, body)

    assert await world.titles() == ["Title 1"]


async def test_an_unreadable_push_costs_no_other(world):
    callback = await world.subscribed("a", ONE)
    good = world.put_on_the_shelf(TWO)

    await world.push(callback, b"bad")
    await pushed(world, callback, good)

    assert len(await world.titles()) == 2
    assert not any(isinstance(error, UnreadableFeed) for _, error in world.notebook.failures)


# --- slower polls


async def test_b5_subscriber_a_slow_poll_stays_as_a_safety_net(world):
    callback = await world.subscribed("a", ONE)
    await world.poll("a")
    assert (await world.health("a")).next_poll_at == NOON + HOUR  # it has not delivered yet

    await pushed(world, callback, world.put_on_the_shelf(TWO))
    await world.poll("a")

    told = await world.health("a")
    assert told.next_poll_at == NOON + DAY
    assert "its hub pushes" in told.next_poll_reason


async def test_a_hub_that_misses_news_loses_its_trust_for_a_while(world):
    callback = await world.subscribed("a", ONE)
    await pushed(world, callback, world.put_on_the_shelf(TWO))
    world.clock.pass_(days=1)
    world.serves(world.policies["a"].url, ONE, TWO, read_entry("3"), read_entry("4"))
    await world.poll("a")
    assert "its hub pushes" not in (await world.health("a")).next_poll_reason

    world.clock.pass_(days=1)
    await pushed(world, callback, world.put_on_the_shelf(read_entry("5")))
    await world.poll("a")
    assert "its hub pushes" not in (await world.health("a")).next_poll_reason

    world.clock.pass_(seconds=DISTRUST.total_seconds())
    await world.poll("a")
    assert "its hub pushes" in (await world.health("a")).next_poll_reason


async def test_a_push_that_comes_just_after_a_poll_was_not_missed(world):
    callback = await world.subscribed("a", ONE)
    await pushed(world, callback, world.put_on_the_shelf(TWO))
    world.clock.pass_(days=1)
    news = (ONE, TWO, read_entry("3"))
    world.serves(world.policies["a"].url, *news)
    await world.poll("a")
    world.clock.pass_(seconds=GRACE.total_seconds() / 2)

    await pushed(world, callback, repr(news).encode())
    await world.poll("a")

    assert "its hub pushes" in (await world.health("a")).next_poll_reason


async def test_a_subscription_that_ends_brings_the_next_poll_back(world):
    callback = await world.subscribed("a", ONE)
    await pushed(world, callback, world.put_on_the_shelf(TWO))
    await world.poll("a")
    assert (await world.health("a")).next_poll_at == NOON + DAY

    await world.verify(callback, mode="denied")

    told = await world.health("a")
    assert told.next_poll_at == NOON + HOUR
    assert told.next_poll_reason == "its hub denies the subscription"


# --- discovery over polls


async def test_b5_subscriber_a_304_without_links_leaves_what_is_known(world):
    await world.offering("a", ONE, validators=TAGGED)
    await world.poll("a")
    assert world.notebook.reports[-1].outcome == "not_modified"

    assert (await world.hub()).hub == HUB


async def test_b5_subscriber_the_hub_of_a_304_is_heard(world):
    await world.offering("a", ONE, validators=TAGGED)
    links = replace(world.fetcher.answers[world.policies["a"].url].links, hubs=(PLAIN_HUB,))
    world.answers(world.policies["a"].url, NotModified(validators=TAGGED, links=links))
    await world.poll("a")

    assert (await world.hub()).hub == PLAIN_HUB


async def test_b5_subscriber_201_202_the_topic_of_a_source_that_moved(world):
    """For good, it is the new address; for now, the old one."""
    await world.offering("a", ONE, permanent_url="https://a.example/new")
    await world.offering("b", TWO)
    await world.tend()

    assert [form["hub.topic"] for form in world.caller.forms] == [
        "https://a.example/new",
        "https://b.example/feed",
    ]
