"""What a poll costs, end to end: python -m benchmarks.poll [SCENARIO …] [--tls]

    cold      the first fetch of every source: 20 entries, 61 KB, 12 KB of them in gzip
    steady    60 % answer 304, 30 % the same bytes, 10 % a document with one new entry
    all304    nothing but 304
    same      the same bytes each time, although we send validators
    onenew    one new entry in 20 each time; onenew10 and onenew100: one in 10, one in 100

Each source has a host of its own, and a connection is used once, as feeds are polled. Beside our
service the same polls are made with bare parts (`floor`), in turn and in the same run. Figures are
CPU time of all processes of a side, per poll, as the median of the rounds; the origin's is not
counted, nor is what starting costs, which is shown apart. What must be stored is known: a side that
has another number of entries in the end fails.
"""

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from aggregator.clock import SystemClock
from benchmarks.origin import SCENARIOS, Plan, host_of, plan_as_text
from benchmarks.origin_feeds import first_published
from benchmarks.origin_tls import ROOT, make_certificates
from benchmarks.poll_sides import FloorSide, OurSide, Place, Side, checkout
from benchmarks.processes import Child
from benchmarks.tables import table

SIZES = {"onenew10": 10, "onenew100": 100}
NAMES = (*SCENARIOS, *SIZES)
SHOWN = ("cold", "steady", "all304", "same", "onenew", "onenew10", "onenew100")
HEAD = ("scenario", "side", "ms CPU/poll", "polls/CPU s", "× floor", "peak MB", "start s")


@dataclass(frozen=True, kw_only=True)
class Asked:
    sources: int = 1000
    rounds: int = 5
    tls: bool = False
    keep_alive: bool = False


@dataclass
class Tally:
    """Of one side: CPU seconds per poll of each round."""

    costs: list[float] = field(default_factory=list)
    filling: float = 0.0
    """The same of the round that filled the database; that is a first fetch of every source."""
    played: list[dict[str, Any]] = field(default_factory=list)
    """What each of these rounds said."""
    peak: int = 0
    start: float = 0.0

    @property
    def cost(self) -> float:
        return median(self.costs)

    def add(self, played: dict[str, Any]) -> None:
        self.costs.append(played["cpu"] / played["polls"])
        self.played.append(played)
        self.peak = max(self.peak, played["peak"])


@dataclass
class Outcome:
    scenario: str
    sides: dict[str, Tally]
    faults: list[str]

    def rows(self) -> list[tuple[str, ...]]:
        floor = self.sides["floor"].cost if "floor" in self.sides else 0.0
        return [
            (
                self.scenario,
                name,
                f"{tally.cost * 1000:.3f}",
                f"{1 / tally.cost:,.0f}",
                f"{tally.cost / floor:.2f}" if floor else "",
                f"{tally.peak / 1e6:.0f}",
                f"{tally.start:.2f}",
            )
            for name, tally in self.sides.items()
        ]


@asynccontextmanager
async def origin(scenario: str, asked: Asked, folder: Path) -> AsyncIterator[Child]:
    """What is polled; ended in the end."""
    now = SystemClock().now()
    entries = SIZES.get(scenario, 20)
    plan = Plan(
        scenario="onenew" if scenario in SIZES else scenario,
        sources=asked.sources,
        entries=entries,
        now=now.isoformat(),
        first=first_published(now, size=entries).isoformat(),
        tls=str(folder) if asked.tls else None,
        keep_alive=asked.keep_alive,
    )
    if asked.tls and not (folder / ROOT).exists():
        await make_certificates(folder, [host_of(source) for source in range(asked.sources)])
    child = await Child.start("benchmarks.origin", plan_as_text(plan))
    try:
        yield child
    finally:
        await child.stop()


