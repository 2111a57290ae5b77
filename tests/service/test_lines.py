"""What documents remember of stories makes no difference to what they show."""

from datetime import timedelta

import pytest

from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.model import FeedInfo
from aggregator.core.publication import CONTENT_TYPES, Publication
from aggregator.service import lines
from aggregator.service.documents import Documents
from tests.builders import NOON, ago
from tests.core.test_filters import filter_of
from tests.fakes import FakeClock, Notebook
from tests.service.published import LATEST, catalogue
from tests.store.memory import MemoryStore
from tests.store.steps import EVERYTHING, claim_one, configure, edit_of, poll, spec, story

SHARED = "https://a.example/shared"
HIDING = Filters(everywhere=filter_of(exclude=("title: Hidden",)))
AGING = Filters(everywhere=filter_of(exclude=("age > 2d",)))
OF_B = Publication(slug="b", title="B", path="publications/b", sources=frozenset({"b"}))
FEW = Publication(slug="few", title="Few", path="publications/few", limit=2, max_per_source=1)


async def begun(store) -> None:
    await configure(store, "a", "b")
    await poll(store, "a", story("1", at=ago(hours=2)), story("2", link=SHARED))
    await poll(store, "b", story("3", link=SHARED), story("4", at=ago(days=1)))


async def add(store) -> None:
    await poll(store, "a", story("new"), at=NOON)


async def edit(store) -> None:
    claimed = await claim_one(store, "a")
    edited = await edit_of(store, claimed, story("1"), title="Hidden")
    await poll(store, "a", edited=(edited,))


async def edit_another_that_does_not_lead(store) -> None:
    claimed = await claim_one(store, "b")
    edited = await edit_of(store, claimed, story("3", link=SHARED), title="Other")
    await poll(store, "b", edited=(edited,))


async def take_down(store) -> None:
    first = (await store.whole_stories(EVERYTHING, limit=9))[0]
    await store.take_down(first.id, reason="", now=NOON)


async def unlist(store) -> None:
    await configure(store, "b")


async def rename(store) -> None:
    await configure(store, spec("a", name="Another"), "b")


async def tell_otherwise(store) -> None:
    info = FeedInfo(title="Feed a", link="https://a.example/new", updated=ago(days=9))
    await poll(store, "a", info=info)


async def stamp(store) -> None:
    await poll(store, "a", info=FeedInfo(title="Feed a", updated=NOON + timedelta(hours=1)))


async def add_more(store) -> None:
    for number in range(9):
        await poll(store, "b", story(f"more {number}", at=ago(minutes=number)))


STEPS = [
    add,
    edit,
    edit_another_that_does_not_lead,
    take_down,
    unlist,
    rename,
    tell_otherwise,
    stamp,
    add_more,
]


def documents(store, clock, filters) -> Documents:
    made = catalogue(publications=(LATEST, OF_B, FEW), filters=filters)
    return Documents(store=store, clock=clock, catalogue=made, complain=Notebook().failed)


@pytest.fixture(autouse=True, params=[False, True], ids=["room", "no room"])
def room(request, monkeypatch) -> None:
    """For all that was ever shown, or for next to nothing of it."""
    if request.param:
        monkeypatch.setattr(lines, "FEW_LINES", 1)
        monkeypatch.setattr(lines, "LATELY", 1)
        monkeypatch.setattr(lines, "MOST_LINES", 4)


async def test_what_no_document_has_shown_lately_makes_room(monkeypatch):
    monkeypatch.setattr(lines, "FEW_LINES", 1)
    monkeypatch.setattr(lines, "LATELY", 1)
    store, clock, read = MemoryStore(), FakeClock(), []
    await begun(store)
    kept = documents(store, clock, NO_FILTERS)
    shown = store.shown_stories

    async def watched(numbers):
        read.append(len(numbers))
        return await shown(numbers)

    monkeypatch.setattr(store, "shown_stories", watched)
    for _ in range(3):
        await kept.get(LATEST, "atom", exact=True)
        await add(store)
        await poll(store, "b", story(f"{len(read)}", at=NOON))

    assert read[0] > 1  # at first all that it shows, and then what is new
    assert set(read[1:]) <= {1, 2}


async def test_stories_that_have_left_all_documents_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(lines, "FEW_LINES", 10)
    monkeypatch.setattr(lines, "LATELY", 10)
    store, clock, most = MemoryStore(), FakeClock(), 0
    await begun(store)
    two = Publication(slug="two", title="Two", path="two", limit=2)
    made = catalogue(publications=(two,))
    kept = Documents(store=store, clock=clock, catalogue=made, complain=Notebook().failed)
    for number in range(100):
        await poll(store, "b", story(f"new {number}", at=NOON))
        await kept.get(two, "atom", exact=True)
        most = max(most, len(kept.history._lines._known))

    assert 10 <= most <= 12 * 5 / 4 + 1


async def test_where_an_entry_comes_in_nothing_is_asked_about_other_sources(monkeypatch):
    store, asked = MemoryStore(), []
    await configure(store, "a", "b")
    for key in ("a", "b"):
        await poll(store, key, story(key))
    kept = documents(store, FakeClock(), NO_FILTERS)
    attributions = store.attributions

    async def watched(keys):
        asked.append(keys)
        return await attributions(keys)

    monkeypatch.setattr(store, "attributions", watched)
    for number in range(3):
        await kept.get(LATEST, "atom", exact=True)
        await poll(store, "b", story(f"new {number}"))
    await kept.get(LATEST, "atom", exact=True)
    assert asked == []

    await rename(store)
    await kept.get(LATEST, "atom", exact=True)
    assert asked == [{"a", "b"}]


@pytest.mark.parametrize("filters", [NO_FILTERS, HIDING, AGING], ids=["all", "hiding", "aging"])
@pytest.mark.parametrize("step", STEPS)
async def test_who_has_been_asked_before_makes_the_same_as_who_has_not(step, filters):
    store, clock = MemoryStore(), FakeClock()
    await begun(store)
    kept = documents(store, clock, filters)
    for publication in (LATEST, OF_B, FEW):
        await kept.get(publication, "atom")
    await step(store)
    for hours in (0, 60):
        clock.pass_(hours=hours)
        for publication in (LATEST, OF_B, FEW):
            for format in CONTENT_TYPES:
                found = await kept.get(publication, format, exact=True)
                fresh = await documents(store, clock, filters).get(publication, format)
                assert (found.body, found.etag) == (fresh.body, fresh.etag)
