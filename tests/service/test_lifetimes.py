"""How long what we publish is told to stay as it is."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.errors import StoreError
from aggregator.service.lifetimes import LONGEST, SHORTEST, Lifetimes
from aggregator.service.ports import SourceSpec
from aggregator.service.publishing import Publisher
from tests.service.published import LATEST, catalogue
from tests.service.world import World
from tests.store.memory import MemoryStore
from tests.store.steps import claim_one, record

A = catalogue().find("sources", "a")


@pytest.fixture
def world() -> World:
    return World()


async def due_in(world: World, **minutes: float) -> None:
    """These are the sources, due in so many minutes."""
    specs = [SourceSpec(key=key, url=f"https://{key}.example/", name=None) for key in minutes]
    await world.store.sync_sources(specs, now=world.clock.steady())
    for key, span in minutes.items():
        claimed = await claim_one(world.store, key)
        next_poll_at = world.clock.steady() + timedelta(minutes=span)
        await world.store.save_poll(record(claimed.lease, next_poll_at=next_poll_at))


async def fresh_for(world: World, publication=LATEST, until=None) -> timedelta:
    return await Lifetimes(world.store, world.clock).fresh_for(publication, until)


async def test_it_lasts_until_the_next_source_is_due(world):
    await due_in(world, a=10, b=5)

    assert await fresh_for(world) == timedelta(minutes=5)
    assert await fresh_for(world, None) == timedelta(minutes=5)


async def test_only_its_own_sources_count(world):
    await due_in(world, a=10, b=5)

    assert await fresh_for(world, A) == timedelta(minutes=10)


async def test_it_ends_when_time_itself_changes_something(world):
    await due_in(world, a=10)
    until = world.clock.now() + timedelta(minutes=3)

    assert await fresh_for(world, until=until) == timedelta(minutes=3)


@pytest.mark.parametrize(
    ("minutes", "told"), [(-60, SHORTEST), (0, SHORTEST), (0.5, SHORTEST), (600, LONGEST)]
)
async def test_it_stays_within_sensible_bounds(world, minutes, told):
    await due_in(world, a=minutes)

    assert await fresh_for(world) == told


async def test_a_moment_that_is_over_does_not_make_it_shorter_than_the_shortest(world):
    await due_in(world, a=10)

    assert await fresh_for(world, until=world.clock.now() - timedelta(days=1)) == SHORTEST


async def test_without_sources_that_are_polled_it_lasts_longest(world):
    assert await fresh_for(world) == LONGEST


async def test_the_wall_clock_may_be_stepped(world):
    await due_in(world, a=10)
    world.clock.step_the_wall_clock(days=30)

    assert await fresh_for(world) == timedelta(minutes=10)


async def test_it_grows_shorter_as_time_passes_without_a_look_each_time(world):
    await due_in(world, a=10)
    store = Counting(world.store)
    lifetimes = Lifetimes(store, world.clock)
    told = []
    for _ in range(20):
        told.append(await lifetimes.fresh_for(LATEST))
        world.clock.pass_(seconds=1)

    assert told == sorted(told, reverse=True)
    assert told[0] - told[-1] == timedelta(seconds=19)
    assert store.looks == 1


async def test_a_poll_that_is_over_is_seen_soon(world):
    await due_in(world, a=0.1)
    lifetimes = Lifetimes(world.store, world.clock)
    await lifetimes.fresh_for(LATEST)
    world.clock.pass_(seconds=7)
    await lifetimes.fresh_for(LATEST)
    await due_in(world, a=15)
    world.clock.pass_(seconds=1)
    meanwhile = await lifetimes.fresh_for(LATEST)
    for _ in range(50):
        await asyncio.sleep(0)

    assert meanwhile == SHORTEST
    assert await lifetimes.fresh_for(LATEST) > SHORTEST


async def test_a_poll_that_is_long_over_is_seen_at_once(world):
    await due_in(world, a=0.1)
    lifetimes = Lifetimes(world.store, world.clock)
    await lifetimes.fresh_for(LATEST)
    await due_in(world, a=15)
    world.clock.pass_(minutes=1)

    assert await lifetimes.fresh_for(LATEST) > SHORTEST


async def test_another_processs_schedule_is_seen_within_a_minute(world):
    await due_in(world, a=14)
    lifetimes = Lifetimes(world.store, world.clock)
    await lifetimes.fresh_for(LATEST)
    await due_in(world, a=2)
    world.clock.pass_(seconds=31)

    assert await lifetimes.fresh_for(LATEST) < timedelta(minutes=2)


async def test_searches_over_the_same_sources_share_one_look(world):
    store = Counting(world.store)
    lifetimes = Lifetimes(store, world.clock)
    for n in range(50):
        await lifetimes.fresh_for(replace(LATEST, query=(("q", str(n)),)))

    assert store.looks == 1


async def test_a_publisher_without_a_database_promises_least(world):
    class Dead(MemoryStore):
        async def first_due(self, *_, **__):
            raise StoreError("the database does not answer")

    publisher = Publisher(
        store=Dead(), clock=world.clock, catalogue=catalogue(), complain=world.notebook.failed
    )

    assert await publisher.fresh_for(LATEST) == SHORTEST


class Counting(MemoryStore):
    """Another store's plans, and how often they were looked at."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store
        self.looks = 0

    async def first_due(self, keys, *, now):
        self.looks += 1
        return await self._store.first_due(keys, now=now)
