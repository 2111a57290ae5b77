import pytest

from aggregator.core.errors import StoreError
from aggregator.core.subscribers import COUNTED
from aggregator.service import readership
from aggregator.service.readership import Readership
from tests.builders import NOON
from tests.fakes import FakeClock
from tests.store.memory import MemoryStore

FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; )"


class Shaky(MemoryStore):
    """A database that fails when told, and counts what is saved."""

    failing = False
    saved = 0

    async def save_readers(self, seen):
        if self.failing:
            raise StoreError("out of reach")
        self.saved += len(seen)
        await super().save_readers(seen)

    async def readers(self, *, since):
        if self.failing:
            raise StoreError("out of reach")
        return await super().readers(since=since)


class Run:
    """A run of ours over a database that outlives it."""

    def __init__(self, store: Shaky, clock: FakeClock, salt: str = "salt") -> None:
        self.store, self.clock = store, clock
        self.readership = Readership(store=store, clock=clock, salt=salt)

    def fetch(self, *clients: str, agent: str = "Reader/1.0", document: str = ".atom") -> None:
        for client in clients or ("192.0.2.7",):
            self.readership.note(document=document, address=client, agent=agent)

    def fetch_again(self, *clients: str, **changes: str) -> None:
        """Twice, an hour apart."""
        self.fetch(*clients, **changes)
        self.clock.pass_(hours=1)
        self.fetch(*clients, **changes)

    async def told(self) -> int:
        """The number once everything is saved and counted."""
        await self.readership.save()
        await self.readership.count()
        return self.readership.subscribers()


@pytest.fixture
def store() -> Shaky:
    return Shaky()


@pytest.fixture
def run(store) -> Run:
    return Run(store, FakeClock())


async def test_at_first_nobody_is_known(run):
    assert await run.told() == 0


async def test_clients_and_products_are_counted(run):
    run.fetch_again("a", "b", "c")
    run.fetch_again("d", agent=FEEDLY.format(12))

    assert await run.told() == 15


async def test_the_newest_number_of_a_product_counts(run):
    run.fetch_again(agent=FEEDLY.format(12))
    run.fetch_again(agent=FEEDLY.format(9))

    assert await run.told() == 9


async def test_who_came_once_is_not_even_saved(run, store):
    run.fetch("a", "b")
    run.fetch("a")
    await run.readership.save()

    assert store.saved == 0


async def test_only_who_came_since_is_saved_again(run, store):
    run.fetch_again("a", "b", "c")
    await run.readership.save()
    await run.readership.save()
    run.fetch("b")
    await run.readership.save()

    assert store.saved == 4


async def test_the_number_stays_until_it_is_counted_again(run):
    run.fetch_again("a")
    assert await run.told() == 1
    run.fetch_again("b")
    await run.readership.save()

    assert run.readership.subscribers() == 1
    assert await run.told() == 2


async def test_who_stays_away_for_a_week_is_no_subscriber(run):
    run.fetch_again("a", "b")
    await run.readership.save()
    run.clock.pass_(days=5)
    run.fetch("a")
    await run.readership.save()
    run.clock.pass_(days=3)

    assert await run.told() == 1
    await run.readership.prune()
    assert len(await run.store.readers(since=NOON)) == 1


async def test_a_restart_counts_nobody_twice(run, store):
    run.fetch_again("a", "b", "c")
    run.fetch_again(agent=FEEDLY.format(12))
    await run.readership.save()
    after = Run(store, run.clock, salt="other")
    after.fetch_again("a", "b")
    after.fetch_again(agent=FEEDLY.format(12))

    assert await after.told() == 15


async def test_a_failed_save_is_made_up_for(run, store):
    run.fetch_again("a", "b")
    store.failing = True
    with pytest.raises(StoreError):
        await run.readership.save()
    store.failing = False

    assert await run.told() == 2


async def test_a_failed_count_leaves_the_number(run, store):
    run.fetch_again("a")
    await run.told()
    store.failing = True
    with pytest.raises(StoreError):
        await run.readership.count()

    assert run.readership.subscribers() == 1


async def test_a_crowd_of_strangers_takes_no_more_memory_than_there_is(run, monkeypatch):
    monkeypatch.setattr(readership, "MOST_NOTED", 10)
    run.fetch_again(*(f"stranger-{number}" for number in range(100)))
    run.fetch_again("a", "b")

    assert len(run.readership._seen) == 10
    assert run.readership._unsaved <= run.readership._seen.keys()
    assert await run.told() == 2


async def test_memory_forgets_who_has_left(run):
    run.fetch_again("a")
    run.clock.pass_(seconds=COUNTED.total_seconds() + 1)
    await run.readership.save()

    assert run.readership._seen == {}


async def test_nothing_that_is_kept_shows_an_address_or_a_name(run):
    run.fetch_again("192.0.2.7", agent="Ann's Reader")
    run.fetch_again("192.0.2.8", agent="Ann's Reader (3 subscribers)")
    await run.readership.save()

    kept = await run.store.readers(since=NOON)

    assert len(kept) == 2
    for reader in kept:
        assert {len(reader.group), len(reader.member)} == {16}
        assert "192" not in repr(reader)
        assert "Ann" not in repr(reader)
