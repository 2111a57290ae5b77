from datetime import timedelta

import pytest

from aggregator.core.pushes import DENIED, LEASE, VERIFYING
from aggregator.core.wire import Called, Failed
from aggregator.service.ports import SourceSpec
from aggregator.service.pushes.subscribing import Reach
from tests.builders import NOON, read_entry
from tests.service.hub_world import BASE, HUB, REACH, HubWorld

HOUR = timedelta(hours=1)
ONE = read_entry("1")


@pytest.fixture
def world():
    return HubWorld()


async def test_b5_subscriber_a_source_with_a_hub_is_subscribed_to(world):
    url = await world.offering("a", ONE)

    await world.tend()

    (call,), (form,) = world.caller.calls, world.caller.forms
    (callback,) = await world.callbacks()
    assert (call.method, call.url) == ("POST", HUB)
    assert dict(call.headers) == {"Content-Type": "application/x-www-form-urlencoded"}
    assert form == {
        "hub.callback": callback.url,
        "hub.mode": "subscribe",
        "hub.topic": url,
        "hub.lease_seconds": f"{LEASE.total_seconds():.0f}",
        "hub.secret": callback.secret,
    }
    assert callback.url == f"{BASE}{callback.token}"
    assert (await world.hub()).state == "pending"


async def test_b5_subscriber_each_subscription_has_a_callback_and_a_secret_of_its_own(world):
    await world.offering("a", ONE)
    await world.offering("b", read_entry("2"))

    await world.tend()

    parts = [(form["hub.callback"], form["hub.secret"]) for form in world.caller.forms]
    assert len({part for pair in parts for part in pair}) == 4


async def test_b5_subscriber_the_topic_is_what_the_source_calls_itself(world):
    await world.offering("a", ONE, topic="https://a.example/self")
    await world.tend()

    assert world.caller.forms[0]["hub.topic"] == "https://a.example/self"


@pytest.mark.parametrize(
    ("hub", "secret"),
    [
        ("https://hub.example/", True),
        ("http://hub.example/", False),
        ("http://127.0.0.1:80/", True),
        ("http://localhost/", True),
        ("http://192.168.0.1/", False),
    ],
)
async def test_b5_subscriber_a_secret_goes_over_https_or_stays_on_the_machine(world, hub, secret):
    await world.offering("a", ONE, hub=hub)
    await world.tend()

    assert ("hub.secret" in world.caller.forms[0]) == secret
    assert len(world.caller.forms[0].get("hub.secret", "").encode()) < 200


async def test_a_hub_is_known_by_the_source_that_names_it(world):
    """So that a public source cannot send us into an opened private network."""
    url = await world.offering("a", ONE, hub="http://127.0.0.1/")
    await world.tend()

    assert world.caller.calls[0].named_by == (url,)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_b5_subscriber_203_204_a_hub_may_send_us_to_another(world, status):
    url = await world.offering("a", ONE)
    world.caller.answers[HUB] = Called(status=status, body=b"", location="/v2")

    await world.tend()

    first, second = world.caller.calls
    assert second.url == f"{HUB}v2"
    assert second.body == first.body
    assert second.named_by == (url, HUB)
    assert world.notebook.refusals == []


@pytest.mark.parametrize(
    "location", ["http://hub.example/", "ftp://hub.example/", "javascript:1", HUB]
)
async def test_a_hub_cannot_send_us_in_circles_or_into_the_open(world, location):
    await world.offering("a", ONE)
    world.caller.answers[HUB] = Called(status=307, body=b"", location=location)

    await world.tend()

    assert len(world.notebook.refusals) == 1
    assert {call.url for call in world.caller.calls} == {HUB}
    assert len(world.caller.calls) <= 4
    assert await world.callbacks() == ()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Called(status=400, body=b"no such\ntopic"), "the hub answered 400: no such topic"),
        (Called(status=500, body=b""), "the hub answered 500"),
        (Failed(kind="timeout", reason="no answer within 10 s"), "no answer within 10 s"),
    ],
)
async def test_a_hub_that_fails_is_asked_again_later_and_harms_no_poll(world, answer, reason):
    await world.offering("a", ONE)
    before = await world.health("a")
    world.caller.answers[HUB] = answer

    waits = []
    for _ in range(3):
        asked, started = len(world.caller.calls), world.clock.steady()
        while len(world.caller.calls) == asked:
            world.clock.pass_(minutes=1)
            await world.tend()
        waits.append(world.clock.steady() - started)

    assert waits == [timedelta(minutes=minutes) for minutes in (1, 5, 10)]
    shown = await world.hub()
    assert (shown.state, reason in (shown.error or "")) == ("offered", True)
    assert (await world.health("a")).next_poll_at == before.next_poll_at
    assert await world.callbacks() == ()


