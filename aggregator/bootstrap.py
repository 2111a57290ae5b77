"""The composition root: settings to a wired service. It alone knows every concrete class."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from aggregator import __version__
from aggregator.cage.limits import Limits
from aggregator.cage.pool import CagedReader
from aggregator.clock import SystemClock
from aggregator.config.checks import polled_address
from aggregator.config.settings import (
    ServerSettings,
    Settings,
    SourceSettings,
)
from aggregator.core.errors import StoreError
from aggregator.core.reconcile import Backfill, Intake, Updates
from aggregator.core.rhythm import Pace
from aggregator.core.schedule import UNCONDITIONAL
from aggregator.core.wire import Validators
from aggregator.domains import registrable_domain
from aggregator.fetch.http import HttpFetcher
from aggregator.published import catalogue, filters
from aggregator.service.changes import Announcing, Changes
from aggregator.service.counting import Tally, count_matches
from aggregator.service.discovering import Discoverer
from aggregator.service.dispatch import Dispatcher
from aggregator.service.entry_lists import EntryLists
from aggregator.service.explaining import Explainer
from aggregator.service.frontier import Engine
from aggregator.service.health import Health
from aggregator.service.host_polling import DispatchPolicy, Watch
from aggregator.service.local_engine import LocalEngine
from aggregator.service.looking import Looker
from aggregator.service.policies import SourcePolicy
from aggregator.service.polling import Poller
from aggregator.service.ports import Clock, SourceSpec
from aggregator.service.publishing import Publisher
from aggregator.service.readership import Readership
from aggregator.service.recovery import Recovery
from aggregator.service.taking_in import TakeIn
from aggregator.service.turns import HostTurns
from aggregator.store import queue
from aggregator.store.sql import SqlStore, existing_store, open_store

READERS = 2
"""Worker processes that read documents: reading is the dear part, and takes a core each."""

STRETCH = 4
"""How many intervals a source's rhythm may make of one, unless `max_interval` says otherwise:
it saves two thirds of the polls, and costs little time (docs/freshness.md)."""

SHORTEST_TO_STRETCH = timedelta(minutes=15)
"""Who polls more often than this wants it so, whatever a source's rhythm is."""

Subscribers = Callable[[], int]
"""How many of them we tell sources at the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything wired together; `take` is the only thing that changes it."""

    clock: Clock
    store: SqlStore
    poller: Poller
    dispatcher: Dispatcher
    publisher: Publisher
    readership: Readership
    changes: Changes
    lists: EntryLists

    async def take(self, settings: Settings) -> None:
        """Works by these settings from now on; those of `restart_needed` excepted."""
        # In threads: of very many sources it takes seconds, in which others are to be served.
        after = await asyncio.to_thread(source_policies, settings, self.readership.subscribers)
        sooner = await asyncio.to_thread(_sooner, self.poller.policies, after)
        published = await asyncio.to_thread(catalogue, settings)
        specs = await asyncio.to_thread(source_specs, settings)
        self.poller.policies = after
        self.publisher.take(published)
        self.lists.take(published)
        await self.store.note_served(published.served())
        now = self.clock.steady()
        await self.store.sync_sources(specs, now=now)
        await self.store.hasten(sooner, now=now, reason="its interval is shorter now")
        self.changes.wake()
        self.dispatcher.take(dispatch_policy(settings))  # what is due now is spread

    async def prune(self, settings: Settings) -> int:
        """Drops the entries that [retention] does not keep, and returns how many; also the readers
        of our feeds that have left.
        """
        await self.readership.prune()
        now, retention = self.clock.now(), settings.retention
        return await self.store.prune(
            before=now - retention.keep, keep_per_source=retention.keep_per_source, now=now
        )

    def health(self, *, polling: bool) -> Health:
        """What readiness asks; a process that only serves is not asked about polling."""
        swept_at = (lambda: self.dispatcher.swept_at) if polling else None
        trouble = self.dispatcher.hosts.trouble
        return Health(store=self.store, clock=self.clock, swept_at=swept_at, trouble=trouble)


def _sooner(
    before: Mapping[str, SourcePolicy], after: Mapping[str, SourcePolicy]
) -> dict[str, timedelta]:
    """The intervals that became shorter, by key."""
    return {
        key: after[key].pace.shortest
        for key in before.keys() & after
        if after[key].pace.shortest < before[key].pace.shortest
    }


