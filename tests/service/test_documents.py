"""What is rendered, when, and what is served when that fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import feedparser
import pytest

from aggregator.core.archives import named_volume
from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.joined import Frame, Joined, Piece, piece
from aggregator.core.leaves import Leaf
from aggregator.core.publication import Document
from aggregator.formats.written import Writer
from aggregator.service import documents
from aggregator.service.ahead import OLDEST, SAVED, SHARE
from aggregator.service.documents import RETRY, Documents
from aggregator.service.ports import Revision
from tests.builders import read_entry
from tests.service.published import LATEST, SITE, catalogue, two_sources
from tests.service.world import World
from tests.store.memory import MemoryStore


@pytest.fixture
async def world() -> World:
    return await two_sources()


def made(world: World, **changes) -> Documents:
    return Documents(
        store=world.store,
        clock=world.clock,
        catalogue=catalogue(**changes),
        complain=world.notebook.failed,
    )


HUB = "https://site.example/hub"
OTHERS = "https://hub.example/"


@pytest.mark.parametrize(
    ("hub", "of_publication", "of_source", "of_tag"),
    [("own", HUB, HUB, HUB), (OTHERS, OTHERS, None, None), ("", None, None, None)],
)
async def test_b5_publisher_a_document_names_the_hub_that_is_told_of_it(
    world, hub, of_publication, of_source, of_tag
):
    published, found = made(world, hub=hub), catalogue()
    named = [
        (await published.get(publication, "json")).hub
        for publication in (LATEST, found.find("sources", "a"), found.find("tags", "数学"))
    ]

    assert named == [of_publication, of_source, of_tag]


async def test_b5_publisher_what_a_search_finds_is_no_topic(world):
    search = replace(LATEST, path="search", query=(("q", "x"),))

    assert (await made(world, hub="own").get(search, "atom")).hub is None


@pytest.fixture
def writer(monkeypatch) -> "Plain":
    writer = Plain()
    both = Writer(pieces=writer.pieces, compose=writer.compose)
    monkeypatch.setitem(documents.WRITERS, "atom", both)
    return writer


class Plain:
    """Writes one line an entry, or fails."""

    def __init__(self) -> None:
        self.times = 0
        self.entries = 0
        self.failing: Exception | None = None
        self.drops = False
        self.takes = lambda: None

    def pieces(self, entries, _) -> list[Piece | None]:
        self.entries += len(entries)
        ids = [shown.entry.id for shown in entries]
        return [None if self.drops else piece(id, id.encode()) for id in ids]

    def compose(self, channel, runs) -> Joined:
        self.times += 1
        self.takes()
        if self.failing:
            raise self.failing
        return Joined(Frame(head=channel.title.encode(), tail=b"", between=b"\n"), runs)


async def add_entry(world: World, key: str = "a") -> None:
    number = len(await world.titles())
    world.serves(
        f"https://{key}.example/feed",
        read_entry(str(number), link=f"https://{key}.example/n{number}"),
    )
    await world.poll(key)


async def test_what_has_not_changed_is_not_written_again(world, writer):
    kept = made(world)
    first = await kept.get(LATEST, "atom")
    again = await kept.get(LATEST, "atom")

    assert again is first
    assert writer.times == 1


async def test_what_is_in_memory_is_at_hand_as_long_as_it_is_good(world):
    kept = made(world)
    revision = await world.store.revision()
    before = kept.current(LATEST, "atom", revision)
    document = await kept.get(LATEST, "atom")

    assert before is None
    assert kept.current(LATEST, "atom", revision) is document
    assert kept.current(LATEST, "atom", replace(revision, number=revision.number + 1)) is None
    assert kept.current(LATEST, "atom", None) is None
    assert kept.current(LATEST, "rss", revision) is None


async def test_what_time_alone_changes_is_not_at_hand_when_that_has_come(world):
    kept = made(world)
    young = replace(LATEST, max_age=timedelta(days=1, hours=1))
    await kept.get(young, "json")
    revision = await world.store.revision()
    world.clock.pass_(hours=2)

    assert kept.current(young, "json", revision) is None


@pytest.fixture
def slow(world, writer) -> None:
    """Takes more than is saved for it."""
    writer.takes = lambda: world.clock.pass_(seconds=SAVED.total_seconds() + 0.01)


async def in_a_burst(world: World) -> tuple[Documents, Document]:
    """A document that shows the first change of many, made by the time that there is for that."""
    kept = made(world)
    await kept.get(LATEST, "atom")
    await add_entry(world)
    shown = await kept.get(LATEST, "atom")
    await add_entry(world)
    return kept, shown


async def until_done(times: int = 50) -> None:
    """Lets others finish what nobody waits for."""
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("slow")
async def test_changes_that_come_too_fast_are_shown_a_second_later(world):
    kept, shown = await in_a_burst(world)
    at_once = await kept.get(LATEST, "atom")
    in_memory = kept.current(LATEST, "atom", None)
    world.clock.pass_(seconds=OLDEST.total_seconds())
    later = await kept.get(LATEST, "atom")

    assert at_once is in_memory is shown
    assert later.etag != shown.etag


async def test_changes_that_come_too_fast_are_shown_without_anybody_waiting_for_that(world, writer):
    writer.takes = lambda: world.clock.pass_(seconds=SAVED.total_seconds() + 0.01)
    kept, shown = await in_a_burst(world)
    writer.takes = lambda: None
    at_once = await kept.get(LATEST, "atom")
    in_memory = kept.current(LATEST, "atom", None)
    await until_done()
    then = kept.current(LATEST, "atom", None)

    assert at_once is in_memory is shown
    assert then is not None
    assert then.etag == (await kept.get(LATEST, "atom", exact=True)).etag != shown.etag


async def test_a_document_that_is_as_it_was_is_good_for_another_while(world, writer):
    writer.takes = lambda: world.clock.pass_(seconds=SAVED.total_seconds() + 0.01)
    kept, _ = await in_a_burst(world)
    writer.takes = lambda: None
    newest = await kept.get(LATEST, "atom", exact=True)
    for _ in range(3):
        world.clock.pass_(seconds=0.6 * OLDEST.total_seconds())
        assert kept.current(LATEST, "atom", None) is newest
        await until_done()


async def test_who_waits_for_the_next_document_is_given_that_one_though_there_is_news(
    world, writer
):
    writer.takes = lambda: world.clock.pass_(seconds=SAVED.total_seconds() + 0.01)
    kept, shown = await in_a_burst(world)
    writer.takes = lambda: None
    await kept.get(LATEST, "atom")  # the next one is begun
    world.clock.pass_(seconds=OLDEST.total_seconds())
    waiting = asyncio.create_task(kept.get(LATEST, "atom"))
    await asyncio.sleep(0)
    await add_entry(world)
    got = await waiting

    assert got.etag != shown.etag
    assert kept.current(LATEST, "atom", None) is got


async def test_before_a_document_takes_the_place_of_another_it_is_prepared(world):
    kept, prepared = made(world), []

    async def prepare(before: Document, after: Document) -> None:
        prepared.append((before, after))

    kept.prepare_with(prepare)
    first = await kept.get(LATEST, "atom")
    await add_entry(world)
    second = await kept.get(LATEST, "atom")

    assert prepared == [(first, second)]


async def test_a_document_that_a_change_leaves_as_it_is_remains_the_same(world):
    kept = made(world)
    b = catalogue().find("sources", "b")
    before = await kept.get(b, "atom")
    await add_entry(world, "a")

    assert await kept.get(b, "atom") is before


@pytest.mark.usefixtures("slow")
async def test_who_would_not_come_again_gets_the_newest_all_the_same(world):
    kept, shown = await in_a_burst(world)

    assert (await kept.get(LATEST, "atom", exact=True)).etag != shown.etag


async def test_a_change_now_and_then_is_shown_at_once(world, writer):
    writer.takes = lambda: world.clock.pass_(seconds=SAVED.total_seconds() + 0.01)
    kept, _ = await in_a_burst(world)
    writer.takes = lambda: None
    world.clock.pass_(seconds=SAVED.total_seconds() / SHARE + 1)
    before = await kept.get(LATEST, "atom")
    await add_entry(world)

    assert (await kept.get(LATEST, "atom")).etag != before.etag


@pytest.mark.usefixtures("slow")
async def test_another_configuration_is_shown_at_once_in_any_case(world):
    kept = made(world)
    await kept.get(LATEST, "atom")
    kept.take(catalogue(site=replace(SITE, language="de")))

    assert kept.current(LATEST, "atom", None) is None


async def test_a_change_elsewhere_writes_nothing(world, writer):
    kept = made(world)
    b = catalogue().find("sources", "b")
    first = await kept.get(b, "atom")
    await add_entry(world, "a")
    again = await kept.get(b, "atom")

    assert again == first
    assert writer.times == 1


async def test_who_asks_at_once_waits_for_one_and_the_same(world, writer):
    kept = made(world)

    got = await asyncio.gather(*(kept.get(LATEST, "atom") for _ in range(10)))

    assert all(one is got[0] for one in got)
    assert writer.times == 1


async def test_the_last_good_document_is_served_while_the_database_fails(world):
    store = Unreliable()
    kept = Documents(
        store=store, clock=world.clock, catalogue=catalogue(), complain=world.notebook.failed
    )
    good = await kept.get(LATEST, "atom")
    store.works = False
    world.clock.pass_(seconds=1)  # until then what was seen last is believed

    assert await kept.get(LATEST, "atom") is good
    with pytest.raises(StoreError):
        await kept.get(LATEST, "rss")


class Unreliable(MemoryStore):
    """Answers as long as it works."""

    works = True

    async def revision(self) -> Revision:
        if not self.works:
            raise StoreError("the database does not answer")
        return await super().revision()


@pytest.mark.parametrize("error", [ZeroDivisionError("a mistake of ours"), KeyError("x")])
async def test_the_last_good_document_is_served_after_a_fault_in_writing(world, writer, error):
    kept = made(world)
    good = await kept.get(LATEST, "atom")
    await add_entry(world)
    writer.failing = error
    served = await kept.get(LATEST, "atom")

    assert served is good
    assert [failure for _, failure in world.notebook.failures] == [error]


async def test_a_document_that_could_not_be_written_is_tried_again_after_a_while(world, writer):
    kept = made(world)
    good = await kept.get(LATEST, "atom")
    await add_entry(world)
    writer.failing = ZeroDivisionError()
    for _ in range(5):
        await kept.get(LATEST, "atom")
    tries, writer.failing = writer.times, None
    world.clock.pass_(seconds=RETRY.total_seconds() + 1)
    fresh = await kept.get(LATEST, "atom")

    assert tries == 2
    assert fresh.etag != good.etag


async def test_an_update_that_leaves_no_entry_is_a_failed_one(world, writer):
    kept = made(world)
    good = await kept.get(LATEST, "atom")
    kept.take(catalogue(site=replace(SITE, language="de")))  # which wants them all anew
    writer.drops = True

    assert await kept.get(LATEST, "atom") is good


async def test_an_entry_is_written_once_until_it_changes(world, writer):
    kept = made(world)
    await kept.get(LATEST, "atom")
    await add_entry(world)
    document = await kept.get(LATEST, "atom")

    assert writer.entries == 6 + 1
    assert len(document.text.pieces) == 7


async def test_without_a_good_document_the_fault_is_told(world, writer):
    writer.failing = ZeroDivisionError()

    with pytest.raises(ZeroDivisionError):
        await made(world).get(LATEST, "atom")


async def test_the_last_good_document_outlives_a_changed_configuration(world, writer):
    kept = made(world)
    good = await kept.get(LATEST, "atom")
    kept.take(catalogue(site=replace(SITE, title="Renamed")))
    writer.failing = ZeroDivisionError()

    assert await kept.get(LATEST, "atom") is good


async def test_an_address_that_there_is_not_is_no_fault_of_ours(world, monkeypatch):
    kept = made(world)
    await kept.get(LATEST, "atom")
    await add_entry(world)

    async def nowhere(*_, **__):
        raise UnknownPublication("no such page")

    monkeypatch.setattr(kept.history, "open", nowhere)

    with pytest.raises(UnknownPublication):
        await kept.get(LATEST, "atom")


async def test_it_was_last_modified_when_its_newest_change_was_stored(world):
    first = await made(world).get(LATEST, "atom")
    world.clock.pass_(hours=1)
    await add_entry(world)
    changed_at = world.clock.now()
    world.clock.pass_(hours=1)
    then = await made(world).get(LATEST, "atom")

    assert first.last_modified < then.last_modified == changed_at


async def test_it_was_never_modified_in_the_future(world):
    world.clock.step_the_wall_clock(days=1)
    await add_entry(world)
    world.clock.step_the_wall_clock(days=-1)

    for publication in (LATEST, catalogue().find("sources", "a")):
        document = await made(world).get(publication, "atom")
        assert document.last_modified == world.clock.now()


async def test_an_entry_that_is_gone_counts_as_a_change(world):
    kept = made(world)
    young = replace(LATEST, max_age=timedelta(days=1, hours=1))
    first = await kept.get(young, "json")
    world.clock.pass_(hours=2)
    later = await kept.get(young, "json")

    assert first.until is not None
    assert first.last_modified < first.until < later.last_modified == world.clock.now()


async def test_b4_what_a_document_has_no_room_for_is_in_its_archive(world, monkeypatch):
    monkeypatch.setattr("aggregator.core.archives.BLOCK", 4)
    monkeypatch.setattr(documents, "LARGEST", 2500)
    kept = made(world)
    newest = feedparser.parse((await kept.get(LATEST, "atom")).body)
    (href,) = [link.href for link in newest.feed.links if link.rel == "prev-archive"]
    name = href.removeprefix("https://site.example/feed.atom?archive=")
    archived = await kept.get(LATEST, "atom", Leaf(volume=named_volume(name)))
    volumes = [feedparser.parse(archived.body)]
    while older := [link.href for link in volumes[-1].feed.links if link.rel == "prev-archive"]:
        name = older[0].removeprefix("https://site.example/feed.atom?archive=")
        archived = await kept.get(LATEST, "atom", Leaf(volume=named_volume(name)))
        volumes.append(feedparser.parse(archived.body))

    assert len(newest.entries) < 6
    assert len({entry.id for each in (newest, *volumes) for entry in each.entries}) == 6


async def test_hubs_and_tombstones_belong_to_the_newest_document(world):
    kept = made(world, hub="https://hub.example/", publications=(replace(LATEST, limit=2),))
    publication = replace(LATEST, limit=2)
    newest = await kept.get(publication, "atom")
    page = await kept.get(publication, "atom", Leaf(page=2))

    assert newest.hub == "https://hub.example/"
    assert page.hub is None
    assert page.self_url == "https://site.example/feed.atom?page=2"
    assert b"hub.example" not in page.body
