"""A world with hubs: what they are asked, what they say, and what comes of it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from urllib.parse import parse_qsl

from aggregator.core.model import ReadEntry
from aggregator.core.offers import Links
from aggregator.core.pushes import Callback, PushHealth
from aggregator.core.wire import Call, Called, Failed
from aggregator.service.pushes.receiving import Found, Receiver
from aggregator.service.pushes.subscribing import Reach, Subscriber
from aggregator.service.taking_in import TakeIn
from aggregator.service.turns import HostTurns
from tests.fakes import Notebook
from tests.scripted_hub import signed
from tests.service.world import World

HUB = "https://hub.example/"
BASE = "https://us.example/websub/"
REACH = Reach(base=BASE, user_agent=lambda: "aggregator/test")
ACCEPTED = Called(status=202, body=b"")


class HubNotebook(Notebook):
    """Signs `HubWatch`, too."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribed_at: list[tuple[str, str, timedelta]] = []
        self.refusals: list[tuple[str, str, str]] = []
        self.pushes: list[tuple[str, int, int]] = []

    def subscribed(self, source: str, hub: str, lease: timedelta) -> None:
        self.subscribed_at.append((source, hub, lease))

    def refused(self, source: str, hub: str, reason: str) -> None:
        self.refusals.append((source, hub, reason))

    def pushed(self, source: str, *, new: int, updated: int) -> None:
        self.pushes.append((source, new, updated))


@dataclass
class ScriptedCaller:
    """Answers by address; what is not listed accepts everything. Signs `Caller`."""

    answers: dict[str, Called | Failed | Callable[[], Called | Failed]] = field(
        default_factory=dict
    )
    calls: list[Call] = field(default_factory=list)

    async def call(self, call: Call) -> Called | Failed:
        self.calls.append(call)
        answer = self.answers.get(call.url, ACCEPTED)
        return answer() if callable(answer) else answer

    @property
    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(call.body.decode())) for call in self.calls]

    @property
    def modes(self) -> Counter[str]:
        return Counter(form["hub.mode"] for form in self.forms)


@dataclass
class HubWorld(World):
    notebook: HubNotebook = field(default_factory=HubNotebook)
    caller: ScriptedCaller = field(default_factory=ScriptedCaller)
    wakes: int = 0
    changes: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = count(1)
        self.subscriber = Subscriber(
            store=self.store,
            caller=self.caller,
            clock=self.clock,
            watch=self.notebook,
            turns=HostTurns(timedelta()),
            policies=lambda: self.policies,
            new_secret=lambda: f"secret-{next(numbers)}",
            reach=REACH,
        )
        self.receiver = self.new_receiver()

    def new_receiver(self) -> Receiver:
        def wake() -> None:
            self.wakes += 1

        def changed() -> None:
            self.changes += 1

        return Receiver(
            store=self.store,
            take_in=TakeIn(store=self.store, reader=self.reader, clock=self.clock),
            clock=self.clock,
            watch=self.notebook,
            policies=lambda: self.policies,
            poll_now=wake,
            changed=changed,
            chance=lambda: 0.0,
        )

    async def offering(self, key: str, *entries: ReadEntry, hub: str = HUB, **changes) -> str:
        """A source that was polled, and offers a hub in its header."""
        url = await self.add(key, changes.pop("url", None))
        await self.now_offers(key, *entries, hub=hub, **changes)
        return url

    async def now_offers(self, key: str, *entries: ReadEntry, hub: str = HUB, **changes) -> None:
        links = Links(hubs=(hub,) if hub else (), self_url=changes.pop("topic", None))
        if not hub:
            links = Links()
        self.serves(self.policies[key].url, *entries, links=links, **changes)
        await self.poll(key)

    async def tend(self) -> None:
        await self.subscriber.tend()
        await self.subscriber.settle()

    async def callbacks(self, key: str = "a") -> tuple[Callback, ...]:
        ids = {source.spec.key: source.id for source in self.store._sources.values()}
        source = self.store._by_id(ids[key])
        assert source is not None
        return self.store._push(source).callbacks

    async def found(self, token: str) -> Found:
        found = await self.receiver.find(token)
        assert found is not None
        return found

    async def verify(self, callback: Callback, **changes: str | None) -> str | None:
        """The hub asks whether it was meant; `None` leaves a parameter out."""
        said = {
            "mode": "subscribe",
            "topic": callback.topic,
            "challenge": "xyz",
            "lease_seconds": "864000",
        }
        query = {f"hub.{name}": value for name, value in {**said, **changes}.items() if value}
        return await self.receiver.verify(await self.found(callback.token), query)

    async def subscribed(self, key: str, *entries: ReadEntry, **changes) -> Callback:
        """A source with a verified subscription."""
        await self.offering(key, *entries, **changes)
        await self.tend()
        callback = (await self.callbacks(key))[-1]
        assert await self.verify(callback) == "xyz"
        return replace((await self.callbacks(key))[-1])

    def put_on_the_shelf(self, *entries: ReadEntry) -> bytes:
        """A document that can be read; its bytes."""
        self.serves("https://nowhere.example/", *entries)
        return repr(entries).encode()

    async def push(self, callback: Callback, body: bytes, *, signature: str | None = None) -> None:
        """A delivery, rightly signed unless said otherwise."""
        if signature is None and callback.secret:
            signature = f"sha256={signed(body, callback.secret)}"

        async def chunks() -> AsyncIterator[bytes]:
            yield body[:3]
            yield body[3:]

        await self.receiver.deliver(
            await self.found(callback.token),
            chunks(),
            content_type="application/rss+xml",
            signature=signature,
        )

    async def hub(self, key: str = "a") -> PushHealth:
        shown = (await self.health(key)).push
        assert shown is not None
        return shown
