"""Where the CPU of a round goes: cProfile over all threads, summed by whose code it is.

Each thread is timed by its own CPU clock, so that waiting costs nothing. What C functions take is
put down to who called them. A profile makes Python's own work look dearer than it is, beside what
happens inside of C: the shares are a guide, the sums are not what a round costs.
"""

import cProfile
import pstats
import threading
import time
from collections import Counter
from pathlib import PurePath
from types import FrameType
from typing import Any

GROUPS = {
    "the transport": ("httpx", "httpcore", "h11", "anyio", "sniffio", "aiohttp", "ssl", "yarl"),
    "the event loop": ("asyncio", "selectors", "uvloop", "concurrent", "threading", "queue"),
    "the database": ("sqlalchemy", "aiosqlite", "sqlite3"),
    "the log": ("structlog", "logging"),
    "reading in this process": ("feedparser", "xml", "nh3", "selectolax", "lxml"),
}
OWN = "aggregator"
"""Ours by its packages: `service`, `store`, …"""

MOST_FUNCTIONS = 60

Function = tuple[str, int, str]
"""As pstats names it: file, line and name."""


class Profiling:
    """Of the thread that makes it, and of all that are started afterwards."""

    def __init__(self) -> None:
        self._profiles = [_profile()]
        threading.setprofile(self._begin)

    def _begin(self, frame: FrameType, event: str, value: Any) -> None:  # noqa: ARG002
        """What a new thread calls first; the profile then takes its place."""
        profile = _profile()
        self._profiles.append(profile)
        profile.enable()

    def start(self) -> None:
        for profile in self._profiles:
            profile.clear()
        self._profiles[0].enable()

    def stop(self) -> dict[str, Any]:
        """CPU seconds by group and by function."""
        self._profiles[0].disable()
        taken: list[Any] = [_Taken(one) for one in self._profiles if one.getstats()]
        stats = pstats.Stats(*taken)
        return {"groups": by_group(stats), "functions": by_function(stats)}


class _Taken:
    """What a profile holds, for pstats, which would end it: that is for its own thread to do."""

    def __init__(self, profile: cProfile.Profile) -> None:
        profile.snapshot_stats()
        self.stats = vars(profile)["stats"]

    def create_stats(self) -> None: ...


def by_group(stats: pstats.Stats) -> dict[str, float]:
    """CPU seconds by group, the dearest first."""
    sums: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in _found(stats).items():
        if function[0] != "~" or not callers:
            sums[group_of(function[0])] += own
            continue
        for caller, (_, _, part, _) in callers.items():
            sums[group_of(caller[0])] += part
    return dict(sums.most_common())


def by_function(stats: pstats.Stats) -> dict[str, float]:
    """CPU seconds in each function itself, the dearest first."""
    sums: Counter[str] = Counter()
    for (file, line, name), (_, _, own, _, _) in _found(stats).items():
        place = "/".join(PurePath(file).parts[-2:])
        sums[name if file == "~" else f"{place}:{line} {name}"] += own
    return dict(sums.most_common(MOST_FUNCTIONS))


def group_of(file: str) -> str:
    """Whose code it is, by where it lies."""
    parts = PurePath(file).parts
    if OWN in parts[:-1]:
        below = parts[len(parts) - parts[::-1].index(OWN) :]
        return f"our {PurePath(below[0]).stem}"
    names = {PurePath(part).stem for part in parts}
    for group, libraries in GROUPS.items():
        if names.intersection(libraries):
            return group
    return "other libraries"


def _found(stats: pstats.Stats) -> dict[Function, Any]:
    found: dict[Function, Any] = vars(stats)["stats"]
    return found


def _profile() -> cProfile.Profile:
    return cProfile.Profile(time.thread_time)
