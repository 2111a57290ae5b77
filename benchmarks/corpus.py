"""Real feeds, end to end: a loopback server, `fetch --all` twice, the published documents.

    python -m benchmarks.corpus [FOLDER]

FOLDER (default ../shared/corpora/feeds) holds feed files; `feeds.csv` beside it lists them, with
the group `real` for those that publishers served. What is compared: for each feed the number of
distinct entries that feedparser finds with those that we store; a second round with nothing new;
and every published format, read again by feedparser.
"""

import csv
import io
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import feedparser

AGGREGATOR = [sys.executable, "-m", "aggregator"]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/corpora/feeds")
    if not folder.is_dir():
        print(f"corpus: skipped, there is no {folder}")
        return
    documents = {f"/{n}": path.read_bytes() for n, path in enumerate(real_feeds(folder))}
    names = {f"s{n}": path for n, path in enumerate(real_feeds(folder))}
    with served(documents) as origin, tempfile.TemporaryDirectory() as place:
        config = Path(place) / "config.toml"
        config.write_text(configuration(origin, names), encoding="utf-8")
        first, seconds = fetch_all(config)
        second, again_seconds = fetch_all(config)
        print(f"first round: {len(first)} sources in {seconds:.1f} s, {tally(first)}")
        print(f"second round: {again_seconds:.1f} s, {tally(second)}")
        compare(first, names)
        published(config)


def real_feeds(folder: Path) -> list[Path]:
    with (folder.parent / "feeds.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "real"]
    return [folder / row["path"] for row in rows if int(row["entries"])]


@contextmanager
def served(documents: dict[str, bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = documents[self.path]
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def configuration(origin: str, names: Iterable[str]) -> str:
    head = (
        '[site]\ntitle = "Corpus"\n\n[fetch]\nper_host_delay = "0s"\n'
        'allow_networks = ["127.0.0.0/8"]\n\n[publications.latest]\nlimit = 1000\n\n'
    )
    return head + "\n".join(
        f'[sources.{name}]\nurl = "{origin}/{name[1:]}"\nbackfill = "all"\n' for name in names
    )


def fetch_all(config: Path) -> tuple[dict[str, dict[str, Any]], float]:
    started = time.perf_counter()
    run = subprocess.run(  # noqa: S603  # our own command
        [*AGGREGATOR, "--config", str(config), "fetch", "--all", "--json"],
        capture_output=True,
        check=False,
        text=True,
    )
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    if run.stderr:
        print(run.stderr[-2000:])
    return {row["source"]: row for row in rows}, time.perf_counter() - started


def tally(rows: dict[str, dict[str, Any]]) -> str:
    outcomes: dict[str, int] = {}
    for row in rows.values():
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + 1
    new = sum(row["entries_new"] for row in rows.values())
    updated = sum(row["entries_updated"] for row in rows.values())
    return f"{outcomes}, {new} new entries, {updated} updated"


def compare(rows: dict[str, dict[str, Any]], names: dict[str, Path]) -> None:
    same = 0
    for name, path in names.items():
        found = feedparser.parse(io.BytesIO(path.read_bytes()))
        distinct = {identity(entry) for entry in found.entries}
        stored = rows[name]["entries_new"]
        same += stored == len(distinct)
        if stored != len(distinct):
            print(
                f"  {path.parent.name}/{path.name}: feedparser {len(found.entries)},"
                f" distinct {len(distinct)}, stored {stored} {rows[name]['error'] or ''}"
            )
    print(f"same number of distinct entries: {same} of {len(names)} feeds")


def identity(entry: Any) -> tuple[str, ...]:
    if entry.get("id") or entry.get("link"):
        return (entry.get("id") or entry.get("link"),)
    return (entry.get("title", ""), entry.get("summary", ""), str(entry.get("enclosures")))


def published(config: Path) -> None:
    """Starts the web half of the daemon and reads what it serves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = config.read_text("utf-8").replace("[fetch]", f"[server]\nport = {port}\n\n[fetch]", 1)
    config.write_text(text, encoding="utf-8")
    daemon = subprocess.Popen(  # noqa: S603  # our own command
        [*AGGREGATOR, "--config", str(config), "run", "--only", "web"], stderr=subprocess.PIPE
    )
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        for format in ("atom", "rss", "json"):
            started = time.perf_counter()
            url = f"http://127.0.0.1:{port}/feed.{format}"
            body = urllib.request.urlopen(url, timeout=60).read()
            ms = (time.perf_counter() - started) * 1000
            if format == "json":
                items = json.loads(body)["items"]
                print(f"/feed.json: {len(items)} items, {len(body)} bytes, {ms:.0f} ms")
                continue
            read = feedparser.parse(io.BytesIO(body))
            print(
                f"/feed.{format}: {len(read.entries)} entries, bozo {int(read.bozo)},"
                f" {len(body)} bytes, {ms:.0f} ms"
            )
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)


if __name__ == "__main__":
    main()
