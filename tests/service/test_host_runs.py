"""Hosts that nobody waits for any more, and runs that are lost."""

import asyncio
from datetime import timedelta

import pytest

from aggregator.core.errors import StoreError
from aggregator.service import host_runs
from aggregator.service.frontier import Due, Ending
from aggregator.service.host_runs import HOLD, HostRuns
from tests.fakes import FakeClock, Notebook
from tests.patience import until
from tests.store.memory import MemoryStore


class Gate(MemoryStore):
    """Opens and renews when it is told to; knows what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.renewed: list[set[str]] = []
        self.fails = False
        self.open = asyncio.Event()

    async def open_hosts(self, hosts, **conditions):
        self.asked.append([due.host for due in hosts])
        await self.open.wait()
        return await super().open_hosts(hosts, **conditions)

    async def renew(self, runs, *, until):
        self.renewed.append({run.host for run in runs})
        await self.open.wait()
        if self.fails:
            raise StoreError("the server is gone")
        return await super().renew(runs, until=until)


class Turns:
    """Runs at hosts, on a store that opens and renews when it is told to."""

    def __init__(self) -> None:
        self.store = Gate()
        self.clock = FakeClock()
        self.notebook = Notebook()
        self.lost: list[str] = []
        self.runs = HostRuns(self.store, self.clock, self.notebook.failed)

    def open(self, host: str):
        lost = lambda: self.lost.append(host)  # noqa: E731
        return self.runs.open(Due(host), delay=timedelta(), lost=lost)

    async def renewals(self, count: int = 2) -> None:
        """The first ones may have been under way."""
        before = len(self.store.renewed)
        await until(lambda: len(self.store.renewed) >= before + count)


@pytest.fixture
async def turns(monkeypatch, caplog):
    monkeypatch.setattr(host_runs, "RENEW", 0.0)
    made = Turns()
    yield made
    await made.runs.stop()
    assert caplog.get_records("call") == []  # of the event loop: a callback has raised


async def test_a_host_that_is_opened_for_nobody_is_not_renewed(turns):
    gone, stays = turns.open("a.example"), turns.open("b.example")
    await until(lambda: turns.store.asked)
    gone.cancel()
    turns.store.open.set()
    run = await stays
    await turns.renewals()

    assert turns.store.asked == [["a.example", "b.example"]]
    assert {*map(frozenset, turns.store.renewed)} == {frozenset({"b.example"})}
    assert await turns.runs.is_held(run)


async def test_whoever_went_while_others_were_opened_is_not_asked_for(turns):
    first = turns.open("a.example")
    await until(lambda: turns.store.asked)
    gone, again = turns.open("b.example"), turns.open("b.example")
    gone.cancel()
    turns.store.open.set()

    assert [run.host for run in await asyncio.gather(first, again)] == ["a.example", "b.example"]
    assert turns.store.asked == [["a.example"], ["b.example"]]


async def test_when_all_have_gone_nothing_is_opened_and_the_next_is(turns):
    turns.open("a.example").cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    turns.store.open.set()
    run = await turns.open("b.example")

    assert turns.store.asked == [["b.example"]]
    assert run.host == "b.example"


async def test_a_host_that_has_passed_on_to_another_is_lost_once(turns):
    turns.store.open.set()
    lost, stays = await asyncio.gather(turns.open("a.example"), turns.open("b.example"))
    await turns.store.complete([Ending(lost, None)])  # as whoever has it now would
    await until(lambda: turns.lost)
    await turns.renewals()

    assert turns.lost == ["a.example"]
    assert [await turns.runs.is_held(run) for run in (lost, stays)] == [False, True]
    assert turns.notebook.failures == []


async def test_while_the_database_is_out_of_reach_a_run_is_held_as_long_as_it_holds(turns):
    turns.store.open.set()
    run = await turns.open("a.example")
    turns.store.fails = True
    await turns.renewals()
    assert turns.lost == []
    assert await turns.runs.is_held(run)

    turns.clock.pass_(seconds=HOLD.total_seconds())
    await until(lambda: turns.lost)
    assert not await turns.runs.is_held(run)
    doing, error = turns.notebook.failures[0]
    assert (doing, str(error)) == ("renewing runs at hosts", "the server is gone")


async def test_a_run_that_ends_while_it_is_renewed_is_not_lost(turns):
    turns.store.open.set()
    run = await turns.open("a.example")
    turns.store.open.clear()
    await turns.renewals(1)
    await turns.runs.complete([(run, None)], delay=timedelta())
    turns.store.open.set()
    await turns.runs.stop()

    assert turns.lost == []
