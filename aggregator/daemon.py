"""The daemon: polls on schedule and serves, started together and stopped together."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from aggregator import __version__
from aggregator.bootstrap import Service, engine_kind, open_service, restart_needed
from aggregator.config.fingerprint import Fingerprint
from aggregator.config.load import load
from aggregator.config.settings import Settings
from aggregator.core.errors import CannotServe, ConfigError, StoreError
from aggregator.core.upcoming import in_words
from aggregator.log import LogWatch
from aggregator.outbound import Outbound, open_outbound
from aggregator.pushing import Pushes, open_pushes
from aggregator.scheduler import Scheduler
from aggregator.service.clocks import ahead
from aggregator.service.dispatch import TICK
from aggregator.service.health import SILENCE, Health
from aggregator.web.app import create_app
from aggregator.web.at_hand import Remembering
from aggregator.web.pages import Pages
from aggregator.web.publishing_out import Outlet
from aggregator.web.server import serve
from aggregator.web.static_site import StaticSite
from aggregator.web.trial import template_faults

RELOAD = timedelta(seconds=2)
PRUNE = timedelta(hours=1)
COUNT = timedelta(days=1)
"""How long the number of subscribers that we tell stays the same."""
SAVE_READERS = timedelta(minutes=5)
ARCHIVE = timedelta(seconds=10)
FORGET = timedelta(minutes=1)
"""Nothing is kept of hosts that rest no longer since then: a turn costs by how many there are."""
COMPARE = timedelta(hours=1)
TELL = timedelta(hours=1)
BEHIND = timedelta(minutes=10)
"""What is overdue for longer is something to look at."""

Role = Literal["poll", "web"]


class Daemon:
    """One process: what it runs by, and what it runs."""

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        settings: Settings,
        service: Service,
        watch: LogWatch,
        *,
        pushes: Pushes | None = None,
        outbound: Outbound | None = None,
    ) -> None:
        self._path = path
        self._environ = environ
        self._settings = settings
        self._service = service
        self._pushes = pushes
        self._outbound = outbound
        self._watch = watch
        self._started = service.clock.steady()
        self._reloading = asyncio.Lock()
        self._fingerprint = Fingerprint(path, service.clock.now)
        self._file = self._fingerprint.take()
        self._pages = Pages(settings.site.templates, report=watch.failed)
        self._outlet = Outlet(
            StaticSite(
                service.publisher, clock=service.clock, pages=self._pages, report=watch.failed
            ),
            lambda: self._settings.publish.dir,
            lists=service.lists,
            report=watch.failed,
            say=lambda done: watch.say("static files", **asdict(done)),
        )

    async def run(self, *, only: Role | None, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then ends requests, saves answers and closes connections."""
        health = self._service.health(polling=only != "web")
        scheduler = Scheduler(self._service.clock.now)
        scheduler.every(RELOAD, self._reload_if_changed, name="reload")
        scheduler.every(TICK, self._look_for_changes, name="changes")
        scheduler.every(COMPARE, self._compare_clocks, name="clocks")
        self._warn_of_templates()  # who polls makes pages, too: static files
        scheduler.every(RELOAD, self._look_at_templates, name="templates")
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(scheduler.run(), name="ticks"),
            asyncio.create_task(self._service.changes.run(), name="changes"),
            asyncio.create_task(self._service.changes.hear(self._service.store.hear), name="news"),
        ]
        if self._outbound:
            tasks.append(asyncio.create_task(self._outbound.delivering.run(), name="deliveries"))
        if only != "web":
            scheduler.every(TICK, self._sweep, name="sweep")
            scheduler.every(SILENCE, partial(self._warn_of_standstill, health), name="standstill")
            scheduler.every(TELL, self._tell_of_the_schedule, name="schedule")
            if self._pushes:
                subscriber = self._pushes.subscriber
                tasks.append(asyncio.create_task(subscriber.run(), name="subscriptions"))
            scheduler.every(FORGET, self._forget_hosts, name="hosts")
            scheduler.every(PRUNE, self._prune, name="prune")
            scheduler.every(COUNT, self._count_subscribers, name="subscribers")
            tasks.append(asyncio.create_task(self._service.dispatcher.run(), name="polls"))
            news = self._service.changes.following()
            tasks.append(asyncio.create_task(self._outlet.run(news), name="static files"))
        if only != "poll":
            scheduler.every(SAVE_READERS, self._save_readers, name="readers")
            scheduler.every(ARCHIVE, self._archive, name="archives")
            tasks.append(asyncio.create_task(self._serve(health, stop), name="web"))
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            for task in done - {stopped}:
                task.result()  # a part that ended by itself says why
        finally:
            await self._stop([stopped, *tasks])

    async def _stop(self, tasks: list[asyncio.Task[Any]]) -> None:
        await self._service.dispatcher.stop()
        if self._pushes:
            await self._pushes.receiver.finish()
        for task in tasks:
            if task.get_name() != "web":  # it ends by itself, when its clients are served
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._save_readers()

    async def _sweep(self) -> None:
        self._service.dispatcher.wake()
        if self._pushes:
            self._pushes.subscriber.wake()

    async def _look_for_changes(self) -> None:
        """Another process of ours may have polled, and the database not told."""
        self._service.changes.wake()

    async def _warn_of_standstill(self, health: Health) -> None:
        """What a process that only polls could not tell otherwise."""
        if standstill := health.standstill():
            self._watch.warn("polling stands still", note=standstill)

    async def _tell_of_the_schedule(self) -> None:
        now = self._service.clock.steady()
        try:
            stats = await self._service.store.frontier_stats(now=now)
        except StoreError as error:
            self._watch.failed("looking how polling keeps up", error)
            return
        overdue = now - (stats.oldest or now)
        # At a start all that fell due meanwhile is overdue.
        is_behind = overdue > BEHIND and now - self._started > BEHIND
        tell = self._watch.warn if is_behind else self._watch.say
        tell(
            "schedule",
            due=stats.due,
            oldest=in_words(timedelta(seconds=round(overdue.total_seconds()))),
            hosts=stats.running,
            paused=stats.paused,
        )

    async def _compare_clocks(self) -> None:
        try:
            apart = await ahead(self._service.clock, self._service.store)
        except StoreError as error:
            self._watch.failed("comparing our clock with the database's", error)
            return
        if apart is not None:
            self._watch.warn(
                "our clock is not the database's",
                ahead=f"{apart.total_seconds():.1f} s",
                hint="hosts may be asked too soon: set both by NTP, then restart this process",
            )

    async def _serve(self, health: Health, stop: asyncio.Event) -> None:
        server = self._settings.server
        app = create_app(
            self._service.publisher,
            health,
            clock=self._service.clock,
            report=self._watch.failed,
            audience=self._service.readership,
            lists=self._service.lists,
            pages=self._pages,
            news=self._service.changes.following,
            stop=stop,
            receiver=self._pushes.receiver if self._pushes else None,
            hub=self._outbound.hub if self._outbound else None,
        )
        remembering = Remembering(app, self._service.publisher, self._service.readership)
        try:
            await serve(
                remembering,
                at_hand=remembering.at_hand,
                host=server.host,
                port=server.port,
                stop=stop,
                ready=self._say_where,
                now=self._service.clock.now,
            )
        except OSError as error:
            raise CannotServe(error.strerror) from error

    async def _prune(self) -> None:
        try:
            dropped = await self._service.prune(self._settings)
        except StoreError as error:
            self._watch.failed("dropping old entries", error)
            return
        if dropped:
            self._watch.say("pruned", entries=dropped)

    async def _forget_hosts(self) -> None:
        try:
            await self._service.store.forget_hosts(before=self._service.clock.steady() - FORGET)
        except StoreError as error:
            self._watch.failed("forgetting hosts that rest no longer", error)

    async def _archive(self) -> None:
        try:
            await self._service.publisher.catch_up()
        except StoreError as error:
            self._watch.failed("extending the archives of feeds", error)

    async def _save_readers(self) -> None:
        try:
            await self._service.readership.save()
        except StoreError as error:
            self._watch.failed("saving who fetches our feeds", error)

    async def _count_subscribers(self) -> None:
        try:
            await self._service.readership.count()
        except StoreError as error:
            self._watch.failed("counting the subscribers", error)

    async def _reload_if_changed(self) -> None:
        found = self._fingerprint.take()
        if found != self._file and await self.reload():
            self._file = found

    async def reload(self) -> bool:
        """Takes the file as it is now; a broken one is reported, and the old settings stay.

        False when the database was out of reach: then it is to be tried again.
        """
        async with self._reloading:  # else an older state of the file could be taken last
            return await self._reload()

    async def _reload(self) -> bool:
        try:
            # Of very many sources it takes seconds, in which others are to be served.
            settings = await asyncio.to_thread(load, self._path, self._environ)
            await self._service.take(settings)
            if self._pushes:
                await self._pushes.take(settings)
            if self._outbound:
                await self._outbound.take(settings)
        except ConfigError as error:
            for mistake in error.mistakes:
                self._watch.warn("configuration not taken", mistake=mistake)
            return True
        except StoreError as error:
            self._watch.failed("taking the configuration", error)
            return False
        later = restart_needed(self._settings, settings)
        self._settings = settings
        self._outlet.renew()
        self._watch.say("configuration taken", sources=len(settings.sources))
        if later:
            self._watch.warn("restart to take the rest", changed=", ".join(later))
        return True

    async def _look_at_templates(self) -> None:
        if self._pages.take(self._settings.site.templates):
            self._watch.say("templates taken")
            self._outlet.renew()
            self._warn_of_templates()

    def _warn_of_templates(self) -> None:
        for fault in template_faults(self._settings.site.templates):
            self._watch.warn("template not taken; ours stands in", fault=fault)

    def _say_where(self, host: str, port: int) -> None:
        feed = f"{self._service.publisher.site.url}feed.atom"
        self._watch.say("serving", address=f"http://{_in_url(host)}:{port}/", feed=feed)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def run(
    path: Path, environ: Mapping[str, str], settings: Settings, *, only: Role | None = None
) -> None:
    """Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    watch = LogWatch()
    watch.say(
        "starting",
        version=__version__,
        config=str(path),
        sources=len(settings.sources),
        role=only or "all",
        **({} if only == "web" else {"engine": engine_kind(settings)}),
    )
    for doubt in settings.doubts:
        watch.warn("a rule looks wrong", note=doubt)
    stop = asyncio.Event()
    async with (
        open_service(settings, watch=watch) as service,
        open_pushes(service, settings, watch=watch) as pushes,
        open_outbound(service, settings, watch=watch) as outbound,
    ):
        daemon = Daemon(path, environ, settings, service, watch, pushes=pushes, outbound=outbound)
        loop = asyncio.get_running_loop()
        reloads: set[asyncio.Task[bool]] = set()

        def reload() -> None:
            task = loop.create_task(daemon.reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, reload)
        await daemon.run(only=only, stop=stop)
    watch.say("stopped")
