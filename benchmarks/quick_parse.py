"""Each document read by feedparser and by its quicker core: the dictionaries have to be the same.

    python -m benchmarks.quick_parse [FOLDER] [--every N] [--only PART] [--damaged N]

FOLDER (default ../shared/corpora) holds feeds/ with feeds.csv, and history/. Compared is everything
that feedparser finds in the whole document, and in its head with one item; for each suite: how many
documents the quicker core reads, how many results differ (none may), and the CPU time of both.
`--damaged N` tries each document N times more, with elements swapped, doubled, nested or cut.
"""

import argparse
import csv
import re
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from aggregator.formats.charsets import in_utf8
from aggregator.formats.feedparsing.own import QuickDict
from aggregator.formats.feedparsing.quick import parse_quickly
from aggregator.formats.feedparsing.whole import parse_whole
from aggregator.formats.slices import slices

FOLDER = Path("../shared/corpora")
WORKERS = 2
ADDRESS = "https://feeds.example/blog/feed.xml"
_ELEMENT = re.compile(
    rb"<([\w:]+)(?:\s[^<>]*)?(?:/>|>(?:[^<]|<!\[CDATA\[.{0,5000}?\]\]>)*</\1\s*>)", re.DOTALL
)
_CUTS = 0.1
"""Of the documents; only feedparser reads those."""
CHUNK = 40
"""Documents that one process takes at a time."""


@dataclass(slots=True)
class Tally:
    suite: str
    documents: int = 0
    quick: int = 0
    """Documents that feedparser need not read."""
    differ: list[str] = field(default_factory=list)
    whole_seconds: float = 0.0
    """CPU of feedparser, and of the quicker core, for the documents that both read."""
    quick_seconds: float = 0.0
    refused_seconds: float = 0.0
    """CPU of the quicker core for documents that it then left to feedparser."""