async def test_a_hub_that_never_verifies_is_asked_again_later(world):
    await world.offering("a", ONE)
    await world.tend()
    world.clock.pass_(seconds=VERIFYING.total_seconds())

    await world.tend()

    assert world.notebook.refusals == [("a", HUB, "the hub never came to verify it")]
    assert await world.callbacks() == ()
    world.clock.pass_(minutes=5)
    await world.tend()
    assert len(world.caller.calls) == 2


async def test_b5_subscriber_a_subscription_is_renewed_under_another_callback(world):
    first = await world.subscribed("a", ONE)
    world.clock.pass_(days=6)
    await world.tend()
    assert len(world.caller.calls) == 1

    world.clock.pass_(days=1)
    await world.tend()
    second = (await world.callbacks())[-1]
    assert await world.verify(second) == "xyz"
    await world.tend()

    assert second.url != first.url
    assert second.secret != first.secret
    assert [(form["hub.mode"], form["hub.callback"]) for form in world.caller.forms[1:]] == [
        ("subscribe", second.url),
        ("unsubscribe", first.url),
    ]
    assert {one.token: one.state for one in await world.callbacks()} == {
        first.token: "ended",
        second.token: "active",
    }


async def test_the_old_subscription_holds_while_a_renewal_fails(world):
    first = await world.subscribed("a", ONE)
    world.caller.answers[HUB] = Called(status=500, body=b"")
    world.clock.pass_(days=7)

    await world.tend()

    assert [one.state for one in await world.callbacks()] == ["active"]
    assert (await world.found(first.token)).is_over is False


@pytest.mark.parametrize("end", ["removed", "disabled", "moved", "no hub", "switched off"])
async def test_b5_subscriber_1xx_a_subscription_that_is_not_wanted_is_ended(world, end):
    callback = await world.subscribed("a", ONE)
    await world.add("other")
    match end:
        case "removed":
            del world.specs["a"]
        case "disabled":
            world.specs["a"] = SourceSpec(
                key="a", url=world.specs["a"].url, name=None, enabled=False
            )
        case "moved":
            world.specs["a"] = SourceSpec(key="a", url="https://new.example/", name=None)
        case "no hub":
            await world.now_offers("a", read_entry("2"), hub="")
        case _:
            await world.subscriber.take(None)
    await world.store.sync_sources(list(world.specs.values()), now=world.clock.steady())

    await world.tend()

    assert world.caller.forms[-1] == {
        "hub.callback": callback.url,
        "hub.mode": "unsubscribe",
        "hub.topic": callback.topic,
    }
    found = await world.found(callback.token)
    assert found.is_over
    assert await world.verify(callback, mode="unsubscribe") == "xyz"
    world.clock.pass_(days=30)
    await world.tend()
    assert await world.callbacks() == ()
    assert world.caller.modes == {"subscribe": 1, "unsubscribe": 1}


async def test_a_source_that_changes_its_hub_gets_another_subscription(world):
    old = await world.subscribed("a", ONE)
    world.clock.pass_(days=1)
    await world.now_offers("a", read_entry("2"), hub="https://new.example/")
    await world.tend()
    new = (await world.callbacks())[-1]
    assert (new.hub, new.state) == ("https://new.example/", "pending")
    assert not (await world.found(old.token)).is_over

    assert await world.verify(new) == "xyz"
    await world.tend()

    assert (world.caller.calls[-1].url, world.caller.forms[-1]["hub.mode"]) == (HUB, "unsubscribe")


