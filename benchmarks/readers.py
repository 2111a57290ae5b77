"""Three readers follow our feeds over a day of a planet's life: python -m benchmarks.readers

Real parts all the way: sources on loopback, our poller and store, our server, and newsboat, sfeed
and rss2email as packaged. Only the clock is set: half an hour passes between two polls.

The aim: each reader shows each entry once, edits do not come as new, and every conditional request
is answered 304 where nothing changed.
"""

import asyncio
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import feedparser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.bootstrap import Service, open_service
from aggregator.clock import SystemClock
from aggregator.config.load import load
from aggregator.service.reports import PollReport
from aggregator.web.app import create_app
from aggregator.web.server import serve
from benchmarks.processes import free_port
from benchmarks.readers_day import STEP, STEPS, Day
from benchmarks.readers_peers import FORMATS, READERS, Reader


class SetClock(SystemClock):
    """The machine's clock, set back by `behind`; both readings move with it."""

    behind = timedelta()

    def now(self) -> datetime:
        return super().now() - self.behind

    def steady(self) -> datetime:
        return self.now()


class Quiet:
    """A watch that counts what failed of ours."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def polled(self, report: PollReport) -> None: ...

    def found(self, source: str, url: str) -> None: ...

    def waits_for(self, host: str) -> None: ...

    def failed(self, doing: str, error: Exception) -> None:
        self.failures.append(f"{doing}: {error}")


class Recorder:
    """Counts the answers, by client and status; a conditional request that gets a body is noted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.sent_again: list[str] = []
        self.changed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        agent = headers.get(b"user-agent", "").partition("/")[0]
        conditional = b"if-none-match" in headers or b"if-modified-since" in headers

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[agent][message["status"]] += 1
                if conditional and not self.changed and message["status"] != 304:  # noqa: PLR2004
                    self.sent_again.append(f"{agent} {scope['path']} {message['status']}")
            await send(message)

        await self._app(scope, receive, noted)


async def _sources(day: Day, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, one answer, one connection."""
    target = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
    feed = day.feeds[target.strip("/")]
    body = b"" if feed.broken else feed.document(day.now)
    status = "500 Broken" if feed.broken else "200 OK"
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()


def _configure(path: Path, port: int, day: Day, origin: int) -> None:
    sources = "\n".join(
        f'[sources.{key}]\nurl = "http://127.0.0.1:{origin}/{key}"' for key in day.feeds
    )
    path.write_text(f"""\
[site]
title = "A day"
url = "http://127.0.0.1:{port}/"
[fetch]
per_host_delay = "0s"
allow_networks = ["127.0.0.0/8"]
{sources}
""")


async def _poll(service: Service) -> None:
    until = service.clock.steady() + STEP / 2
    await service.dispatcher.poll(await service.store.claim(None, lease_until=until))


async def _documents(service: Service) -> dict[str, bytes]:
    latest = service.publisher.publications()[0]
    return {
        format: (await service.publisher.document(latest, format)).body
        for format in ("atom", "rss")
    }


async def _live(
    service: Service, recorder: Recorder, day: Day, clock: SetClock, readers: list[Reader]
) -> dict[str, set[str]]:
    """The day itself; returns the ids that each feed has shown at a time when readers looked."""
    shown: dict[str, set[str]] = {format: set() for format in FORMATS}
    before: dict[str, bytes] = {}
    end = day.now + STEPS * STEP
    for now in day.steps():
        clock.behind = end - now
        await _poll(service)
        documents = await _documents(service)
        recorder.changed = documents != before
        for format in FORMATS:
            shown[format] |= {one.id for one in feedparser.parse(documents[format]).entries}
        for reader in readers:
            await asyncio.to_thread(reader.poll)
        before = documents
    return shown


async def _trial(home: Path) -> bool:
    clock, quiet, stop = SetClock(), Quiet(), asyncio.Event()
    day = Day(SystemClock().now())
    origin = await asyncio.start_server(partial(_sources, day), "127.0.0.1")
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    port = free_port()
    config = home / "config.toml"
    _configure(config, port, day, origin.sockets[0].getsockname()[1])
    clock.behind = STEPS * STEP
    async with open_service(load(config, {}), watch=quiet, clock=clock) as service:
        app = create_app(
            service.publisher,
            service.health(polling=False),
            clock=clock,
            report=quiet.failed,
            audience=service.readership,
            lists=service.lists,
            news=service.changes.following,
            stop=asyncio.Event(),
        )
        recorder = Recorder(app)
        serving = asyncio.create_task(
            serve(
                recorder,
                host="127.0.0.1",
                port=port,
                now=clock.now,
                stop=stop,
                ready=lambda _, found: listening.set_result(found),
            )
        )
        await listening
        there = [one for one in READERS if one.is_there()]
        for missing in set(READERS) - set(there):
            print(f"{missing.name}: skipped, as {missing.program} is not installed")
        site = f"http://127.0.0.1:{port}/"
        readers = [await asyncio.to_thread(one, home, site) for one in there]
        shown = await _live(service, recorder, day, clock, readers)
        stop.set()
        await serving
    origin.close()
    print("The day: " + ", ".join(f"{n} × {event}" for event, n in sorted(day.events.items())))
    return _judge(readers, shown, recorder, quiet)


def _judge(
    readers: list[Reader], shown: dict[str, set[str]], recorder: Recorder, quiet: Quiet
) -> bool:
    good = not (quiet.failures or recorder.sent_again)
    print("| reader | feed | entries published | seen | missing | seen twice |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for reader in readers:
        for format in FORMATS:
            seen = reader.seen(format)
            missing = shown[format] - seen.keys()
            twice = [id for id, count in seen.items() if count > 1]
            strange = seen.keys() - shown[format]
            good = good and not (missing or twice or strange)
            facts = (len(shown[format]), len(seen), len(missing), len(twice))
            print(f"| {reader.name} | {format} | {' | '.join(map(str, facts))} |")
            for id in [*missing, *twice, *strange][:5]:
                print(f"  {id}")
    for agent, statuses in sorted(recorder.statuses.items()):
        print(f"{agent}: " + ", ".join(f"{n} × {status}" for status, n in sorted(statuses.items())))
    print(
        f"conditional requests answered with a body though nothing had changed: "
        f"{len(recorder.sent_again)}"
    )
    for line in (recorder.sent_again + quiet.failures)[:10]:
        print(f"  {line}")
    return good


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(_trial(Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
