import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aggregator.clock import SystemClock
from aggregator.scheduler import Scheduler, _Every
from tests.patience import PATIENCE

SHORT = timedelta(milliseconds=20)
SECOND = timedelta(seconds=1)


class Counter:
    """A tick that counts, and says when it has been run so often."""

    def __init__(self) -> None:
        self.runs = 0
        self.again = asyncio.Event()

    async def __call__(self) -> None:
        self.runs += 1
        self.again.set()

    async def runs_to(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.runs < count:
                self.again.clear()
                await self.again.wait()


@asynccontextmanager
async def running(scheduler: Scheduler):
    task = asyncio.create_task(scheduler.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_tick_runs_at_once_and_again_and_again():
    tick = Counter()
    scheduler = Scheduler(SystemClock().now)
    scheduler.every(SHORT, tick, name="tick")
    async with running(scheduler):
        await tick.runs_to(3)


async def test_a_tick_that_fails_does_not_end_the_others(caplog):
    tick = Counter()
    scheduler = Scheduler(SystemClock().now)

    async def failing() -> None:
        raise RuntimeError("a bug in a tick")

    scheduler.every(SHORT, failing, name="failing")
    scheduler.every(SHORT, tick, name="tick")
    async with running(scheduler):
        await tick.runs_to(3)

    assert "a bug in a tick" in caplog.text


async def test_a_tick_that_takes_longer_than_its_period_is_run_once_and_warned_of_never(caplog):
    long, short = Counter(), Counter()
    done = asyncio.Event()

    async def lasting() -> None:
        await long()
        await done.wait()

    scheduler = Scheduler(SystemClock().now)
    scheduler.every(SHORT, lasting, name="lasting")
    scheduler.every(SHORT, short, name="short")
    async with running(scheduler):
        await short.runs_to(5)
        assert long.runs == 1
        done.set()
        await long.runs_to(3)

    assert caplog.text == ""


async def test_a_tick_that_a_clock_set_back_left_in_the_future_is_pulled_back():
    tick = Counter()
    scheduler = Scheduler(SystemClock().now)
    scheduler.every(SHORT, tick, name="tick")
    async with running(scheduler):
        await tick.runs_to(1)
        scheduler._jobs[0].modify(next_run_time=SystemClock().now() + timedelta(hours=1))
        await tick.runs_to(tick.runs + 2)


def test_a_clock_set_forward_by_years_makes_up_for_no_tick():
    then = datetime(2026, 1, 1, tzinfo=UTC)
    later = then + timedelta(days=3650)

    assert _Every(SHORT).get_next_fire_time(then, later) == later + SHORT


def test_the_steady_clock_starts_with_the_wall_clock_and_never_goes_back():
    before, clock = SystemClock().now(), SystemClock()
    readings = [clock.steady() for _ in range(100)]

    assert before - SECOND < readings[0] < clock.now() + SECOND  # they tick on their own
    assert readings == sorted(readings)
