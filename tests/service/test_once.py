from datetime import timedelta

from aggregator.core.wire import Failed
from aggregator.service.once import Round
from tests.builders import read_entry
from tests.service.world import World


def a_round(world: World) -> Round:
    return Round(
        store=world.store, dispatcher=world.dispatcher, clock=world.clock, watch=world.notebook
    )


async def test_only_what_is_due_is_polled():
    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    await world.poll("a")
    world.serves(await world.add("b"), read_entry("2"))
    world.notebook.reports.clear()
    once = a_round(world)
    await once.poll_due(await once.due())

    assert world.notebook.outcomes == {"b": "new"}


async def test_named_sources_are_polled_whatever_the_schedule_says():
    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    world.serves(await world.add("b"), read_entry("2"))
    await world.poll("a")
    once = a_round(world)
    await once.poll(await once.claim(["a"], force=False))

    assert world.notebook.outcomes == {"a": "not_modified"}


async def test_all_sources_are_polled_in_spite_of_a_dead_process():
    world = World()
    for key in ("a", "b"):
        world.serves(await world.add(key), read_entry(key))
    await world.store.claim(None, lease_until=world.clock.steady() + timedelta(hours=1))
    once = a_round(world)
    await once.poll(await once.claim(None, force=False))

    assert world.notebook.outcomes == {"a": "new", "b": "new"}


async def test_a_servers_pause_holds_unless_forced():
    world = World()
    url = await world.add("a")
    asked = Failed(kind="http", reason="HTTP 429", status=429, retry_after=timedelta(hours=2))
    world.answers(url, asked)
    await world.poll("a")
    world.serves(url, read_entry("1"))
    once = a_round(world)
    await once.poll(await once.claim(["a"], force=False))
    held_back = world.notebook.reports[-1]
    await once.poll(await once.claim(["a"], force=True), force=True)

    assert held_back.outcome == "throttled"
    assert "2h" in (held_back.error or "")
    assert len(world.fetcher.requests) == 2
    assert world.notebook.reports[-1].outcome == "new"
