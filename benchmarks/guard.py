"""Fails when a poll costs many times its floor: python -m benchmarks.guard

A few hundred polls by what the server answers, beside the same polls with bare parts, in one run:
all 304, all the same bytes, one new entry each. The limits leave room for a noisy machine; they
find what makes a poll dearer by half, not by a tenth. `poll` measures properly.

Run it by hand before a merge that touches polls: it takes half a minute on a quiet machine and
some on a busy one, where a floor of less than 0.1 ms also moves by a third, so that it is no part
of what must pass everywhere.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.poll import Asked, measure
from benchmarks.poll_sides import FloorSide, OurSide

LIMITS = {"all304": 10.0, "same": 5.0, "onenew": 11.5}
"""Times its floor."""
ASKED = Asked(sources=200, rounds=3)


async def check(scenario: str, limit: float) -> bool:
    with tempfile.TemporaryDirectory(prefix="guard-") as folder:
        outcome = await measure(scenario, ASKED, Path(folder), [OurSide, FloorSide])
    ours, floor = (outcome.sides[side.name].cost for side in (OurSide, FloorSide))
    good = ours / floor <= limit and not outcome.faults
    print(
        f"{'pass' if good else 'fail'} {scenario}: {ours * 1000:.2f} ms CPU a poll,"
        f" {ours / floor:.1f} times its floor; {limit:g} at the most"
    )
    for fault in outcome.faults[:10]:
        print(f"     {fault}")
    return good


def main() -> int:
    good = [asyncio.run(check(scenario, limit)) for scenario, limit in LIMITS.items()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
