"""Delivery from end to end: real sources, a real hub and real subscribers, all on loopback."""

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from aggregator.bootstrap import open_service
from aggregator.config.load import load
from aggregator.daemon import Daemon
from aggregator.log import LogWatch
from aggregator.outbound import open_outbound
from aggregator.service.deliveries import delivering, hub
from tests.loopback import configuration, free_port, loopback, rss
from tests.patience import PATIENCE, until, wait_until
from tests.subscriber import subscriber

PROMPT = 2.0
"""Seconds from an entry in the database to its subscribers."""

TRIES = 10


@pytest.fixture
def site():
    with loopback(a=rss("a", "one")) as site:
        yield site


@pytest.fixture
def reader():
    with subscriber() as place:
        yield place


class Quiet(LogWatch):
    """Notes when a poll brought something, and what was told, instead of printing it."""

    def __init__(self) -> None:
        self.brought_at: list[float] = []
        self.lines: list[str] = []

    def polled(self, report) -> None:
        if report.outcome == "new":
            self.brought_at.append(time.monotonic())

    async def brought(self, number: int) -> float:
        """When the poll of that number brought something, counted from none."""
        await until(lambda: len(self.brought_at) > number)
        return self.brought_at[number]

    def say(self, event, **facts) -> None:
        self.lines.append(f"{event} {facts}")

    warn = say

    def failed(self, doing, error) -> None:
        self.lines.append(f"{doing}: {error}")


def configured(tmp_path, site, *more: str, database: str = "") -> tuple[Path, str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}/"
    text = configuration(site, interval='"300ms"').replace(
        'title = "Test"',
        f'''title = "Test"
url = "{base}"''',
    )
    path = tmp_path / "config.toml"
    path.write_text(f"{text}\n[server]\nport = {port}\n{database}\n" + "\n".join(more))
    return path, base


OWN_HUB = '[websub]\nhub = "own"\nallow_networks = ["127.0.0.0/8"]'


@asynccontextmanager
async def running(path, only=None):
    """The daemon in this process, and what it tells."""
    watch, stop, settings = Quiet(), asyncio.Event(), load(path, {})
    async with (
        open_service(settings, watch=watch) as service,
        open_outbound(service, settings, watch=watch) as outbound,
    ):
        daemon = Daemon(path, {}, settings, service, watch, outbound=outbound)
        task = asyncio.create_task(daemon.run(only=only, stop=stop))
        try:
            yield watch
        finally:
            stop.set()
            await asyncio.wait_for(task, PATIENCE)


async def subscribed(reader, base, path="/callback", **more) -> None:
    """Asks until the hub is there and knows the topic, and waits until it asked back."""
    before = len(reader.asked)
    assert await accepted(reader, base, path, **more) == 202
    await asyncio.to_thread(reader.wait_for, lambda it: len(it.asked) > before)


async def accepted(reader, base, path="/callback", **more) -> int:
    """What the hub says, once it is there and knows the topic."""
    answers: list[int] = []

    def ask() -> list[int]:
        with suppress(OSError):  # it is starting
            answers.append(reader.subscribe(f"{base}hub", f"{base}feed.atom", path, **more))
        return answers

    await asyncio.to_thread(wait_until, ask)
    return answers[0]


async def test_b5_hub_an_entry_that_is_stored_is_with_its_subscribers_within_two_seconds(
    tmp_path, site, reader, monkeypatch
):
    """The first that comes in time is enough: something else may keep the machine busy."""
    monkeypatch.setattr(delivering, "LOOK", 3600.0)  # none comes in time by chance
    path, base = configured(tmp_path, site, OWN_HUB)
    waits: list[float] = []
    async with running(path) as watch:
        await subscribed(reader, base, secret="hush")
        while not waits or (min(waits) >= PROMPT and len(waits) < TRIES):
            title, polls = f"new {len(waits)}", len(watch.brought_at)
            site.documents["/a"] = rss("a", title, "one")
            delivery = await received(reader, f"{title} of a".encode())
            waits.append(delivery.at - (await watch.brought(polls)))

    assert min(waits) < PROMPT
    assert delivery.is_signed("hush")
    assert delivery.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert f'<{base}hub>; rel="hub", <{base}feed.atom>; rel="self"' == delivery.headers["link"]
    assert reader.asked[0]["hub.lease_seconds"] == "864000"
    assert not any("hush" in line or "callback" in line for line in watch.lines)


