"""Is polling polite? 22 checks of what a scripted server saw of the real daemon.

python -m benchmarks.politeness            the daemon; exit status 0 when all pass
python -m benchmarks.politeness --rude     a rude poller instead, to see that checks can fail

The play: run, beside a herd; a source is added; stop; run again, beside what is fetched by hand;
stop; run with a clock that is a week ahead; the twins alone.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks import politeness_hosts, politeness_moves, politeness_requests, politeness_timing
from benchmarks.politeness_cases import BY_HAND_DELAY, HOST_DELAY, Check, Evidence, Source
from benchmarks.politeness_server import Script, ScriptedServer

PARTS = (politeness_requests, politeness_moves, politeness_timing, politeness_hosts)
CHECKS: Sequence[Check] = sorted(
    (check for part in PARTS for check in part.CHECKS), key=lambda check: check.number
)
EXTRA_SCRIPTS: Mapping[tuple[str, str], Script] = politeness_moves.EXTRA_SCRIPTS
BEFORE_ADDING = 6.0
AFTER_ADDING = 12.0
SECOND_RUN = 7.0
RUN_IN_A_WEEK = 5.0
FETCH_LIMIT = 20.0
"""Seconds, all of them."""

IN_A_WEEK = {"POLITENESS_AHEAD": f"{8 * 86400}"}
"""Moves are first seen some seconds into the play, and taken after a week."""


class Play:
    """Runs the client against the server and takes down when each act was."""

    def __init__(
        self, directory: Path, client: Sequence[str], server: ScriptedServer, port: int
    ) -> None:
        self._client = client
        self._port = port
        self._directory = directory
        sources = {source.key: source for check in CHECKS for source in check.sources}
        self.evidence = Evidence(log=server.log, sources=sources)

    async def run(self) -> Evidence:
        listed = [one for one in self._of("all") if not one.later]
        config = self._config("all", listed)
        await asyncio.gather(self._run(config), self._run_herd())
        await asyncio.gather(self._run_again(config), self._refresh())
        await self._run_in_a_week([one for one in listed if one.in_a_week])
        await self._fetch("twins", self._config("alone", self._of("alone")), "--all")
        return self.evidence

    def _of(self, file: str) -> list[Source]:
        return [one for one in self.evidence.sources.values() if one.file == file]

    async def _run(self, config: Path) -> None:
        async with self._daemon("run", config):
            await asyncio.sleep(BEFORE_ADDING)
            later = [one for one in self.evidence.sources.values() if one.later]
            with config.open("a", encoding="utf-8") as file:
                file.write("".join(one.toml(self._port) for one in later))
            await asyncio.sleep(AFTER_ADDING)
        self.evidence.rows = await self._rows(config)

    async def _run_again(self, config: Path) -> None:
        async with self._daemon("restart", config):
            await asyncio.sleep(SECOND_RUN)
        await self._fetch("manual-paused", config, "manual-paused")

    async def _run_herd(self) -> None:
        async with self._daemon("herd", self._config("herd", self._of("herd"))):
            await asyncio.sleep(BEFORE_ADDING + AFTER_ADDING)

    async def _refresh(self) -> None:
        """Twice in a row, by two processes."""
        config = self._config("by-hand", self._of("by-hand"), per_host_delay=BY_HAND_DELAY)
        await self._fetch("manual-1", config, "manual")
        await self._fetch("manual-2", config, "manual")

    async def _run_in_a_week(self, sources: Sequence[Source]) -> None:
        config = self._config("in-a-week", sources, database="all")
        written = config.read_bytes()
        async with self._daemon("in a week", config, IN_A_WEEK):
            await asyncio.sleep(RUN_IN_A_WEEK)
        self.evidence.rows_in_a_week = await self._rows(config)
        if config.read_bytes() != written:
            self.evidence.rewritten.append(config.name)

    def _config(
        self,
        name: str,
        sources: Sequence[Source],
        *,
        database: str | None = None,
        per_host_delay: float = HOST_DELAY,
    ) -> Path:
        path = self._directory / f"{name}.toml"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            web = free.getsockname()[1]
        head = f"""\
[site]
title = "Politeness"
url = "https://planet.example.org/"

[database]
url = "sqlite:///{database or name}.db"

[server]
port = {web}

[fetch]
timeout = "1s"
max_body = "500KB"
per_host_delay = "{per_host_delay * 1000:g}ms"
allow_networks = ["127.0.0.0/8"]

"""
        body = "".join(one.toml(self._port) for one in sources)
        path.write_text(head + body, encoding="utf-8")
        return path

    @asynccontextmanager
    async def _daemon(
        self, act: str, config: Path, environ: Mapping[str, str] | None = None
    ) -> AsyncIterator[None]:
        log = (self._directory / f"{act}.log").open("wb")
        begin = monotonic()
        process = await asyncio.create_subprocess_exec(
            *(*self._client, "--config", str(config), "run"),
            stderr=log,
            stdout=DEVNULL,
            env={**os.environ, **(environ or {})},
        )
        try:
            yield
        finally:
            log.close()
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
            self.evidence.acts[act] = begin, monotonic()

    async def _fetch(self, act: str, config: Path, *arguments: str) -> None:
        begin = monotonic()
        process = await asyncio.create_subprocess_exec(
            *self._client, "--config", str(config), "fetch", *arguments, stderr=DEVNULL, stdout=PIPE
        )
        try:
            async with asyncio.timeout(FETCH_LIMIT):
                await process.communicate()
        except TimeoutError:
            process.kill()
        self.evidence.codes[act] = await process.wait()
        self.evidence.acts[act] = begin, monotonic()

    async def _rows(self, config: Path) -> dict[str, dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            *(*self._client, "--config", str(config), "sources", "--json"),
            stderr=DEVNULL,
            stdout=PIPE,
        )
        output, _ = await process.communicate()
        return {row["key"]: row for row in map(json.loads, output.decode().splitlines())}


async def played(directory: Path, client: Sequence[str]) -> Evidence:
    server = ScriptedServer()
    sources = [source for check in CHECKS for source in check.sources]
    server.scripts |= {(source.host, source.path): source.script for source in sources}
    server.scripts |= EXTRA_SCRIPTS
    port = await server.start(sorted({source.host for source in sources}))
    try:
        return await Play(directory, client, server, port).run()
    finally:
        await server.stop()


def main() -> int:
    """Prints a line a check; 0 when all pass."""
    rude = "--rude" in sys.argv
    module = "benchmarks.politeness_rude" if rude else "benchmarks.politeness_daemon"
    directory = Path(tempfile.mkdtemp(prefix="politeness-"))
    evidence = asyncio.run(played(directory, [sys.executable, "-m", module]))
    passed = 0
    for check in CHECKS:
        good, seen = check.verify(evidence)
        passed += good
        print(f"{check.number:02} {'pass' if good else 'fail'}  {check.what} — {seen}")
    if passed == len(CHECKS):
        shutil.rmtree(directory)
    else:
        print(f"the daemon's logs: {directory}")
    print(f"{passed} of {len(CHECKS)}")
    return 0 if passed == len(CHECKS) else 1


if __name__ == "__main__":
    sys.exit(main())
