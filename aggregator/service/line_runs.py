"""Lines in runs, so that a change has few of them looked at: the others are known as they are.

A run ends at a line whose id says so, wherever that stands. What is new in front of a thousand
lines changes the first run, and the last one where something goes for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from aggregator.core.digest import body_digest
from aggregator.service.lines import Line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineRun:
    """Neighbouring lines, one at least. The same ones are the same object in later documents."""

    lines: tuple[Line, ...]
    look: bytes
    """Those of all lines."""
    mark: bytes
    """Those of all lines."""
    updated: datetime
    """The latest."""
    changed_at: datetime
    """The latest."""


def in_runs(lines: Sequence[Line], before: Sequence[LineRun] = ()) -> tuple[LineRun, ...]:
    """The lines in their order. Runs that stood among those before are taken from there."""
    known = {id(run.lines[0]): run for run in before}
    ends = [end for end, line in enumerate(lines, 1) if line.ends]
    if lines and (not ends or ends[-1] < len(lines)):
        ends.append(len(lines))
    runs, start, there = [], 0, tuple(lines)
    for end in ends:
        its_own = there[start:end]
        run = known.get(id(its_own[0]))
        runs.append(run if run is not None and run.lines == its_own else _run(its_own))
        start = end
    return tuple(runs)


def _run(lines: tuple[Line, ...]) -> LineRun:
    return LineRun(
        lines=lines,
        look=b"".join([line.look for line in lines]),
        mark=b"".join([line.mark for line in lines]),
        updated=max(line.updated for line in lines),
        changed_at=max(line.changed_at for line in lines),
    )


def lines_of(runs: Sequence[LineRun]) -> list[Line]:
    """All of them."""
    return list(chain.from_iterable([run.lines for run in runs]))


def looks_of(runs: Sequence[LineRun]) -> bytes:
    """Over what all of them look like."""
    return body_digest(b"".join([run.look for run in runs]))
