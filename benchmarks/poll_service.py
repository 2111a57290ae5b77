"""Our service as it polls, measured from within: python -m benchmarks.poll_service CONFIG

Wired by bootstrap as in the daemon: a real database file, the guarded fetcher, caged readers, the
dispatcher with its ticks, a line of log for each poll. Answers a line of JSON for each it is given.

AGGREGATOR_BENCH_ROOT names a certificate to be trusted in place of the usual ones, and
AGGREGATOR_BENCH_PYTHON what reading processes are started with.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
import typer

from aggregator.bootstrap import Service, open_service
from aggregator.cli.shell import finish
from aggregator.config.load import load
from aggregator.log import LogWatch
from aggregator.service.dispatch import TICK
from aggregator.service.reports import PollReport
from benchmarks.origin import allow_many_files
from benchmarks.processes import cpu_of, descendants, memory_of, tree
from benchmarks.profiles import Profiling

FAR = timedelta(days=300)
NEVER = timedelta(days=100)
GOOD = {"new", "unchanged", "not_modified"}


class Watch(LogWatch):
    """Logs as the daemon does, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: Counter[str] = Counter()
        self.troubles: list[str] = []
        self.awaited = 0
        self.done = asyncio.Event()

    def expect(self, polls: int) -> None:
        self.outcomes.clear()
        self.awaited = polls
        self.done.clear()

    def polled(self, report: PollReport) -> None:
        super().polled(report)
        self.outcomes[report.outcome] += 1
        if report.outcome not in GOOD:
            self.troubles.append(f"{report.source}: {report.outcome}, {report.error}")
        if self.outcomes.total() >= self.awaited:
            self.done.set()

    def failed(self, doing: str, error: Exception) -> None:
        super().failed(doing, error)
        self.troubles.append(f"{doing}: {error!r}")


class Spending:
    """CPU seconds of this process and all its children, from when it is made; what is polled, where
    it is a child of this process, too, is left out by its number.
    """

    def __init__(self, polled: int | None = None) -> None:
        self._polled = polled
        self._children = _of_children(polled)
        self._own = time.process_time()  # last, as the look at the others costs something

    def so_far(self) -> float:
        own = time.process_time() - self._own
        return own + _of_children(self._polled) - self._children


def _of_children(polled: int | None) -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = [pid for pid in descendants(os.getpid()) if pid != polled]
    return ended.ru_utime + ended.ru_stime + cpu_of(children)


async def make_due(service: Service, wait: timedelta) -> int:
    """Puts the next polls of all sources so far from now; returns how many they are."""
    now = service.clock.steady()
    found = await service.store.overdue(now=now + FAR)
    times = {one.source_id: now + wait for one in found}
    await service.store.postpone(times, now=now + FAR, reason="the benchmark")
    return len(times)


async def play_round(service: Service, watch: Watch, profiling: Profiling | None) -> dict[str, Any]:
    """Every source once, from the first claim to the last save."""
    await _awake(service)
    count = await make_due(service, -timedelta(seconds=1))
    watch.expect(count)
    spending, wall = Spending(), time.perf_counter()
    process, thread = time.process_time(), time.thread_time()
    if profiling:
        profiling.start()
    while not watch.done.is_set():
        service.dispatcher.wake()
        await _waited(watch.done)
    cpu = spending.so_far()
    process, thread = time.process_time() - process, time.thread_time() - thread
    return {
        "cpu": cpu,
        "of it": {"loop": thread, "threads": process - thread, "reading": cpu - process},
        **(profiling.stop() if profiling else {}),
        "wall": time.perf_counter() - wall,
        "polls": watch.outcomes.total(),
        "outcomes": dict(watch.outcomes),
        "troubles": watch.troubles[:10],
        "peak": memory_of(tree(os.getpid()), "VmHWM"),
    }


async def _awake(service: Service) -> None:
    """Has it look around, as the daemon's does every second: after a minute without a look it takes
    the machine to have slept, and polls what is overdue one after the other.
    """
    service.dispatcher.wake()
    begun = service.clock.steady()
    while (service.dispatcher.swept_at or begun) <= begun:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(0.01)


async def _waited(done: asyncio.Event) -> None:
    """A tick at the most."""
    try:
        async with asyncio.timeout(TICK.total_seconds()):
            await done.wait()
    except TimeoutError:
        pass


async def _serve(config: Path, profiling: Profiling | None) -> None:
    watch, started, spending = Watch(), time.process_time(), Spending()
    async with open_service(load(config, {}), watch=watch) as service:
        await make_due(service, NEVER)
        tasks = [
            asyncio.create_task(service.changes.run()),
            asyncio.create_task(service.dispatcher.run()),
        ]
        service.dispatcher.wake()
        await asyncio.sleep(1)  # its first look spreads what is overdue: nothing, now
        print(json.dumps({"cpu": spending.so_far() + started}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            answer = await play_round(service, watch, profiling)
            print(json.dumps(answer), flush=True)
        await service.dispatcher.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def trust(root: str) -> None:
    """In place of the authorities that httpx, or the system, brings along."""
    setattr(certifi, "where", lambda: root)  # noqa: B010  # mypy minds the assignment
    os.environ["SSL_CERT_FILE"] = root


if __name__ == "__main__":
    allow_many_files()
    if "AGGREGATOR_BENCH_ROOT" in os.environ:
        trust(os.environ["AGGREGATOR_BENCH_ROOT"])
    sys.executable = os.environ.get("AGGREGATOR_BENCH_PYTHON", sys.executable)
    with suppress(typer.Exit):  # as a command runs, on the same event loop
        finish(_serve(Path(sys.argv[1]), Profiling() if "--profile" in sys.argv else None))
