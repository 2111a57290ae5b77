"""The contract of the schedule: who polls what next, and who may save it."""

from datetime import timedelta
from typing import Any

import pytest

from aggregator.core.wire import PackedForm, Validators
from aggregator.service.frontier import Due, Ending
from aggregator.service.ports import Lease
from tests.builders import NOON, ago
from tests.store.steps import (
    HOUR,
    SECOND,
    claim_due,
    claim_one,
    configure,
    health,
    keys,
    open_due,
    poll,
    record,
    spec,
    story,
    titles,
)


async def test_a_new_source_is_due_at_once(store):
    await configure(store, "a")

    assert keys(await claim_due(store)) == ["a"]


async def test_without_sources_nothing_is_due(store):
    assert await claim_due(store) == []


async def test_a_claimed_source_is_left_alone_until_its_lease_ends(store):
    await configure(store, "a")
    (first,) = await claim_due(store)

    assert await claim_due(store, NOON + timedelta(minutes=59)) == []
    (again,) = await claim_due(store, NOON + HOUR)

    assert again.key == "a"
    assert again.lease.token != first.lease.token


async def test_each_claim_has_its_own_token(store):
    await configure(store, "a", "b", "c")

    assert len({source.lease.token for source in await claim_due(store)}) == 3


async def test_who_lost_the_lease_writes_nothing(store):
    await configure(store, "a")
    (late,) = await claim_due(store)
    (current,) = await claim_due(store, NOON + 2 * HOUR)
    before = await store.revision()

    assert not await store.save_poll(record(late.lease, failures=7, error="late", read=True))
    assert (await health(store, "a")).failures == 0
    assert (await health(store, "a")).last_poll_at is None
    assert await store.revision() == before
    assert await store.save_poll(record(current.lease))


async def test_a_saved_poll_gives_the_lease_back(store):
    await configure(store, "a")
    (claimed,) = await claim_due(store)

    assert await store.save_poll(record(claimed.lease))
    assert not await store.save_poll(record(claimed.lease))
    assert keys(await claim_due(store, NOON + HOUR)) == ["a"]


async def test_the_longest_overdue_source_comes_first(store):
    await configure(store, "a", "b", "c")
    for source in await claim_due(store):
        hours = {"a": 2, "b": 3, "c": 1}[source.key]
        await store.save_poll(record(source.lease, next_poll_at=NOON + hours * HOUR))

    assert keys(await claim_due(store, NOON + 2 * HOUR)) == ["c", "a"]


async def test_no_more_sources_are_claimed_than_asked_for(store):
    await configure(store, *"abcd")

    assert keys(await claim_due(store, limit=3)) == ["a", "b", "c"]
    assert keys(await claim_due(store, limit=3)) == ["d"]
    assert await claim_due(store, limit=0) == []


async def test_a_busy_host_is_passed_over(store):
    await configure(store, "a", "b")

    (run,) = await open_due(store, limit=1)

    assert run.host == "a.example"
    assert keys(await claim_due(store)) == ["b"]


async def test_a_host_with_many_sources_leaves_room_for_others(store):
    many = [spec(f"m{n}", url=f"https://many.example/{n}") for n in range(20)]
    await configure(store, *many, "z")

    claimed = await claim_due(store, limit=10, per_host=2)

    assert keys(claimed) == ["m0", "m1", "z"]


async def test_a_busy_host_with_more_sources_than_one_look_finds_hides_nobody(store):
    many = [spec(f"m{n:03}", url=f"https://many.example/{n}") for n in range(210)]
    await configure(store, *many, "y", "z")

    (busy,) = await store.open_hosts(
        [Due("many.example")], now=NOON, until=NOON + HOUR, delay=SECOND
    )

    assert keys(await claim_due(store)) == ["y", "z"]
    assert busy
    await store.complete([Ending(busy, None)])
    assert len(await claim_due(store, limit=300, per_host=205)) == 205


