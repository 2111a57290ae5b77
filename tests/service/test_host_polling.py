"""What a failing database, or a host that passes on, leaves behind: nothing that stays taken."""

import asyncio
from datetime import timedelta

import pytest

from aggregator.core.errors import StoreError
from aggregator.core.wire import Answer, FetchRequest
from aggregator.service import host_polling, host_runs
from aggregator.service.host_polling import BUDGET, DispatchPolicy
from aggregator.service.host_runs import HOLD
from tests.builders import read_entry
from tests.patience import until
from tests.service.test_dispatch import HangingFetcher, running, stopped
from tests.service.world import World
from tests.store.memory import MemoryStore

ONE = DispatchPolicy(concurrency=1, per_host_delay=timedelta())


async def two_of_one_host(store: MemoryStore, *, takes: timedelta) -> World:
    """`takes` is how long the first answer does."""
    world = World(store=store, dispatch=ONE)
    for name in "ab":
        world.serves(await world.add(name, f"https://one.example/{name}"), read_entry(name))
    slow = "https://one.example/a"
    at_once: Answer = world.fetcher.answers[slow]

    def late(_: FetchRequest) -> Answer:
        world.clock.pass_(seconds=takes.total_seconds())
        return at_once

    world.fetcher.answers[slow] = late
    return world


class Gate(MemoryStore):
    """Renews when it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
        self.open = asyncio.Event()

    async def renew(self, runs, *, until):
        self.asked = True
        await self.open.wait()
        return await super().renew(runs, until=until)


async def test_a_run_that_ends_while_it_asks_for_its_host_gives_its_place_back():
    store = Gate()
    world = await two_of_one_host(store, takes=HOLD)
    task = await running(world)
    await until(lambda: store.asked)
    world.dispatcher.hosts.runs["one.example"].cancel()
    store.open.set()
    world.serves(await world.add("c"), read_entry("c"))
    world.dispatcher.wake()
    await until(lambda: "c" in world.notebook.outcomes)
    await stopped(world, task)


class CannotRelease(MemoryStore):
    async def release(self, _):
        raise StoreError("the server is gone")


async def test_a_host_is_free_although_its_sources_could_not_be_given_back(monkeypatch):
    monkeypatch.setattr(host_runs, "RENEW", 0.0)
    store = CannotRelease()
    world = await two_of_one_host(store, takes=BUDGET)
    task = await running(world)
    await until(lambda: world.notebook.reports)
    await until(lambda: world.notebook.failures)
    for _ in range(20):  # whoever holds it would renew it
        await asyncio.sleep(0.001)
    stats = await store.frontier_stats(now=world.clock.steady())
    await stopped(world, task)

    assert stats.running == 0


async def test_a_stop_without_the_database_tells_what_it_could_not_give_back():
    world = World(store=CannotRelease(), fetcher=HangingFetcher())
    await world.add("a")
    task = await running(world)
    await until(lambda: world.fetcher.asked)
    await stopped(world, task)

    told = [(doing, str(error)) for doing, error in world.notebook.failures]
    assert told == [("giving sources back", "the server is gone")]


class Elsewhere(MemoryStore):
    """Another process has all hosts, for so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    async def open_hosts(self, hosts, **conditions):
        self._looks -= 1
        return [] if self._looks >= 0 else await super().open_hosts(hosts, **conditions)


@pytest.mark.parametrize(("looks", "told"), [(3, []), (4, ["a.example"]), (20, ["a.example"])])
async def test_a_poll_by_hand_says_once_that_another_process_has_its_host(monkeypatch, looks, told):
    """Not at once: most have done with it in a moment."""
    monkeypatch.setattr(host_polling, "AGAIN", 0.0)
    world = World(store=Elsewhere(looks))
    world.serves(await world.add("a"), read_entry("1"))
    await world.poll("a")

    assert world.notebook.waits == told
    assert world.notebook.outcomes == {"a": "new"}
