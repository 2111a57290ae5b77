import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aggregator.core.errors import StoreError
from aggregator.service.entry_lists import EntryLists
from aggregator.web import publishing_out
from aggregator.web.folder import Written, opened
from aggregator.web.publishing_out import Outlet, publish
from tests.patience import PATIENCE, at_some_pace
from tests.web.test_static_site import Planet, planet

__all__ = ["planet"]


@dataclass
class Kept:
    """An outlet at work; `news` tells it of a change."""

    folder: Path | None
    told: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    done: asyncio.Queue[Written] = field(default_factory=asyncio.Queue)
    failures: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def news(self) -> AsyncIterator[int]:
        while True:
            yield await self.told.get()

    async def changed(self) -> Written:
        """What is written after one more change."""
        self.told.put_nowait(1)
        return await asyncio.wait_for(self.done.get(), PATIENCE)


@asynccontextmanager
async def kept(planet: Planet, folder: Path | None) -> AsyncIterator[tuple[Kept, Outlet]]:
    kept = Kept(folder)
    outlet = Outlet(
        planet.site,
        lambda: kept.folder,
        lists=EntryLists(
            store=planet.world.store,
            clock=planet.world.clock,
            catalogue=planet.publisher._catalogue,
        ),
        report=lambda doing, error: kept.failures.put_nowait(f"{doing}: {error}"),
        say=kept.done.put_nowait,
    )
    task = asyncio.create_task(outlet.run(kept.news()))
    try:
        yield kept, outlet
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(publishing_out, "CALM", 0.0)
    monkeypatch.setattr(publishing_out, "RETRY", 0.01)


async def test_a_second_run_waits_for_the_first(planet, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing_out, "WAIT", 0.001)
    with opened(tmp_path) as run:
        second = asyncio.create_task(publish(planet.site, tmp_path))
        run.put("theirs", b"x")
        done, _ = await asyncio.wait([second], timeout=0.1)
        run.finish()
    await second

    assert not done
    assert not (tmp_path / "theirs").exists()
    assert (tmp_path / "feed.atom").exists()


async def test_every_change_is_written_and_only_what_it_touches_is_made(planet, tmp_path):
    async with kept(planet, tmp_path) as (keeper, _):
        first = await keeper.changed()
        await planet.says("b", 3)
        later = await keeper.changed()

    assert first.written > later.written > 0
    assert later.written + later.unchanged < first.written
    assert "Title b2" in (tmp_path / "feed.json").read_text("utf-8")


async def test_many_changes_at_once_are_one(planet, tmp_path, monkeypatch):
    said = iter(range(3, 100))

    async def attempt(calm: float) -> None:
        (tmp_path / "sources/a.json").unlink(missing_ok=True)  # something to write at first
        async with kept(planet, tmp_path) as (keeper, _):
            await keeper.changed()
            monkeypatch.setattr(publishing_out, "CALM", calm)
            for _ in range(5):
                count = next(said)
                await planet.says("b", count)
                keeper.told.put_nowait(1)
            await asyncio.wait_for(keeper.done.get(), PATIENCE)
            monkeypatch.setattr(publishing_out, "CALM", 0.0)

            assert f"Title b{count - 1}" in (tmp_path / "sources/b.json").read_text("utf-8")
            assert keeper.done.empty()

    await at_some_pace(attempt, 0.0, 1.0, 10.0)


async def test_another_configuration_has_all_of_it_made(planet, tmp_path):
    async with kept(planet, tmp_path / "one") as (keeper, outlet):
        first = await keeper.changed()
        keeper.folder = tmp_path / "two"
        outlet.renew()
        second = await asyncio.wait_for(keeper.done.get(), PATIENCE)

    assert second.written == first.written


async def test_without_a_folder_nothing_is_written(planet, tmp_path):
    async with kept(planet, None) as (keeper, outlet):
        keeper.told.put_nowait(1)
        for _ in range(100):
            await asyncio.sleep(0)
        keeper.folder = tmp_path
        outlet.renew()
        await asyncio.wait_for(keeper.done.get(), PATIENCE)

    assert keeper.failures.empty()


async def test_a_folder_that_cannot_be_written_is_told_and_tried_again(planet, tmp_path):
    async with kept(planet, tmp_path / "not/yet") as (keeper, _):
        keeper.told.put_nowait(1)
        told = await asyncio.wait_for(keeper.failures.get(), PATIENCE)
        (tmp_path / "not").mkdir()
        done = await asyncio.wait_for(keeper.done.get(), PATIENCE)

    assert told.startswith("publishing static files: cannot write")
    assert done.written


async def test_all_of_it_is_made_now_and_then(planet, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing_out, "WHOLE", 0.05)
    async with kept(planet, tmp_path) as (keeper, _):
        await keeper.changed()
        (tmp_path / "sources/a.json").unlink()

        assert (await asyncio.wait_for(keeper.done.get(), PATIENCE)).written == 1


async def test_an_error_of_ours_is_told_and_tried_again(planet, tmp_path, monkeypatch):
    async def broken():
        raise RuntimeError("a fault")

    async with kept(planet, tmp_path) as (keeper, _):
        with monkeypatch.context() as failing:
            failing.setattr(planet.site._publisher, "opml", broken)
            keeper.told.put_nowait(1)
            told = await asyncio.wait_for(keeper.failures.get(), PATIENCE)
        done = await asyncio.wait_for(keeper.done.get(), PATIENCE)

    assert told == "publishing static files: a fault"
    assert done.written > 0


async def test_a_database_out_of_reach_for_a_while_keeps_nothing_from_being_written(
    planet, tmp_path, monkeypatch
):
    whole = planet.publisher.document

    async def out_of_reach(publication, *args, **more):
        if publication.slug == "papers":
            raise StoreError("out of reach")
        return await whole(publication, *args, **more)

    async with kept(planet, tmp_path) as (keeper, _):
        with monkeypatch.context() as failing:
            failing.setattr(planet.publisher, "document", out_of_reach)
            keeper.told.put_nowait(1)
            told = await asyncio.wait_for(keeper.failures.get(), PATIENCE)
        done = await asyncio.wait_for(keeper.done.get(), PATIENCE)

    assert told == "publishing static files: out of reach"
    assert (tmp_path / "publications/papers.atom").exists()
    assert done.written > 0
