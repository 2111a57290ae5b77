"""Who follows the changes has at every moment what who asks for everything gets."""

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.core.filters import Filters
from aggregator.core.positions import Step
from aggregator.service.entry_lists import EntryLists, Scope
from tests.builders import ago, read_entry
from tests.service.test_entry_lists import LATEST, catalogue, hiding
from tests.service.world import World

SCOPES = {
    "everything": Scope(),
    "a source": Scope(sources=frozenset("b")),
    "a publication": Scope(
        publication=replace(LATEST, sources=frozenset("ab"), filter=hiding("title: dull"))
    ),
}
NAMES = st.sampled_from(["1", "2", "3", "4", "5"])
TITLES = st.sampled_from(["Good", "Better", "Dull", "Advert"])
HAPPENINGS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from("abc"), st.dictionaries(NAMES, TITLES, max_size=3)),
    st.tuples(st.just("leaves"), st.sampled_from("abc")),
    st.tuples(st.just("returns"), st.sampled_from("abc")),
    st.tuples(st.just("steps"), st.sampled_from([-9, 5])),
    st.tuples(st.just("syncs"), st.integers(1, 4)),
)


class Mirror:
    """Holds the titles of what it was told of, by id."""

    def __init__(self, lists: EntryLists, scope: Scope) -> None:
        self.lists, self.scope = lists, scope
        self.step = Step(0, 0)
        self.held: dict[str, str] = {}

    async def sync(self, limit: int) -> None:
        more = True
        while more:
            found = await self.lists.changed(self.scope, self.step, limit=limit)
            for change in found.changes:
                self.held.pop(change.id, None)
                if change.shown is not None:
                    self.held[change.id] = change.shown.entry.content.title
            self.step, more = found.until, found.more

    async def check(self) -> None:
        part = await self.lists.part(self.scope, limit=500)
        shown = {each.entry.id: each.entry.content.title for each in part.entries}
        assert self.held == shown


class History:
    """Sources that say things, leave and return, and mirrors that sync now and then."""

    def __init__(self) -> None:
        self.world = World()
        lists = EntryLists(
            store=self.world.store,
            clock=self.world.clock,
            catalogue=catalogue(filters=Filters(everywhere=hiding("title: advert"))),
        )
        self.mirrors = [Mirror(lists, scope) for scope in SCOPES.values()]

    async def goes(self, happenings) -> None:
        for key in "abc":
            await self.world.add(key)
        self.specs = dict(self.world.specs)
        for kind, *what in happenings:
            await getattr(self, kind)(*what)
        await self.syncs(3)

    async def says(self, key: str, titles: dict[str, str]) -> None:
        if key in self.world.specs and titles:
            await says(self.world, key, titles)

    async def leaves(self, key: str) -> None:
        self.world.specs.pop(key, None)
        await self._configure()

    async def returns(self, key: str) -> None:
        self.world.specs[key] = self.specs[key]
        await self._configure()

    async def _configure(self) -> None:
        specs = list(self.world.specs.values())
        await self.world.store.sync_sources(specs, now=self.world.clock.steady())

    async def steps(self, hours: int) -> None:
        self.world.clock.step_the_wall_clock(hours=hours)

    async def syncs(self, limit: int) -> None:
        for mirror in self.mirrors:
            await mirror.sync(limit)
            await mirror.check()


async def says(world: World, key: str, titles: dict[str, str]) -> None:
    """Entries with links that other sources have, too, so that stories are shared."""
    entries = [
        read_entry(
            f"{key}{name}",
            title=title,
            link=f"https://x.example/{name}",
            content_html=f"<p>{title}</p>",
            text=title,
            published=ago(days=int(name)),
        )
        for name, title in titles.items()
    ]
    world.serves(f"https://{key}.example/feed", *entries)
    await world.poll(key)


@settings(max_examples=80)
@given(st.lists(HAPPENINGS, max_size=14))
def test_a_mirror_that_follows_the_changes_holds_what_is_shown(happenings):
    asyncio.run(History().goes(happenings))