async def test_a_site_that_moves_takes_its_subscriptions_along(world):
    await world.subscribed("a", ONE)
    await world.subscriber.take(Reach(base="https://new.example/websub/", user_agent=str))
    await world.tend()

    assert (await world.callbacks())[-1].url.startswith("https://new.example/websub/")


@pytest.mark.parametrize("hidden", [{"shown_url": "https://a.example/"}, {"proxy": "http://p/"}])
async def test_no_hub_is_told_of_a_secret_address_or_asked_past_a_proxy(world, hidden):
    await world.add("a", **hidden)
    world.specs["a"] = SourceSpec(key="a", url=world.policies["a"].shown_url, name=None)
    await world.store.sync_sources(list(world.specs.values()), now=world.clock.steady())
    await world.now_offers("a", ONE)

    await world.tend()

    assert world.caller.calls == []


async def test_a_private_site_asks_hubs_of_its_own_network_only(world):
    await world.subscriber.take(Reach(base="http://127.0.0.1/websub/", user_agent=str))
    await world.offering("a", ONE)
    await world.offering("b", read_entry("2"), hub="http://127.0.0.2/")

    await world.tend()

    assert [call.url for call in world.caller.calls] == ["http://127.0.0.2/"]


async def test_where_nobody_can_call_us_no_hub_is_asked(world):
    await world.subscriber.take(None)
    await world.offering("a", ONE)
    await world.tend()
    assert world.caller.calls == []

    await world.subscriber.take(REACH)
    await world.tend()
    assert len(world.caller.calls) == 1


async def test_b5_subscriber_a_hub_that_denies_is_left_alone_for_a_week(world):
    await world.offering("a", ONE)
    await world.tend()
    (callback,) = await world.callbacks()

    assert await world.verify(callback, mode="denied", reason="not\nyou") == ""

    assert world.notebook.refusals == [("a", HUB, "the hub denied it: not you")]
    assert (await world.hub()).error == "the hub denied it: not you"
    assert (await world.found(callback.token)).is_over
    world.clock.pass_(seconds=DENIED.total_seconds() - 1)
    await world.tend()
    assert len(world.caller.calls) == 1
    world.clock.pass_(seconds=1)
    await world.tend()
    assert len(world.caller.calls) == 2


async def test_after_a_restart_a_pushed_source_is_polled_as_if_it_were_not(world):
    """Its hub may have pushed meanwhile, and given up."""
    await world.subscribed("a", ONE)
    (source,) = await world.store.sources()
    await world.store.poll_soon(1, at=source.next_poll_at, heard_at=world.clock.steady())
    await world.poll("a")
    assert (await world.health("a")).next_poll_at == NOON + timedelta(days=1)

    await world.subscriber.catch_up()

    told = await world.health("a")
    assert told.next_poll_at == NOON + HOUR
    assert told.next_poll_reason == "its hub may have pushed while we were down"


async def test_what_goes_wrong_with_one_source_harms_no_other(world, monkeypatch):
    await world.offering("a", ONE)
    await world.offering("b", read_entry("2"))
    take = world.store.take_push

    async def broken(source_id, **changes):
        push = await take(source_id, **changes)
        if push and push.key == "a":
            raise RuntimeError
        return push

    monkeypatch.setattr(world.store, "take_push", broken)
    await world.tend()

    assert len(world.caller.calls) == 1
    assert [doing for doing, _ in world.notebook.failures] == ["keeping a subscription"]


async def test_a_look_that_fails_by_an_error_of_ours_ends_no_later_one(world, monkeypatch):
    await world.offering("a", ONE)

    async def broken(**_):
        raise RuntimeError

    with monkeypatch.context() as failing:
        failing.setattr(world.store, "due_pushes", broken)
        await world.tend()
    await world.tend()

    assert len(world.caller.calls) == 1
    assert [doing for doing, _ in world.notebook.failures] == ["looking for subscriptions to keep"]
