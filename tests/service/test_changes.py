import asyncio

import pytest

from aggregator.core.errors import StoreError
from aggregator.service.changes import Announcing, Changes
from aggregator.service.revisions import Revisions
from tests.builders import read_entry
from tests.fakes import Notebook
from tests.patience import PATIENCE
from tests.service.world import World


@pytest.fixture
async def world() -> World:
    world = World()
    url = await world.add("a")
    world.serves(url, read_entry("1"))
    return world


async def next_of(following) -> int:
    return await asyncio.wait_for(anext(following), timeout=PATIENCE)


async def test_who_follows_hears_of_the_state_as_it_is_and_of_each_later_one(world):
    changes = Changes(Revisions(world.store, world.clock), world.notebook.failed)
    following = changes.following()
    await changes.look()
    before = await next_of(following)

    await world.poll("a")
    await changes.look()

    assert await next_of(following) > before


async def test_a_look_that_finds_nothing_new_wakes_nobody(world):
    changes = Changes(Revisions(world.store, world.clock), world.notebook.failed)
    following = changes.following()
    await changes.look()
    await next_of(following)
    waiting = asyncio.ensure_future(anext(following))

    await changes.look()
    await asyncio.sleep(0)

    assert not waiting.done()
    waiting.cancel()


async def test_a_poll_that_brings_something_asks_for_a_look(world):
    changes = Changes(Revisions(world.store, world.clock), world.notebook.failed)
    following = changes.following()
    running = asyncio.create_task(changes.run())
    notebook = Notebook()
    assert await next_of(following) == 0
    await world.poll("a")

    Announcing(notebook, changes).polled(world.notebook.reports[-1])

    assert await next_of(following) > 0
    assert notebook.reports == world.notebook.reports
    running.cancel()


async def test_a_database_out_of_reach_is_told_and_looked_at_again(world, monkeypatch):
    changes = Changes(Revisions(world.store, world.clock), world.notebook.failed)
    following = changes.following()
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "revision", out_of_reach)
        await changes.look()
    await changes.look()

    assert await next_of(following) >= 0
    assert [doing for doing, _ in world.notebook.failures] == ["looking for changes"]


async def out_of_reach():
    raise StoreError("gone")


async def test_an_error_of_ours_is_told_and_the_next_look_goes_on(world, monkeypatch):
    changes = Changes(Revisions(world.store, world.clock), world.notebook.failed)
    following = changes.following()
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "revision", fails)
        await changes.look()
    await changes.look()

    assert await next_of(following) >= 0
    assert [doing for doing, _ in world.notebook.failures] == ["looking for changes"]


async def fails():
    raise RuntimeError


@pytest.mark.parametrize("trouble", [StoreError("lost"), ZeroDivisionError()])
async def test_what_the_database_tells_of_is_looked_at_even_after_it_was_lost(world, trouble):
    changes = Changes(Revisions(world.store, world.clock), world.notebook.failed)
    following = changes.following()
    running = asyncio.create_task(changes.run())
    told = asyncio.Event()
    times = 0

    async def hear(heard) -> None:
        nonlocal times
        times += 1
        heard()
        await told.wait()
        told.clear()
        raise trouble

    hearing = asyncio.create_task(changes.hear(hear, again_after=0))
    assert await next_of(following) == 0
    await world.poll("a")
    told.set()

    assert await next_of(following) > 0
    assert times == 2
    assert [doing for doing, _ in world.notebook.failures] == ["listening for changes"]
    for task in (hearing, running):
        task.cancel()