@asynccontextmanager
async def open_service(
    settings: Settings, *, watch: Watch, clock: Clock | None = None
) -> AsyncIterator[Service]:
    """A wired service on an opened, migrated database; closed in the end."""
    clock = clock or SystemClock()
    store = await open_store(settings.database.url, domain_of=registrable_domain)
    try:
        async with _open_wire(settings, clock, workers=READERS) as (fetcher, reader):
            service = _wired(
                settings,
                clock=clock,
                watch=watch,
                store=store,
                engine=make_engine(settings, watch),
                fetcher=fetcher,
                reader=reader,
            )
            await service.readership.count()
            await service.take(settings)
            yield service
    finally:
        await store.aclose()


def engine_kind(settings: Settings) -> Literal["local", "pgqueuer"]:
    """The one that was chosen, or else the one that fits the database."""
    if settings.engine.kind is not None:
        return settings.engine.kind
    fleet = settings.database.url.startswith("postgresql") and queue.is_installed()
    return "pgqueuer" if fleet else "local"


def make_engine(settings: Settings, watch: Watch) -> Engine:
    """Raises StoreError where the one that was chosen is not there."""
    if engine_kind(settings) == "local":
        return LocalEngine()
    if not queue.is_installed():
        raise StoreError(
            '[engine] kind = "pgqueuer" needs PgQueuer: install aggregator with the extra `fleet`'
        )
    return queue.QueueEngine(settings.database.url, watch.failed)


def _wired(
    settings: Settings,
    *,
    clock: Clock,
    watch: Watch,
    store: SqlStore,
    engine: Engine,
    fetcher: HttpFetcher,
    reader: CagedReader,
) -> Service:
    turns = HostTurns(settings.fetch.per_host_delay)
    readership = Readership(store=store, clock=clock, salt=secrets.token_hex())
    subscribers = readership.subscribers
    poller = Poller(
        store=store,
        fetcher=fetcher,
        take_in=TakeIn(store=store, reader=reader, clock=clock),
        recovery=Recovery(fetcher=fetcher, reader=reader, turns=turns),
        clock=clock,
        chance=random.random,
        policies=source_policies(settings, subscribers),
        domain_of=registrable_domain,
    )
    published = catalogue(settings)
    publisher = Publisher(store=store, clock=clock, catalogue=published, complain=watch.failed)
    changes = Changes(publisher.revisions, watch.failed)
    dispatcher = Dispatcher(
        poller=poller,
        store=store,
        engine=engine,
        clock=clock,
        policy=dispatch_policy(settings),
        turns=turns,
        watch=Announcing(watch, changes),
    )
    return Service(
        clock=clock,
        store=store,
        poller=poller,
        dispatcher=dispatcher,
        publisher=publisher,
        readership=readership,
        changes=changes,
        lists=EntryLists(store=store, clock=clock, catalogue=published),
    )


@asynccontextmanager
async def _open_wire(
    settings: Settings, clock: Clock, *, workers: int
) -> AsyncIterator[tuple[HttpFetcher, CagedReader]]:
    """What fetches and what reads; closed in the end."""
    fetcher = HttpFetcher(allow_networks=settings.fetch.allow_networks, now=clock.now)
    reader = CagedReader(workers=workers, limits=Limits())
    try:
        await fetcher.prove_guard()
        yield fetcher, reader
    finally:
        await reader.aclose()
        await fetcher.aclose()


@asynccontextmanager
async def open_looker(settings: Settings) -> AsyncIterator[Looker]:
    """What looks at sources without a database."""
    policies = source_policies(settings)
    async with _open_wire(settings, SystemClock(), workers=READERS) as (fetcher, reader):
        yield Looker(
            fetcher=fetcher,
            reader=reader,
            requests={
                key: policies[key].request(source.url, Validators())
                for key, source in settings.sources.items()
            },
            turns=HostTurns(settings.fetch.per_host_delay),
            at_once=settings.fetch.concurrency,
        )


@asynccontextmanager
async def open_discoverer(settings: Settings) -> AsyncIterator[Discoverer]:
    """What finds feeds behind addresses; a configured source is asked as it is polled."""
    configured = {
        polled_address(source.url): source_policy(settings, source)
        for source in settings.sources.values()
    }

    def policy(url: str) -> SourcePolicy:
        return configured.get(polled_address(url)) or _stranger(settings, url)

    async with _open_wire(settings, SystemClock(), workers=1) as (fetcher, reader):
        yield Discoverer(
            fetcher=fetcher,
            reader=reader,
            request=lambda url: policy(url).request(url, Validators()),
            players=lambda url: policy(url).players,
            turns=HostTurns(settings.fetch.per_host_delay),
        )