def bodies(folder: Path, every: int = 1) -> Iterator[tuple[str, str, bytes]]:
    """Suite, name and bytes of each document."""
    with (folder / "feeds.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[::every]:
        suite = row["group"] if row["group"] == "real" else row["suite"]
        yield suite, row["path"], (folder / "feeds" / row["path"]).read_bytes()
    for archive in sorted((folder / "history").glob("*.tar.xz"))[::every]:
        with tarfile.open(archive) as tar:
            for member in [one for one in tar if one.isfile()][::every]:
                if body := tar.extractfile(member):
                    yield "history", f"{archive.name}: {member.name}", body.read()


def variants(body: bytes) -> Iterator[bytes]:
    """The document as feedparser gets it, and its head with the first item and the last."""
    document = in_utf8(body.lstrip(), "")
    if not document:
        return
    yield document
    found = slices(document)
    if found and len(found.items) > 1:
        yield found.with_items({0})
        yield found.with_items({len(found.items) - 1})


def damaged(document: bytes, chance: Random) -> bytes:
    """With some of its elements where nobody expects them; mostly as well-formed as before."""
    for _ in range(chance.randint(1, 4)):
        found = [one.span() for one in _ELEMENT.finditer(document)]
        if not found:
            break
        (start, end), (other, after) = chance.choice(found), chance.choice(found)
        one, two = document[start:end], document[other:after]
        mended = chance.choice(
            [
                one + one,
                b"",
                two,
                two + one,
                one.partition(b">")[0].rstrip(b"/") + b">" + two + b"</" + _name(one) + b">",
                one.replace(b"<![CDATA[", b"").replace(b"]]>", b""),
                one[:-1] if chance.random() < _CUTS else one.replace(_name(one), _name(two)),
            ]
        )
        document = document[:start] + mended + document[end:]
    return document


def _name(element: bytes) -> bytes:
    return element[1:].partition(b">")[0].split()[0].rstrip(b"/")


def compare(job: tuple[str, str, bytes], times: int = 0) -> Tally:
    suite, name, body = job
    tally = Tally(suite, documents=1)
    chance = Random(name)
    found = list(variants(body))
    found += [damaged(found[-1], chance) for _ in range(times) if found]
    for number, document in enumerate(found):
        quick, seconds = timed(parse_quickly, document)
        if quick is None:
            tally.refused_seconds += seconds
            continue
        tally.quick += not number
        tally.quick_seconds += seconds
        whole, seconds = timed(parse_whole, document)
        tally.whole_seconds += seconds
        if difference := differ(whole, quick):
            tally.differ.append(f"{name} [{number}]: {difference}")
    return tally


def timed(parse: Callable[[bytes, str], Any], document: bytes) -> tuple[Any, float]:
    started = time.process_time()
    try:
        result = parse(document, ADDRESS)
    except Exception as error:  # noqa: BLE001 feedparser lets through whatever
        result = repr(error)
    return result, time.process_time() - started


def differ(one: Any, two: Any, at: str = "") -> str:
    """Where the two are not the same; a dictionary with aliases is not one without."""
    if isinstance(one, QuickDict) != isinstance(two, QuickDict):
        return f"{at}: {type(one).__name__}, {type(two).__name__}"
    if isinstance(one, dict) and isinstance(two, dict):
        if one.keys() != two.keys():
            return f"{at}: keys {set(one) ^ set(two)}"
        pairs = ((key, dict.__getitem__(one, key), dict.__getitem__(two, key)) for key in one)
        return next((found for key, a, b in pairs if (found := differ(a, b, f"{at}.{key}"))), "")
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        pairs = ((str(n), a, b) for n, (a, b) in enumerate(zip(one, two, strict=True)))
        return next((found for key, a, b in pairs if (found := differ(a, b, f"{at}.{key}"))), "")
    return "" if type(one) is type(two) and one == two else f"{at}: {one!r:.100} != {two!r:.100}"


def total(tallies: list[Tally]) -> dict[str, Tally]:
    sums: dict[str, Tally] = {}
    for tally in tallies:
        one = sums.setdefault(tally.suite, Tally(tally.suite))
        one.documents += tally.documents
        one.quick += tally.quick
        one.differ += tally.differ
        one.whole_seconds += tally.whole_seconds
        one.quick_seconds += tally.quick_seconds
        one.refused_seconds += tally.refused_seconds
    return sums


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--only", default="", metavar="PART", help="of the suite's name")
    parser.add_argument("--damaged", type=int, default=0, metavar="N")
    asked = parser.parse_args(arguments)
    if not asked.folder.is_dir():
        print(f"quick_parse: skipped, there is no {asked.folder}")
        return 0
    jobs = (job for job in bodies(asked.folder, asked.every) if asked.only in job[0])
    with ProcessPoolExecutor(WORKERS) as pool:
        tallies = list(pool.map(partial(compare, times=asked.damaged), jobs, chunksize=CHUNK))
    sums = total(tallies)
    print("| suite | documents | read quickly | differ | CPU s: feedparser | quick | refused |")
    print("| --- |" + " ---: |" * 6)
    for one in sums.values():
        print(
            f"| {one.suite} | {one.documents} | {one.quick} ({one.quick / one.documents:.0%}) "
            f"| {len(one.differ)} | {one.whole_seconds:.1f} | {one.quick_seconds:.1f} "
            f"| {one.refused_seconds:.1f} |"
        )
    faults = [difference for one in sums.values() for difference in one.differ]
    print(*faults[:100], sep="\n")
    counts = Counter(bool(one.differ) for one in tallies)
    whole = sum(one.whole_seconds for one in tallies)
    quick = sum(one.quick_seconds for one in tallies)
    print(
        f"{len(tallies)} documents: {sum(one.quick for one in tallies)} read quickly,"
        f" {counts[True]} differ; CPU {whole:.1f} s by feedparser, {quick:.1f} s quickly"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
