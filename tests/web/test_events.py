"""Server-sent events, over loopback with the real server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from aggregator.clock import SystemClock
from aggregator.core.filters import Filters
from aggregator.web import events
from aggregator.web.server import Limits, serve
from tests.patience import PATIENCE, at_some_pace
from tests.web.test_api import Planet

LIMITS = Limits(headers=PATIENCE, exchange=PATIENCE, shutdown=5)


@pytest.fixture
async def planet() -> Planet:
    return await new_planet()


async def new_planet() -> Planet:
    planet = Planet()
    await planet.world.add("a")
    await planet.world.add("b")
    await planet.says("a", "a0")
    return planet


@asynccontextmanager
async def served(planet: Planet, limits: Limits = LIMITS) -> AsyncIterator[int]:
    where: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    looking = asyncio.create_task(planet.changes.run())
    serving = asyncio.create_task(
        serve(
            planet.app,
            host="127.0.0.1",
            port=0,
            now=SystemClock().now,
            stop=planet.stop,
            ready=lambda _, port: where.set_result(port),
            limits=limits,
        )
    )
    try:
        yield await where
    finally:
        planet.stop.set()
        await asyncio.wait_for(serving, PATIENCE)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


class Listener:
    """One who listens; events come as (kind, data, id)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = ""

    async def block(self) -> dict[str, str]:
        """The next event, or what stands in the place of one."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            while (line := (await self._line())) or not fields:
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
        return fields

    async def blocks(self) -> None:
        """Takes whatever comes, to the end."""
        while True:
            await self.block()

    async def _line(self) -> str:
        """Without the lengths of chunks, which stand on lines of their own."""
        while True:
            line = await self.reader.readline()
            if line in {b"", b"0\r\n"}:  # closed, or the last chunk
                raise EOFError
            text = line.decode().rstrip("\r\n")
            if line.endswith(b"\r\n") and (text == "" or is_length(text)):
                continue
            return text

    async def event(self) -> tuple[str, dict[str, object], str]:
        """The next event."""
        while True:
            fields = await self.block()
            if "event" in fields:
                return fields["event"], json.loads(fields["data"]), fields["id"]


def is_length(text: str) -> bool:
    try:
        return int(text, 16) >= 0
    except ValueError:
        return False


@asynccontextmanager
async def listening(
    port: int, query: str = "", last_id: str = "", *, holds: int = 2**20, client: str = ""
) -> AsyncIterator[Listener]:
    """`holds`: bytes that its system takes for it. `client` comes through a proxy."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=end, limit=holds)
    more = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
    more += f"X-Forwarded-For: {client}\r\n" if client else ""
    writer.write(f"GET /api/events{query} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    listener = Listener(reader, writer)
    listener.head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    try:
        yield listener
    finally:
        writer.close()


async def test_a_new_an_edited_and_a_hidden_entry_are_told_as_they_come(planet):
    async with served(planet) as port, listening(port) as listener:
        first = await listener.block()
        await planet.says("a", "a1")
        planet.changes.wake()
        new = await listener.event()
        await planet.says("a", "a0", content_html="<p>Other words</p>")
        planet.changes.wake()
        edited = await listener.event()
        await planet.says("a", "a1", title="Advert")
        planet.changes.wake()
        hidden = await listener.event()

    assert "content-type: text/event-stream" in listener.head
    assert "access-control-allow-origin: *" in listener.head
    assert "cache-control: no-store" in listener.head
    assert first["retry"] == "3000"
    assert (new[0], new[1]["title"]) == ("entry", "Title a1")
    assert (edited[0], edited[1]["content_html"]) == ("edit", "<p>Other words</p>")
    assert hidden[:2] == ("delete", {"id": new[1]["id"], "deleted": True})


async def test_who_comes_back_misses_nothing(planet):
    async with served(planet) as port:
        async with listening(port) as listener:
            await planet.says("a", "a1")
            planet.changes.wake()
            last_id = (await listener.event())[2]
        await planet.says("b", "b1", "b2")
        planet.changes.wake()
        async with listening(port, last_id=last_id) as listener:
            again = [(await listener.event())[1]["title"] for _ in range(2)]
            await planet.says("b", "b3")
            planet.changes.wake()
            again.append((await listener.event())[1]["title"])

    assert sorted(map(str, again)) == ["Title b1", "Title b2", "Title b3"]


async def test_the_first_id_is_a_place_to_come_back_to(planet):
    async with served(planet) as port:
        async with listening(port) as listener:
            await listener.block()
            start = (await listener.block())["id"]
        await planet.says("b", "b1")
        planet.changes.wake()
        async with listening(port, last_id=start) as listener:
            told = await listener.event()

    assert told[1]["title"] == "Title b1"


async def test_who_was_away_for_long_is_sent_to_the_lists(planet, monkeypatch):
    monkeypatch.setattr(events, "MOST_REPLAYED", 3)
    async with served(planet) as port:
        async with listening(port) as listener:
            await planet.says("a", "a1")
            planet.changes.wake()
            last_id = (await listener.event())[2]
        await planet.says("b", "b1", "b2", "b3", "b4")
        async with listening(port, last_id=last_id) as listener:
            kind, data, id = await listener.event()
            await planet.says("b", "b5")
            planet.changes.wake()
            later = await listener.event()

    assert kind == "reset"
    assert data == {"entries": f"https://planet.example/sub/api/entries?changed_since={last_id}"}
    assert id != last_id
    assert later[1]["title"] == "Title b5"


@pytest.mark.parametrize("last_id", ["nonsense", "%", "YzEuMS4xLjAwMDAwMA"])
async def test_an_id_that_is_none_of_ours_begins_anew(planet, last_id):
    async with served(planet) as port, listening(port, last_id=last_id) as listener:
        kind, data, _ = await listener.event()

    assert (kind, data) == ("reset", {"entries": "https://planet.example/sub/api/entries"})


async def test_a_listener_hears_of_another_configuration(planet):
    async with served(planet) as port, listening(port) as listener:
        await listener.block()
        await listener.block()
        planet.lists.take(planet.catalogue(filters=Filters()))
        await planet.says("a", "advert")
        planet.changes.wake()
        kind, _, _ = await listener.event()

    assert kind == "reset"


async def test_listeners_hear_what_they_asked_for(planet):
    async with (
        served(planet) as port,
        listening(port, "?source=a") as of_a,
        listening(port, "?publication=only-b") as of_b,
    ):
        for listener in (of_a, of_b):
            await listener.block()
        await planet.says("a", "a5", "advert")
        await planet.says("b", "b5")
        planet.changes.wake()
        told = [(await of_a.event())[1]["title"], (await of_b.event())[1]["title"]]

    assert told == ["Title a5", "Title b5"]


async def test_many_listeners_cost_one_look(planet, monkeypatch):
    looks = 0
    changed = planet.lists.changed

    async def counted(*args, **kwargs):
        nonlocal looks
        looks += 1
        return await changed(*args, **kwargs)

    monkeypatch.setattr(planet.lists, "changed", counted)
    async with (
        served(planet) as port,
        listening(port) as one,
        listening(port) as two,
        listening(port) as three,
    ):
        for listener in (one, two, three):
            await listener.block()
            await listener.block()
        before = looks
        await planet.says("a", "a1")
        planet.changes.wake()
        told = [(await listener.event())[1]["title"] for listener in (one, two, three)]

    assert told == ["Title a1"] * 3
    assert looks - before <= 2


async def test_there_is_room_for_so_many_listeners(planet, monkeypatch):
    monkeypatch.setattr(events, "MOST_LISTENERS", 1)
    async with served(planet) as port:
        async with listening(port) as listener:
            await listener.block()
            async with listening(port) as turned_away:
                pass
        assert " 503 " in turned_away.head.partition("\r\n")[0]
        assert "retry-after: 30" in turned_away.head
        async with asyncio.timeout(PATIENCE):
            while True:
                async with listening(port) as next_one:
                    if " 200 " in next_one.head.partition("\r\n")[0]:
                        break


async def test_one_client_leaves_room_for_others(planet, monkeypatch):
    monkeypatch.setattr(events, "MOST_OF_ONE", 1)
    async with (
        served(planet) as port,
        listening(port, client="192.0.2.1") as first,
        listening(port, client="192.0.2.1") as again,
        listening(port, client="192.0.2.2") as other,
    ):
        heads = [each.head.partition("\r\n")[0] for each in (first, again, other)]

    assert [head.split()[1] for head in heads] == ["200", "503", "200"]


@pytest.mark.parametrize(
    ("query", "status"), [("?source=none", 404), ("?publication=none", 404), ("?limit=1", 400)]
)
async def test_a_question_that_makes_no_sense_opens_no_stream(planet, query, status):
    async with served(planet) as port, listening(port, query) as listener:
        pass

    assert f" {status} " in listener.head.partition("\r\n")[0]


async def test_heartbeats_keep_a_quiet_stream_beyond_the_limit_of_an_exchange(monkeypatch):
    loop = asyncio.get_running_loop()

    async def attempt(exchange: float) -> None:
        monkeypatch.setattr(events, "HEARTBEAT", exchange / 30)
        planet, limits = await new_planet(), Limits(exchange=exchange, shutdown=5)
        async with served(planet, limits) as port, listening(port) as listener:
            started = loop.time()
            while loop.time() < started + 2 * exchange:
                last = await listener.block()

        assert last.keys() == {":", "id"}

    await at_some_pace(attempt, 1.0, 10.0, 30.0)


async def test_a_listener_that_takes_nothing_is_dropped_and_delays_nobody(monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    large = "x" * 400_000

    async def attempt(exchange: float) -> None:
        planet, limits = await new_planet(), Limits(exchange=exchange, shutdown=5)
        async with (
            served(planet, limits) as port,
            listening(port, holds=4096) as stuck,
            listening(port) as awake,
        ):
            for n in range(20):
                await planet.says("a", f"big{n}", content_html=f"<p>{large}</p>")
                planet.changes.wake()
                assert (await awake.event())[1]["title"] == f"Title big{n}"
            stuck_transport = stuck.writer.transport
            async with asyncio.timeout(PATIENCE):
                while not stuck_transport.is_closing():
                    await awake.block()
                    stuck.writer.write(b"x")

    await at_some_pace(attempt, 1.5, 10.0, 30.0)


async def test_a_stream_ends_after_a_while_and_the_listener_comes_back(planet, monkeypatch):
    monkeypatch.setattr(events, "LONGEST", 0.1)
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    async with served(planet) as port, listening(port) as listener:
        with pytest.raises(EOFError):
            await listener.blocks()


async def test_stopping_ends_the_streams_at_once(planet):
    limits = Limits(exchange=10 * PATIENCE, shutdown=10 * PATIENCE)
    async with served(planet, limits) as port, listening(port) as listener:
        await listener.block()
        planet.stop.set()
        with pytest.raises(EOFError):
            await listener.blocks()


async def test_a_listener_that_leaves_is_no_failure(planet):
    async with served(planet) as port:
        for _ in range(3):
            async with listening(port) as listener:
                await listener.block()
        await planet.says("a", "a1")
        planet.changes.wake()
        async with listening(port) as listener:
            await listener.block()

    assert planet.reports.heard == []


async def test_who_comes_together_with_many_finds_no_more_room(planet, monkeypatch):
    monkeypatch.setattr(events, "MOST_LISTENERS", 2)
    async with served(planet) as port, AsyncExitStack() as stack:
        come = (stack.enter_async_context(listening(port)) for _ in range(8))
        heads = [listener.head for listener in await asyncio.gather(*come)]

    assert sum(" 200 " in head.partition("\r\n")[0] for head in heads) == 2
