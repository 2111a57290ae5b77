"""Every series of snapshots as polls in order: what is lost, doubled, or lifted on the way.

    python -m benchmarks.histories [FOLDER] [--sqlite N] [--notes] [--only PART]

FOLDER (default ../shared/corpora/history) holds NAME@FEED.tar.xz, each the successive versions of
one feed; `series.csv` beside them has their totals by another program. `--sqlite N` plays every
Nth series again with SQLite and compares. `--notes` says what each fault was.
"""

import argparse
import asyncio
import csv
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

from benchmarks.histories_replay import Tally, replay, snapshots

FOLDER = Path("../shared/corpora/history")
COLUMNS = [one.name for one in fields(Tally) if one.name != "notes"]
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--sqlite", type=int, default=0, metavar="N")
    parser.add_argument("--notes", action="store_true")
    parser.add_argument("--only", default="", metavar="PART", help="of the name")
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        print(f"histories: skipped, there is no {asked.folder}")
        return
    started = time.perf_counter()
    paths = [path for path in sorted(asked.folder.glob("*.tar.xz")) if asked.only in path.name]
    with ProcessPoolExecutor(WORKERS) as pool:
        tallies = list(pool.map(in_memory, paths))
        report(tallies, asked.folder / "series.csv", notes=asked.notes)
        if asked.sqlite:
            compare(tallies[:: asked.sqlite], list(pool.map(in_sqlite, paths[:: asked.sqlite])))
    print(f"\n{time.perf_counter() - started:.0f} s")


def in_memory(path: Path) -> Tally:
    return asyncio.run(replay(name_of(path), snapshots(path)))


def in_sqlite(path: Path) -> Tally:
    with tempfile.TemporaryDirectory() as place:
        database = f"sqlite:///{place}/history.db"
        return asyncio.run(replay(name_of(path), snapshots(path), database))


def name_of(path: Path) -> str:
    return path.name.removesuffix(".tar.xz")


def report(tallies: Sequence[Tally], totals: Path, *, notes: bool) -> None:
    expected = distinct_keys(totals)
    heads = [name.replace("_", " ") for name in COLUMNS[1:]]
    print(f"| history | {' | '.join(heads)} | series.csv |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for tally in tallies:
        row = [str(getattr(tally, name)) for name in COLUMNS]
        print(f"| {' | '.join([*row, str(expected.get(tally.name, '-'))])} |")
    sums = [str(total(name, tallies)) for name in COLUMNS[1:]]
    of_csv = sum(expected.get(tally.name, 0) for tally in tallies)
    print(f"| **{len(tallies)} histories** | {' | '.join([*sums, str(of_csv)])} |")
    for tally in tallies if notes else ():
        for note in tally.notes:
            print(f"{tally.name}: {note}")


def total(name: str, tallies: Sequence[Tally]) -> int:
    combine = max if name == "most_edits" else sum
    return combine(getattr(tally, name) for tally in tallies)


def distinct_keys(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            f"{row['name']}@{row['path'].replace('/', '__')}": int(row["distinct_keys"])
            for row in csv.DictReader(file)
        }


def compare(memory: Sequence[Tally], sqlite: Sequence[Tally]) -> None:
    pairs = zip(memory, sqlite, strict=True)
    other = [one.name for one, two in pairs if asdict(one) != asdict(two)]
    same = len(memory) - len(other)
    print(f"\nSQLite says the same of {same} of {len(memory)} histories", *other)


if __name__ == "__main__":
    main()
