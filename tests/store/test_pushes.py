"""The contract of subscriptions at hubs."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aggregator.core.model import EntryChanges
from aggregator.core.offers import Offer
from aggregator.core.pushes import GRACE, Callback, Push, PushHealth, PushRecord, PushStanding
from aggregator.core.rhythm import Sighting, learn
from aggregator.service.ports import Selection
from tests.builders import NOON, ago
from tests.store.steps import (
    HOUR,
    Store,
    claim_due,
    claim_one,
    configure,
    health,
    poll,
    record,
    spec,
    story,
    titles,
)

HUB = "https://hub.example/"
TOPIC = "https://a.example/feed"
OFFER = Offer(hubs=(HUB, "https://b.example/"), topic=TOPIC)
BASE = "https://us.example/websub/"


def callback(name: str = "t", **changes) -> Callback:
    facts = {"url": BASE + name, "hub": HUB, "topic": TOPIC, "secret": "s", "asked_at": NOON}
    return Callback(token=name, **{**facts, **changes})


def verified(name: str = "t", **changes) -> Callback:
    facts = {
        "state": "active",
        "verified_at": NOON,
        "renew_at": NOON + 5 * HOUR,
        "lease_until": NOON + 10 * HOUR,
    }
    return callback(name, **{**facts, **changes})


async def offer(store: Store, key: str = "a", what: Offer = OFFER, **changes) -> int:
    """A poll that finds an offer; returns the source's id."""
    claimed = await claim_one(store, key)
    assert await store.save_poll(record(claimed.lease, offer=what, **changes))
    return claimed.lease.source_id


async def take(store: Store, source_id: int, now: datetime = NOON) -> Push | None:
    return await store.take_push(source_id, now=now, until=now + HOUR)


async def save(store: Store, source_id: int, *put: Callback, **changes) -> None:
    facts = {"due_at": NOON + HOUR, **changes}
    await store.save_push(PushRecord(source_id=source_id, put=put, **facts))


async def missed_at(store: Store) -> datetime | None:
    push = (await claim_one(store, "a")).push
    assert push is not None
    return push.missed_at


async def hub(store: Store) -> PushHealth:
    shown = (await health(store, "a")).push
    assert shown is not None
    return shown


async def due(store: Store, now: datetime = NOON) -> list[int]:
    return await store.due_pushes(now=now, limit=10)


async def test_what_a_source_offers_is_due_at_once_and_taken_by_one(store):
    await configure(store, "a", "b")
    source_id = await offer(store)
    await offer(store, "b", Offer())

    assert await due(store) == [source_id]
    assert await take(store, source_id) == Push(
        source_id=source_id, key="a", url=TOPIC, polled=True, offer=OFFER
    )
    assert await take(store, source_id) is None
    assert await due(store) == []
    assert await due(store, NOON + HOUR) == [source_id]


async def test_the_same_offer_again_is_no_news_and_another_one_is(store):
    await configure(store, "a")
    source_id = await offer(store)
    await save(store, source_id, failures=3, error="x")
    await offer(store)
    assert await due(store) == []
    await poll(store, "a")  # an answer that says nothing of hubs
    assert await due(store) == []

    await offer(store, what=replace(OFFER, topic=TOPIC + "/2"))

    taken = await take(store, source_id)
    assert taken is not None
    assert (taken.offer.topic, taken.failures, taken.error) == (TOPIC + "/2", 0, None)


async def test_a_callback_reads_back_as_it_was_saved(store):
    await configure(store, "a")
    source_id = await offer(store)
    one, two = verified("1"), callback("2", secret=None, state="ended")
    await save(store, source_id, one, two, failures=2, error="no \x00 answer")

    found, push = await store.callback("1")
    assert found == one
    assert push.callbacks == (one, two)
    assert push.failures == 2
    assert push.error is not None
    assert await store.callback("3") is None


