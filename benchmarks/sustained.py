"""The daemon as it runs, for minutes, at a rate: python -m benchmarks.sustained [SECONDS]

So many sources of the steady mix that `--rate` polls a second fall due (278 are a million an hour),
with the origin on the same machine, while somebody reads /feed.atom and the front page.

- Late is a poll by the time between when it was due, as the log of the poll before says, and when
  its request came. The log cuts to whole seconds: what is shown is up to a second too large. Polls
  that never came count as late as the end is.
- Memory is that of all its processes, flat when the median of the last minute is at most 2 % above
  that of the first. We look when the daemon has filled what it keeps in memory: every source has
  been fetched, and then as many new entries have come as it remembers at most (`WARM`).
- The web is asked with a new connection each time, for gzip, and on condition; its times are the
  client's, on a machine that both cores of which are at work.
"""

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

from aggregator.clock import SystemClock
from aggregator.service.lines import FEW_LINES
from benchmarks.floor import entries_in
from benchmarks.origin import Plan, host_of, plan_as_text
from benchmarks.origin_feeds import first_published
from benchmarks.origin_tls import ROOT, make_certificates
from benchmarks.poll_sides import Place, configure
from benchmarks.processes import Child, cpu_of, descendants, free_port, memory_of, tree
from benchmarks.sick_hosts import percentile

CLIENT = "daemon"
WAIT = 1.4
"""Intervals from poll to poll: two after the 30 % that ignored our validators, and some jitter."""
LATEST = 60.0
"""Seconds, for 99 of 100 polls."""
SLOWEST = 0.050
"""Seconds, for 99 of 100 requests of readers."""
GROWTH = 1.02
SAMPLE = 5.0
MINUTE = 12
"""Samples."""
WARM = FEW_LINES
"""New entries after the first fetches. Of so many the lines fill their room, and of fewer the texts
and pieces; the pages of the database did while sources were fetched for the first time.
"""
READS = (("/feed.atom", 0.25), ("/", 0.5))
"""What readers ask for, and the seconds between two requests."""
CONCURRENCY = 64
_POLLED = re.compile(r"\bsource=s(\d+) .*\bnext=(\S+)")
_CONFIG = """\
[site]
title = "Sustained"

[server]
port = {port}

[database]
url = "sqlite:///{{database}}"

[fetch]
interval = "{interval}s"
max_interval = "{longest}s"
per_host_delay = "0s"
allow_networks = ["127.0.0.0/8"]

"""
"""The longest interval is a little longer, so that rhythms are learned as they are by default."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    seconds: float
    rate: float
    interval: int
    tls: bool

    @property
    def sources(self) -> int:
        return round(self.rate * self.interval * WAIT)


@dataclass
class Seen:
    """What came of it. Times are the wall clock's, in seconds."""

    begun: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0
    memory: list[int] = field(default_factory=list)
    """Bytes, of all processes."""
    readers: int = 0
    """Bytes of those that read documents, at the end."""
    reads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


class Readers:
    """Ask for what is published, as long as they are let."""

    def __init__(self, port: int, seen: Seen) -> None:
        self._port = port
        self._seen = seen
        self._etags: dict[str, str] = {}

    async def read(self, path: str, pause: float) -> None:
        while True:
            started = time.perf_counter()
            status = await self._get(path)
            took = time.perf_counter() - started
            if self._seen.begun:
                self._seen.reads[path].append(took)
                self._seen.statuses[path].add(status)
            await asyncio.sleep(pause)

    async def _get(self, path: str) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        condition = f"If-None-Match: {self._etags[path]}\r\n" if path in self._etags else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAccept-Encoding: gzip\r\n"
            f"Connection: close\r\n{condition}\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
        if found := re.search(r"\r\netag: ([^\r]+)", head, re.IGNORECASE):
            self._etags[path] = found[1]
        return int(head[9:12])


@asynccontextmanager
async def _daemon(config: Path, port: int, root: Path | None) -> AsyncIterator[Process]:
    """Started and answering; stopped as an operator stops it."""
    module = "benchmarks.poll_daemon" if root else "aggregator"
    with (config.parent / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, "--config", str(config), "run"),
            *([str(root)] if root else []),
            stdout=DEVNULL,
            stderr=log,
        )
        try:
            await _until_it_answers(process, port)
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _until_it_answers(process: Process, port: int) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            writer.close()
            return
    raise RuntimeError("the daemon ended; see its log")


async def _observe(daemon: Process, server: Child, asked: Asked, seen: Seen) -> None:
    """Waits until all is under way and in memory, and looks for so long."""
    while (polled := await server.ask(do="polled", client=CLIENT)) < asked.sources:
        print(f"     {polled} of {asked.sources} sources have been fetched", file=sys.stderr)
        await asyncio.sleep(SAMPLE)
    warm = await server.ask(do="expect", client=CLIENT) + WARM
    while (lacking := warm - await server.ask(do="expect", client=CLIENT)) > 0:
        print(f"     {lacking} new entries until memory is full", file=sys.stderr)
        await asyncio.sleep(SAMPLE)
    cpu = cpu_of(tree(daemon.pid))
    seen.begun = time.time()  # noqa: TID251  # as the origin's times are
    until = time.monotonic() + asked.seconds
    while time.monotonic() < until and daemon.returncode is None:
        seen.memory.append(memory_of(tree(daemon.pid)))
        await asyncio.sleep(SAMPLE)
    seen.ended = time.time()  # noqa: TID251
    seen.cpu = cpu_of(tree(daemon.pid)) - cpu
    seen.readers = memory_of(descendants(daemon.pid))


