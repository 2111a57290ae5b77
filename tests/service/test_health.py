from datetime import timedelta

from aggregator.core.errors import StoreError
from aggregator.service.health import Health
from aggregator.service.ports import SourceHealth
from aggregator.service.states import state
from tests.builders import NOON
from tests.fakes import FakeClock
from tests.service.world import World
from tests.store.memory import MemoryStore


async def test_all_is_well_while_the_schedule_is_looked_at():
    world = World()
    health = Health(store=world.store, clock=world.clock, swept_at=world.clock.steady)
    world.clock.pass_(days=1)

    assert await health.problems() == ()


async def test_polling_that_stands_still_is_a_problem():
    clock = FakeClock()
    health = Health(store=MemoryStore(), clock=clock, swept_at=lambda: NOON)
    clock.pass_(minutes=2)

    assert await health.problems() == ("the schedule was not looked at for 2m",)
    assert health.standstill() == "the schedule was not looked at for 2m"


async def test_a_process_that_only_serves_is_not_asked_about_polling():
    clock = FakeClock()
    health = Health(store=MemoryStore(), clock=clock, swept_at=None)
    clock.pass_(days=2)

    assert await health.problems() == ()
    assert health.standstill() is None


async def test_a_database_that_does_not_answer_is_a_problem():
    class Broken(MemoryStore):
        async def ping(self) -> None:
            raise StoreError("the disk is full")

    health = Health(store=Broken(), clock=FakeClock(), swept_at=None)

    assert await health.problems() == ("the database does not answer: the disk is full",)


async def test_polls_that_cannot_be_saved_are_a_problem():
    health = Health(
        store=MemoryStore(),
        clock=FakeClock(),
        swept_at=lambda: NOON,
        trouble=lambda: StoreError("the database cannot grow: the disk is full"),
    )

    assert await health.problems() == (
        "polls are not saved: the database cannot grow: the disk is full",
    )


async def test_a_source_has_its_state_in_one_word():
    world = World()
    await world.add("a")
    healthy = await world.health("a")

    def changed(**facts) -> str:
        fields = {name: getattr(healthy, name) for name in SourceHealth.__dataclass_fields__}
        return state(SourceHealth(**{**fields, **facts}), NOON)

    assert changed() == "active"
    assert changed(failures=1) == "failing"
    assert changed(failures=1, paused_until=NOON + timedelta(hours=1)) == "throttled"
    assert changed(paused_until=NOON - timedelta(hours=1)) == "active"
    assert changed(gone_count=2) == "gone"
    assert changed(moved_to="https://new.example/feed") == "moved"
    assert changed(moved_to="https://new.example/feed", failures=1) == "failing"
    assert changed(enabled=False, gone_count=2) == "disabled"
