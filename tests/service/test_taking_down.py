"""hide and unhide: one story by its name, or nothing."""

import pytest

from aggregator.core.publication import Publication
from aggregator.core.stories import published_id
from aggregator.service.catalogue import Catalogue
from aggregator.service.ports import Selection
from aggregator.service.publishing import Publisher
from aggregator.service.taking_down import Hid, PutBack, TakingDown, Unclear
from tests.builders import ago, read_entry
from tests.formats.validity import atom_findings
from tests.service.published import SITE
from tests.service.world import World

LINK = "https://a.example/shared"
LATEST = Publication(slug="latest", title="Latest", path="")


@pytest.fixture
async def world() -> World:
    """Sources a and b share a story; each has one more, and those have the same guid."""
    world = World()
    for key in ("a", "b"):
        url = await world.add(key)
        shared = read_entry(f"{key}-shared", link=LINK, published=ago(days=2))
        own = read_entry("own", link=f"https://{key}.example/own", published=ago(days=1))
        world.serves(url, shared, own)
        await world.poll(key)
    return world


def taking_down(world: World) -> TakingDown:
    return TakingDown(world.store, world.clock)


def publisher(world: World, publication: Publication = LATEST) -> Publisher:
    catalogue = Catalogue(site=SITE, publications=(publication,), names={"a": "A"}, tags={})
    return Publisher(
        store=world.store, clock=world.clock, catalogue=catalogue, complain=world.notebook.failed
    )


@pytest.mark.parametrize(
    "name",
    [LINK, "http://www.a.example/shared/?utm_source=x", "guid-b-shared", "published"],
)
async def test_a_story_is_taken_down_by_any_of_its_names(world, name):
    text = published_id("a", "guid-a-shared") if name == "published" else name

    done = await taking_down(world).hide(text, reason="asked")

    assert isinstance(done, Hid)
    assert len(await world.titles()) == 2
    [takedown] = await taking_down(world).takedowns()
    assert (takedown.id, takedown.reason) == (published_id("a", "guid-a-shared"), "asked")


async def test_a_name_of_several_stories_takes_none_down(world):
    done = await taking_down(world).hide("guid-own")

    assert isinstance(done, Unclear)
    assert done.exact
    assert {story.id for story in done.stories} == {
        published_id("a", "guid-own"),
        published_id("b", "guid-own"),
    }
    assert len(await world.titles()) == 3


async def test_the_id_tells_two_stories_apart(world):
    done = await taking_down(world).hide(published_id("b", "guid-own"))

    assert isinstance(done, Hid)
    assert done.story.entries[0].source.key == "b"


async def test_a_part_of_a_name_takes_none_down_and_tells_what_has_it(world):
    done = await taking_down(world).hide("a.example/shar")

    assert isinstance(done, Unclear)
    assert (done.exact, len(done.stories)) == (False, 1)
    assert len(await world.titles()) == 3


async def test_what_is_not_stored_is_told(world):
    assert await taking_down(world).hide("https://z.example/") == Unclear()
    assert await taking_down(world).unhide("https://z.example/") == Unclear()


async def test_it_is_put_back_by_any_of_its_names(world):
    for name in (LINK, f"{LINK}/", "guid-a-shared", published_id("a", "guid-a-shared")):
        await taking_down(world).hide(LINK)
        assert len(await world.titles()) == 2

        assert isinstance(await taking_down(world).unhide(name), PutBack)
        assert len(await world.titles()) == 3


async def test_two_of_one_name_are_put_back_by_id_only(world):
    ids = [published_id(key, "guid-own") for key in "ab"]
    for id in ids:
        await taking_down(world).hide(id)

    done = await taking_down(world).unhide("guid-own")
    assert isinstance(done, Unclear)
    assert {each.id for each in done.stories} == set(ids)
    assert isinstance(await taking_down(world).unhide(ids[0]), PutBack)


async def test_documents_change_at_once_and_say_when(world):
    publishing = publisher(world)
    before = await publishing.document(LATEST, "atom")
    world.clock.pass_(hours=1)
    await taking_down(world).hide(LINK)
    after = await publishing.document(LATEST, "atom")

    assert LINK.encode() in before.body
    assert LINK.encode() not in after.body
    assert after.etag != before.etag
    assert after.last_modified == world.clock.now() > before.last_modified
    for format in ("rss", "json"):
        assert LINK.encode() not in (await publishing.document(LATEST, format)).body
    page = await publishing.page(LATEST, 1)
    assert len(page.entries) == 2
    listed = await publishing.entries(None, Selection(search="shared"), limit=10)
    assert listed == []


async def test_a_publication_that_never_had_it_stays_as_it_was(world):
    await world.add("c")
    only_c = Publication(slug="c", title="C", path="publications/c", sources=frozenset({"c"}))
    publishing = publisher(world, only_c)
    url = "https://c.example/feed"
    world.serves(url, read_entry("c", link="https://c.example/1"))
    await world.poll("c")
    before = await publishing.document(only_c, "atom")
    world.clock.pass_(hours=1)
    await taking_down(world).hide(LINK)

    assert await publishing.document(only_c, "atom") == before


async def test_b1_23_tombstones_stand_in_atom_on_demand_only(world):
    await taking_down(world).hide(LINK, reason="private")
    mourning = Publication(slug="m", title="M", path="publications/m", tombstones=True)
    plain = (await publisher(world).document(LATEST, "atom")).body
    told = (await publisher(world, mourning).document(mourning, "atom")).body
    now = world.clock.now().isoformat().replace("+00:00", "Z")

    assert b"tombstones" not in plain
    assert atom_findings(plain) == []
    id = published_id("a", "guid-a-shared")
    assert told.count(f'<at:deleted-entry ref="{id}" when="{now}"/>'.encode()) == 1
    assert b'xmlns:at="http://purl.org/atompub/tombstones/1.0"' in told
    assert b"private" not in told
    for format in ("rss", "json"):
        body = (await publisher(world, mourning).document(mourning, format)).body
        assert b"deleted-entry" not in body


async def test_tombstones_are_those_of_the_publication_and_no_more_than_its_limit(world):
    ids = [published_id(key, "guid-own") for key in "ab"]
    for id in ids:
        await taking_down(world).hide(id)
        world.clock.pass_(hours=1)
    of_a = Publication(
        slug="m", title="M", path="publications/m", tombstones=True, sources=frozenset({"a"})
    )
    short = Publication(slug="s", title="S", path="publications/s", tombstones=True, limit=1)

    told = (await publisher(world, of_a).document(of_a, "atom")).body
    newest = (await publisher(world, short).document(short, "atom")).body

    assert (ids[0].encode() in told, ids[1].encode() in told) == (True, False)
    assert (ids[0].encode() in newest, ids[1].encode() in newest) == (False, True)
