import asyncio
from datetime import timedelta

import pytest

from aggregator.core.errors import StoreError
from aggregator.core.wire import Answer, Failed, FetchRequest
from aggregator.service import dispatch, host_runs
from aggregator.service.host_polling import DispatchPolicy
from aggregator.service.ports import PollRecord
from tests.builders import NOON, read_entry
from tests.fakes import ScriptedFetcher
from tests.patience import turns, until
from tests.service.world import World
from tests.store.memory import MemoryStore
from tests.store.steps import claim_due, record


class HangingFetcher:
    """Never answers; counts who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def fetch(self, request: FetchRequest) -> Answer:
        self.asked.append(request.url)
        await asyncio.Event().wait()
        raise AssertionError


class OneHangs(ScriptedFetcher):
    """Never answers for one address."""

    def __init__(self, hanging: str) -> None:
        super().__init__()
        self.hanging = hanging

    async def fetch(self, request: FetchRequest) -> Answer:
        if request.url == self.hanging:
            await asyncio.Event().wait()
        return await super().fetch(request)


class CountsSweeps(MemoryStore):
    """Knows how often somebody looked for due sources."""

    def __init__(self) -> None:
        super().__init__()
        self.sweeps = 0
        self.limits: list[int] = []

    async def sweep(self, **conditions):
        self.sweeps += 1
        self.limits.append(conditions["limit"])
        return await super().sweep(**conditions)


async def running(world: World) -> asyncio.Task[None]:
    task = asyncio.create_task(world.dispatcher.run())
    world.dispatcher.wake()
    return task


async def stopped(world: World, task: asyncio.Task[None]) -> None:
    await world.dispatcher.stop()
    await task


async def test_waking_polls_what_is_due_and_nothing_else():
    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    task = await running(world)
    await until(lambda: world.notebook.reports)
    world.dispatcher.wake()
    await until(lambda: world.dispatcher.swept_at)
    await stopped(world, task)

    assert world.notebook.outcomes == {"a": "new"}
    assert len(world.fetcher.requests) == 1


async def test_a_source_is_due_again_after_its_interval():
    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 1)
    world.clock.pass_(hours=1)
    world.dispatcher.wake()
    await until(lambda: len(world.notebook.reports) == 2)
    await stopped(world, task)

    assert world.notebook.reports[1].outcome == "not_modified"


async def test_a_source_that_is_due_before_the_next_tick_does_not_wait_for_it():
    world = World()
    world.serves(await world.add("a", interval=timedelta(0)), read_entry("1"))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) > 3)
    await stopped(world, task)


async def test_looks_for_due_sources_do_not_multiply():
    store = CountsSweeps()
    world = World(store=store)
    for n in range(3):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    await world.dispatcher.poll(await world.store.claim(None, lease_until=world.clock.steady()))
    world.clock.pass_(minutes=59, seconds=59.4)
    task = await running(world)
    for _ in range(50):  # as many ticks, while the sources are to be due soon
        world.dispatcher.wake()
        await asyncio.sleep(0.001)
    store.sweeps = 0
    await asyncio.sleep(0.7)
    await stopped(world, task)

    assert store.sweeps <= 3


@pytest.mark.parametrize("step", [{"days": -1}, {"days": 3650}])
async def test_a_stepped_wall_clock_neither_stops_nor_floods_polling(step):
    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 1)
    world.clock.step_the_wall_clock(**step)
    for _ in range(3):
        world.clock.pass_(hours=1)
        world.notebook.reports.clear()
        world.dispatcher.wake()
        await until(lambda: world.notebook.reports)
    await stopped(world, task)

    assert len(world.fetcher.requests) == 4


async def test_one_request_at_a_time_for_a_host():
    world = World()
    for n in range(10):
        world.serves(await world.add(f"s{n}", f"https://one.example/{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 10)
    await stopped(world, task)

    assert world.fetcher.most_under_way == 1


async def test_many_hosts_are_polled_side_by_side():
    world = World()
    for n in range(10):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 10)
    await stopped(world, task)

    assert world.fetcher.most_under_way > 5


async def test_there_are_never_more_polls_than_allowed():
    world = World(dispatch=DispatchPolicy(concurrency=3, per_host_delay=timedelta()))
    for n in range(10):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 10)
    await stopped(world, task)

    assert world.fetcher.most_under_way == 3


class OneByOne(ScriptedFetcher):
    """Answers each in a turn of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def fetch(self, request: FetchRequest) -> Answer:
        self.asked += 1
        for _ in range(20 * self.asked):
            await asyncio.sleep(0)
        return await super().fetch(request)


