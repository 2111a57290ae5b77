"""What must hold of a fleet, judged by what its sources, its database and its readers saw."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import asyncpg

from benchmarks.fleet_origin import Request, guid_of
from benchmarks.fleet_processes import SHOWN

ROUNDING = 0.002
"""Seconds: the origin's clock is not the fleet's loop's."""
_ID = re.compile(r"<entry>.*?<id>([^<]+)</id>", re.DOTALL)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'pass' if self.good else 'FAIL'}  {self.text}"


def spacing(requests: Sequence[Request], delay: float) -> Verdict:
    """One request at a time for a host, and a rest between two."""
    overlaps, close, closest = 0, 0, float("inf")
    for before, after in _neighbours(requests):
        rest = after.begin - before.end
        overlaps += rest < 0
        close += 0 <= rest < delay - ROUNDING
        closest = min(closest, rest)
    return Verdict(
        good=overlaps == close == 0,
        text=f"{len(requests)} requests: {overlaps} overlap another of their host, {close} come"
        f" before its rest of {delay:g} s is over; the shortest rest was {closest:.3f} s",
    )


def _neighbours(requests: Sequence[Request]) -> Iterator[tuple[Request, Request]]:
    hosts: defaultdict[int, list[Request]] = defaultdict(list)
    for one in sorted(requests, key=lambda one: one.begin):
        hosts[one.host].append(one)
    for asked in hosts.values():
        yield from pairwise(asked)


def asked_again(
    requests: Sequence[Request], sources: Sequence[int], ended_at: float, within: float, who: str
) -> Verdict:
    """Whether the sources that a dead process was asking are soon asked by another."""
    waits = []
    for source in sources:
        later = (one.begin for one in requests if one.source == source and one.begin > ended_at)
        waits.append(min(later, default=float("inf")) - ended_at)
    good = bool(sources) and max(waits) <= within
    told = f"{max(waits):.1f} s at the latest" if waits else "none: nothing is shown"
    return Verdict(good, f"{len(sources)} requests that {who} had under way are made again: {told}")


def polled_twice(requests: Sequence[Request], interval: float, under_way: int) -> Verdict:
    """A source whose poll was answered is not polled again before its time, but where the answer
    could not be saved: of the `under_way` at a mishap.
    """
    by_source: defaultdict[int, list[Request]] = defaultdict(list)
    for one in requests:
        if one.status:
            by_source[one.source].append(one)
    early = sum(
        after.begin - before.begin < 0.8 * interval  # a poll is spread by a tenth either way
        for asked in by_source.values()
        for before, after in pairwise(sorted(asked, key=lambda one: one.begin))
    )
    return Verdict(
        good=early <= under_way,
        text=f"{early} polls came before their time: their answer was lost with who had asked",
    )


def pause_of_all(requests: Sequence[Request], since: float) -> float:
    """The longest time after `since` in which no request began."""
    begins = sorted(one.begin for one in requests if one.begin >= since - 1)
    return max((after - before for before, after in pairwise(begins)), default=float("inf"))


async def stored(url: str, offered: Mapping[int, int]) -> Verdict:
    """Every entry that a source has ever shown is there, once, as a story of its own."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT guid, count(*) AS times, count(DISTINCT story_id) AS stories"
            " FROM entries GROUP BY guid"
        )
        stories = await connection.fetchval("SELECT count(*) FROM stories")
        counted = await connection.fetchval("SELECT stories FROM revision")
    finally:
        await connection.close()
    wanted = {
        guid_of(source, number) for source, count in offered.items() for number in range(count)
    }
    found = {row["guid"] for row in rows}
    twice = sum(row["times"] != 1 or row["stories"] != 1 for row in rows)
    good = found == wanted and not twice and stories == counted == len(wanted)
    return Verdict(
        good,
        f"{len(wanted)} entries were shown, {len(wanted - found)} of them are missing in the"
        f" database, {len(found - wanted)} are of nobody, {twice} stand there twice;"
        f" {stories} stories, counted as {counted}",
    )


def _guids(offered: Mapping[int, int]) -> set[str]:
    return {guid_of(source, n) for source, count in offered.items() for n in range(count)}


async def published(ports: Sequence[int], offered: Mapping[int, int]) -> Verdict:
    """Every entry is told once by the API, and all web processes say the same."""
    guids, ids = await _all_of_the_api(ports[0])
    wanted = {
        guid_of(source, number) for source, count in offered.items() for number in range(count)
    }
    feeds = [(await get(port, "/feed.atom"))[1] for port in ports]
    shown = _ID.findall(feeds[0].decode())
    good = (
        set(guids) == wanted
        and len(guids) == len(wanted)
        and len(set(ids)) == len(ids)
        and len(set(feeds)) == 1
        and len(shown) == len(set(shown)) == min(SHOWN, len(wanted))
        and set(shown) <= set(ids)
    )
    return Verdict(
        good,
        f"the API tells {len(guids)} entries, {len(wanted - set(guids))} missing,"
        f" {len(guids) - len(set(guids))} twice; /feed.atom has {len(shown)} of them,"
        f" {len(shown) - len(set(shown))} twice, and {len(set(feeds))} form on {len(ports)}"
        " web processes",
    )


async def _all_of_the_api(port: int) -> tuple[list[str], list[str]]:
    guids: list[str] = []
    ids: list[str] = []
    cursor = ""
    while True:
        _, body = await get(port, f"/api/entries?limit={_PAGE}&cursor={cursor}")
        page: dict[str, Any] = json.loads(body)
        guids += [one["guid"] for one in page["entries"]]
        ids += [one["id"] for one in page["entries"]]
        if not page["next_cursor"]:
            return guids, ids
        cursor = page["next_cursor"]


async def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body, over a connection of its own. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head[9:12] or 0), body


@dataclass
class Reader:
    """Asks a web process for the feed all the time, and notes what it gets."""

    port: int
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    """When, after how many seconds, and with which status; 0 where nobody answered."""

    async def read(self, now: Any, pause: float = 0.1) -> None:
        while True:
            begun = now()
            try:
                async with asyncio.timeout(10):
                    status, _ = await get(self.port, "/feed.atom")
            except (OSError, TimeoutError, ValueError):
                status = 0
            self.answers.append((begun, now() - begun, status))
            await asyncio.sleep(pause)


def answered(name: str, reader: Reader, away: Sequence[tuple[float, float]]) -> Verdict:
    """`away` is when this process was being restarted; the other one is asked then."""
    due = [one for one in reader.answers if not any(a <= one[0] <= b for a, b in away)]
    bad = [one for one in due if one[2] != 200]  # noqa: PLR2004
    times = sorted(one[1] for one in due) or [float("inf")]
    gone = sum(b - a for a, b in away)
    return Verdict(
        good=bool(due) and not bad,
        text=f"{name} answered {len(due) - len(bad)} of {len(due)} requests, 99 of 100 within"
        f" {times[len(times) * 99 // 100] * 1000:.0f} ms, all within {times[-1]:.1f} s;"
        f" it was away for {gone:.1f} s",
    )