async def received(reader, words: bytes):
    """The first delivery that has them."""

    def found(it):
        return next((each for each in it.received if words in each.body), None)

    await asyncio.to_thread(reader.wait_for, found)
    return found(reader)


async def test_a_slow_subscriber_holds_up_nobody_on_a_real_wire(
    tmp_path, site, reader, monkeypatch
):
    monkeypatch.setattr(hub, "CALL_TIMEOUT", 10 * PATIENCE)
    path, base = configured(tmp_path, site, OWN_HUB)
    answering = reader.held["/slow"] = Event()
    async with running(path):
        try:
            await subscribed(reader, base, "/slow")
            await subscribed(reader, base, "/quick")
            site.documents["/a"] = rss("a", "two", "one")
            await asyncio.to_thread(
                reader.wait_for,
                lambda it: {each.path for each in it.received} == {"/slow", "/quick"},
            )
        finally:
            answering.set()


async def test_callbacks_in_private_networks_are_not_called_unless_opened(tmp_path, site, reader):
    path, base = configured(
        tmp_path, site, '[websub]\nhub = "own"\nallow_networks = ["10.0.0.0/8"]'
    )
    async with running(path) as watch:
        status = await accepted(reader, base)
        await until(lambda: any("delivery ended" in line for line in watch.lines))

    assert (status, reader.asked, reader.received) == (202, [], [])


async def test_a_webhook_hears_of_a_new_entry_and_an_external_hub_of_the_change(
    tmp_path, site, reader
):
    path, _ = configured(
        tmp_path,
        site,
        f'[websub]\nhub = "{reader.origin}/ping"',
        f'[publications.latest]\nwebhooks = [{{ url = "{reader.origin}/hook", secret = "s" }}]',
    )
    async with running(path) as watch:
        await until(lambda: watch.brought_at)
        site.documents["/a"] = rss("a", "two", "one")
        await asyncio.to_thread(
            reader.wait_for, lambda it: any(each.path == "/hook" for each in it.received)
        )
        hook = next(each for each in reader.received if each.path == "/hook")
        await asyncio.to_thread(
            reader.wait_for,
            lambda it: any(
                each.path == "/ping" and b"feed.atom" in each.body for each in it.received
            ),
        )

    assert [entry["title"] for entry in json.loads(hook.body)["entries"]] == ["two of a"]
    assert hook.is_signed("s", "x-aggregator-signature")


async def test_a_process_that_only_serves_has_the_hub_and_delivers_what_another_one_polled(
    tmp_path, site, reader
):
    path, base = configured(tmp_path, site, OWN_HUB)
    settings = load(path, {})
    async with running(path, only="web"), open_service(settings, watch=Quiet()) as poller:
        await subscribed(reader, base)
        await poll(poller)
        await asyncio.to_thread(reader.wait_for, lambda it: it.received)

    assert b"one of a" in reader.received[0].body


@pytest.fixture(params=["sqlite", "postgres"])
def database(request):
    if request.param == "sqlite":
        return ""
    return f'[database]\nurl = "{request.getfixturevalue("postgres")}"'


async def test_two_processes_on_one_database_deliver_everything_once(
    tmp_path, site, reader, database
):
    path, base = configured(tmp_path, site, OWN_HUB, database=database)
    settings = load(path, {})
    paths = [f"/{n}" for n in range(12)]
    async with AsyncExitStack() as stack:
        outbounds, services = [], []
        for _ in range(2):
            service = await stack.enter_async_context(open_service(settings, watch=Quiet()))
            outbound = await stack.enter_async_context(
                open_outbound(service, settings, watch=Quiet())
            )
            services.append(service)
            outbounds.append(outbound)
        for at in paths:
            asked = {"mode": "subscribe", "topic": f"{base}feed.atom"}
            asked["callback"] = reader.origin + at
            form = {f"hub.{name}": text for name, text in asked.items()}
            assert await outbounds[0].hub.accept(form) is None
        await settled(outbounds)
        assert len(reader.asked) == len(paths)

        await poll(services[0])
        await settled(outbounds)

    assert sorted(each.path for each in reader.received) == sorted(paths)


async def poll(service) -> None:
    claimed = await service.store.claim(["a"], lease_until=service.clock.steady())
    await service.dispatcher.poll(claimed)


async def settled(outbounds) -> None:
    """Both look for work at the same time, until there is none."""
    for _ in range(12):
        await asyncio.gather(*(outbound.delivering.sweep() for outbound in outbounds))
        await asyncio.gather(*(outbound.delivering.idle() for outbound in outbounds))
