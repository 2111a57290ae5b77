"""A command that polls everything once and ends: python -m benchmarks.peer_command POLLS COMMAND …

It and all of its children are counted, from start to end.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any


def used() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def play_round(polls: int, command: list[str]) -> dict[str, Any]:
    cpu, wall = used(), time.perf_counter()
    ran = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    return {
        "cpu": used() - cpu,
        "wall": time.perf_counter() - wall,
        "polls": polls,
        "troubles": [ran.stderr.decode(errors="replace")[-300:]] if ran.returncode else [],
        "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    print(json.dumps({"cpu": 0.0}), flush=True)
    while sys.stdin.readline():
        print(json.dumps(play_round(int(sys.argv[1]), sys.argv[2:])), flush=True)
