"""Cases in worker processes, each file under a deadline: a crash or a hang costs itself only."""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from threading import local

from aggregator.core.errors import UnreadableFeed
from aggregator.core.knowledge import Knowledge
from aggregator.core.normalize import normalize
from aggregator.core.reconcile import Intake, reconcile
from aggregator.formats.reading import read_feed
from benchmarks.conformance_cases import Case, Check, Failure, Outcome, judged

DEADLINE = 20.0
"""Seconds for one file; the largest takes about three alone on a slow core."""
WORKERS = 2
NOW = datetime(2026, 11, 26, tzinfo=UTC)
_SPAWN = multiprocessing.get_context("spawn")


def run(folder: Path, case: Case) -> Outcome:
    """Reads the file as a poll does."""
    body = (folder / case.path).read_bytes()
    try:
        feed = read_feed(body, content_type=case.content_type, url=case.url)
    except UnreadableFeed as reason:
        if case.may_be_refused:
            return Outcome(suite=case.suite, path=case.path)
        refused = Failure(case.suite, case.path, Check("is a feed", "exact", "read"), str(reason))
        kept = [refused] * max(1, len(case.checks))
        return Outcome(suite=case.suite, path=case.path, failures=kept)
    entries = normalize(feed.entries)
    nothing = Knowledge(by_digest={}, by_link={}, tombstones=frozenset())
    changes = reconcile(entries, nothing, Intake(backfill=None), first=True, now=NOW)
    if len(changes.new) != len(entries):
        raise AssertionError(f"{len(entries)} entries, {len(changes.new)} of them new")
    if not all(one.published <= one.updated <= NOW for one in changes.new):
        raise AssertionError("an entry is dated later than the poll that first sees it")
    return judged(case, feed)


def run_all(
    folder: Path, cases: Iterable[Case], *, deadline: float = DEADLINE
) -> Iterator[Outcome]:
    """Outcomes in the order of the cases."""
    mine = local()
    started: list[_Worker] = []

    def one(case: Case) -> Outcome:
        worker: _Worker | None = getattr(mine, "worker", None)
        if worker is None or not worker.process.is_alive():
            worker = mine.worker = _Worker(folder)
            started.append(worker)
        return worker.run(case, deadline)

    with ThreadPoolExecutor(WORKERS) as threads:
        yield from threads.map(one, cases)
    for worker in started:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()


class _Worker:
    def __init__(self, folder: Path) -> None:
        self.pipe, there = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(there, folder), daemon=True)
        self.process.start()
        there.close()
        self.pipe.recv()  # it has its libraries: the first file's time is the file's own

    def run(self, case: Case, deadline: float) -> Outcome:
        self.pipe.send(case)
        try:
            if self.pipe.poll(deadline):
                outcome: Outcome = self.pipe.recv()
                return outcome
            fatal = f"hung for {deadline:.0f} s"
        except EOFError:
            fatal = "its process died"
        self.process.kill()
        self.process.join()
        return Outcome(suite=case.suite, path=case.path, fatal=fatal)


def _serve(pipe: Connection, folder: Path) -> None:
    pipe.send("ready")
    while True:
        case: Case = pipe.recv()
        try:
            outcome = run(folder, case)
        except Exception as error:  # noqa: BLE001 any is a crash, and what is looked for
            fatal = f"{type(error).__name__}: {error}"
            outcome = Outcome(suite=case.suite, path=case.path, fatal=fatal)
        pipe.send(outcome)
