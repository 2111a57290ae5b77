"""What an answer costs our server, beside nginx with the same bytes as a file.

    python -m benchmarks.serve [--rounds N]

A real daemon with its database serves a feed of 20 entries; nginx, where it is installed, serves
the same bytes from files, packed beforehand. A client in a process of its own asks both in turn.
What counts is the CPU time of the server's process for a request, the median of the rounds.

The aim: a quarter of nginx's requests per CPU second for a feed that readers hold or take packed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import cpu_of, free_port
from tests.loopback import loopback, rss

AIM = 0.25
ENTRIES = 20
WORDS = 320
"""Of an entry: the feed has about 60 KB then."""
PATIENCE = 30.0
"""Seconds for a server to come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`held`: the client has it already. `fresh`: a connection for each request."""

    name: str
    path: str
    requests: int
    coding: str = "identity"
    held: bool = False
    fresh: bool = False

    @property
    def is_file(self) -> bool:
        return self.path == "/feed.atom"


CASES = (
    Case(name="feed, 200 gzip", path="/feed.atom", requests=20_000, coding="gzip"),
    Case(name="feed, 200 identity", path="/feed.atom", requests=20_000),
    Case(name="feed, 304", path="/feed.atom", requests=30_000, coding="gzip", held=True),
    Case(
        name="feed, 304, a connection each",
        path="/feed.atom",
        requests=6_000,
        coding="gzip",
        held=True,
        fresh=True,
    ),
    Case(name="page /", path="/", requests=1_500, coding="gzip"),
    Case(name="page /, 304", path="/", requests=1_500, coding="gzip", held=True),
    Case(name="page /?page=2", path="/?page=2", requests=1_500, coding="gzip"),
)
JUDGED = ("feed, 200 gzip", "feed, 304")


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds that it has used."""
        return cpu_of([self.pid])

    def get(self, path: str, coding: str) -> tuple[dict[str, str], bytes]:
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, headers={"Accept-Encoding": coding})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@contextmanager
def running(name: str, command: list[str], port: int) -> Iterator[Server]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own words
    try:
        until_listening(port)
        yield Server(name, port, worker_of(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def until_listening(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def worker_of(pid: int) -> int:
    """The process that answers: nginx's worker; our daemon itself."""
    if "nginx" not in Path(f"/proc/{pid}/comm").read_text("ascii"):
        return pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()[0])


@contextmanager
def ours(home: Path) -> Iterator[Server]:
    words = random.Random(7)  # the same text in each run
    known = [
        "".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=words.randint(2, 9)))
        for _ in range(2_000)
    ]
    items = [f"{n} " + " ".join(words.choices(known, k=WORDS)) for n in range(40)]
    with loopback(a=rss("a", *items)) as site:
        port = free_port()
        config = home / "config.toml"
        config.write_text(
            f'[site]\ntitle = "Served"\nurl = "http://127.0.0.1:{port}/"\n'
            f'[fetch]\ninterval = "1d"\nper_host_delay = "0s"\nallow_networks = ["127.0.0.0/8"]\n'
            f"[server]\nport = {port}\n[publications.latest]\nlimit = {ENTRIES}\n"
            f'[sources.a]\nbackfill = "all"\nurl = "{site.origin}/a"\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "aggregator", "--config", str(config)]
        subprocess.run(  # noqa: S603 - our own words
            [*command, "fetch", "--all"], check=True, capture_output=True
        )
        with running("ours", [*command, "run"], port) as server:
            yield server


@contextmanager
def nginx(home: Path, like: Server) -> Iterator[Server]:
    """With the bytes that the other one serves."""
    files, port = home / "files", free_port()
    files.mkdir()
    home.chmod(0o755)  # nginx gives up root's rights
    (files / "feed.atom").write_bytes(like.get("/feed.atom", "identity")[1])
    (files / "feed.atom.gz").write_bytes(like.get("/feed.atom", "gzip")[1])
    config = home / "nginx.conf"
    config.write_text(
        f"worker_processes 1; daemon off; pid {home}/nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; root {files}; keepalive_requests 1000000000; sendfile on;\n"
        "gzip_static on; gzip_vary on; types { application/atom+xml atom; }\n"
        f"client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;\n"
        f"uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; }} }}\n",
        encoding="utf-8",
    )
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise FileNotFoundError("nginx is not installed")
    with running("nginx", [program, "-c", str(config)], port) as server:
        yield server


def cost(server: Server, case: Case) -> float:
    """CPU time of a request, in microseconds."""
    fields = {"Accept-Encoding": case.coding, "User-Agent": "benchmark/1"}
    if case.held:
        fields["If-None-Match"] = server.get(case.path, case.coding)[0]["etag"]
    asking = {
        "port": server.port,
        "request": f"GET {case.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        + ("Connection: close\r\n\r\n" if case.fresh else "\r\n"),
        "status": 304 if case.held else 200,
        "has_body": not case.held,
        "requests": case.requests,
        "fresh": case.fresh,
    }
    before = server.cpu()
    subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "benchmarks.serve_client", json.dumps(asking)], check=True
    )
    return (server.cpu() - before) / case.requests * 1_000_000


def report(costs: dict[tuple[str, str], list[float]]) -> bool:
    """Whether the aim is reached, as far as there was anything to compare with."""
    good = True
    print("CPU of a request in the server's process, microseconds")
    print("| answer | nginx | ours | requests per CPU second, ours to nginx's |")
    print("| --- | ---: | ---: | ---: |")
    for case in CASES:
        own, other = costs[case.name, "ours"], costs.get((case.name, "nginx"))
        ratio = median(a / b for a, b in zip(other, own, strict=True)) if other else None
        missed = case.name in JUDGED and ratio is not None and ratio < AIM
        good = good and not missed
        cells = [
            f"{median(other):.0f}" if other else "",
            f"{median(own):.0f}",
            f"{ratio:.2f}{' MISSED' if missed else ''}" if ratio else "",
        ]
        print(f"| {case.name} | {' | '.join(cells)} |")
    return good


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    costs: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        servers = [stack.enter_context(ours(home))]
        try:
            servers.append(stack.enter_context(nginx(home, servers[0])))
        except FileNotFoundError as missing:
            print(f"no comparison: {missing}")
        for _ in range(options.rounds):
            for case in CASES:
                for server in servers if case.is_file else servers[:1]:
                    costs.setdefault((case.name, server.name), []).append(cost(server, case))
    return 0 if report(costs) else 1


if __name__ == "__main__":
    sys.exit(main())