async def test_only_what_is_as_it_was_is_dropped(store):
    await configure(store, "a")
    source_id = await offer(store)
    await save(store, source_id, callback("1"), callback("2"))
    assert await store.confirm(verified("2"))

    await save(store, source_id, drop=(callback("1"), callback("2")))

    assert await store.callback("1") is None
    assert await store.callback("2") is not None


async def test_a_verified_subscription_takes_the_place_of_the_one_before(store):
    await configure(store, "a")
    source_id = await offer(store)
    await save(store, source_id, callback("1"), failures=2, error="x")
    assert await store.confirm(verified("1"))
    assert await due(store, NOON + 4 * HOUR) == []
    assert await due(store, NOON + 5 * HOUR) == [source_id]
    await save(store, source_id, callback("2"))

    assert await store.confirm(verified("2", renew_at=NOON + 9 * HOUR))

    _, push = await store.callback("2")
    assert [one.state for one in push.callbacks] == ["ending", "active"]
    assert (push.failures, push.error) == (0, None)
    assert await due(store) == [source_id]


@pytest.mark.parametrize("state", ["ending", "ended"])
async def test_what_is_over_is_not_confirmed(store, state):
    await configure(store, "a")
    source_id = await offer(store)
    await save(store, source_id, callback("1", state=state))

    assert not await store.confirm(verified("1"))
    assert not await store.confirm(verified("2"))
    assert (await store.callback("1"))[0].state == state


@pytest.mark.parametrize("change", ["removed", "disabled", "moved"])
async def test_a_source_that_changes_is_looked_at(store, change):
    await configure(store, "a")
    source_id = await offer(store)
    await save(store, source_id, verified())
    changed = {
        "removed": [spec("b")],
        "disabled": [spec("a", enabled=False)],
        "moved": [spec("a", url="https://new.example/")],
    }

    await configure(store, *changed[change])

    taken = await take(store, source_id)
    assert taken is not None
    assert taken.polled == (change == "moved")
    assert bool(taken.offer.hubs) == (change != "moved")


async def test_another_address_of_ours_makes_due_what_does_not_fit(store):
    await configure(store, "a", "b", "c", "d")
    here, there, untried, failed = [await offer(store, key) for key in "abcd"]
    for source_id in (here, there, untried, failed):
        await take(store, source_id)
    await save(store, here, verified("1"))
    await save(store, there, verified("2", url="https://old.example/2"))
    await save(store, failed, failures=1)

    await store.review_pushes(BASE)
    assert sorted(await due(store)) == sorted([there, untried])

    for source_id in (there, untried):
        await take(store, source_id)
    await store.review_pushes(None)
    assert sorted(await due(store)) == sorted([here, there])


async def test_the_sources_that_are_pushed_are_known(store):
    await configure(store, "a", "b", "c")
    for key, one in (("a", verified("1")), ("b", callback("2")), ("c", verified("3"))):
        await save(store, await offer(store, key), one)
    await configure(store, "a", "b")

    assert await store.pushed_keys() == ["a"]


async def test_a_claim_knows_what_the_hub_does(store):
    await configure(store, "a")
    source_id = await offer(store)
    assert (await claim_one(store, "a")).push is None
    await save(store, source_id, verified())
    await store.poll_soon(source_id, at=NOON, heard_at=NOON + HOUR)
    await offer(store, missed_at=NOON + 2 * HOUR)

    assert (await claim_one(store, "a")).push == PushStanding(
        verified_at=NOON,
        lease_until=NOON + 10 * HOUR,
        delivered_at=NOON + HOUR,
        missed_at=NOON + 2 * HOUR,
    )


async def test_a_push_soon_after_a_poll_makes_up_for_what_was_missed(store):
    await configure(store, "a")
    source_id = await offer(store, missed_at=NOON)
    await save(store, source_id, verified())

    await store.poll_soon(source_id, at=NOON, heard_at=NOON + GRACE)
    assert await missed_at(store) == NOON
    await store.poll_soon(source_id, at=NOON, heard_at=NOON + GRACE / 2)
    assert await missed_at(store) is None


