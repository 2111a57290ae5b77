"""Of a document that changed, only what is new is read, and what comes of it is the same."""

from dataclasses import dataclass, field

import pytest

from aggregator.core.knowledge import Knowledge
from aggregator.core.model import ReadFeed
from aggregator.core.reconcile import Intake
from aggregator.service.ports import Document
from tests.fakes import fetched, read_in_place
from tests.service.world import World
from tests.store.memory import MemoryStore

URL = "https://a.example/feed"


@dataclass
class OpenReader:
    """Reads as the cage does, in this process; writes down how many entries it read each time."""

    counts: list[int] = field(default_factory=list)

    async def read(self, document: Document) -> ReadFeed:
        feed = read_in_place(document)
        self.counts.append(len(feed.entries))
        return feed


@pytest.fixture
def reader() -> OpenReader:
    return OpenReader()


@pytest.fixture
async def world(reader) -> World:
    world = World(reader=reader)
    await world.add("a", URL)
    return world


def item(name: str, *, guid: str = "", link: str = "", text: str = "Text") -> str:
    link = link or f"https://a.example/{name}"
    return (
        f"<item><guid isPermaLink='false'>{guid or name}</guid><link>{link}</link>"
        f"<title>Title {name}</title><description>{text} {name}</description></item>"
    )


async def poll(world: World, *items: str, head: str = "") -> str:
    world.clock.pass_(hours=1)
    body = f"<rss version='2.0'><channel><title>T</title>{head}{''.join(items)}</channel></rss>"
    world.answers(URL, fetched(body.encode(), URL))
    return (await world.poll("a")).outcome


OLD = [item(str(n)) for n in range(8)]


async def test_one_new_entry_costs_the_reading_of_one(world, reader):
    await poll(world, *OLD)

    assert await poll(world, item("new"), *OLD) == "new"

    assert reader.counts == [8, 1]
    assert len(await world.titles()) == 9


async def test_an_edit_costs_the_reading_of_one(world, reader):
    await poll(world, *OLD)

    assert await poll(world, item("0", text="Edited"), *OLD[1:]) == "new"

    assert reader.counts == [8, 1]
    assert len(await world.titles()) == 8


async def test_a_document_that_was_only_built_again_costs_no_reading(world, reader):
    await poll(world, *OLD, head="<lastBuildDate>Mon</lastBuildDate>")

    assert await poll(world, *OLD, head="<lastBuildDate>Tue</lastBuildDate>") == "unchanged"

    assert reader.counts == [8, 0]


async def test_another_title_of_the_feed_is_taken_in(world, reader):
    await poll(world, *OLD)

    await poll(world, *OLD, head="<image><url>https://a.example/i.png</url></image>")

    assert reader.counts == [8, 0]
    assert (await world.health("a")).info.icon == "https://a.example/i.png"


async def test_a_guid_that_an_unread_item_bears_too_makes_us_read_all(world, reader):
    await poll(world, *OLD)

    await poll(world, item("other", guid="3"), *OLD)

    assert reader.counts == [8, 1, 9]
    assert len(await world.titles()) == 9


async def test_a_known_link_under_another_guid_makes_us_read_all(world, reader):
    await poll(world, *OLD)

    await poll(world, item("0", guid="renamed"), *OLD[1:])

    assert reader.counts == [8, 1, 8]
    assert len(await world.titles()) == 8


async def test_an_edit_that_is_not_taken_yet_is_looked_at_again(reader):
    world = World(reader=reader)
    await world.add("a", URL, intake=Intake(updates="ignore"))
    await poll(world, *OLD)
    edited = [item("0", text="Edited"), *OLD[1:]]
    await poll(world, *edited)

    await poll(world, item("new"), *edited)

    assert reader.counts == [8, 1, 2]


async def test_another_way_of_reading_reads_all(world, reader):
    await poll(world, *OLD)
    await world.add("a", URL, players=True)

    await poll(world, item("new"), *OLD)

    assert reader.counts == [8, 9]


class Asked(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    async def known(self, *asked) -> Knowledge:
        self.times += 1
        return await super().known(*asked)


async def test_of_a_blank_source_nothing_is_asked(reader):
    store = Asked()
    world = World(reader=reader, store=store)
    await world.add("a", URL)

    await poll(world, *OLD)
    assert (store.times, len(await world.titles())) == (0, 8)

    await poll(world, item("new"), *OLD)
    assert store.times
