"""A fleet in trouble: three workers, two web processes, one PostgreSQL, all of them real.

    python -m benchmarks.fleet [--hosts 500] [--each 10] [--interval 30] [--engine local]

Its sources note every request. When all of them have been polled once, one worker is killed with
-9 and later replaced, one is stopped with SIGTERM and replaced, the database is restarted, and each
web process is restarted while the other one is asked. Then nothing new comes any more, and when
every source has been polled once again, all must be there. Exit status 1 where something is not as
it must be; the logs are kept then.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from itertools import repeat
from pathlib import Path

from aggregator.clock import SystemClock
from benchmarks.fleet_checks import (
    Reader,
    Verdict,
    answered,
    asked_again,
    pause_of_all,
    polled_twice,
    published,
    spacing,
    stored,
)
from benchmarks.fleet_origin import Plan, Request
from benchmarks.fleet_processes import Database, Fleet, Polling, database
from benchmarks.processes import Child

DELAY = 0.3
LATENCY = 0.3
UNDER_WAY = (3 + 1 + 1) * Polling.concurrency
"""At a restart of the database three workers poll, and two end before."""
AGAIN = 10.0
"""Seconds until somebody else asks what a dead worker was asking."""
BACK = 10.0
"""Seconds without a request that a restart of the database may cost."""
BETWEEN = 12.0
"""Seconds from one mishap to the next."""
AT_MOST = 600.0
"""Seconds for all sources to be polled once."""


@dataclass
class Noted:
    """What is to be judged. Times are the wall clock's, in seconds."""

    killed_at: float = 0.0
    stopped_at: float = 0.0
    restarted_at: float = 0.0
    killed_had: list[int] = field(default_factory=list)
    stopped_had: list[int] = field(default_factory=list)
    stopping: float = 0.0
    status: int | None = None
    away: dict[str, tuple[float, float]] = field(default_factory=dict)


class Trial:
    """The play, act by act."""

    def __init__(self, fleet: Fleet, server: Database, origin: Child, sources: int) -> None:
        self.noted = Noted()
        self._fleet = fleet
        self._server = server
        self._origin = origin
        self._sources = sources

    async def play(self) -> None:
        say("five processes start")
        for name, role in (("web-1", "web"), ("worker-1", "poll"), ("worker-2", "poll")):
            await self._fleet.start(name, role)
        await self._fleet.start("worker-3", "poll")
        await self._fleet.start("web-2", "web")
        await self._all_polled_since(0.0)
        readers = {name: Reader(self._fleet.members[name].port) for name in ("web-1", "web-2")}
        self.readers = readers
        reading = [asyncio.create_task(one.read(now)) for one in readers.values()]
        try:
            for act in (self._kill, self._stop, self._restart_database, self._restart_web):
                await asyncio.sleep(BETWEEN)
                await act()
            await asyncio.sleep(BETWEEN)
        finally:
            for task in reading:
                task.cancel()
        say("nothing new comes any more")
        frozen_at = await self._origin.ask(do="freeze")
        await self._all_polled_since(frozen_at)
        await asyncio.sleep(3)  # the last answers are read and saved

    async def _kill(self) -> None:
        await self._until_it_asks("worker-1")
        say("worker-1 is killed")
        self.noted.killed_at = now()
        await self._fleet.members["worker-1"].kill()
        self.noted.killed_had = await self._had("worker-1")
        await asyncio.sleep(BETWEEN)
        await self._fleet.start("worker-4", "poll")

    async def _until_it_asks(self, name: str) -> None:
        """It gets no answer meanwhile: whenever it ends, it has something under way."""
        for pause in repeat(0.01):
            if await self._origin.ask(do="hold", agent=name):
                return
            await asyncio.sleep(pause)

    async def _had(self, name: str) -> list[int]:
        """What a process was asking for when it ended."""
        requests, _ = await seen_by(self._origin)
        ended = self.noted.stopped_at if name == "worker-2" else self.noted.killed_at
        return [
            one.source
            for one in requests
            if one.agent == name and one.status is None and one.end >= ended
        ]

    async def _stop(self) -> None:
        await self._until_it_asks("worker-2")
        say("worker-2 is stopped")
        self.noted.stopped_at = now()
        self.noted.status = await self._fleet.members["worker-2"].stop()
        self.noted.stopping = now() - self.noted.stopped_at
        self.noted.stopped_had = await self._had("worker-2")
        await self._fleet.start("worker-5", "poll")

    async def _restart_database(self) -> None:
        say("the database restarts")
        self.noted.restarted_at = now()
        await self._server.restart()
        say(f"it was away for {now() - self.noted.restarted_at:.1f} s")

    async def _restart_web(self) -> None:
        for name in ("web-1", "web-2"):
            say(f"{name} restarts")
            begun = now()
            member = self._fleet.members[name]
            await member.stop()
            await member.start()
            await member.until_it_answers()
            self.noted.away[name] = begun, now()
            await asyncio.sleep(2)

    async def _all_polled_since(self, moment: float) -> None:
        async with asyncio.timeout(AT_MOST):
            while (polled := await self._origin.ask(do="polled", since=moment)) < self._sources:
                say(f"{polled} of {self._sources} sources have been polled")
                await asyncio.sleep(5)


