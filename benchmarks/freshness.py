"""How soon new entries are found by different polling policies at the same number of polls.

    python -m benchmarks.freshness [FOLDER]

FOLDER (default ../shared/corpora) holds `history/` with series of snapshots of real feeds, and
`feeds.csv` with the real feeds under `feeds/`. Each source's publications are replayed; a policy
learns from what its own polls have found. The scale of every policy is tuned until it spends as
many polls as a fixed interval would; then the delays from publication to discovery are compared.
The last table replays all sources with an interval as configured, and says what is saved.
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
from benchmarks.freshness_policies import AS_CONFIGURED, DAY, FIXED, HOUR, POLICIES, Policy

BUDGETS = (1, 4, 12)
"""Hours: the fixed intervals whose numbers of polls may be spent."""

GROUPS = ("chosen on", "held out")
ALL = "both halves"
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
CONFIGURED = (0.25, 0.5, 1, 2, 4)
"""Hours: intervals of the last table."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Polls in all, and a day by the average source known for a day or more; each replay's
    delays in seconds, if it found anything."""

    polls: float
    polls_a_day: float
    delays: list[list[float]]


@dataclass(frozen=True, slots=True)
class Task:
    group: str
    budget: float
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
    every = tuple(one for half in halves.values() for one in half)
    saving = [Task(ALL, i, p, every) for i, p in product(CONFIGURED, AS_CONFIGURED)]
    with ProcessPoolExecutor() as workers:
        rows = dict(zip(tasks, workers.map(row, tasks), strict=True))
        savings = list(workers.map(row_as_configured, saving))
    for group, half in halves.items():
        print(f"\n{len(half)} sources, {group}:\n\n{HEAD}")
        print("\n".join(line for task, line in rows.items() if task.group == group))
    print(f"\n{len(every)} sources, {ALL}:\n\n{HEAD_AS_CONFIGURED}")
    print("\n".join(savings))
    print(f"\n{time.perf_counter() - started:.0f} s")


HEAD = """\
| polls as | policy | scale | polls | entry median | entry mean | source median | source mean |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""
HEAD_AS_CONFIGURED = """\
| interval | policy | polls a day | entry median | entry mean | source median | source mean |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""


def group_of(source: History) -> str:
    """By name, so that the halves stay when sources come and go."""
    return GROUPS[zlib.crc32(source.name.encode()) % 2]


def row(task: Task) -> str:
    allowed = spend(task.sources, POLICIES[FIXED], task.budget, task.budget).polls
    scale, spent = tuned(task, allowed)
    cells = (f"{task.budget} h", task.policy, f"{scale:.2g}", f"{spent.polls:.0f}", figures(spent))
    return f"| {' | '.join(cells)} |"


def row_as_configured(task: Task) -> str:
    spent = spend(task.sources, AS_CONFIGURED[task.policy], task.budget, task.budget)
    return f"| {task.budget} h | {task.policy} | {spent.polls_a_day:.1f} | {figures(spent)} |"


def figures(spent: Spent) -> str:
    of_entries = [delay for each in spent.delays for delay in each]
    hours = (
        median(of_entries),
        fmean(of_entries),
        median(median(each) for each in spent.delays),
        fmean(fmean(each) for each in spent.delays),
    )
    return " | ".join(f"{figure / HOUR:.3g} h" for figure in hours)


def tuned(task: Task, allowed: float) -> tuple[float, Spent]:
    """A scale that spends the allowed polls, found by secants between logarithms."""
    scale, slope = float(task.budget), -1.0
    tried: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        spent = spend(task.sources, POLICIES[task.policy], scale, task.budget)
        excess = math.log(spent.polls / allowed)
        if abs(excess) < TOLERANCE:
            break
        tried.append((math.log(scale), excess))
        if len(tried) > 1 and tried[-1] != tried[-2]:
            (x, y), (x2, y2) = tried[-2:]
            slope = min(-0.2, max(-3.0, (y2 - y) / (x2 - x)))
        scale = math.exp(math.log(scale) - excess / slope)
    return scale, spent


def spend(
    sources: Sequence[History], policy: Callable[[float], Policy], scale: float, budget: float
) -> Spent:
    """The mean of replays that begin at different phases of the budget's interval."""
    ceiling = min(max(CEILING_INTERVALS * budget * HOUR, DAY), LONGEST_CEILING)
    replays = [
        (source, replay(source, policy(scale), ceiling, phase * budget * HOUR))
        for phase, source in product(PHASES, sources)
    ]
    rates = [
        polls * DAY / known
        for source, (polls, _) in replays
        if (known := source.until - beginning(source)) >= DAY
    ]
    return Spent(
        sum(polls for _, (polls, _) in replays) / len(PHASES),
        fmean(rates),
        [delays for _, (_, delays) in replays if delays],
    )


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
