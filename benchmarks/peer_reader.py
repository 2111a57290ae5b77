"""The library reader, as its documentation says: PYTHON -m benchmarks.peer_reader URLS DATABASE

Runs in an environment of its own. `scheduled=False`, as it would pass over feeds that it was told
of a moment ago.
"""

import json
import os
import sys
import time
from pathlib import Path

from reader import make_reader  # type: ignore[import-not-found]  # has an environment of its own

from benchmarks.processes import memory_of

WORKERS = 20


def serve() -> None:
    urls = Path(sys.argv[1]).read_text("utf-8").split()
    reader = make_reader(sys.argv[2])
    for url in urls:
        reader.add_feed(url)
    print(json.dumps({"cpu": time.process_time()}), flush=True)
    while sys.stdin.readline():
        cpu, wall = time.process_time(), time.perf_counter()
        results = list(reader.update_feeds_iter(workers=WORKERS, scheduled=False))
        played = {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "polls": len(results),
            "found": reader.get_entry_counts().total,
            "troubles": [f"{one.url}: {one.error!r}" for one in results if one.error][:10],
            "peak": memory_of([os.getpid()], "VmHWM"),
        }
        print(json.dumps(played), flush=True)


if __name__ == "__main__":
    serve()
