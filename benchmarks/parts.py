"""Each stage of a poll alone, beside its floor: python -m benchmarks.parts

What runs is the product's own code, wired as in the daemon; a floor is the cheapest that the same
step gets in Python. All take turns; figures are CPU time of all processes but that of what is
polled, for one source, the medians of the rounds. Stages hold one another: to settle an answer is
all that comes after the fetch, from the digest to the database, and to read is a part of it.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from aggregator.bootstrap import open_service
from aggregator.config.load import load
from benchmarks.growth import run
from benchmarks.parts_stages import Meter, Stages
from benchmarks.poll import Asked, origin
from benchmarks.poll_service import NEVER, Watch, make_due
from benchmarks.poll_sides import Place, configure
from benchmarks.tables import table

HEAD = ("stage", "ms CPU", "floor", "×", "what the floor does")

LINES = (
    ("claim", "claim: floor", "UPDATE … RETURNING"),
    ("fetch, 304", "fetch, 304: floor", "bare sockets"),
    ("fetch, 200 of 12 KB", "fetch, 200: floor", "bare sockets, zlib"),
    ("inflate and digest 61 KB", "inflate: floor", "zlib, sha256"),
    ("settle a 304", "write: floor", "a row, a hundred together"),
    ("settle the same bytes", "same: floor", "sha256, a row"),
    ("settle one new entry in 20", "new: floor", "a search, sha256, expat, two rows"),
    ("find and digest 20 items", "split: floor", "a search, sha256"),
    ("read one new item in 20", "read new: floor", "a search, sha256, expat"),
    ("read it in the cage", "read one new item in 20", "reading it here"),
    ("read 20 items", "read all: floor", "a search, sha256, expat"),
    ("clean the HTML of 20 items", "clean: floor", "nh3"),
    ("normalize, reconcile 20 entries", "name: floor", "sha256 of their texts"),
    ("learn a rhythm from 20 times", "", ""),
    ("render a feed of 100, one is new", "join: floor", "joining that many bytes"),
    ("pack that with gzip", "pack: floor", "zlib at its fastest"),
)
"""What is measured, with the measure of its floor."""


async def measure(sources: int, rounds: int, folder: Path) -> Meter:
    async with origin("parts", Asked(sources=sources), folder) as server:
        meter = Meter(server.pid)
        place = Place(home=folder, client="parts", port=server.ready["port"], sources=sources)
        settings = load(configure(place), {})
        async with open_service(settings, watch=Watch()) as service:
            await make_due(service, NEVER)
            stages = Stages(service, place, meter)
            await stages.begin()
            for number in range(rounds + 1):  # the first one warms up
                print(f"     round {number} of {rounds}", file=sys.stderr)
                await server.ask(do="prepare", client=place.client)
                await stages.play()
            await stages.end()
    return meter


def rows(meter: Meter) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, beside, told in LINES:
        cost = median(meter.costs[name][1:])
        floor = median(meter.costs[beside][1:]) if beside else 0.0
        shown = (f"{floor * 1000:.3f}", f"{cost / floor:.1f}") if floor else ("", "")
        found.append((name, f"{cost * 1000:.3f}", *shown, told))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    with tempfile.TemporaryDirectory(prefix="parts-") as folder:
        meter = run(measure(given.sources, given.rounds, Path(folder)))
    print(f"{given.sources} sources, median of {given.rounds} rounds")
    print(table(HEAD, rows(meter), markdown=given.markdown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
