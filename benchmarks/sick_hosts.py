"""250 hosts with five sources each; 50 hosts are well, 50 hang, 50 drip, 50 reset, 50 answer 500.

python -m benchmarks.sick_hosts [SECONDS]

The aim: each healthy source is polled on time, memory stays flat, and `sources --json` names
every sick host. When a poll was due is what the daemon's log says of the poll before, cut to whole
seconds: the lateness shown here is up to a second too large, never too small.
"""

import asyncio
import json
import re
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from time import monotonic

from aggregator.clock import SystemClock
from benchmarks.politeness_server import Reply, Script, ScriptedServer, answer, ok

HOSTS_OF_A_KIND = 50
SOURCES_OF_A_HOST = 5
INTERVAL = 60
SECONDS = 150
LATEST = 2.0
"""Seconds, for 99 of 100 polls."""
GROWTH = 1.1
"""Memory at the end over memory after the first round."""
SAMPLE = 5.0
WELL = "well"
KINDS: dict[str, Script] = {
    WELL: [ok(ETag='"1"'), answer(304)],
    "hang": [Reply(manner="hang")],
    "drip": [Reply(manner="drip")],
    "reset": [Reply(manner="reset")],
    "error": [answer(500)],
}
_POLLED = re.compile(r"\bsource=(\S+) .*\bnext=(\S+)")

Place = tuple[str, str]


def places() -> dict[str, Place]:
    """Host and path by key; the key begins with the kind."""
    found = {}
    for number in range(1, HOSTS_OF_A_KIND + 1):
        for kind, name in enumerate(KINDS):
            for path in range(SOURCES_OF_A_HOST):
                found[f"{name}-{number}-{path}"] = (f"127.0.{kind + 2}.{number}", f"/{path}")
    return found


def configure(path: Path, port: int) -> None:
    head = f"""\
[site]
title = "Sick hosts"

[database]
url = "sqlite:///sick.db"

[fetch]
interval = "{INTERVAL}s"
per_host_delay = "100ms"
allow_networks = ["127.0.0.0/8"]

"""
    listed = [
        f'[sources.{key}]\nurl = "http://{host}:{port}{target}"\n'
        for key, (host, target) in places().items()
    ]
    path.write_text(head + "\n".join(listed), encoding="utf-8")


def resident(pid: int) -> int:
    """Bytes of the process and its children."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
        except OSError:
            continue  # it ended
        if pid in {int(fields["Pid"]), int(fields["PPid"])} and "VmRSS" in fields:
            total += int(fields["VmRSS"].split()[0]) * 1024
    return total


async def observed(config: Path, seconds: float) -> list[int]:
    """Runs the daemon so long; memory in bytes, sampled."""
    samples = []
    with (config.parent / "daemon.log").open("wb") as log:
        command = [sys.executable, "-m", "aggregator", "--config", str(config)]
        daemon = await asyncio.create_subprocess_exec(
            *command, "run", "--only", "poll", stderr=log, stdout=DEVNULL
        )
        until = monotonic() + seconds
        while monotonic() < until and daemon.returncode is None:
            await asyncio.sleep(SAMPLE)
            samples.append(resident(daemon.pid))
        if daemon.returncode is None:
            daemon.terminate()
        await daemon.wait()
    return samples


async def states(config: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "aggregator", "--config", str(config), "sources", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stderr=DEVNULL, stdout=PIPE)
    output, _ = await process.communicate()
    rows = map(json.loads, output.decode().splitlines())
    return {row["key"]: row["state"] for row in rows}


def due_times(log: Path) -> dict[str, list[float]]:
    """By key: when the next poll was due, after each poll, in seconds of the wall clock."""
    due = defaultdict(list)
    for line in log.read_text("utf-8").splitlines():
        if found := _POLLED.search(line):
            due[found[1]].append(datetime.fromisoformat(found[2]).timestamp())
    return due


def lateness(server: ScriptedServer, due: dict[str, list[float]], wall: float) -> list[float]:
    """Of every poll of a healthy source but the first; `wall` is the wall clock's lead."""
    late = []
    ended = max((one.at for one in server.log), default=0.0) + wall
    for key, place in places().items():
        if not key.startswith(WELL):
            continue
        polls = [one.at + wall for one in server.of(*place)]
        late += [at - planned for at, planned in zip(polls[1:], due[key], strict=False)]
        # Never came: as late as the run was long.
        late += [
            ended - planned for planned in due[key][max(len(polls) - 1, 0) :] if planned < ended
        ]
    return late


