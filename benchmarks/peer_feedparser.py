"""feedparser alone, one feed after the other: python -m benchmarks.peer_feedparser URLS

The script that everybody writes first: urllib with the ETag of last time, and feedparser for every
document that comes. It stores nothing; `found` are the entries that it has seen.
"""

import gzip
import io
import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import feedparser

from benchmarks.processes import memory_of

NOT_MODIFIED = 304


def play_round(urls: list[str], etags: dict[str, str], seen: set[tuple[str, str]]) -> None:
    for url in urls:
        request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
        if url in etags:
            request.add_header("If-None-Match", etags[url])
        try:
            with urllib.request.urlopen(request) as response:
                body, headers = gzip.decompress(response.read()), response.headers
        except HTTPError as error:
            if error.code != NOT_MODIFIED:
                raise
            continue
        etags[url] = headers["ETag"]
        feed = feedparser.parse(
            io.BytesIO(body), response_headers={"content-type": headers["Content-Type"]}
        )
        seen.update((url, entry.id) for entry in feed.entries)


def serve() -> None:
    urls = Path(sys.argv[1]).read_text("utf-8").split()
    etags: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    print(json.dumps({"cpu": time.process_time()}), flush=True)
    while sys.stdin.readline():
        cpu, wall = time.process_time(), time.perf_counter()
        play_round(urls, etags, seen)
        played = {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "polls": len(urls),
            "found": len(seen),
            "troubles": [],
            "peak": memory_of([os.getpid()], "VmHWM"),
        }
        print(json.dumps(played), flush=True)


if __name__ == "__main__":
    serve()
