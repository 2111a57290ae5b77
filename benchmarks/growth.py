"""Whether the cost of a poll, a feed or a page grows with what is stored.

    python -m benchmarks.growth [--sources 1000,10000] [--entries 100000,1000000] [--rounds N]
                                [--keep FOLDER]

Databases of each size are built first (a million sources take minutes, ten million entries a
quarter of an hour and 12 GB), then rounds go over all of them in turn in one process. Told are
medians of CPU time, and the median of its ratios, round by round, to that of the smallest
database. With `--keep` databases stay in the folder, and pages are measured on them again. Polls
change theirs, and want new ones each time.

The aims: a poll among a million sources costs 1.1 times one among a thousand at most; a feed and
a page of ten million entries 1.2 times those of a hundred thousand.
"""

import argparse
import operator
import statistics
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import typer

from aggregator.cli.shell import finish
from benchmarks import growth_pages, growth_polls
from benchmarks.growth_databases import Size, build

SOURCES = (1_000, 10_000, 100_000)
ENTRIES = (100_000, 1_000_000)
ROUNDS = 5

POLLED_ENTRIES = 5
"""Of each source, where polls are measured."""
LISTED_ENTRIES = 100
"""Of each source, where feeds and pages are measured."""

_Costs = TypeVar("_Costs")


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--sources", type=_sizes, default=SOURCES, metavar="N,N,…")
    parser.add_argument("--entries", type=_sizes, default=ENTRIES, metavar="N,N,…")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="growth-") as temporary:
        folder = asked.keep or Path(temporary)
        tell_polls(folder, asked.sources, asked.rounds)
        tell_pages(folder, asked.entries, asked.rounds)


def _sizes(written: str) -> tuple[int, ...]:
    return tuple(sorted(int(each) for each in written.split(",") if each))


def tell_polls(folder: Path, sources: Sequence[int], rounds: int) -> None:
    sizes = [Size(sources=n, entries_each=POLLED_ENTRIES, varied=False) for n in sources]
    if not sizes:
        return
    found = databases(folder, sizes, is_spent=growth_polls.was_polled)
    costs = run(growth_polls.measure(found, rounds=rounds))
    print(f"CPU time among {_told(sources)} sources")
    tell("a poll, with its claim", [cost.of_polls for cost in costs])
    tell("a poll that finds nothing new", [cost.of_nothing for cost in costs])
    tell("a tick with nothing due", [cost.of_ticks for cost in costs])
    tell("the first look of a process", [[cost.of_start] for cost in costs])


def tell_pages(folder: Path, entries: Sequence[int], rounds: int) -> None:
    sizes = [
        Size(sources=n // LISTED_ENTRIES, entries_each=LISTED_ENTRIES, varied=True) for n in entries
    ]
    if not sizes:
        return
    costs = run(growth_pages.measure(databases(folder, sizes), rounds=rounds))
    print(f"CPU time of requests, first after a change, among {_told(entries)} entries")
    for path in costs[0]:
        tell(path, [cost[path] for cost in costs])


def run(measuring: Coroutine[Any, Any, _Costs]) -> _Costs:
    """As our commands run: on the same event loop, the collector of cycles as seldom."""
    found: list[_Costs] = []

    async def work() -> None:
        found.append(await measuring)

    with suppress(typer.Exit):
        finish(work())
    return found[0]


def databases(
    folder: Path, sizes: Sequence[Size], *, is_spent: Callable[[Path], bool] = lambda _: False
) -> dict[Path, Size]:
    folder.mkdir(exist_ok=True)
    found = {folder / f"{size.sources}-{size.entries}.db": size for size in sizes}
    for path, size in found.items():
        if path.exists() and is_spent(path):
            print(f"{path} was polled, which changed it: it goes", file=sys.stderr)
            for file in folder.glob(f"{path.name}*"):  # with its log
                file.unlink()
        if not path.exists():
            print(f"building {size.sources:,} sources, {size.entries:,} entries", file=sys.stderr)
            build(path, size)
    return found


def tell(what: str, costs: Sequence[Sequence[float]]) -> None:
    """One line: milliseconds and ratios."""
    medians = [statistics.median(each) for each in costs]
    figures = ", ".join(f"{median * 1000:.3f}" for median in medians)
    # Round by round: what else the machine did in one, all databases felt.
    ratios = ", ".join(
        f"{statistics.median(map(operator.truediv, each, costs[0])):.2f}" for each in costs
    )
    print(f"  {what:32} {figures} ms: ratios {ratios}")


def _told(numbers: Sequence[int]) -> str:
    return ", ".join(f"{number:,}" for number in numbers)


if __name__ == "__main__":
    main(sys.argv[1:])