async def test_one_free_place_of_many_is_no_reason_to_look_for_what_is_due():
    store = CountsSweeps()
    policy = DispatchPolicy(concurrency=8, per_host_delay=timedelta())
    world = World(store=store, fetcher=OneByOne(), dispatch=policy)
    for n in range(10):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 10)
    await stopped(world, task)

    assert min(store.limits) == 2


async def test_a_hanging_source_does_not_hold_back_the_others():
    fetcher = OneHangs("https://hanging.example/feed")
    world = World(fetcher=fetcher)
    await world.add("hanging")
    for n in range(5):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 5)
    await stopped(world, task)

    assert "hanging" not in world.notebook.outcomes


async def test_a_stop_ends_requests_and_gives_their_sources_back():
    hanging = HangingFetcher()
    world = World(fetcher=hanging)
    await world.add("a")
    task = await running(world)
    await until(lambda: hanging.asked)
    await stopped(world, task)
    again = await claim_due(world.store, world.clock.steady())

    assert [source.key for source in again] == ["a"]
    assert world.notebook.reports == []


class CountsOpenings(MemoryStore):
    """Knows which hosts were opened together."""

    def __init__(self) -> None:
        super().__init__()
        self.lots: list[int] = []

    async def open_hosts(self, hosts, **conditions):
        self.lots.append(len(hosts))
        await asyncio.sleep(0)
        return await super().open_hosts(hosts, **conditions)


@pytest.mark.parametrize(("at_once", "lots"), [(100, [10]), (6, [6, 4])])
async def test_hosts_that_are_found_together_are_opened_together(monkeypatch, at_once, lots):
    monkeypatch.setattr(host_runs, "AT_ONCE", at_once)
    store = CountsOpenings()
    world = World(store=store)
    for n in range(10):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 10)
    await stopped(world, task)

    assert store.lots == lots


class FailsToOpen(MemoryStore):
    """Cannot open the first lot."""

    failed = False

    async def open_hosts(self, hosts, **conditions):
        if not self.failed:
            self.failed = True
            raise StoreError("the disk is full")
        return await super().open_hosts(hosts, **conditions)


async def test_hosts_that_could_not_be_opened_are_told_of_and_found_again():
    world = World(store=FailsToOpen())
    for key in ("a", "b"):
        world.serves(await world.add(key), read_entry(key))
    task = await running(world)
    await until(lambda: len(world.notebook.failures) == 2)
    trouble = world.dispatcher.hosts.trouble()
    world.dispatcher.wake()
    await until(lambda: len(world.notebook.reports) == 2)
    await stopped(world, task)

    assert (str(trouble), world.dispatcher.hosts.trouble()) == ("the disk is full", None)

    assert {doing for doing, _ in world.notebook.failures} == {
        "polling the host a.example",
        "polling the host b.example",
    }


class SlowToOpen(MemoryStore):
    """Takes a few turns of the loop to open a run."""

    async def open_hosts(self, hosts, **conditions):
        runs = await super().open_hosts(hosts, **conditions)
        for _ in range(20):
            await asyncio.sleep(0)
        return runs


async def test_a_stop_gives_back_what_is_being_claimed():
    world = World(fetcher=HangingFetcher(), store=SlowToOpen())
    await world.add("a")
    task = await running(world)
    for _ in range(5):
        await asyncio.sleep(0)
    await stopped(world, task)
    again = await claim_due(world.store, world.clock.steady())

    assert [source.key for source in again] == ["a"]


async def test_a_source_that_only_another_configuration_names_is_given_back():
    world = World()
    await world.add("other")
    del world.policies["other"]
    world.serves(await world.add("a"), read_entry("1"))
    task = await running(world)
    await until(lambda: world.notebook.reports)
    await stopped(world, task)
    again = await claim_due(world.store, world.clock.steady())

    assert world.notebook.outcomes == {"a": "new"}
    assert world.notebook.failures == []
    assert [source.key for source in again] == ["other"]


async def test_a_source_that_is_only_given_back_is_not_claimed_again_before_the_next_tick():
    store = CountsSweeps()
    world = World(store=store)
    await world.add("other")
    del world.policies["other"]
    task = await running(world)
    for _ in range(200):
        await asyncio.sleep(0)
    await stopped(world, task)

    assert store.sweeps == 1


