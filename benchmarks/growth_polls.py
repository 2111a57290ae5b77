"""What a poll costs among many sources: claimed, settled and saved by the real services.

The wire and the cage are stand-ins in this process: of ten answers six say that nothing has
changed, three bring the same bytes, and one a new entry. In each round the same number of sources
has just fallen due, wherever they stand in the table; what falls due later is spread over an hour.
"""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import process_time
from uuid import uuid4

from aggregator.core.wire import Answer, FetchRequest, NotModified, Validators
from aggregator.domains import registrable_domain
from aggregator.service.dispatch import Dispatcher
from aggregator.service.host_polling import DispatchPolicy
from aggregator.service.local_engine import LocalEngine
from aggregator.service.policies import SourcePolicy
from aggregator.service.reports import PollReport
from aggregator.service.turns import HostTurns
from aggregator.store.sql import SqlStore, open_store
from benchmarks.growth_databases import (
    NOW,
    Size,
    document,
    names,
    policy,
    poller_of,
)
from tests.fakes import FakeClock, fetched

POLLS = 278
"""Of a round: a million an hour come to so many a second."""

IDLE_TICKS = 20


@dataclass(slots=True)
class Polled:
    """CPU seconds."""

    of_polls: list[float] = field(default_factory=list)
    """A poll of the mix, with the claims; one figure a round."""
    of_nothing: list[float] = field(default_factory=list)
    """A poll that brings nothing, with the claims."""
    of_ticks: list[float] = field(default_factory=list)
    """A tick with nothing due."""
    of_start: float = 0.0
    """The first look of a process, with nothing overdue."""


class SteadyMix:
    """Answers by turns; remembers what each source has."""

    def __init__(self, entries_each: int) -> None:
        self._first = names(entries_each)
        self._have: dict[str, list[str]] = {}
        self._asked = 0
        self.mixed = True
        """Else nothing ever changes."""

    async def fetch(self, request: FetchRequest) -> Answer:
        self._asked += 1
        turn = self._asked % 10
        if turn < 6 or not self.mixed:  # noqa: PLR2004
            return NotModified(validators=Validators())
        have = self._have.get(request.url, self._first)
        if turn == 9:  # noqa: PLR2004
            have = [uuid4().hex, *have[:-1]]
            self._have[request.url] = have
        return fetched(document(have), request.url)


class Counting:
    """A watch that says when so many polls are saved."""

    def __init__(self) -> None:
        self.left = 0
        self.done = asyncio.Event()

    def expect(self, polls: int) -> None:
        self.left = polls
        self.done.clear()

    def polled(self, report: PollReport) -> None:
        if report.outcome == "failed":
            raise AssertionError(report)
        self.left -= 1
        if self.left == 0:
            self.done.set()

    def found(self, source: str, url: str) -> None:
        raise AssertionError(source, url)

    def waits_for(self, host: str) -> None:
        raise AssertionError(host)

    def failed(self, doing: str, error: Exception) -> None:
        raise AssertionError(doing) from error


class Polling:
    """Rounds of polls on one database."""

    def __init__(self, path: Path, size: Size, store: SqlStore) -> None:
        self._path = path
        self._size = size
        self._clock = FakeClock(NOW)
        self._watch = Counting()
        self._policies: dict[str, SourcePolicy] = {}
        self._chance = random.Random(size.sources)
        self._mix = SteadyMix(size.entries_each)
        self._dispatcher = Dispatcher(
            poller=poller_of(store, self._mix, self._clock, self._policies),
            store=store,
            engine=LocalEngine(),
            clock=self._clock,
            policy=DispatchPolicy(per_host_delay=timedelta()),
            turns=HostTurns(timedelta()),
            watch=self._watch,
        )
        self._run = asyncio.create_task(self._dispatcher.run())
        self.cost = Polled()

    async def start(self) -> None:
        self.cost.of_start = await _cpu(self._tick)

    async def round(self) -> None:
        self.cost.of_polls.append(await self._polls(mixed=True))
        self.cost.of_nothing.append(await self._polls(mixed=False))
        self.cost.of_ticks.append(await _cpu(self._idle) / IDLE_TICKS)

    async def _polls(self, *, mixed: bool) -> float:
        self._let_fall_due()
        self._mix.mixed = mixed
        self._watch.expect(POLLS)
        self._clock.pass_(seconds=1)
        return await _cpu(self._all_due) / POLLS

    async def _idle(self) -> None:
        for _ in range(IDLE_TICKS):
            await self._tick()

    def _let_fall_due(self) -> None:
        numbers = self._chance.sample(range(1, self._size.sources + 1), POLLS)
        for n in numbers:
            self._policies.setdefault(f"s{n}", policy(n))
        now = self._clock.steady().timestamp()
        rows = [(int((now + self._chance.random()) * 1e6), n) for n in numbers]
        connection = sqlite3.connect(self._path)
        with connection:
            connection.executemany("UPDATE sources SET next_poll_at = ? WHERE id = ?", rows)
        connection.close()

    async def _all_due(self) -> None:
        self._dispatcher.wake()
        await self._watch.done.wait()

    async def _tick(self) -> None:
        self._dispatcher.swept_at = None
        self._dispatcher.wake()
        while self._dispatcher.swept_at is None:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.001)

    async def aclose(self) -> None:
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)
        await self._dispatcher.stop()


async def _cpu(work: Callable[[], Awaitable[None]]) -> float:
    started = process_time()
    await work()
    return process_time() - started


def was_polled(path: Path) -> bool:
    """Then its sources have other entries than the stand-in for the wire begins with, and its hosts
    rest by a clock that was ahead of this play's.
    """
    with closing(sqlite3.connect(path)) as connection:
        later = "SELECT 1 FROM sources WHERE last_poll_at > ? LIMIT 1"
        return bool(connection.execute(later, (int(NOW.timestamp() * 1e6),)).fetchone())


async def measure(databases: dict[Path, Size], *, rounds: int) -> list[Polled]:
    """Rounds on all databases in turn; the first is not counted."""
    opened = []
    for path, size in databases.items():
        store = await open_store(f"sqlite:///{path}", domain_of=registrable_domain)
        opened.append((store, Polling(path, size, store)))
    for _, polling in opened:
        await polling.start()
    for number in range(rounds + 1):
        for _, polling in opened:
            if number == 1:
                polling.cost = Polled(of_start=polling.cost.of_start)
            await polling.round()
    for store, polling in opened:
        await polling.aclose()
        await store.aclose()
    return [polling.cost for _, polling in opened]