async def measure(
    scenario: str, asked: Asked, folder: Path, sides: Sequence[type[Side]]
) -> Outcome:
    """Rounds of all sides in turn; of cold polls each round begins anew."""
    cold = scenario == "cold"
    outcome = Outcome(scenario, {side.name: Tally() for side in sides}, [])
    async with origin(scenario, asked, folder) as server:
        for attempt in range(asked.rounds if cold else 1):
            there = [await _started(side, server, asked, folder, attempt) for side in sides]
            try:
                await _play(outcome, there, server, rounds=1 if cold else asked.rounds + 1)
            finally:
                for side in there:
                    await side.child.stop()
            outcome.faults += [fault for side in there if (fault := await _fault(side, server))]
    if not cold:  # the first round filled the database
        for tally in outcome.sides.values():
            tally.filling = tally.costs.pop(0)
            del tally.played[0]
    return outcome


async def _started(
    side: type[Side], server: Child, asked: Asked, folder: Path, attempt: int
) -> Side:
    name = re.sub(r"\W+", "-", f"{side.name} {attempt}")
    home = folder / name
    if home.exists():
        shutil.rmtree(home)
    home.mkdir()
    return await side.start(
        Place(
            home=home,
            client=name,
            port=server.ready["port"],
            sources=asked.sources,
            root=folder / ROOT if asked.tls else None,
        )
    )


async def _play(outcome: Outcome, sides: Sequence[Side], server: Child, *, rounds: int) -> None:
    for number in range(rounds):
        turns = sides if number % 2 == 0 else sides[::-1]
        for side in turns:
            await server.ask(do="prepare", client=side.place.client)
            played = await side.play()
            tally = outcome.sides[side.name]
            tally.add(played)
            tally.start = side.started
            outcome.faults += [f"{side.name}: {trouble}" for trouble in played["troubles"]]
            print(
                f"     {outcome.scenario} {number}: {side.name} "
                f"{tally.costs[-1] * 1000:.3f} ms CPU, {played['wall']:.1f} s in all",
                file=sys.stderr,
            )


async def _fault(side: Side, server: Child) -> str | None:
    expected = await server.ask(do="expect", client=side.place.client)
    found = side.entries()
    return None if found == expected else f"{side.name}: {found} entries, not {expected}"


async def compare(
    names: Sequence[str], asked: Asked, against: Path | None, *, markdown: bool
) -> bool:
    """Measures the scenarios and prints them; False where something was lost."""
    sides: list[type[Side]] = [OurSide, FloorSide]
    if against:
        sides.insert(1, checkout(against))
    with tempfile.TemporaryDirectory(prefix="poll-") as folder:
        outcomes = [await measure(name, asked, Path(folder), sides) for name in names]
    wire = "TLS, cold connections" if asked.tls else "plain HTTP"
    print(
        f"{asked.sources} sources, {wire}, median of {asked.rounds} rounds; {os.cpu_count()} cores"
    )
    print(table(HEAD, [row for one in outcomes for row in one.rows()], markdown=markdown))
    costs = {one.scenario: one.sides[OurSide.name].cost for one in outcomes}
    if costs.keys() >= SIZES.keys():
        ratio = costs["onenew100"] / costs["onenew10"]
        print(f"one new entry in 100 costs {ratio:.2f} × one in 10")
    for one in outcomes:
        for line in one.faults[:10]:
            print(f"fail {one.scenario}: {line}")
    return not any(one.faults for one in outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", choices=[*SHOWN, []])
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tls", action="store_true", help="with certificates made for the run")
    parser.add_argument("--keep-alive", action="store_true", help="the origin keeps connections")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another working tree, too")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args(sys.argv[1:] if __name__ == "__main__" else [])
    asked = Asked(
        sources=given.sources,
        rounds=given.rounds,
        tls=given.tls,
        keep_alive=given.keep_alive,
    )
    against = given.against and given.against.resolve()
    good = asyncio.run(compare(given.scenarios or SHOWN, asked, against, markdown=given.markdown))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