async def test_what_is_pushed_holds_the_source_like_a_poll(store):
    await configure(store, "a")
    source_id = await offer(store, next_poll_at=NOON)
    until = NOON + HOUR

    claimed = await store.claim_pushed(source_id, now=NOON, lease_until=until)

    assert claimed is not None
    assert claimed.key == "a"
    assert await store.claim_pushed(source_id, now=NOON, lease_until=until) is None
    assert await claim_due(store) == []
    assert await store.claim_pushed(source_id, now=until, lease_until=until) is not None


async def test_a_push_brings_entries_and_leaves_the_rest_as_the_poll_left_it(store):
    await configure(store, "a")
    await poll(store, "a", story("1", at=ago(hours=3)))
    habits = learn([Sighting(NOON)], NOON)
    source_id = await offer(
        store, body_digest=b"digest", next_poll_reason="as it was", habits=habits
    )
    before = await health(store, "a")
    revision = await store.revision()
    claimed = await store.claim_pushed(source_id, now=NOON, lease_until=NOON + HOUR)

    saved = await store.save_pushed(
        claimed.lease,
        EntryChanges(new=(story("2"),)),
        came_at=NOON + timedelta(minutes=1),
        heard_at=NOON,
    )

    after = await health(store, "a")
    assert saved
    assert await titles(store, Selection()) == ["Title 2", "Title 1"]
    assert (await store.revision()).number > revision.number
    assert replace(after, entries=1, push=before.push) == before
    assert (await hub(store)).delivered_at == NOON
    again = await claim_one(store, "a")
    assert again.body_digest == b"digest"
    assert again.ever_read
    assert again.habits is None
    assert again.last_news_at == NOON + timedelta(minutes=1)


async def test_what_is_pushed_under_a_lost_lease_is_not_saved(store):
    await configure(store, "a")
    source_id = await offer(store)
    claimed = await store.claim_pushed(source_id, now=NOON, lease_until=NOON + HOUR)
    await claim_one(store, "a")

    changes = EntryChanges(new=(story("1"),))
    assert not await store.save_pushed(claimed.lease, changes, came_at=NOON, heard_at=NOON)
    assert await titles(store) == []


async def test_a_hint_brings_the_next_poll_forward_and_never_back(store):
    await configure(store, "a")
    source_id = await offer(store, next_poll_at=NOON + HOUR)

    await store.poll_soon(source_id, at=NOON + 2 * HOUR, heard_at=NOON)
    assert (await health(store, "a")).next_poll_at == NOON + HOUR
    await store.poll_soon(source_id, at=NOON, heard_at=NOON)

    told = await health(store, "a")
    assert (told.next_poll_at, told.next_poll_reason) == (NOON, "its hub says that there is news")


async def test_a_pause_that_a_server_asks_for_holds_in_spite_of_a_hint(store):
    await configure(store, "a")
    source_id = await offer(store, paused_until=NOON + HOUR)

    await store.poll_soon(source_id, at=NOON, heard_at=NOON)

    assert await claim_due(store, NOON + HOUR / 2) == []
    assert len(await claim_due(store, NOON + HOUR)) == 1


async def test_health_shows_the_hub(store):
    await configure(store, "a", "b")
    source_id = await offer(store)
    assert (await health(store, "b")).push is None
    assert (await hub(store)).state == "offered"
    await save(store, source_id, callback("1"), error="x")
    assert (await hub(store)).state == "pending"
    assert await store.confirm(verified("1"))
    await save(store, source_id, callback("2", hub="https://b.example/"), error="x")

    push = await hub(store)

    assert (push.hub, push.state, push.error) == (HUB, "active", "x")
    assert push.lease_until == NOON + 10 * HOUR
