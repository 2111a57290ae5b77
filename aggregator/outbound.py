"""The composition of what we deliver: settings to hub, webhooks and pings, wired to a service."""

import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aggregator.bootstrap import Service, user_agent
from aggregator.config.settings import Settings
from aggregator.fetch.calls import HttpCaller
from aggregator.published import catalogue
from aggregator.service.deliveries.delivering import Delivering
from aggregator.service.deliveries.hub import Distributing, Hub, Verifying
from aggregator.service.deliveries.pinging import Pinging
from aggregator.service.deliveries.ports import DeliveryWatch
from aggregator.service.deliveries.topics import Topics
from aggregator.service.deliveries.webhooks import Hook, Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """What delivers; `take` is the only thing that changes it."""

    hub: Hub
    delivering: Delivering
    _pinging: Pinging = field(repr=False)
    _webhooks: Webhooks = field(repr=False)
    _topics: Topics = field(repr=False)

    async def take(self, settings: Settings) -> None:
        """Deliveries by these settings from now on, once the service has taken them."""
        published = catalogue(settings)
        self.hub.is_open = published.hub_is_own
        self._topics.forget()
        await self._pinging.take(published.foreign_hub)
        await self._webhooks.take(hooks(settings), published)
        self.delivering.wake()


@asynccontextmanager
async def open_outbound(
    service: Service, settings: Settings, *, watch: DeliveryWatch
) -> AsyncIterator[Outbound]:
    """Strangers choose the addresses of subscribers, the operator those of hooks and hubs: each
    kind has its own private networks.
    """
    now = service.clock.now
    strangers = HttpCaller(allow_networks=settings.websub.allow_networks, now=now)
    ours = HttpCaller(allow_networks=settings.fetch.allow_networks, now=now)
    try:
        outbound = _wired(service, settings, strangers, ours, watch)
        await outbound.take(settings)
        yield outbound
    finally:
        await strangers.aclose()
        await ours.aclose()


def _wired(
    service: Service,
    settings: Settings,
    strangers: HttpCaller,
    ours: HttpCaller,
    watch: DeliveryWatch,
) -> Outbound:
    store, clock = service.store, service.clock
    agent = settings.fetch.user_agent or user_agent(settings.site.url, 0)
    topics = Topics(service.publisher, store, clock, watch.failed)
    hub = Hub(store=store, topics=topics, clock=clock, private=settings.websub.allow_networks)
    verifying = Verifying(
        hub=hub,
        store=store,
        caller=strangers,
        clock=clock,
        challenge=secrets.token_urlsafe,
        user_agent=agent,
        watch=watch,
    )
    distributing = Distributing(
        hub=hub, store=store, topics=topics, caller=strangers, clock=clock, user_agent=agent
    )
    pinging = Pinging(store=store, topics=topics, caller=ours, clock=clock, user_agent=agent)
    webhooks = Webhooks(
        deliveries=store,
        store=store,
        catalogue=catalogue(settings),
        caller=ours,
        clock=clock,
        user_agent=agent,
    )
    delivering = Delivering(
        store=store,
        outlets=(verifying, distributing, webhooks, pinging),
        changes=service.changes,
        clock=clock,
        chance=random.random,
        watch=watch,
    )
    hub.ordered = delivering.wake
    return Outbound(
        hub=hub, delivering=delivering, _pinging=pinging, _webhooks=webhooks, _topics=topics
    )


def hooks(settings: Settings) -> list[Hook]:
    return [
        Hook(publication=slug, url=hook.url, secret=hook.secret)
        for slug, publication in settings.publications.items()
        for hook in publication.webhooks
    ]