def percentile(numbers: Sequence[float], share: float) -> float:
    return sorted(numbers)[int(share * (len(numbers) - 1))] if numbers else float("inf")


async def play(directory: Path, seconds: float) -> list[bool]:
    server = ScriptedServer()
    for key, place in places().items():
        server.scripts[place] = KINDS[key.partition("-")[0]]
    port = await server.start(sorted({host for host, _ in places().values()}))
    config = directory / "sick.toml"
    configure(config, port)
    begun = monotonic()
    samples = await observed(config, seconds)
    found = await states(config)
    await server.stop()
    wall = SystemClock().now().timestamp() - monotonic()
    return [
        tell_first(server, begun),
        tell_late(lateness(server, due_times(directory / "daemon.log"), wall)),
        tell_memory(samples),
        tell_states(found),
    ]


def tell_first(server: ScriptedServer, begun: float) -> bool:
    """Figures alone: what a start costs."""
    for kind in KINDS:
        asked = [server.of(*place) for key, place in places().items() if key.startswith(kind)]
        firsts = [polls[0].at - begun for polls in asked if polls]
        gaps = [after.at - before.at for polls in asked for before, after in pairwise(polls)]
        print(
            f"     {kind}: {sum(map(len, asked))} requests, {len(firsts)} of {len(asked)} sources;"
            f" first after {percentile(firsts, 0.5):.1f} s (p50),"
            f" {percentile(firsts, 1):.1f} s (last);"
            f" longest wait {max(gaps, default=0):.1f} s"
        )
    return True


def tell_late(late: Sequence[float]) -> bool:
    good = bool(late) and percentile(late, 0.99) < LATEST
    figures = ", ".join(
        f"p{share:g} {percentile(late, share / 100):.2f} s" for share in (50, 99, 100)
    )
    print(
        f"{'pass' if good else 'fail'} healthy sources on time: {len(late)} polls, late {figures}"
    )
    return good


def tell_memory(samples: Sequence[int]) -> bool:
    third = max(len(samples) // 3, 1)
    settled, end = max(samples[third : 2 * third], default=0), max(samples[-third:], default=0)
    good = 0 < end <= settled * GROWTH
    shown = " ".join(f"{sample / 1e6:.0f}" for sample in samples[::3])
    print(f"{'pass' if good else 'fail'} memory is flat: MB every {SAMPLE * 3:g} s: {shown}")
    return good


def tell_states(found: dict[str, str]) -> bool:
    """Every sick host by at least one of its sources; its others may still await their turn."""
    sick = {key: host for key, (host, _) in places().items() if not key.startswith(WELL)}
    named = {key for key, state in found.items() if state == "failing"}
    hosts, known = set(sick.values()), {sick[key] for key in named & sick.keys()}
    missed = Counter(key.partition("-")[0] for key in sick.keys() - named)
    good = known == hosts and named <= sick.keys()
    print(
        f"{'pass' if good else 'fail'} sources --json names the sick: {len(known)} of {len(hosts)}"
        f" hosts, {len(named & sick.keys())} of {len(sick)} sources, not named {dict(missed)},"
        f" wrongly named {len(named - sick.keys())}"
    )
    return good


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    directory = Path(tempfile.mkdtemp(prefix="sick-hosts-"))
    print(f"     {len(places())} sources, interval {INTERVAL} s, {seconds:g} s, in {directory}")
    good = all(asyncio.run(play(directory, seconds)))
    if good:
        shutil.rmtree(directory)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