async def test_a_released_source_is_due_as_it_was(store):
    await configure(store, "a", "b")
    first, second = await store.claim(None, lease_until=NOON + HOUR)
    await store.release([first.lease, Lease(source_id=second.lease.source_id, token="other")])

    assert keys(await claim_due(store)) == ["a"]


async def test_a_disabled_source_is_shown_but_not_polled(store):
    await configure(store, "a")
    await poll(store, "a", story("1"))
    await configure(store, spec("a", enabled=False))

    assert await claim_due(store, NOON + 24 * HOUR) == []
    assert await store.claim(None, lease_until=NOON + HOUR) == []
    assert await titles(store) == ["Title 1"]


async def test_named_sources_are_claimed_in_spite_of_schedule_switch_and_leases(store):
    await configure(store, "a", "b", spec("c", enabled=False))
    await claim_due(store)

    claimed = await store.claim(["a", "c", "nobody"], lease_until=NOON + HOUR)

    assert sorted(keys(claimed)) == ["a", "c"]
    assert all([await store.save_poll(record(source.lease)) for source in claimed])


async def test_all_enabled_sources_are_claimed_without_names(store):
    await configure(store, "a", "b", spec("c", enabled=False))
    await configure(store, "b", spec("c", enabled=False))

    assert keys(await store.claim(None, lease_until=NOON + HOUR)) == ["b"]
    assert await store.claim(["a"], lease_until=NOON + HOUR) == []


async def test_a_date_in_the_far_future_does_not_put_a_source_to_sleep(store):
    await configure(store, "a", "b")
    for source, days in zip(await claim_due(store), (401, 399), strict=True):
        next_poll_at = NOON + timedelta(days=days)
        await store.save_poll(record(source.lease, next_poll_at=next_poll_at))
    await store.mend(now=NOON)

    reasons = {one.key: one.next_poll_reason for one in await store.sources()}
    assert reasons["a"] == "was due in more than a year, by a wrong clock"
    assert reasons["b"] != reasons["a"]
    assert keys(await claim_due(store, NOON + HOUR)) == ["a"]