async def throttled_by_one(host: str) -> dict[str, str]:
    """Three sources of a host, the first of which is told to wait; what was polled."""
    world = World()
    asked = Failed(kind="http", reason="HTTP 429", status=429, retry_after=timedelta(hours=2))
    world.answers(await world.add("first", f"http://{host}/1"), asked)
    for n in (2, 3):
        world.serves(await world.add(f"other{n}", f"http://{host}/{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: world.dispatcher.swept_at and not world.dispatcher.hosts.runs)
    await stopped(world, task)
    return world.notebook.outcomes


async def test_a_server_that_asks_for_a_pause_is_left_alone_altogether():
    outcomes = await throttled_by_one("one.example")

    assert outcomes == {"first": "throttled", "other2": "throttled", "other3": "throttled"}


async def test_in_a_private_network_the_other_sources_go_on():
    outcomes = await throttled_by_one("127.0.0.1")

    assert outcomes == {"first": "throttled", "other2": "new", "other3": "new"}


async def test_a_fault_of_ours_in_one_poll_is_counted_and_harms_no_other():
    world = World()
    bad, good = await world.add("bad"), await world.add("good")
    world.serves(good, read_entry("1"))

    def broken(_: FetchRequest) -> Answer:
        raise RuntimeError("a bug")

    world.fetcher.answers[bad] = broken
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 2)
    await stopped(world, task)

    assert world.notebook.outcomes == {"bad": "failed", "good": "new"}
    assert (await world.health("bad")).failures == 1
    assert [str(error) for _, error in world.notebook.failures] == ["a bug"]


class FailsOnce(MemoryStore):
    """Cannot save the first poll."""

    failed = False

    async def save_poll(self, record: PollRecord) -> bool:
        if not self.failed:
            self.failed = True
            raise StoreError("the disk is full")
        return await super().save_poll(record)


async def test_a_database_that_fails_is_reported_and_polling_goes_on():
    world = World(store=FailsOnce())
    world.serves(await world.add("a"), read_entry("1"))
    task = await running(world)
    await until(lambda: world.notebook.failures)
    trouble = world.dispatcher.hosts.trouble()
    world.clock.pass_(minutes=11)
    world.dispatcher.wake()
    await until(lambda: world.notebook.reports)
    await stopped(world, task)

    assert (str(trouble), world.dispatcher.hosts.trouble()) == ("the disk is full", None)
    assert [str(error) for _, error in world.notebook.failures] == ["the disk is full"]
    assert world.notebook.outcomes == {"a": "new"}


async def test_a_look_that_fails_by_an_error_of_ours_is_told_and_polling_goes_on(monkeypatch):
    async def broken(**_):
        raise RuntimeError("a fault")

    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    with monkeypatch.context() as failing:
        failing.setattr(world.store, "sweep", broken)
        task = await running(world)
        await until(lambda: world.notebook.failures)
    world.dispatcher.wake()
    await until(lambda: world.notebook.reports)
    await stopped(world, task)

    assert [doing for doing, _ in world.notebook.failures] == ["looking for due sources"]


@pytest.mark.parametrize("in_one_transaction", [100, 7])
async def test_many_overdue_sources_are_spread_at_start(monkeypatch, in_one_transaction):
    monkeypatch.setattr(dispatch, "POSTPONED_AT_ONCE", in_one_transaction)
    world = World()
    for n in range(20):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    task = await running(world)
    await until(lambda: world.notebook.reports)
    at_once = len(world.notebook.reports)
    for _ in range(20):
        world.clock.pass_(seconds=0.25)
        world.dispatcher.wake()
        await asyncio.sleep(0.001)
    await until(lambda: len(world.notebook.reports) == 20)
    await stopped(world, task)

    assert at_once == 1
    assert len(world.notebook.reports) == 20
    times = [source.last_poll_at or NOON for source in await world.store.sources()]
    assert max(times) - min(times) >= timedelta(seconds=4.5)


async def test_after_a_long_sleep_what_is_overdue_is_spread_again():
    world = World()
    for n in range(12):
        world.serves(await world.add(f"s{n}"), read_entry(str(n)))
    await world.dispatcher.poll(await world.store.claim(None, lease_until=world.clock.steady()))
    task = await running(world)
    await until(lambda: world.dispatcher.swept_at)
    world.notebook.reports.clear()
    world.clock.pass_(hours=8)
    world.dispatcher.wake()
    await until(lambda: world.notebook.reports)
    await turns()
    await stopped(world, task)

    assert len(world.notebook.reports) == 1
    reasons = {source.next_poll_reason for source in await world.store.sources()}
    assert "overdue with many others; one after the other" in reasons


async def test_a_host_that_another_process_has_just_asked_gets_its_rest():
    world = World(dispatch=DispatchPolicy(per_host_delay=timedelta(seconds=0.1)))
    world.serves(await world.add("a"), read_entry("1"))
    await world.poll("a")
    restarted = World(
        dispatch=DispatchPolicy(per_host_delay=timedelta()),
        store=world.store,
        fetcher=world.fetcher,
        reader=world.reader,
        policies=world.policies,
    )
    begun = asyncio.get_running_loop().time()
    await restarted.poll("a")

    assert asyncio.get_running_loop().time() - begun >= 0.1


async def test_failing_sources_hold_a_quarter_of_the_places_at_most():
    hanging = HangingFetcher()
    world = World(
        fetcher=hanging, dispatch=DispatchPolicy(concurrency=8, per_host_delay=timedelta())
    )
    for n in range(8):
        await world.add(f"bad{n}")
        claimed = await world.store.claim([f"bad{n}"], lease_until=world.clock.steady())
        failed = record(
            claimed[0].lease,
            failures=1,
            outcome="failed",
            next_poll_at=world.clock.steady() - timedelta(hours=1),
        )
        await world.store.save_poll(failed)
    await world.add("good")
    task = await running(world)
    await until(lambda: "https://good.example/feed" in hanging.asked)
    await turns()
    await stopped(world, task)

    assert len(hanging.asked) == 3


async def test_of_a_host_the_sources_that_answered_last_time_are_asked_first():
    world = World()
    for name in ("bad", "good"):
        world.serves(await world.add(name, f"https://one.example/{name}"), read_entry(name))
    claimed = await world.store.claim(["bad"], lease_until=world.clock.steady())
    await world.store.save_poll(record(claimed[0].lease, failures=1, outcome="failed"))
    both = await world.store.claim(["bad", "good"], lease_until=world.clock.steady())
    await world.dispatcher.poll(both)

    assert [report.source for report in world.notebook.reports] == ["good", "bad"]


class Gate(ScriptedFetcher):
    """Holds its answers back until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()

    async def fetch(self, request: FetchRequest) -> Answer:
        await self.open.wait()
        return await super().fetch(request)


TOLD_TO_WAIT = Failed(kind="http", reason="HTTP 429", status=429, retry_after=timedelta(hours=2))


async def two_hosts_of_a_domain() -> World:
    """The first of three sources is told to wait; the others are on the other host."""
    world = World(store=MemoryStore(lambda host: host.partition(".")[2]))
    world.answers(await world.add("first", "https://a.one.example/1"), TOLD_TO_WAIT)
    for n in (2, 3):
        url = await world.add(f"other{n}", f"https://b.one.example/{n}")
        world.serves(url, read_entry(str(n)))
    return world


async def test_what_was_claimed_of_a_domain_that_asks_for_a_pause_is_given_back():
    world = await two_hosts_of_a_domain()
    gate = Gate()
    gate.answers = world.fetcher.answers
    world.poller._fetcher = gate
    task = await running(world)
    await until(lambda: len(world.dispatcher.hosts.runs) == 2)
    gate.open.set()  # the first answers, and so does what is under way of the second host
    await until(lambda: len(world.notebook.reports) == 3)
    await stopped(world, task)

    errors = {report.source: report.error or "" for report in world.notebook.reports}
    assert (world.notebook.outcomes["first"], world.notebook.outcomes["other2"]) == (
        "throttled",
        "new",
    )
    assert "another 2h" in errors["other3"]


async def test_a_pause_that_ended_early_is_not_remembered_for_longer():
    world = await two_hosts_of_a_domain()
    await world.poll("first")
    world.serves("https://a.one.example/1", read_entry("1"))
    forced = await world.store.claim(["first"], lease_until=world.clock.steady())
    await world.dispatcher.poll(forced, force=True)
    world.notebook.reports.clear()
    task = await running(world)
    await until(lambda: len(world.notebook.reports) == 2)
    await stopped(world, task)

    assert world.notebook.outcomes == {"other2": "new", "other3": "new"}


async def test_a_source_whose_address_has_changed_since_its_claim_is_given_back():
    world = World()
    world.serves(await world.add("a"), read_entry("1"))
    claimed = await world.store.claim(["a"], lease_until=world.clock.steady())
    await world.add("a", "https://new.example/feed")
    await world.dispatcher.poll(claimed)

    assert world.fetcher.requests == []


async def test_a_search_for_a_lost_feed_holds_no_place_and_harms_no_poll():
    world = World(dispatch=DispatchPolicy(concurrency=1, per_host_delay=timedelta()))
    missing = Failed(kind="http", reason="HTTP 404", status=404)
    lost = await world.add("lost")
    world.serves(lost, read_entry("1"), link="https://lost.example/")
    await world.poll("lost")
    world.answers(lost, missing)

    def broken(_: FetchRequest) -> Answer:
        raise RuntimeError("a bug")

    world.fetcher.answers["https://lost.example/"] = broken
    for _ in range(3):
        await world.poll("lost")

    assert [report.outcome for report in world.notebook.reports] == ["new", *["failed"] * 3]
    assert [str(error) for _, error in world.notebook.failures] == ["a bug"]
    assert (await world.health("lost")).failures == 3
