"""How soon new entries are found by different polling policies at the same number of polls.

    python -m benchmarks.freshness [FOLDER]

FOLDER (default ../shared/corpora) holds `history/` with series of snapshots of real feeds, and
`feeds.csv` with the real feeds under `feeds/`. Each source's publications are replayed; a policy
learns from what its own polls have found. The scale of every policy is tuned until it spends as
many polls as a fixed interval would; then the delays from publication to discovery are compared.
"""

import math
import sys
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean, median

from benchmarks.freshness_histories import History, histories
from benchmarks.freshness_policies import DAY, HOUR, POLICIES, Policy

BUDGETS = (1, 4, 12)
"""Hours: the fixed intervals whose numbers of polls may be spent."""

GROUPS = ("chosen on", "held out")
REPLAYED = 120 * DAY
FLOOR = 5 * 60.0
CEILING_INTERVALS = 24
LONGEST_CEILING = 7 * DAY
FEWEST_KNOWN = 5
TOLERANCE = 0.003
PHASES = (0.0, 0.25, 0.5, 0.75)
"""Shares of the fixed interval by which subscriptions begin later: what luck it is to come just
before an entry must not decide."""

ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Spent:
    """Polls, and each series' delays in seconds, empty where it published nothing."""

    polls: int
    delays: list[list[float]]


@dataclass(frozen=True, slots=True)
class Task:
    group: str
    budget: int
    policy: str
    sources: tuple[History, ...]


def main() -> None:
    corpora = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/corpora")
    if not (corpora / "feeds.csv").is_file() or not (corpora / "history").is_dir():
        print(f"freshness: skipped, there is no history and feeds.csv in {corpora}")
        return
    started = time.perf_counter()
    halves = {group: tuple[History, ...]() for group in GROUPS}
    for one in histories(corpora):
        halves[group_of(one)] += (one,)
    tasks = [Task(g, b, p, halves[g]) for g, b, p in product(GROUPS, BUDGETS, POLICIES)]
    with ProcessPoolExecutor() as workers:
        rows = dict(zip(tasks, workers.map(row, tasks), strict=True))
    for group, half in halves.items():
        print(f"\n{len(half)} sources, {group}:\n\n{HEAD}")
        print("\n".join(line for task, line in rows.items() if task.group == group))
    print(f"\n{time.perf_counter() - started:.0f} s")


HEAD = """\
| polls as | policy | polls | entry median | entry mean | source median | source mean |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""


def group_of(source: History) -> str:
    """By name, so that the halves stay when sources come and go."""
    return GROUPS[zlib.crc32(source.name.encode()) % 2]


def row(task: Task) -> str:
    ceiling = min(CEILING_INTERVALS * task.budget * HOUR, LONGEST_CEILING)
    allowed = spend(task.sources, POLICIES["fixed interval"], task.budget, ceiling).polls
    scale = tuned(task, ceiling, allowed)
    spent = [
        spend(task.sources, POLICIES[task.policy], scale, ceiling, phase * task.budget * HOUR)
        for phase in PHASES
    ]
    polls = fmean(one.polls for one in spent)
    delays = [each for one in spent for each in one.delays if each]
    of_entries = [delay for each in delays for delay in each]
    figures = (
        median(of_entries),
        fmean(of_entries),
        median(median(each) for each in delays),
        fmean(fmean(each) for each in delays),
    )
    cells = " | ".join(f"{figure / HOUR:.2f} h" for figure in figures)
    return f"| {task.budget} h | {task.policy} | {polls:.0f} | {cells} |"


def tuned(task: Task, ceiling: float, allowed: int) -> float:
    """A scale that spends the allowed polls, by secants between logarithms."""
    scale, slope = float(task.budget), -1.0
    tried: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        spent = spend(task.sources, POLICIES[task.policy], scale, ceiling)
        excess = math.log(spent.polls / allowed)
        if abs(excess) < TOLERANCE:
            break
        tried.append((math.log(scale), excess))
        if len(tried) > 1 and tried[-1] != tried[-2]:
            (x, y), (x2, y2) = tried[-2:]
            slope = min(-0.2, max(-3.0, (y2 - y) / (x2 - x)))
        scale = math.exp(math.log(scale) - excess / slope)
    return scale


def spend(
    sources: Sequence[History],
    policy: Callable[[float], Policy],
    scale: float,
    ceiling: float,
    late: float = 0.0,
) -> Spent:
    """`late` are the seconds after the possible beginning at which each source is added."""
    replays = [replay(source, policy(scale), ceiling, late) for source in sources]
    return Spent(sum(polls for polls, _ in replays), [delays for _, delays in replays])


def replay(source: History, policy: Policy, ceiling: float, late: float) -> tuple[int, list[float]]:
    """Polls within the replayed time and delays of all entries; what is still unseen at its end
    is found by a later poll that is not counted."""
    published, delays, polls = source.published, list[float](), 0
    begun = beginning(source) + late
    known = bisect_right(published, begun)
    policy.found(published[:known], begun)
    for now in poll_times(begun, policy, ceiling):
        if now > source.until and known == len(published):
            return polls, delays
        polls += now <= source.until
        listed = bisect_right(published, now, lo=known)
        if listed > known:
            delays.extend(now - at for at in published[known:listed])
            policy.found(published[known:listed], now)
            known = listed
    raise AssertionError


def beginning(source: History) -> float:
    """The subscription: a third of the entries is there, and no more time than we replay."""
    listed = max(len(source.published) // 3, FEWEST_KNOWN)
    return max(source.published[listed - 1], source.until - REPLAYED)


def poll_times(now: float, policy: Policy, ceiling: float) -> Iterator[float]:
    while True:
        now += min(max(policy.wait(now), FLOOR), ceiling)
        yield now


if __name__ == "__main__":
    main()
