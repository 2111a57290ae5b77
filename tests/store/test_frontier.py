"""The contract of the frontier: who has the turn at a host, in all processes."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aggregator.service.frontier import Due, Ending, HostRun
from tests.builders import NOON, ago
from tests.store.steps import (
    HOUR,
    SECOND,
    Store,
    claim_due,
    claim_one,
    configure,
    health,
    keys,
    open_due,
    record,
    spec,
)

SOON = NOON + 6 * SECOND


def of_one_host(*keys: str):
    return [spec(key, url=f"https://one.example/{key}") for key in keys]


async def take_if_free(
    store: Store, host: str, now: datetime = NOON, delay: timedelta = SECOND
) -> HostRun | None:
    """The host alone."""
    runs = await store.open_hosts([Due(host)], now=now, until=now + 6 * SECOND, delay=delay)
    return next(iter(runs), None)


async def take(*args, **changes) -> HostRun:
    run = await take_if_free(*args, **changes)
    assert run is not None
    return run


async def open_again(store: Store, *due: Due) -> list[HostRun]:
    """What an earlier sweep has found."""
    return await store.open_hosts(due, now=NOON, until=SOON, delay=SECOND)


async def sweep(store: Store, now: datetime = NOON, **changes) -> list[Due]:
    return await store.sweep(now=now, **{"limit": 100, "failing": 100, "per_host": 8, **changes})


async def test_a_sweep_finds_hosts_with_what_is_due_of_them(store):
    await configure(store, *of_one_host("a", "b"), "c")

    found = await sweep(store)

    assert [(due.host, len(due.sources)) for due in found] == [("one.example", 2), ("c.example", 1)]


async def test_a_sweep_leaves_what_is_due_for_the_next(store):
    await configure(store, "a")

    assert await sweep(store) == await sweep(store)


async def test_no_more_hosts_are_found_than_asked_for(store):
    await configure(store, *of_one_host("a", "b"), "c", "d")

    assert [due.host for due in await sweep(store, limit=2)] == ["one.example", "c.example"]
    assert await sweep(store, limit=0) == []


async def test_a_host_has_one_run_at_a_time(store):
    await configure(store, *of_one_host("a", "b"))
    due = await sweep(store)
    runs = await open_due(store)

    assert [keys(run.sources) for run in runs] == [["a", "b"]]
    assert await sweep(store) == []
    assert await open_again(store, *due) == []
    assert await take_if_free(store, "one.example") is None


async def test_a_completed_host_is_free_and_says_until_when_it_rests(store):
    run = await take(store, "one.example")
    await store.complete([Ending(run, NOON + SECOND)])
    again = await take(store, "one.example")

    assert (run.free_at, again.free_at) == (None, NOON + SECOND)
    assert again.token != run.token


async def test_a_host_that_was_not_asked_rests_as_before(store):
    await store.complete([Ending(await take(store, "one.example"), NOON + SECOND)])
    await store.complete([Ending(await take(store, "one.example"), None)])

    assert (await take(store, "one.example")).free_at == NOON + SECOND


async def test_a_rest_that_is_over_is_none(store):
    await store.complete([Ending(await take(store, "one.example"), NOON + SECOND)])

    assert (await take(store, "one.example", NOON + SECOND)).free_at is None


async def test_a_rest_that_a_wrong_clock_left_is_none(store):
    await store.complete([Ending(await take(store, "one.example"), NOON + 2 * HOUR)])

    assert (await take(store, "one.example")).free_at is None


async def test_a_host_whose_process_died_is_polled_again_when_its_run_ends(store):
    await configure(store, "a")
    (lost,) = await open_due(store, until=SOON)

    assert await claim_due(store, SOON - SECOND) == []
    (again,) = await open_due(store, SOON)
    assert keys(again.sources) == ["a"]
    # Its last request may have been made at the very end.
    assert again.free_at == SOON + SECOND
    assert again.token != lost.token


async def test_a_run_that_is_renewed_lasts(store):
    await configure(store, "a", "b")
    runs = await open_due(store, until=SOON)

    assert await store.renew(runs, until=SOON + HOUR) == {"a.example", "b.example"}
    assert await claim_due(store, SOON + HOUR / 2) == []


async def test_who_has_lost_a_host_neither_renews_nor_completes_it_nor_saves_its_polls(store):
    await configure(store, "a")
    (late,) = await open_due(store, until=SOON)
    (current,) = await open_due(store, SOON)
    await store.complete([Ending(late, SOON)])

    assert await store.renew([late], until=SOON + HOUR) == set()
    assert not await store.save_poll(record(late.sources[0].lease, failures=7))
    assert (await health(store, "a")).failures == 0
    assert await take_if_free(store, "a.example", SOON) is None
    assert await store.renew([current], until=SOON + HOUR) == {"a.example"}


async def test_a_run_that_a_wrong_clock_left_does_not_last(store):
    await configure(store, "a")
    await open_due(store, until=NOON + timedelta(days=300))

    assert keys(await claim_due(store)) == ["a"]


async def test_what_was_polled_since_the_sweep_is_not_polled_again(store):
    await configure(store, "a", "b")
    first, second = await sweep(store)
    await store.save_poll(record((await claim_one(store, "a")).lease))

    assert [run.host for run in await open_again(store, first, second)] == [second.host]
    assert await take_if_free(store, "a.example")  # the failed opening has not taken it


async def test_a_ping_during_a_run_is_found_by_the_next_sweep(store):
    await configure(store, "a")
    (run,) = await open_due(store)
    await store.save_poll(record(run.sources[0].lease, next_poll_at=NOON + HOUR))
    await store.poll_soon(run.sources[0].lease.source_id, at=NOON, heard_at=NOON)
    assert await sweep(store) == []
    await store.complete([Ending(run, NOON)])

    assert keys(await claim_due(store)) == ["a"]


async def test_what_is_polled_is_not_taken_by_a_push(store):
    await configure(store, "a")
    (run,) = await open_due(store, until=SOON)
    pushed = {"source_id": run.sources[0].lease.source_id, "lease_until": SOON + HOUR}

    assert await store.claim_pushed(**pushed, now=NOON) is None
    assert await store.claim_pushed(**pushed, now=SOON) is not None


async def test_a_claim_by_name_takes_a_source_from_a_run(store):
    await configure(store, "a")
    (run,) = await open_due(store)
    named = await claim_one(store, "a")

    assert not await store.save_poll(record(run.sources[0].lease))
    assert await store.save_poll(record(named.lease))


async def test_a_source_that_has_moved_to_another_host_is_not_of_this_one(store):
    await configure(store, "a")
    (due,) = await sweep(store)
    await configure(store, spec("a", url="https://new.example/feed"))

    assert await open_again(store, due) == []


async def test_who_opens_a_host_takes_nothing_from_another_where_its_source_has_moved_to(store):
    await configure(store, "a", "b")
    due = await sweep(store)
    await configure(store, spec("a", url="https://new.example/feed"), "b")
    (moved,) = await open_due(store, limit=1)
    opened = await open_again(store, *due)

    assert moved.host == "new.example"
    assert [run.host for run in opened] == ["b.example"]
    assert await store.save_poll(record(moved.sources[0].lease))


async def test_a_host_is_opened_by_one_of_many_who_ask_at_once(store):
    await configure(store, *of_one_host("a", "b"))
    (due,) = await sweep(store)

    opened = await asyncio.gather(*(open_again(store, due) for _ in range(9)))

    assert [len(runs) for runs in opened].count(1) == 1
    assert sum(len(runs) for runs in opened) == 1


async def test_a_frontier_that_is_behind_says_how_far(store):
    await configure(store, "a", "b", spec("c", url="https://c.paused.example/"), "d")
    for key, changes in (
        ("a", {"next_poll_at": ago(hours=2)}),
        ("b", {"next_poll_at": ago(hours=3), "failures": 1}),
        ("c", {"next_poll_at": ago(hours=4), "domain_paused_until": NOON + HOUR}),
        ("d", {"next_poll_at": NOON + HOUR}),
    ):
        await store.save_poll(record((await claim_one(store, key)).lease, **changes))
    await take(store, "busy.one")
    stats = await store.frontier_stats(now=NOON)

    assert (stats.due, stats.oldest, stats.running, stats.paused) == (2, ago(hours=3), 1, 1)


@pytest.mark.parametrize("delay", [SECOND, 90 * SECOND])
async def test_a_host_is_renewed_by_the_names_of_its_runs_alone(store, delay):
    run = await take(store, "one.example", delay=delay)
    other = replace(run, token="another")

    assert await store.renew([other], until=SOON + HOUR) == set()
    assert (await take(store, "one.example", SOON, delay=delay)).free_at == SOON + delay


async def test_a_host_is_forgotten_when_its_rest_is_over(store):
    await store.complete([Ending(await take(store, "one.example"), NOON + SECOND)])
    await store.forget_hosts(before=NOON)
    kept = await take(store, "one.example")
    await store.complete([Ending(kept, NOON + SECOND)])
    await store.forget_hosts(before=NOON + SECOND)

    assert kept.free_at == NOON + SECOND
    assert (await take(store, "one.example")).free_at is None


async def test_a_host_with_a_run_is_not_forgotten_nor_its_rest_if_that_was_lost(store):
    lost = await take(store, "one.example")
    await store.forget_hosts(before=SOON + SECOND)

    assert await take_if_free(store, "one.example") is None
    assert (await take(store, "one.example", SOON, delay=90 * SECOND)).free_at == (
        SOON + 90 * SECOND
    )
    assert await store.renew([lost], until=SOON + HOUR) == set()


async def test_who_held_a_host_that_was_forgotten_has_it_no_more(store):
    run = await take(store, "one.example")
    await store.forget_hosts(before=SOON + HOUR)
    await store.complete([Ending(run, SOON + 2 * HOUR)])

    assert await store.renew([run], until=SOON + 2 * HOUR) == set()
    assert (await take(store, "one.example", SOON + HOUR)).free_at is None
