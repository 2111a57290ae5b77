"""From who fetches our feeds to what we tell the sources that we fetch."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager

import pytest

from aggregator import __version__
from aggregator.bootstrap import open_looker, open_service
from aggregator.config.load import load
from aggregator.core.errors import StoreError
from aggregator.daemon import Daemon
from aggregator.log import LogWatch
from aggregator.web.app import create_app
from tests.fakes import FakeClock, Notebook
from tests.loopback import configuration, loopback, rss

CLIENT = "203.0.113.77"
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 130 subscribers; )"
OURS = f"aggregator/{__version__} (+http://127.0.0.1:8000/"


@pytest.fixture
def site():
    with loopback(a=rss("a", "one")) as site:
        yield site


@pytest.fixture
def place(tmp_path, site):
    path = tmp_path / "config.toml"
    path.write_text(configuration(site))
    return path


@pytest.fixture
def clock():
    return FakeClock()


@asynccontextmanager
async def service_of(place, clock):
    async with open_service(load(place, {}), watch=Notebook(), clock=clock) as service:
        yield service


async def be_read(service, clock, *agents):
    """Readers come to the web's edge, and come again an hour later."""
    app = create_app(
        service.publisher,
        service.health(polling=False),
        clock=clock,
        report=Notebook().failed,
        audience=service.readership,
        lists=service.lists,
        news=service.changes.following,
        stop=asyncio.Event(),
    )
    for _ in range(2):
        for agent in agents:
            await get(app, "/feed.atom", agent)
        clock.pass_(hours=1)
    await service.readership.save()


async def get(app, path, agent):
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        assert message.get("status", 200) == 200

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"user-agent", agent.encode())],
        "client": (CLIENT, 50_000),
    }
    await app(scope, receive, send)


async def told(service, site):
    """The User-Agent of a poll."""
    claimed = await service.store.claim(None, lease_until=service.clock.steady())
    await service.dispatcher.poll(claimed)
    return site.requests[-1][1]["user-agent"]


async def test_while_nobody_is_known_to_read_us_no_number_is_told(place, clock, site):
    async with service_of(place, clock) as service:
        assert await told(service, site) == f"{OURS})"


async def test_the_process_that_polls_tells_whom_the_one_that_serves_has_seen(place, clock, site):
    async with service_of(place, clock) as polling:
        async with service_of(place, clock) as serving:
            await be_read(serving, clock, FEEDLY, "Reader/1.0")
        before = await told(polling, site)
        await polling.readership.count()

        assert before == f"{OURS})"
        assert await told(polling, site) == f"{OURS}; 130 subscribers)"


async def test_a_start_knows_the_number_and_a_changed_file_keeps_it(place, clock, site):
    async with service_of(place, clock) as service:
        await be_read(service, clock, "Reader/1.0")
    async with service_of(place, clock) as service:
        first = await told(service, site)
        await service.take(load(place, {}))

        assert first == await told(service, site) == f"{OURS}; 1 subscriber)"


@pytest.mark.parametrize("section", ["[fetch]", "[sources.a]"])
async def test_a_configured_user_agent_is_sent_as_it_is_written(place, clock, site, section):
    text = place.read_text().replace(section, f'{section}\nuser_agent = "Mine/1.0"')
    place.write_text(text)
    async with service_of(place, clock) as service:
        await be_read(service, clock, FEEDLY)
        await service.readership.count()

        assert await told(service, site) == "Mine/1.0"


async def test_without_a_database_no_number_is_told(place, site):
    async with open_looker(load(place, {})) as looker:
        async for _ in looker.look_at_all():
            pass

    assert site.requests[-1][1]["user-agent"] == f"{OURS})"


async def test_who_has_left_is_pruned_with_the_entries(place, clock):
    async with service_of(place, clock) as service:
        await be_read(service, clock, FEEDLY, "Reader/1.0")
        clock.pass_(days=8)
        await service.prune(load(place, {}))

    assert rows(place) == []


async def test_neither_the_database_nor_the_log_reveals_an_address(place, clock, capfd):
    async with service_of(place, clock) as service:
        await be_read(service, clock, FEEDLY, "Reader/1.0")

    printed = "".join(capfd.readouterr())
    files = b"".join(path.read_bytes() for path in place.parent.iterdir())
    assert len(rows(place)) == 2
    assert CLIENT not in printed
    assert CLIENT.encode() not in files
    assert b"Feedly" not in files


async def test_a_stop_saves_what_is_in_memory(place, clock):
    stopped = asyncio.Event()
    stopped.set()
    async with service_of(place, clock) as service:
        service.readership.note(document=".atom", address=CLIENT, agent=FEEDLY)
        clock.pass_(hours=1)
        service.readership.note(document=".atom", address=CLIENT, agent=FEEDLY)
        daemon = Daemon(place, {}, load(place, {}), service, LogWatch())
        await daemon.run(only="poll", stop=stopped)

    assert len(rows(place)) == 1


class Heard(LogWatch):
    """Remembers what failed instead of printing it."""

    def __init__(self) -> None:
        self.doings: list[str] = []

    def failed(self, doing: str, error: Exception) -> None:  # noqa: ARG002  # the watch's
        self.doings.append(doing)


async def test_a_failure_to_save_or_count_is_reported_and_harms_nothing(
    place, clock, site, monkeypatch
):
    async def fail(*_, **__):
        raise StoreError("out of reach")

    async with service_of(place, clock) as service:
        heard = Heard()
        daemon = Daemon(place, {}, load(place, {}), service, heard)
        with monkeypatch.context() as broken:
            broken.setattr(type(service.store), "save_readers", fail)
            broken.setattr(type(service.store), "readers", fail)
            with pytest.raises(StoreError):
                await be_read(service, clock, FEEDLY)
            await daemon._save_readers()
            await daemon._count_subscribers()
        assert await told(service, site) == f"{OURS})"
        await daemon._save_readers()
        await daemon._count_subscribers()
        assert await told(service, site) == f"{OURS}; 130 subscribers)"

    assert heard.doings == ["saving who fetches our feeds", "counting the subscribers"]


def rows(place):
    connection = sqlite3.connect(place.parent / "aggregator.db")
    try:
        return connection.execute("SELECT * FROM readers").fetchall()
    finally:
        connection.close()