async def seen_by(origin: Child) -> tuple[list[Request], dict[int, int]]:
    """All requests, and how many entries each source has ever shown."""
    with tempfile.NamedTemporaryFile() as file:
        offered = dict(await origin.ask(do="requests", into=file.name))
        return [Request(**one) for one in json.load(file)], offered


async def judge(
    trial: Trial, fleet: Fleet, origin: Child, url: str, interval: float
) -> list[Verdict]:
    noted = trial.noted
    requests, offered = await seen_by(origin)
    pause = pause_of_all(requests, noted.restarted_at)
    ports = [fleet.members[name].port for name in ("web-1", "web-2")]
    return [
        spacing(requests, DELAY),
        asked_again(requests, noted.killed_had, noted.killed_at, AGAIN, "the killed worker"),
        asked_again(requests, noted.stopped_had, noted.stopped_at, AGAIN, "the stopped worker"),
        Verdict(
            noted.status == 0,
            f"the stopped worker ended with {noted.status} after {noted.stopping:.1f} s",
        ),
        Verdict(pause <= BACK, f"after the database's restart nobody was asked for {pause:.1f} s"),
        polled_twice(requests, interval, UNDER_WAY),
        await stored(url, offered),
        await published(ports, offered),
        *(answered(name, one, [noted.away[name]]) for name, one in trial.readers.items()),
    ]


async def play(hosts: int, each: int, interval: int, engine: str, folder: Path) -> bool:
    plan = Plan(hosts=hosts, each=each, latency=LATENCY, now=SystemClock().now().isoformat())
    origin = await Child.start("benchmarks.fleet_origin", json.dumps(asdict(plan)))
    async with database(folder / "postgres") as server:
        polling = Polling(
            interval=f"{interval}s", per_host_delay=f"{DELAY * 1000:.0f}ms", engine=engine
        )
        fleet = Fleet(folder, server.url, polling, plan, origin.ready["port"])
        trial = Trial(fleet, server, origin, hosts * each)
        try:
            await trial.play()
            verdicts = await judge(trial, fleet, origin, server.url, interval)
        finally:
            await fleet.stop()
            await origin.stop()
    for verdict in verdicts:
        print(verdict)
    return all(verdict.good for verdict in verdicts)


def say(what: str) -> None:
    print(f"     {what}", file=sys.stderr)


def now() -> float:
    return time.time()  # noqa: TID251  # as the origin's times are


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--each", type=int, default=10, help="sources of a host")
    parser.add_argument("--interval", type=int, default=30, metavar="SECONDS")
    parser.add_argument("--engine", choices=["pgqueuer", "local"], default="pgqueuer")
    asked = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    say(
        f"{asked.hosts * asked.each} sources on {asked.hosts} hosts, by {asked.engine}, in {folder}"
    )
    good = asyncio.run(play(asked.hosts, asked.each, asked.interval, asked.engine, folder))
    if good:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
