"""Days of polling in a moment: the wired service, a clock that is told, a server that logs.

A test says which sources there are and what a server answers, lets time pass, and looks at what
the server saw. Everything between the clock and the wire is the real thing, as `bootstrap` wires
it; the real guard judges each address, and what it admits ends at the server
(benchmarks/politeness_wire.py). Three things stand in: the clock; the cage, whose reading is done
in this process; and, unless a play is on disk, the store.

Time passes from one moment at which something may fall due to the next. At each the dispatcher is
woken, as the daemon's tick does, and the clock stands still until it is done.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aggregator import bootstrap
from aggregator.bootstrap import Service
from aggregator.cage.limits import Limits
from aggregator.config.load import load
from aggregator.core.addresses import IPAddress
from aggregator.core.model import ReadFeed
from aggregator.fetch.http import HttpFetcher
from aggregator.formats.reading import read_feed
from aggregator.service.once import Round
from aggregator.service.ports import Document
from aggregator.service.reports import PollReport
from aggregator.service.states import state
from benchmarks.politeness_server import Reply, Script, ScriptedServer, Seen, answer, ok, scripted
from benchmarks.politeness_wire import lookup, to_loopback
from tests.fakes import FakeClock, Notebook
from tests.patience import PATIENCE
from tests.store.memory import MemoryStore

HOUR = 3600.0
DAY = 24 * HOUR
SITE = "https://planet.example.org/"
JITTER = 1.1
"""The most by which a wait may be longer than what was asked for."""

PRIVATE = (ip_address("10.0.0.9"),)


class ReaderHere:
    """Reads in this process what the cage would read in another."""

    def __init__(self, *, workers: int, limits: Limits) -> None:
        pass

    async def read(self, document: Document) -> ReadFeed:
        return read_feed(document.body, content_type=document.content_type, url=document.url)

    async def aclose(self) -> None:
        pass


@dataclass
class Play:
    directory: Path
    server: ScriptedServer
    clock: FakeClock
    port: int
    dead_names: set[str] = field(default_factory=set)
    """Names that DNS does not know at the moment."""
    at_home: set[str] = field(default_factory=set)
    """Names that lead into the private network."""
    looked_up: list[tuple[float, str]] = field(default_factory=list)
    """When DNS was asked for which name; a connection that is used again asks nothing."""
    fetch: dict[str, str] = field(default_factory=dict)
    """Settings of [fetch], as TOML has them."""
    notebook: Notebook = field(default_factory=Notebook)
    sources: dict[str, str] = field(default_factory=dict)
    _running: AsyncExitStack | None = None
    _service: Service | None = None

    # What there is

    def url(self, host: str, path: str = "/feed", *, scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def serves(self, host: str, script: Script, *, path: str = "/feed") -> None:
        """What the server answers there."""
        self.server.scripts[host, path] = script

    def source(
        self,
        key: str,
        host: str,
        script: Script = (),
        *,
        path: str = "/feed",
        suffix: str = "",
        scheme: str = "http",
        **settings: str | None,
    ) -> None:
        """Configures a source and what its server answers; `settings` are TOML.

        Its interval is an hour, and meant as it is written; None leaves it to [fetch].
        """
        if script:
            self.serves(host, script, path=path)
        lines = [f"[sources.{key}]", f'url = "{self.url(host, path, scheme=scheme)}{suffix}"']
        settings = {"interval": '"1h"', **settings}
        lines += [f"{name} = {value}" for name, value in settings.items() if value]
        self.sources[key] = "\n".join(lines) + "\n"

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    def configure(self) -> None:
        """Writes the file, as its owner would."""
        fetch = {"allow_networks": '["10.0.0.0/8"]', "per_host_delay": '"0s"', **self.fetch}
        lines = ["[site]", 'title = "Play"', f'url = "{SITE}"', "[fetch]"]
        lines += [f"{name} = {value}" for name, value in fetch.items()]
        self.config.write_text("\n".join([*lines, "", *self.sources.values()]), encoding="utf-8")

    # The service

    @property
    def service(self) -> Service:
        assert self._service is not None, "it does not run"
        return self._service

    async def start(self) -> None:
        """The daemon's service on the play's database; nothing is polled before time passes."""
        self.configure()
        await self._open()

    async def _open(self) -> None:
        self._running = AsyncExitStack()
        opening = bootstrap.open_service(
            load(self.config, {}), watch=self.notebook, clock=self.clock
        )
        self._service = await self._running.enter_async_context(opening)
        await self._running.enter_async_context(self._polling(self._service))

    @asynccontextmanager
    async def _polling(self, service: Service) -> AsyncIterator[None]:
        polls = asyncio.create_task(service.dispatcher.run())
        yield
        await service.dispatcher.stop()
        await polls

    async def stop(self) -> None:
        if self._running is not None:
            await self._running.aclose()
        self._running = self._service = None

    async def restart(self) -> None:
        await self.stop()
        await self._open()

    async def reload(self) -> None:
        """The daemon takes the file, which was changed."""
        self.configure()
        await self.service.take(load(self.config, {}))

    async def refresh(self, *keys: str) -> list[PollReport]:
        """`aggregator fetch KEY…`: what it came to."""
        before = len(self.notebook.reports)
        service = self.service
        by_hand = Round(
            store=service.store,
            dispatcher=service.dispatcher,
            clock=self.clock,
            watch=self.notebook,
        )
        await by_hand.poll(await by_hand.claim(keys, force=False))
        return self.notebook.reports[before:]

    # Time

    async def passes(self, **span: float) -> None:
        """Lets so much time pass; whatever falls due meanwhile is polled at its moment."""
        end = self.clock.steady() + timedelta(**span)
        await self._tick()
        while (moment := await self._next_moment()) < end:
            self._turn_clock(moment)
            await self._tick()
        self._turn_clock(end)
        await self._tick()

    def sleeps(self, **span: float) -> None:
        """The machine is suspended, and nobody looks at what falls due."""
        self.clock.pass_(**span)

    def _turn_clock(self, to: datetime) -> None:
        self.clock.pass_(seconds=(to - self.clock.steady()).total_seconds())

    async def _next_moment(self) -> datetime:
        """When something may fall due."""
        now = self.clock.steady()
        known = [
            moment
            for source in await self.service.store.sources()
            for moment in (source.next_poll_at, source.paused_until)
            if moment is not None and moment > now
        ]
        return min(known, default=datetime.max.replace(tzinfo=now.tzinfo))

    async def _tick(self) -> None:
        """Wakes the dispatcher and waits until it has nothing more to do."""
        dispatcher = self.service.dispatcher
        dispatcher.wake()
        async with asyncio.timeout(PATIENCE):
            while dispatcher._wake.is_set() or dispatcher._sweeping.locked() or self._under_way():
                if under_way := self._under_way():
                    await asyncio.wait(under_way)
                await asyncio.sleep(0.0002)
        assert self.notebook.failures == []

    def _under_way(self) -> set[asyncio.Task[None]]:
        dispatcher = self.service.dispatcher
        return {*dispatcher.hosts.runs.values(), *dispatcher.hosts.settling}

    # The world around

    def lookup(self, name: str) -> Sequence[IPAddress]:
        """What DNS says."""
        self.looked_up.append((self.clock.elapsed.total_seconds(), name))
        if name in self.dead_names:
            raise socket.gaierror(socket.EAI_NONAME, "name or service not known")
        return PRIVATE if name in self.at_home else lookup(name)

    def http_date(self, **span: float) -> str:
        """That much from now, as HTTP writes it."""
        return format_datetime(self.clock.now() + timedelta(**span), usegmt=True)

    # What was seen

    def asked(self, host: str | None = None, path: str | None = None) -> list[Seen]:
        """The requests to this host and path, or to all."""
        return [
            seen
            for seen in self.server.log
            if host in {None, seen.host} and path in {None, seen.path}
        ]

    async def health(self, key: str) -> Any:
        """The source as `sources` lists it."""
        listed = await self.service.store.sources()
        return next(source for source in listed if source.key == key)

    async def state(self, key: str) -> str:
        return state(await self.health(key), self.clock.steady())


class KeptInMemory(MemoryStore):
    """Outlives the processes of a play."""

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def playing(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *, on_disk: bool
) -> AsyncIterator[Play]:
    clock = FakeClock()
    server = ScriptedServer(lambda: clock.elapsed.total_seconds())  # noqa: PLW0108  # it is replaced
    play = Play(directory, server, clock, port=await server.start(["127.0.0.1"]))
    wired = partial(HttpFetcher, transports=to_loopback(play.lookup))
    monkeypatch.setattr(bootstrap, "HttpFetcher", wired)
    monkeypatch.setattr(bootstrap, "CagedReader", ReaderHere)
    if not on_disk:
        store = KeptInMemory()

        async def open_store(_url: str, **_options: Any) -> KeptInMemory:
            return store

        monkeypatch.setattr(bootstrap, "open_store", open_store)
    try:
        yield play
    finally:
        with suppress(asyncio.CancelledError):
            await play.stop()
        await server.stop()


def waits(polls: Sequence[Seen]) -> list[float]:
    """Seconds of the play between one request and the next."""
    return [after.played_at - before.played_at for before, after in pairwise(polls)]


def conditions(seen: Seen) -> tuple[str | None, str | None]:
    return seen.header("if-none-match"), seen.header("if-modified-since")


UNCONDITIONAL = (None, None)


def tagged(*titles: str, etag: str = '"1"', extra: str = "", **headers: Any) -> Script:
    """A feed with an ETag, and 304 for whoever has it already."""

    def script(seen: Seen, _number: int) -> Reply:
        if seen.header("if-none-match") == etag:
            return answer(304, ETag=etag, **headers)
        return ok(*titles, extra=extra, ETag=etag, **headers)

    return script


def then(*replies: Reply, at_last: Script) -> Script:
    """These answers first, then the script."""

    def script(seen: Seen, number: int) -> Reply:
        if number < len(replies):
            return replies[number]
        return scripted(at_last, seen, number - len(replies))

    return script


def until(seconds: float, reply: Reply, *, at_last: Script) -> Script:
    """This answer until so many seconds into the play, then the script."""
    return lambda seen, number: (
        reply if seen.played_at < seconds else scripted(at_last, seen, number)
    )


def always(make: Callable[[], Reply]) -> Script:
    """An answer that is made anew for each request."""
    return lambda _seen, _number: make()