async def _play(asked: Asked, folder: Path) -> list[bool]:
    hosts = [host_of(source) for source in range(asked.sources)]
    if asked.tls:
        await make_certificates(folder, hosts)
    now = SystemClock().now()
    plan = Plan(
        scenario="steady",
        sources=asked.sources,
        now=now.isoformat(),
        first=first_published(now, size=20).isoformat(),
        tls=str(folder) if asked.tls else None,
    )
    server = await Child.start("benchmarks.origin", plan_as_text(plan))
    port, seen = free_port(), Seen()
    root = folder / ROOT if asked.tls else None
    place = Place(
        home=folder,
        client=CLIENT,
        port=server.ready["port"],
        sources=asked.sources,
        root=root,
    )
    head = _CONFIG.format(port=port, interval=asked.interval, longest=asked.interval + 1)
    config = configure(place, head)
    await server.ask(do="prepare", client=CLIENT)
    readers = Readers(port, seen)
    async with _daemon(config, port, root) as daemon:
        tasks = [asyncio.create_task(readers.read(path, pause)) for path, pause in READS]
        await _observe(daemon, server, asked, seen)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    await server.ask(do="seen", into=str(folder / "seen"))
    expected = await server.ask(do="expect", client=CLIENT)
    await server.stop()
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            print(f"fail a reader: {error!r}")
    requests = json.loads((folder / "seen").read_text("utf-8"))
    return [
        tell_rate(requests, asked, seen),
        tell_late(lateness(requests, due_times(folder / "log"), seen), asked),
        tell_memory(seen.memory, seen.readers),
        *(tell_reads(path, seen) for path, _ in READS),
        tell_entries(entries_in(folder / "entries.db"), expected),
    ]


def due_times(log: Path) -> dict[int, list[float]]:
    """By source: when the next poll was due, after each poll."""
    due = defaultdict(list)
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if found := _POLLED.search(line):
                due[int(found[1])].append(datetime.fromisoformat(found[2]).timestamp())
    return due


def lateness(
    requests: Sequence[tuple[float, int, str]], due: dict[int, list[float]], seen: Seen
) -> list[float]:
    """Seconds, of every poll that fell due while we looked."""
    polls = defaultdict(list)
    for at, source, _ in requests:
        polls[source].append(at)
    late = []
    for source, planned in due.items():
        came = polls[source][1:]
        came += [seen.ended] * (len(planned) - len(came))
        late += [
            at - when
            for at, when in zip(came, planned, strict=False)
            if seen.begun <= when < seen.ended
        ]
    return late


def tell_rate(requests: Sequence[tuple[float, int, str]], asked: Asked, seen: Seen) -> bool:
    kinds: Counter[str] = Counter()
    for at, _, kind in requests:
        if seen.begun <= at < seen.ended:
            kinds[kind] += 1
    seconds, polls = seen.ended - seen.begun, kinds.total()
    good = polls / seconds >= 0.97 * asked.rate
    mix = ", ".join(f"{count / polls:.0%} {kind}" for kind, count in sorted(kinds.items()))
    print(
        f"{_verdict(good)} {polls / seconds:.0f} polls/s for {seconds:.0f} s ({mix}):"
        f" {seen.cpu / polls * 1000:.2f} ms CPU a poll, {seen.cpu / seconds:.2f} cores"
    )
    return good


def tell_late(late: Sequence[float], asked: Asked) -> bool:
    good = bool(late) and percentile(late, 0.99) < LATEST
    figures = ", ".join(
        f"p{share:g} {percentile(late, share / 100):.1f} s" for share in (50, 99, 100)
    )
    print(f"{_verdict(good)} {len(late)} polls of {asked.sources} sources fell due, late {figures}")
    return good


def tell_memory(samples: Sequence[int], readers: int) -> bool:
    few = min(MINUTE, max(len(samples) // 2, 1))
    before, end = (median(some) if some else 0 for some in (samples[:few], samples[-few:]))
    good = 0 < end <= before * GROWTH
    shown = " ".join(f"{sample / 1e6:.0f}" for sample in samples[:: max(len(samples) // 12, 1)])
    print(
        f"{_verdict(good)} memory is flat: {before / 1e6:.0f} and {end / 1e6:.0f} MB, of which"
        f" {readers / 1e6:.0f} are of the processes that read documents ({shown})"
    )
    return good


def tell_reads(path: str, seen: Seen) -> bool:
    times = seen.reads[path]
    good = bool(times) and percentile(times, 0.99) < SLOWEST
    figures = ", ".join(
        f"p{share:g} {percentile(times, share / 100) * 1000:.0f} ms" for share in (50, 99, 100)
    )
    statuses = " and ".join(map(str, sorted(seen.statuses[path])))
    print(f"{_verdict(good)} {path} {len(times)} times, answered {statuses}: {figures}")
    return good


def tell_entries(found: int, expected: int) -> bool:
    """A stop ends the requests under way: what they were about to bring comes another time."""
    good = 0 <= expected - found <= CONCURRENCY
    print(f"{_verdict(good)} {found} entries are stored, {expected} were served")
    return good


def _verdict(good: bool) -> str:
    return "pass" if good else "fail"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seconds", nargs="?", type=float, default=300)
    parser.add_argument("--rate", type=float, default=278)
    parser.add_argument("--interval", type=int, default=20, metavar="SECONDS")
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    asked = Asked(seconds=given.seconds, rate=given.rate, interval=given.interval, tls=given.tls)
    folder = Path(tempfile.mkdtemp(prefix="sustained-"))
    print(f"     {asked.sources} sources, {asked.seconds:g} s, in {folder}", file=sys.stderr)
    good = all(asyncio.run(_play(asked, folder)))
    if good:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
