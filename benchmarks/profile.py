"""Where a poll's CPU goes: python -m benchmarks.profile [SCENARIO …]

First rounds as `poll` measures them, to see what the event loop's thread, the other threads and
the reading processes take; then rounds with a profile (`profiles` says how to read it), whose
shares are those of the first two. SCENARIO is one of `poll`'s, steady unless told otherwise.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median

from benchmarks.poll import SHOWN, Asked, Tally, measure
from benchmarks.poll_sides import OurSide
from benchmarks.tables import table

PROFILED = 2
"""Rounds."""
PARTS = {
    "loop": "the event loop's thread",
    "threads": "other threads",
    "reading": "the processes that read documents",
}
HEAD = ("where", "ms CPU/poll", "share")


class ProfiledSide(OurSide):
    options = ("--profile",)


async def take_apart(scenario: str, asked: Asked, functions: int, *, markdown: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        whole = await measure(scenario, asked, Path(folder), [OurSide])
        profiled = Asked(sources=asked.sources, rounds=PROFILED, tls=asked.tls)
        taken = await measure(scenario, profiled, Path(folder), [ProfiledSide])
    costs = _costs(whole.sides[OurSide.name])
    print(f"{scenario}, {asked.sources} sources{', TLS' if asked.tls else ''}:")
    print(table(HEAD, _lines(costs, sum(costs.values())), markdown=markdown))
    here = sum(costs.values()) - costs[PARTS["reading"]]
    for what, most in (("groups", 0), ("functions", functions)):
        sums = _sums(taken.sides[OurSide.name], what)
        scale = here / sum(_sums(taken.sides[OurSide.name], "groups").values())
        shown = {name: cost * scale for name, cost in sums.most_common(most or None)}
        if what == "groups" or most:
            print()
            print(table(HEAD, _lines(shown, here), markdown=markdown))


def _costs(tally: Tally) -> dict[str, float]:
    """Seconds a poll, by who spends them."""
    return {
        name: median(played["of it"][part] / played["polls"] for played in tally.played)
        for part, name in PARTS.items()
    }


def _sums(tally: Tally, what: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for played in tally.played:
        for name, seconds in played[what].items():
            sums[name] += seconds
    return sums


def _lines(costs: dict[str, float], whole: float) -> list[tuple[str, ...]]:
    return [(name, f"{cost * 1000:.3f}", f"{cost / whole:.1%}") for name, cost in costs.items()]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", choices=[*SHOWN, []])
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="the N dearest, too")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    asked = Asked(sources=given.sources, rounds=given.rounds, tls=given.tls)
    for scenario in given.scenarios or ["steady"]:
        asyncio.run(take_apart(scenario, asked, given.functions, markdown=given.markdown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
