"""A whole service on fakes: a place to say what sources answer and to see what comes of it."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from aggregator.core.model import ReadEntry, Wishes
from aggregator.core.reconcile import Intake
from aggregator.core.rhythm import Pace
from aggregator.core.wire import Answer, Validators
from aggregator.service.dispatch import Dispatcher
from aggregator.service.host_polling import DispatchPolicy
from aggregator.service.local_engine import LocalEngine
from aggregator.service.policies import SourcePolicy
from aggregator.service.polling import Poller
from aggregator.service.ports import Selection, SourceHealth, SourceSpec
from aggregator.service.recovery import Recovery
from aggregator.service.reports import PollReport
from aggregator.service.taking_in import TakeIn
from aggregator.service.turns import HostTurns
from tests.builders import read_feed
from tests.fakes import FakeClock, Notebook, ScriptedFetcher, ShelfReader, fetched
from tests.store.memory import MemoryStore


def policy(**changes) -> SourcePolicy:
    """`interval` stands for a pace without a rhythm."""
    interval = changes.pop("interval", timedelta(hours=1))
    facts: dict[str, Any] = {
        "url": "https://a.example/feed",
        "pace": Pace(shortest=interval, longest=interval),
        "timeout": 20.0,
        "max_body": 10_000_000,
        "user_agent": lambda: "aggregator/test",
        "intake": Intake(),
    }
    facts |= changes
    return SourcePolicy(**{"shown_url": facts["url"], **facts})


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    fetcher: Any = field(default_factory=ScriptedFetcher)
    reader: ShelfReader = field(default_factory=ShelfReader)
    notebook: Notebook = field(default_factory=Notebook)
    policies: dict[str, SourcePolicy] = field(default_factory=dict)
    specs: dict[str, SourceSpec] = field(default_factory=dict)

    dispatch: DispatchPolicy = field(
        default_factory=lambda: DispatchPolicy(per_host_delay=timedelta())
    )

    def __post_init__(self) -> None:
        turns = HostTurns(self.dispatch.per_host_delay)
        self.poller = Poller(
            store=self.store,
            fetcher=self.fetcher,
            take_in=TakeIn(store=self.store, reader=self.reader, clock=self.clock),
            recovery=Recovery(fetcher=self.fetcher, reader=self.reader, turns=turns),
            clock=self.clock,
            chance=lambda: 0.0,
            policies=self.policies,
        )
        self.dispatcher = Dispatcher(
            poller=self.poller,
            store=self.store,
            engine=LocalEngine(),
            clock=self.clock,
            policy=self.dispatch,
            turns=turns,
            watch=self.notebook,
        )

    async def add(self, key: str, url: str | None = None, **changes) -> str:
        """Configures a source; returns its address."""
        url = url or f"https://{key}.example/feed"
        self.policies[key] = policy(url=url, **changes)
        self.specs[key] = SourceSpec(key=key, url=url, name=None)
        await self.store.sync_sources(list(self.specs.values()), now=self.clock.steady())
        return url

    def serves(
        self,
        url: str,
        *entries: ReadEntry,
        wishes: Wishes | None = None,
        link: str | None = None,
        **changes,
    ) -> None:
        """What the address answers from now on; equal entries make an equal body."""
        body = repr(entries).encode()
        feed = read_feed(*entries)
        info = replace(feed.info, wishes=wishes or Wishes(), link=link)
        self.reader.shelf[body] = replace(feed, info=info)
        self.fetcher.answers[url] = fetched(body, url, **changes)

    def answers(self, url: str, answer: Answer) -> None:
        self.fetcher.answers[url] = answer

    async def poll(self, key: str) -> PollReport:
        """One poll now, whatever the schedule says."""
        claimed = await self.store.claim([key], lease_until=self.clock.steady())
        await self.dispatcher.poll(claimed)
        return self.notebook.reports[-1]

    async def titles(self) -> list[str]:
        stories = await self.store.stories(Selection(), limit=1000)
        return [story.content.title for story in stories]

    async def health(self, key: str) -> SourceHealth:
        return next(source for source in await self.store.sources() if source.key == key)


TAGGED = Validators(etag='W/"1"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT")
