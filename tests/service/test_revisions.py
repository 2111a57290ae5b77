import asyncio
from datetime import UTC, datetime

from aggregator.core.errors import StoreError
from aggregator.service.ports import Revision
from aggregator.service.revisions import Revisions
from tests.fakes import FakeClock
from tests.store.memory import MemoryStore


class Slow(MemoryStore):
    """Counts looks; each takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.go = asyncio.Event()
        self.fails = False
        self.own = 0

    @property
    def moves(self) -> int:
        return self.own

    async def revision(self) -> Revision:
        self.looks += 1
        number = self.looks
        await self.go.wait()
        if self.fails:
            raise StoreError("out of reach")
        return Revision(number=number, changed_at=datetime(2026, 3, 1, tzinfo=UTC))


async def test_all_who_ask_at_once_share_a_look():
    store = Slow()
    revisions = Revisions(store, FakeClock())
    asked = [asyncio.create_task(revisions.newest()) for _ in range(20)]
    await asyncio.sleep(0)
    store.go.set()

    assert {revision.number for revision in await asyncio.gather(*asked)} == {1}
    assert store.looks == 1


async def test_what_was_stored_before_the_question_is_seen():
    """A look that is under way may have missed it."""
    store = Slow()
    revisions = Revisions(store, FakeClock())
    early = asyncio.create_task(revisions.newest())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = []
    for _ in range(20):
        late.append(asyncio.create_task(revisions.newest()))
        await asyncio.sleep(0)
    store.go.set()

    assert (await early).number == 1
    assert {revision.number for revision in await asyncio.gather(*late)} == {2}
    assert store.looks == 2


async def test_who_looks_afterwards_has_a_look_of_its_own():
    store = Slow()
    store.go.set()
    revisions = Revisions(store, FakeClock())

    assert [(await revisions.look()).number for _ in range(3)] == [1, 2, 3]


async def test_nothing_is_known_before_the_first_look():
    assert Revisions(Slow(), FakeClock()).known() is None


async def test_a_look_is_good_for_a_second():
    store, clock = Slow(), FakeClock()
    store.go.set()
    revisions = Revisions(store, clock)
    first = await revisions.newest()
    clock.pass_(milliseconds=999)

    assert revisions.known() == first
    assert await revisions.newest() == first
    clock.pass_(milliseconds=1)
    assert revisions.known() is None
    assert (await revisions.newest()).number == 2


async def test_a_wall_clock_that_steps_back_makes_it_no_longer():
    store, clock = Slow(), FakeClock()
    store.go.set()
    revisions = Revisions(store, clock)
    await revisions.look()
    clock.step_the_wall_clock(hours=-1)
    clock.pass_(seconds=1)

    assert revisions.known() is None


async def test_what_we_stored_ourselves_is_seen_at_once():
    store = Slow()
    store.go.set()
    revisions = Revisions(store, FakeClock())
    await revisions.look()
    store.own += 1

    assert revisions.known() is None
    assert (await revisions.newest()).number == 2


async def test_so_is_what_was_stored_during_a_look():
    store = Slow()
    revisions = Revisions(store, FakeClock())
    looking = asyncio.create_task(revisions.look())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.own += 1
    store.go.set()
    await looking

    assert revisions.known() is None


async def test_who_leaves_takes_the_look_from_nobody_else():
    store = Slow()
    revisions = Revisions(store, FakeClock())
    leaving, staying = [asyncio.create_task(revisions.newest()) for _ in range(2)]
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    store.go.set()

    assert (await staying).number == 1


async def test_a_look_that_fails_fails_for_all_and_is_tried_again():
    store = Slow()
    store.fails = True
    revisions = Revisions(store, FakeClock())
    asked = [asyncio.create_task(revisions.newest()) for _ in range(3)]
    await asyncio.sleep(0)
    store.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    store.fails = False

    assert [type(each) for each in answers] == [StoreError] * 3
    assert (await revisions.newest()).number == 2
