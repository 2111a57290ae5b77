"""Child processes that answer lines of JSON, and what a tree of processes costs.

Linux only: it reads /proc.
"""

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
LINE = 1 << 24
"""Bytes of an answer."""


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Child:
    """A module of ours, run with arguments; says a line when it is ready."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.ready: Any = None

    @classmethod
    async def start(
        cls,
        module: str,
        *arguments: str,
        python: str = sys.executable,
        environ: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> Self:
        """Its stderr goes to `log`."""
        with (log or Path(os.devnull)).open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(python, "-m", module, *arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors if log else None,
                limit=LINE,
                env={**os.environ, **(environ or {})},
            )
        child = cls(process)
        child.ready = await child._heard()
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, **asked: object) -> Any:
        assert self._process.stdin  # noqa: S101
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        await self._process.stdin.drain()
        return await self._heard()

    async def _heard(self) -> Any:
        assert self._process.stdout  # noqa: S101
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of the benchmark ended: {await self._process.wait()}")
        return json.loads(line)

    async def stop(self) -> None:
        """It ends by itself when nobody asks any more."""
        if self._process.stdin:
            self._process.stdin.close()
        await self._process.wait()


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    for one, fields in _stats():
        children.setdefault(int(fields[1]), []).append(one)
    found, open_ones = [], [pid]
    while open_ones:
        below = children.get(open_ones.pop(), [])
        found += below
        open_ones += below
    return found


def cpu_of(pids: Sequence[int]) -> float:
    """Seconds of these processes, with their ended children that were waited for."""
    wanted = set(pids)
    ticks = [sum(map(int, fields[11:15])) for pid, fields in _stats() if pid in wanted]
    return sum(ticks) / TICKS


def memory_of(pids: Sequence[int], field: str = "VmRSS") -> int:
    """Bytes: VmRSS now, or VmHWM at the most."""
    total = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "status").read_text("utf-8").splitlines()
        except OSError:
            continue  # it ended
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
    return total


def tree(pid: int) -> list[int]:
    return [pid, *descendants(pid)]


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Of each process the fields of its stat from the third on (proc(5))."""
    for path in PROC.glob("[0-9]*"):
        try:
            text = (path / "stat").read_text("utf-8", errors="replace")
        except OSError:
            continue  # it ended
        yield int(path.name), text.rpartition(")")[2].split()
