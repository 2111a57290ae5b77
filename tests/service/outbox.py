"""Everything that deliveries, on fakes: who was called, and what the called ones answer."""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aggregator.core.publication import Publication, Site
from aggregator.core.wire import Call, Called, Failed
from aggregator.service.catalogue import Catalogue
from aggregator.service.changes import Changes
from aggregator.service.deliveries.delivering import Delivering
from aggregator.service.deliveries.hub import Distributing, Hub, Verifying
from aggregator.service.deliveries.pinging import Pinging
from aggregator.service.deliveries.topics import Topics
from aggregator.service.deliveries.webhooks import Hook, Webhooks
from aggregator.service.publishing import Publisher
from aggregator.service.revisions import Revisions
from tests.builders import read_entry
from tests.service.world import World

SITE = Site(title="Latest", url="https://p.example/")
LATEST = Publication(slug="latest", title="Latest", path="")
ONLY_B = Publication(slug="only-b", title="B", path="publications/only-b", sources=frozenset({"b"}))
FEED = "https://p.example/feed.atom"
HUB = "https://p.example/hub"
CALLBACK = "https://s.example/callback?key=1"

Answer = Called | Failed
Script = Answer | Callable[[Call], Answer]

OK = Called(status=204, body=b"")
DOWN = Failed(kind="connect", reason="connection refused")


def echo(call: Call) -> Answer:
    """As a subscriber answers that did ask, and takes whatever is delivered."""
    asked = parse_qs(urlsplit(call.url).query)
    return Called(status=200, body="".join(asked.get("hub.challenge", [])).encode())


class ScriptedCaller:
    """Answers by address without query; remembers what was called."""

    def __init__(self) -> None:
        self.answers: dict[str, Script] = {}
        self.calls: list[Call] = []
        self.under_way = 0
        self.most_under_way = 0
        self._news = asyncio.Condition()
        self.held = asyncio.Event()
        self.held.set()

    async def call(self, call: Call) -> Answer:
        async with self._news:
            self.calls.append(call)
            self._news.notify_all()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            await self.held.wait()
        finally:
            self.under_way -= 1
        answer = self.answers.get(call.url.partition("?")[0], echo)
        return answer(call) if callable(answer) else answer

    async def called(self, method: str) -> None:
        """Waits for such a call."""
        async with self._news:
            await self._news.wait_for(lambda: any(call.method == method for call in self.calls))

    def to(self, url: str, method: str = "POST") -> list[Call]:
        start = url.partition("?")[0]
        return [c for c in self.calls if c.url.partition("?")[0] == start and c.method == method]


class Log:
    """What was told, as event and facts."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[tuple[str, Exception]] = []

    def say(self, event: str, **facts: Any) -> None:
        self.lines.append((event, facts))

    warn = say

    def failed(self, doing: str, error: Exception) -> None:
        self.failures.append((doing, error))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


@dataclass
class Outbox:
    """A process of ours that deliveries; several may share a world."""

    world: World
    hub_setting: str = "own"
    private: tuple[Any, ...] = ()
    caller: ScriptedCaller = field(default_factory=ScriptedCaller)
    log: Log = field(default_factory=Log)
    hooks: tuple[Hook, ...] = ()
    publications: tuple[Publication, ...] = (LATEST, ONLY_B)

    def __post_init__(self) -> None:
        store, clock = self.world.store, self.world.clock
        self.publisher = Publisher(
            store=store, clock=clock, catalogue=self.catalogue(), complain=self.log.failed
        )
        topics = Topics(self.publisher, store, clock, self.log.failed)
        self.topics = topics
        self.hub = Hub(store=store, topics=topics, clock=clock, private=self.private)
        self.hub.is_open = self.hub_setting == "own"
        agent = {"user_agent": "aggregator/test"}
        verifying = Verifying(
            hub=self.hub,
            store=store,
            caller=self.caller,
            clock=clock,
            challenge=lambda: f"challenge-{len(self.caller.calls)}",
            watch=self.log,
            **agent,
        )
        distributing = Distributing(
            hub=self.hub, store=store, topics=topics, caller=self.caller, clock=clock, **agent
        )
        self.pinging = Pinging(store=store, topics=topics, caller=self.caller, clock=clock, **agent)
        self.webhooks = Webhooks(
            deliveries=store,
            store=store,
            catalogue=self.catalogue(),
            caller=self.caller,
            clock=clock,
            **agent,
        )
        self.changes = Changes(Revisions(store, clock), self.log.failed)
        self.delivering = Delivering(
            store=store,
            outlets=(verifying, distributing, self.webhooks, self.pinging),
            changes=self.changes,
            clock=clock,
            chance=lambda: 0.0,
            watch=self.log,
        )

    def catalogue(self) -> Catalogue:
        return Catalogue(
            site=SITE,
            publications=self.publications,
            names={"a": "A", "b": "B"},
            tags={"数学": frozenset({"b"})},
            hub=self.hub_setting,
        )

    async def take(self) -> "Outbox":
        """As a start or another configuration does."""
        self.publisher.take(self.catalogue())
        self.topics.forget()
        foreign = self.hub_setting if self.hub_setting != "own" else None
        await self.pinging.take(foreign or None)
        await self.webhooks.take(self.hooks, self.catalogue())
        return self

    async def deliver(self) -> None:
        """Everything that is due, to its end."""
        await self.delivering.idle()
        for _ in range(20):
            before = len(self.caller.calls)
            await self.delivering.sweep()
            await self.delivering.idle()
            if len(self.caller.calls) == before:
                break

    async def subscribe(self, callback: str = CALLBACK, topic: str = FEED, **more: str) -> None:
        """A request, and what follows from it."""
        assert await self.ask(callback, topic, **more) is None
        await self.deliver()

    async def ask(
        self, callback: str = CALLBACK, topic: str = FEED, *, mode: str = "subscribe", **more: str
    ):
        fields = {"hub.mode": mode, "hub.callback": callback, "hub.topic": topic}
        return await self.hub.accept(fields | {f"hub.{name}": text for name, text in more.items()})


async def filled_world() -> World:
    """Sources a and b have an entry each, and have been polled."""
    world = World()
    for key in "ab":
        url = await world.add(key)
        world.serves(url, read_entry(f"{key}1", link=f"https://{key}.example/1"))
        await world.poll(key)
    world.clock.pass_(hours=1)
    return world


async def news(world: World, key: str = "a", *names: str) -> None:
    """The source has these entries beside its first, and is polled."""
    url = f"https://{key}.example/feed"
    entries = [
        read_entry(f"{key}{name}", link=f"https://{key}.example/{name}") for name in (*names, "1")
    ]
    world.serves(url, *entries)
    world.clock.pass_(seconds=1)
    await world.poll(key)


def signed(call: Call, secret: str, header: str = "X-Hub-Signature") -> bool:
    made = hmac.new(secret.encode(), call.body, "sha256").hexdigest()
    return dict(call.headers).get(header) == f"sha256={made}"


DAY = timedelta(days=1)
