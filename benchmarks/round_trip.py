"""Is nothing lost, and nothing invalid, of what others' feeds hold when we publish it?

    python -m benchmarks.round_trip [FOLDER] [--every N] [--failures]

FOLDER (default ../shared/corpora/feeds) holds one folder a suite, and beside it a `feeds.csv` that
lists their files. Each is read as a poll reads it, written as Atom, RSS and JSON Feed, and each of
those is checked for validity, parsed by feedparser, and read back by our own reader: ids, titles,
dates, links, sources and files are what they were. Exit status 0 when no document fails.
"""

import argparse
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.round_trip_documents import Trip, take

FOLDER = Path("../shared/corpora/feeds")
WORKERS = 2


@dataclass(kw_only=True)
class Tally:
    """What became of a suite's files."""

    files: int = 0
    unreadable: int = 0
    entries: int = 0
    documents: int = 0
    failures: list[str] = field(default_factory=list)

    def count(self, trip: Trip) -> None:
        self.files += 1
        self.unreadable += not trip.readable
        self.entries += trip.entries
        self.documents += trip.documents
        self.failures += [f"{trip.path}: {failure}" for failure in trip.failures]


def files(folder: Path, *, every: int = 1) -> Iterator[tuple[str, str]]:
    """Suites and paths of the feeds that are there, every so many of each suite."""
    seen: Counter[str] = Counter()
    with (folder.parent / "feeds.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if (folder / row["path"]).is_file():
                seen[row["suite"]] += 1
                if seen[row["suite"]] % every == 1 % every:
                    yield row["suite"], row["path"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.round_trip")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth file only")
    parser.add_argument("--failures", action="store_true", help="each of them")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"round trip: skipped, there is no {options.folder}")
        return 0
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    listed = list(files(options.folder, every=options.every))
    with ProcessPoolExecutor(WORKERS) as workers:
        trips = workers.map(partial(take, options.folder), [path for _, path in listed])
        for (suite, _), trip in zip(listed, trips, strict=True):
            tallies[suite].count(trip)
    print("\n".join(table(tallies)))
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    if options.failures:
        print("\n".join(failures))
    return 1 if failures else 0


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """Markdown, a row a suite, and all of them in the end."""
    yield "| suite | files | not feeds | entries | documents | failures |"
    yield "| --- | --- | --- | --- | --- | --- |"
    total = Tally()
    for suite, tally in sorted(tallies.items()):
        yield _row(suite, tally)
        total.files += tally.files
        total.unreadable += tally.unreadable
        total.entries += tally.entries
        total.documents += tally.documents
        total.failures += tally.failures
    yield _row("all", total)


def _row(name: str, tally: Tally) -> str:
    numbers = (tally.files, tally.unreadable, tally.entries, tally.documents, len(tally.failures))
    return f"| {name} | {' | '.join(map(str, numbers))} |"


if __name__ == "__main__":
    sys.exit(main())
