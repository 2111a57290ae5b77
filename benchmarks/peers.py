"""Our service beside other programs that poll: python -m benchmarks.peers [NAME …]

    reader            the Python library; installed into an environment of its own by pip
    sfeed             sfeed_update with curl, told to send ETags
    newsboat          -x reload
    feedparser        urllib and feedparser alone, one feed after the other, nothing stored

The same origin and the same polls for all, in turn and in the same run: the first fetch of every
source, and then rounds of the steady mix (60 % 304, 30 % the same bytes, 10 % one new entry in 20),
over plain HTTP. We take part twice: as we are, and with feedparser itself reading every document.
Figures are polls for each CPU second of all processes of a program, the medians of the rounds; our
own and the libraries' start is not counted, that of a command is, as each round starts it. Who is
not there is left out, and the reason is told.

The round that fills the databases of the steady ones is one of the first fetches.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peer_sides import FeedparserSide, NewsboatSide, ReaderSide, SfeedSide
from benchmarks.poll import Asked, Outcome, Tally, measure
from benchmarks.poll_sides import FeedparserOnlySide, OurSide, Side
from benchmarks.tables import table

PEERS: dict[str, type[Side]] = {
    "reader": ReaderSide,
    "sfeed": SfeedSide,
    "newsboat": NewsboatSide,
    "feedparser": FeedparserSide,
}
AIMS = {
    ("steady", "reader"): 12.0,
    ("steady", "sfeed"): 8.0,
    ("steady", "newsboat"): 15.0,
    ("cold", "reader"): 6.0,
}
"""How many times as many polls for a CPU second we want to do."""
PLAIN_AIMS = {("cold", "reader"): 2.0}
"""The same, with feedparser alone."""
HEAD = (
    *("polls", "program", "polls/CPU s", "ms CPU/poll"),
    *("we do, times", "aim", "with feedparser only", "aim", "peak MB"),
)


async def present(names: Sequence[str]) -> dict[str, type[Side]]:
    found = {}
    for name in names:
        if reason := await PEERS[name].missing():
            print(f"{name}: skipped, as {reason}")
        else:
            found[name] = PEERS[name]
    return found


def rows(outcome: Outcome, there: dict[str, type[Side]]) -> list[tuple[str, ...]]:
    named = {side.name: name for name, side in there.items()}
    found: list[tuple[str, ...]] = []
    for name, tally in outcome.sides.items():
        case = outcome.scenario, named.get(name, "")
        found.append(
            (
                outcome.scenario,
                name,
                f"{1 / tally.cost:,.1f}",
                f"{tally.cost * 1000:.2f}",
                *_beside(tally, outcome.sides[OurSide.name], AIMS.get(case)),
                *_beside(tally, outcome.sides[FeedparserOnlySide.name], PLAIN_AIMS.get(case)),
                f"{tally.peak / 1e6:.0f}",
            )
        )
    return found


def _beside(tally: Tally, ours: Tally, aim: float | None) -> tuple[str, str]:
    """How many times as many polls we do for a CPU second, and want to do."""
    return f"{tally.cost / ours.cost:.1f}" if tally is not ours else "", f"{aim:g}" if aim else ""


async def compare(names: Sequence[str], asked: Asked, cold: int, *, markdown: bool) -> bool:
    there = await present(names)
    sides: list[type[Side]] = [OurSide, FeedparserOnlySide, *there.values()]
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        first = await measure(
            "cold", Asked(sources=asked.sources, rounds=cold - 1), Path(folder), sides
        )
        steady = await measure("steady", asked, Path(folder), sides)
    for name, tally in steady.sides.items():
        first.sides[name].costs.append(tally.filling)
    outcomes = [first, steady]
    print(
        f"{asked.sources} sources, plain HTTP, median of {cold} first fetches and of"
        f" {asked.rounds} steady rounds; {os.cpu_count()} cores"
    )
    lines = [line for one in outcomes for line in rows(one, there)]
    print(table(HEAD, lines, markdown=markdown))
    for one in outcomes:
        for fault in one.faults[:10]:
            print(f"fail {one.scenario}: {fault}")
    return not any(one.faults for one in outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*PEERS, []])
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", type=int, default=3, metavar="ROUNDS")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    asked = Asked(sources=given.sources, rounds=given.rounds)
    names = given.names or list(PEERS)
    return 0 if asyncio.run(compare(names, asked, given.cold, markdown=given.markdown)) else 1


if __name__ == "__main__":
    sys.exit(main())
