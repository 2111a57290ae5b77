"""Is polling polite? 22 checks of what a scripted server saw of the real daemon.

python -m benchmarks.politeness            the daemon; exit status 0 when all pass
python -m benchmarks.politeness --rude     a rude poller instead, to see that checks can fail

The play: run; a source is added; stop; run again; stop; fetch by hand; the twins alone.
"""

import asyncio
import json
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from benchmarks import politeness_requests, politeness_timing
from benchmarks.politeness_cases import HOST_DELAY, Check, Evidence, Source
from benchmarks.politeness_server import ScriptedServer

CHECKS: Sequence[Check] = sorted(
    (*politeness_requests.CHECKS, *politeness_timing.CHECKS), key=lambda check: check.number
)
BEFORE_ADDING = 6.0
AFTER_ADDING = 12.0
SECOND_RUN = 5.0
FETCH_LIMIT = 20.0
"""Seconds, all of them."""


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
        listed = [one for one in self.evidence.sources.values() if not (one.alone or one.later)]
        config = self._config("all", listed)
        await self._run(config)
        async with self._daemon("restart", config):
            await asyncio.sleep(SECOND_RUN)
        await self._fetch("manual-paused", config, "manual-paused")
        await self._fetch("manual-1", config, "manual")
        await self._fetch("manual-2", config, "manual")
        alone = [one for one in self.evidence.sources.values() if one.alone]
        await self._fetch("twins", self._config("alone", alone), "--all")
        return self.evidence

    async def _run(self, config: Path) -> None:
        async with self._daemon("run", config):
            await asyncio.sleep(BEFORE_ADDING)
            later = [one for one in self.evidence.sources.values() if one.later]
            with config.open("a", encoding="utf-8") as file:
                file.write("".join(one.toml(self._port) for one in later))
            await asyncio.sleep(AFTER_ADDING)
        rows = await self._output(config, "sources", "--json")
        self.evidence.rows = {row["key"]: row for row in map(json.loads, rows.splitlines())}

    def _config(self, name: str, sources: Sequence[Source]) -> Path:
        path = self._directory / f"{name}.toml"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            web = free.getsockname()[1]
        head = f"""\
[site]
title = "Politeness"
url = "https://planet.example.org/"

[database]
url = "sqlite:///{name}.db"

[server]
port = {web}

[fetch]
timeout = "1s"
max_body = "500KB"
per_host_delay = "{HOST_DELAY * 1000:g}ms"
allow_networks = ["127.0.0.0/8"]

"""
        body = "".join(one.toml(self._port) for one in sources)
        path.write_text(head + body, encoding="utf-8")
        return path

    @asynccontextmanager
    async def _daemon(self, act: str, config: Path) -> AsyncIterator[None]:
        log = (self._directory / f"{act}.log").open("wb")
        begin = monotonic()
        process = await asyncio.create_subprocess_exec(
            *self._client, "--config", str(config), "run", stderr=log, stdout=DEVNULL
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

    async def _output(self, config: Path, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._client, "--config", str(config), *arguments, stderr=DEVNULL, stdout=PIPE
        )
        output, _ = await process.communicate()
        return output.decode()


async def played(directory: Path, client: Sequence[str]) -> Evidence:
    server = ScriptedServer()
    sources = [source for check in CHECKS for source in check.sources]
    server.scripts |= {(source.host, source.path): source.script for source in sources}
    server.scripts |= politeness_requests.EXTRA_SCRIPTS
    port = await server.start(sorted({source.host for source in sources}))
    try:
        return await Play(directory, client, server, port).run()
    finally:
        await server.stop()


def main() -> int:
    """Prints a line a check; 0 when all pass."""
    rude = "--rude" in sys.argv
    module = "benchmarks.politeness_rude" if rude else "aggregator"
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
