"""How much a feed shows: so many entries at least, and everything of so long."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.publication import Publication
from aggregator.service import windows
from aggregator.service.ports import Selection
from aggregator.service.windows import InFull, window_of
from tests.builders import NOON, ago
from tests.core.test_filters import filter_of
from tests.store.memory import MemoryStore
from tests.store.steps import configure, poll, story

SHOWN = Publication(slug="p", title="P", path="publications/p")
HIDES_NOTHING = Filters(everywhere=filter_of(exclude=("title: nothing",)))


@pytest.fixture
async def store():
    """Ten stories, one every ten hours."""
    store = MemoryStore()
    await configure(store, "a")
    await poll(store, "a", *(story(str(n), at=ago(hours=10 * n)) for n in range(10)))
    return store


@pytest.fixture(params=[NO_FILTERS, HIDES_NOTHING], ids=["all", "judged"])
def filters(request):
    return request.param


async def shown(store, filters, *, now=NOON, selection=None, **changes):
    publication = replace(SHOWN, **changes)
    return await window_of(InFull(store), publication, filters, selection or Selection(), now=now)


@pytest.mark.parametrize(
    ("limit", "hours", "number"),
    [(3, None, 3), (3, 10, 3), (3, 48, 5), (3, 50, 6), (8, 48, 8), (20, 48, 10), (3, 900, 10)],
)
async def test_a_window_makes_room_beyond_the_limit(store, filters, limit, hours, number):
    window = None if hours is None else timedelta(hours=hours)
    found = await shown(store, filters, limit=limit, window=window)

    assert [each.guid for each in found.stories] == [f"guid-{n}" for n in range(number)]
    assert found.count == number
    assert found.more == (number < 10)


async def test_time_alone_changes_no_window(store, filters):
    early = await shown(store, filters, limit=3, window=timedelta(days=2))
    late = await shown(store, filters, limit=3, window=timedelta(days=2), now=ago(days=-30))

    assert early == late


async def test_a_document_has_an_end(store, filters, monkeypatch):
    for module in (windows, "aggregator.core.publication"):
        name = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{name}.MOST_SHOWN", 6)

    found = await shown(store, filters, limit=3, window=timedelta(days=30))

    assert (len(found.stories), found.more) == (6, True)


async def test_a_window_of_a_selection_counts_from_its_own_newest(store, filters):
    await configure(store, "a", "b")
    await poll(store, "b", *(story(f"b{n}", at=ago(days=5, hours=n)) for n in range(4)))

    found = await shown(
        store, filters, limit=1, window=timedelta(hours=2), selection=Selection(sources={"b"})
    )

    assert [each.guid for each in found.stories] == ["guid-b0", "guid-b1", "guid-b2"]


async def test_nothing_is_a_window_too(filters):
    found = await shown(MemoryStore(), filters, window=timedelta(days=2))

    assert (found.stories, found.count, found.more) == ([], 0, False)
