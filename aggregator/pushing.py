"""The part of the composition root that wires pushes: only the daemon has them."""

import random
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aggregator.bootstrap import Service, user_agent
from aggregator.config.settings import Settings
from aggregator.core.addresses import IPNetwork, literal_address
from aggregator.core.urls import host_of, is_private_host
from aggregator.fetch.calls import HttpCaller
from aggregator.service.pushes.receiving import Receiver
from aggregator.service.pushes.subscribing import HubWatch, Reach, Subscriber
from aggregator.service.turns import HostTurns
from aggregator.web.callbacks import PATH

_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushes:
    """`subscriber` asks the hubs, `receiver` hears them; each in whichever process does that."""

    service: Service
    subscriber: Subscriber
    receiver: Receiver

    async def take(self, settings: Settings) -> None:
        """Works by these settings from now on."""
        await self.subscriber.take(_reach(settings, self.service))


@asynccontextmanager
async def open_pushes(
    service: Service, settings: Settings, *, watch: HubWatch
) -> AsyncIterator[Pushes]:
    """Requests under way are ended in the end."""
    caller = HttpCaller(allow_networks=settings.fetch.allow_networks, now=service.clock.now)
    subscriber = Subscriber(
        store=service.store,
        caller=caller,
        clock=service.clock,
        watch=watch,
        # Turns of their own: a slow hub must not hold up polls of the same host.
        turns=HostTurns(settings.fetch.per_host_delay),
        policies=lambda: service.poller.policies,
        new_secret=lambda: secrets.token_urlsafe(32),
        reach=_reach(settings, service),
    )
    receiver = Receiver(
        store=service.store,
        take_in=service.poller.take_in,
        clock=service.clock,
        watch=watch,
        policies=lambda: service.poller.policies,
        poll_now=service.dispatcher.wake,
        changed=service.changes.wake,
        chance=random.random,
    )
    pushes = Pushes(service=service, subscriber=subscriber, receiver=receiver)
    try:
        await pushes.take(settings)
        await subscriber.catch_up()
        yield pushes
    finally:
        await subscriber.stop()
        await caller.aclose()


def _reach(settings: Settings, service: Service) -> Reach | None:
    site = settings.site.url
    if not settings.websub.subscribe or not can_be_reached(site, settings.fetch.allow_networks):
        return None
    subscribers = service.readership.subscribers
    written = settings.fetch.user_agent
    return Reach(
        base=f"{site}{PATH}", user_agent=lambda: written or user_agent(site, subscribers())
    )


def can_be_reached(url: str, networks: Sequence[IPNetwork]) -> bool:
    """Whether hubs can call this address: on the internet, or in a network that is opened."""
    host = host_of(url)
    if not is_private_host(host):
        return True
    names = _LOOPBACK if host == "localhost" or host.endswith(".localhost") else (host,)
    addresses = [address for name in names if (address := literal_address(name))]
    if not addresses:  # a name of our own network, which must be one of those
        return bool(networks)
    return any(address in network for address in addresses for network in networks)