def restart_needed(old: Settings, new: Settings) -> tuple[str, ...]:
    """The settings that differ and that a running process does not take."""
    fixed = {
        "[database]": (old.database, new.database),
        "[engine]": (old.engine, new.engine),
        "[server]": (_fixed(old.server), _fixed(new.server)),
        "[fetch] concurrency": (old.fetch.concurrency, new.fetch.concurrency),
        "[fetch] allow_networks": (old.fetch.allow_networks, new.fetch.allow_networks),
        "[websub] allow_networks": (old.websub.allow_networks, new.websub.allow_networks),
    }
    return tuple(name for name, (before, after) in fixed.items() if before != after)


def _fixed(server: ServerSettings) -> ServerSettings:
    """Without what is no matter of listening."""
    return server.model_copy(update={"xml_content_type": None})


def source_specs(settings: Settings) -> list[SourceSpec]:
    return [
        SourceSpec(
            key=key,
            url=settings.shown_urls[key],
            name=source.name,
            enabled=source.enabled,
            priority=source.priority,
        )
        for key, source in settings.sources.items()
    ]


def _nobody() -> int:
    """The subscribers that are known of without a database."""
    return 0


def source_policies(
    settings: Settings, subscribers: Subscribers = _nobody
) -> Mapping[str, SourcePolicy]:
    return {
        key: source_policy(settings, source, settings.shown_urls[key], subscribers)
        for key, source in settings.sources.items()
    }


def _stranger(settings: Settings, url: str, subscribers: Subscribers = _nobody) -> SourcePolicy:
    """How an address is asked that no source has: without anybody's secrets."""
    return source_policy(settings, SourceSettings(url=url), subscribers=subscribers)


def source_policy(
    settings: Settings,
    source: SourceSettings,
    shown_url: str | None = None,
    subscribers: Subscribers = _nobody,
) -> SourcePolicy:
    """`shown_url` is the source's address without secrets, where it has any."""
    fetch = settings.fetch
    auth = source.auth
    return SourcePolicy(
        url=source.url,
        shown_url=shown_url or source.url,
        pace=_pace(fetch.interval, fetch.max_interval, source.interval),
        timeout=(source.timeout or fetch.timeout).total_seconds(),
        max_body=fetch.max_body,
        user_agent=_agent(source.user_agent or fetch.user_agent, settings.site.url, subscribers),
        headers=source.headers,
        auth=(auth.user, auth.password) if auth else None,
        http2=source.http2,
        proxy=source.proxy,
        language=source.language,
        players=source.iframes,
        intake=_intake(source.backfill, source.updates),
    )


# Sources that are configured alike share these: of a million each costs memory.
_shared = lru_cache(1000)


@_shared
def _pace(usual: timedelta, most: timedelta | None, own: timedelta | None) -> Pace:
    """An interval of the source's own is meant as it is written, and so is a short one."""
    if own:
        return Pace(shortest=own, longest=own, unconditional=UNCONDITIONAL * own)
    stretch = STRETCH if usual >= SHORTEST_TO_STRETCH else 1
    return Pace(shortest=usual, longest=max(most or stretch * usual, usual))


@_shared
def _intake(backfill: Backfill, updates: Updates) -> Intake:
    return Intake(backfill=backfill, updates=updates)


@_shared
def _agent(written: str, site_url: str, subscribers: Subscribers) -> Callable[[], str]:
    return lambda: written or user_agent(site_url, subscribers())


def user_agent(site_url: str, subscribers: int) -> str:
    """Who polls, where a publisher finds out more, and for how many, if we know of any."""
    people = "subscriber" if subscribers == 1 else "subscribers"
    told = f"; {subscribers} {people}" if subscribers else ""
    return f"aggregator/{__version__} (+{site_url}{told})"


def dispatch_policy(settings: Settings) -> DispatchPolicy:
    return DispatchPolicy(
        concurrency=settings.fetch.concurrency, per_host_delay=settings.fetch.per_host_delay
    )


def explainer(service: Service, settings: Settings) -> Explainer:
    return Explainer(
        store=service.store,
        clock=service.clock,
        publications=service.publisher.publications(),
        filters=filters(settings),
        where=settings.where,
        priorities={key: source.priority for key, source in settings.sources.items()},
    )


async def tally_rules(settings: Settings) -> list[Tally] | None:
    """What the rules do to what is stored; None without a database. Raises StoreError."""
    async with existing_store(settings.database.url) as store:
        if store is None:
            return None
        made = catalogue(settings)
        now = SystemClock().now()
        return await count_matches(store, made.publications, made.filters, now=now)
