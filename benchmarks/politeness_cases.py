"""What a politeness check is made of: sources with scripts, and a look at what the server saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from benchmarks.politeness_server import Script, Seen

INTERVAL = "400ms"
PACE = 0.4
"""Seconds of INTERVAL."""
HOST_DELAY = 0.05
"""Seconds that the configuration asks for between two requests to a host."""
BY_HAND_DELAY = 5.0
"""The same for what is fetched by hand: longer than a process takes to start."""
SLACK = 0.02
"""Seconds that clocks of two processes and a busy machine may differ by."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A configured source. An `interval` of None leaves the default."""

    key: str
    host: str
    path: str
    script: Script
    interval: str | None = INTERVAL
    timeout: str | None = None
    suffix: str = ""
    scheme: str = "http"
    later: bool = False
    """Added to the file while the daemon runs."""
    file: str = "all"
    """The configuration that lists it."""
    in_a_week: bool = False
    """Polled again by a daemon whose clock is a week ahead."""

    def toml(self, port: int) -> str:
        url = f"{self.scheme}://{self.host}:{port}{self.path}{self.suffix}"
        lines = [f"[sources.{self.key}]", f'url = "{url}"']
        lines += [f'interval = "{self.interval}"'] if self.interval else []
        lines += [f'timeout = "{self.timeout}"'] if self.timeout else []
        return "\n".join([*lines, "", ""])


@dataclass(kw_only=True)
class Evidence:
    """What was seen, and when each act of the play began and ended (monotonic seconds)."""

    log: list[Seen]
    sources: dict[str, Source]
    acts: dict[str, tuple[float, float]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of `sources --json`, by key, after the first act."""
    rows_in_a_week: dict[str, dict[str, Any]] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    """Configurations that are not what the play wrote."""

    def polls(self, key: str, act: str = "run") -> list[Seen]:
        """Requests to the source's own address."""
        source = self.sources[key]
        path = "(TLS)" if source.scheme == "https" else source.path
        return [one for one in self.at(source.host, act) if one.path == path]

    def at(self, host: str, act: str = "run") -> list[Seen]:
        """Every request to this host during the act."""
        return [one for one in self.during(act) if one.host == host]

    def during(self, act: str) -> list[Seen]:
        begin, end = self.acts.get(act, (0.0, 0.0))
        return [one for one in self.log if begin <= one.at <= end]


Verdict = tuple[bool, str]


@dataclass(frozen=True, kw_only=True)
class Check:
    number: int
    what: str
    sources: tuple[Source, ...]
    verify: Callable[[Evidence], Verdict]


Register = Callable[[Callable[[Evidence], Verdict]], Check]


def check(number: int, what: str, *sources: Source) -> Register:
    """Makes a check of the function that judges it."""
    return lambda verify: Check(number=number, what=what, sources=sources, verify=verify)


def every(*verdicts: Verdict) -> Verdict:
    """All must hold; those that fail are named first."""
    failed = [text for good, text in verdicts if not good]
    return not failed, "; ".join(failed or [text for _, text in verdicts])


def gaps(polls: Sequence[Seen]) -> list[float]:
    """Seconds between the requests."""
    return [after.at - before.at for before, after in pairwise(polls)]


def conditions(seen: Seen) -> tuple[str | None, str | None]:
    return seen.header("if-none-match"), seen.header("if-modified-since")


def told(numbers: Sequence[float]) -> str:
    return "[" + " ".join(f"{number:.2f}" for number in numbers[:8]) + "] s"


def no_request_before(polls: Sequence[Seen], first: int, seconds: float, name: str) -> Verdict:
    """Between the request number `first` and the next lie so many seconds; none is good, too."""
    if len(polls) <= first:
        return False, f"{name}: only {len(polls)} requests, too few to judge"
    wait = polls[first + 1].at - polls[first].at if len(polls) > first + 1 else None
    good = wait is None or wait >= seconds - SLACK
    return good, f"{name}: {'none' if wait is None else f'{wait:.2f} s'} after the answer"


def growing(polls: Sequence[Seen], name: str, *, at_least: int = 3) -> Verdict:
    """Requests go on, and the waits between them grow to more than double."""
    waits = gaps(polls)
    longer = all(after > before for before, after in pairwise(waits))
    doubled = bool(waits) and waits[-1] > 2 * waits[0]
    return longer and doubled and len(polls) >= at_least, f"{name}: waits {told(waits)}"
