"""Delivery from end to end: real sources, a real hub and real subscribers, all on loopback."""

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from aggregator.bootstrap import open_service
from aggregator.config.load import load
from aggregator.daemon import Daemon
from aggregator.log import LogWatch
from aggregator.outbound import open_outbound
from tests.loopback import configuration, loopback, rss
from tests.subscriber import subscriber
from tests.test_daemon import free_port

PROMPT = 2.0
"""Seconds from an entry in the database to its subscribers."""


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
            await asyncio.wait_for(task, 10)


async def subscribed(reader, base, path="/callback", **more) -> None:
    """Asks until the hub is there and knows the topic, and waits until it asked back."""
    before = len(reader.asked)
    for _ in range(100):
        try:
            status = await asyncio.to_thread(
                reader.subscribe, f"{base}hub", f"{base}feed.atom", path, **more
            )
        except OSError:
            await asyncio.sleep(0.05)  # it is starting
            continue
        assert status == 202
        break
    await asyncio.to_thread(reader.wait_for, lambda it: len(it.asked) > before)


async def test_b5_hub_an_entry_that_is_stored_is_with_its_subscribers_within_two_seconds(
    tmp_path, site, reader
):
    path, base = configured(tmp_path, site, OWN_HUB)
    async with running(path) as watch:
        await subscribed(reader, base, secret="hush")
        await asyncio.sleep(0)
        site.documents["/a"] = rss("a", "two", "one")
        holds = b"two of a"
        await asyncio.to_thread(
            reader.wait_for, lambda it: any(holds in each.body for each in it.received)
        )
        delivery = next(each for each in reader.received if holds in each.body)
        waited = delivery.at - watch.brought_at[-1]

    assert waited < PROMPT
    assert delivery.is_signed("hush")
    assert delivery.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert f'<{base}hub>; rel="hub", <{base}feed.atom>; rel="self"' == delivery.headers["link"]
    assert reader.asked[0]["hub.lease_seconds"] == "864000"
    assert not any("hush" in line or "callback" in line for line in watch.lines)


async def test_a_slow_subscriber_holds_up_nobody_on_a_real_wire(tmp_path, site, reader):
    path, base = configured(tmp_path, site, OWN_HUB)
    reader.slow["/slow"] = 5.0
    async with running(path) as watch:
        await subscribed(reader, base, "/slow")
        await subscribed(reader, base, "/quick")
        site.documents["/a"] = rss("a", "two", "one")
        await asyncio.to_thread(
            reader.wait_for, lambda it: any(each.path == "/quick" for each in it.received)
        )
        quick = next(each for each in reader.received if each.path == "/quick")

        assert quick.at - watch.brought_at[-1] < PROMPT
        reader.slow.clear()


async def test_callbacks_in_private_networks_are_not_called_unless_opened(tmp_path, site, reader):
    path, base = configured(
        tmp_path, site, '[websub]\nhub = "own"\nallow_networks = ["10.0.0.0/8"]'
    )
    async with running(path) as watch:
        await until(lambda: watch.brought_at)
        status = await asyncio.to_thread(
            reader.subscribe, f"{base}hub", f"{base}feed.atom", "/callback"
        )
        await until(lambda: any("delivery ended" in line for line in watch.lines))

    assert (status, reader.asked, reader.received) == (202, [], [])


async def until(condition) -> None:
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never came to it")


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
        pings = [each for each in reader.received if each.path == "/ping"]

    assert [entry["title"] for entry in json.loads(hook.body)["entries"]] == ["two of a"]
    assert hook.is_signed("s", "x-aggregator-signature")
    assert any(b"feed.atom" in each.body for each in pings)


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