async def test_what_a_poll_leaves_comes_back_with_the_next_claim(store):
    await configure(store, "a")
    left = {
        "validators": Validators(etag='W/"é"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT"),
        "body_digest": b"\x00" * 15 + b"\xff",
        "packed": PackedForm(b"\xff" * 15 + b"\x00", 61_000),
        "failures": 3,
        "gone_count": 2,
        "paused_until": NOON + timedelta(microseconds=1),
    }
    await store.save_poll(record((await claim_one(store, "a")).lease, **left))
    claimed = await claim_one(store, "a")

    assert {name: getattr(claimed, name) for name in left} == left
    assert not claimed.ever_read
    assert (claimed.url, claimed.host) == ("https://a.example/feed", "a.example")


async def test_health_tells_of_the_last_poll_and_the_last_good_one(store):
    await configure(store, "a")
    await store.save_poll(record((await claim_one(store, "a")).lease, polled_at=ago(hours=2)))
    failed = record(
        (await claim_one(store, "a")).lease,
        polled_at=ago(hours=1),
        outcome="failed",
        status=503,
        error="HTTP 503",
        failures=1,
        next_poll_reason="backing off",
    )
    await store.save_poll(failed)
    source = await health(store, "a")

    assert (source.last_poll_at, source.last_success_at) == (ago(hours=1), ago(hours=2))
    assert (source.last_status, source.last_error, source.failures) == (503, "HTTP 503", 1)
    assert (source.next_poll_at, source.next_poll_reason) == (NOON + HOUR, "backing off")


async def test_a_new_address_starts_afresh_but_keeps_the_entries(store):
    await configure(store, "a")
    claimed = await poll(store, "a", story("1"))
    left = record(
        (await claim_one(store, "a")).lease,
        validators=Validators(etag='"1"'),
        body_digest=b"1" * 16,
        packed=PackedForm(b"2" * 16, 9),
        gone_count=2,
    )
    await store.save_poll(left)
    under_way = await claim_one(store, "a")
    await configure(store, spec("a", url="https://new.example/feed"))

    assert not await store.save_poll(record(under_way.lease, validators=Validators(etag='"2"')))
    (moved,) = await claim_due(store)
    assert (moved.host, moved.validators) == ("new.example", Validators())
    assert (moved.body_digest, moved.packed) == (None, None)
    assert (moved.gone_count, moved.ever_read) == (0, False)
    assert moved.lease.source_id == claimed.lease.source_id
    assert await titles(store) == ["Title 1"]


async def test_a_source_is_blank_until_a_poll_of_it_is_a_success_and_never_again(store):
    await configure(store, "a")
    failed = {"outcome": "failed", "status": 503, "error": "HTTP 503"}
    await store.save_poll(record((await claim_one(store, "a")).lease, **failed))
    assert (await claim_one(store, "a")).blank

    await poll(store, "a", story("1"))
    await store.save_poll(record((await claim_one(store, "a")).lease, **failed))
    await configure(store, spec("a", url="https://new.example/feed"))

    (moved,) = await claim_due(store)
    assert (moved.blank, moved.ever_read) == (False, False)


async def test_a_source_that_leaves_the_configuration_takes_its_entries_from_view(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1"))
    await poll(store, "b", story("2"))
    await configure(store, "b")

    assert await titles(store) == ["Title 2"]
    assert [source.key for source in await store.sources()] == ["b"]
    assert keys(await claim_due(store, NOON + HOUR)) == ["b"]
    await configure(store, "a", "b")
    assert sorted(await titles(store)) == ["Title 1", "Title 2"]


@pytest.mark.parametrize(
    "changed",
    [
        [spec("a"), spec("b")],
        [spec("a", name="Other")],
        [spec("a", url="https://b.example/")],
        [spec("a", enabled=False)],
        [],
    ],
)
async def test_the_revision_moves_with_the_configuration_only(store, changed):
    await configure(store, "a")
    before = await store.revision()
    await configure(store, "a")
    assert await store.revision() == before

    await configure(store, *changed, now=NOON + HOUR)

    assert (await store.revision()).number == before.number + 1
    assert (await store.revision()).changed_at == NOON + HOUR


async def test_a_failure_can_be_taken_back(store):
    await configure(store, "a", "b")
    claimed = {source.key: source for source in await claim_due(store)}
    for source in claimed.values():
        await store.save_poll(record(source.lease, failures=2, next_poll_at=NOON + 8 * HOUR))
    await store.forgive([claimed["a"].lease.source_id], at=NOON + HOUR, reason="not its fault")
    a, b = await store.sources()

    assert (a.failures, a.next_poll_at) == (1, NOON + HOUR)
    assert a.next_poll_reason == "not its fault"
    assert (b.failures, b.next_poll_at) == (2, NOON + 8 * HOUR)
    assert b.next_poll_reason != "not its fault"


async def test_a_source_without_failures_has_none_to_take_back(store):
    await configure(store, "a")
    (claimed,) = await claim_due(store)
    await store.save_poll(record(claimed.lease, failures=0, next_poll_at=NOON + 8 * HOUR))
    await store.forgive([claimed.lease.source_id], at=NOON, reason="not its fault")
    (source,) = await store.sources()

    assert (source.failures, source.next_poll_at) == (0, NOON + 8 * HOUR)
    assert source.next_poll_reason != "not its fault"


async def test_a_pause_that_a_wrong_clock_left_does_not_last(store):
    await configure(store, "a")
    claimed = await claim_one(store, "a")
    ten_years = timedelta(days=3650)
    await store.save_poll(
        record(claimed.lease, paused_until=NOON + ten_years, next_poll_at=NOON + ten_years)
    )
    await store.mend(now=NOON)
    (again,) = await claim_due(store, NOON + HOUR)

    assert again.paused_until is None


async def test_a_pause_of_a_domain_that_a_wrong_clock_left_holds_nobody_up(store):
    await configure(
        store, spec("a", url="https://a.one.example/"), spec("b", url="https://b.one.example/")
    )
    claimed = await claim_one(store, "a")
    long = NOON + timedelta(days=9)
    await store.save_poll(record(claimed.lease, domain_paused_until=long, paused_until=long))
    await store.release([(await claim_one(store, "b")).lease])

    assert keys(await claim_due(store, NOON)) == ["b"]


async def test_a_lease_that_a_wrong_clock_left_does_not_last(store):
    await configure(store, "a")
    await store.claim(["a"], lease_until=NOON + timedelta(days=300))

    assert keys(await claim_due(store)) == ["a"]


async def test_a_source_that_comes_back_begins_anew(store):
    await configure(store, "a", "b")
    await poll(store, "a", story("1"))
    await configure(store, "b")
    await configure(store, "a", "b")

    assert not (await claim_one(store, "a")).ever_read
    assert await titles(store) == ["Title 1"]


async def test_a_pause_holds_for_the_whole_host(store):
    await configure(
        store,
        spec("a", url="https://one.example/a"),
        spec("b", url="https://one.example/b"),
        spec("c", url="https://two.example/c"),
    )
    paused = await claim_one(store, "a")
    await store.save_poll(
        record(paused.lease, domain_paused_until=NOON + HOUR, next_poll_at=NOON + HOUR)
    )

    assert keys(await claim_due(store)) == ["c"]
    assert sorted(keys(await claim_due(store, NOON + 2 * HOUR))) == ["a", "b", "c"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "10.0.0.7", "bridge", "rss.lan", "[::1]"])
async def test_in_a_private_network_a_source_is_paused_alone(store, host):
    await configure(store, spec("a", url=f"http://{host}/a"), spec("b", url=f"http://{host}/b"))
    paused = await claim_one(store, "a")
    await store.save_poll(record(paused.lease, paused_until=NOON + HOUR, next_poll_at=NOON + HOUR))

    assert keys(await claim_due(store)) == ["b"]


HASTENED: dict[str, dict[str, Any]] = {
    "fine": {},
    "long ago": {"polled_at": ago(hours=5)},
    "failing": {"failures": 1},
    "throttled": {"throttles": 1},
    "gone": {"gone_count": 2},
    "paused": {"paused_until": NOON + 8 * HOUR},
    "asked for": {"not_before": NOON + 3 * HOUR},
    "soon": {"next_poll_at": NOON + HOUR / 2},
}


async def test_a_shorter_interval_counts_from_the_last_poll_and_below_no_wish(store):
    await configure(store, *HASTENED, "other")
    for source in await claim_due(store):
        facts = {"next_poll_at": NOON + 8 * HOUR, **HASTENED.get(source.key, {})}
        await store.save_poll(record(source.lease, **facts))
    for _ in range(2):  # the second of two processes changes nothing
        await store.hasten(dict.fromkeys(HASTENED, HOUR), now=NOON, reason="sooner")

    listed = await store.sources()
    times = {one.key: one.next_poll_at for one in listed}
    hastened = {one.key for one in listed if one.next_poll_reason == "sooner"}
    assert hastened == {"fine", "long ago", "asked for"}
    assert {key: (at - NOON) / HOUR for key, at in times.items()} == {
        "fine": 1,
        "long ago": 0,
        "failing": 8,
        "throttled": 8,
        "gone": 8,
        "paused": 8,
        "asked for": 3,
        "soon": 0.5,
        "other": 8,
    }


async def test_a_source_that_comes_back_is_asked_for_its_whole_document(store):
    await configure(store, "a")
    tagged = record(
        (await claim_one(store, "a")).lease,
        read=True,
        validators=Validators(etag='"1"'),
        body_digest=b"1" * 16,
    )
    await store.save_poll(tagged)
    await configure(store, "b")
    await configure(store, "a", "b")
    claimed = await claim_one(store, "a")

    assert (claimed.validators, claimed.body_digest) == (Validators(), None)
