"""The way that most polls take: what it dials, what it understands, and which connections it keeps.

What holds for every way is in test_http, test_hostile, test_tls and test_no_way_in.
"""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import httpx
import pytest

from aggregator.fetch import direct
from aggregator.fetch.direct import DirectTransport
from aggregator.fetch.exchange import MOST_WAITING
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.guard import Refused
from aggregator.fetch.resolver import Resolver
from tests.fetch.server import repeat, reply, serving
from tests.patience import until

LOOPBACK = (ip_network("127.0.0.0/8"),)
PLAIN = ssl.create_default_context()
OK = b"HTTP/1.1 200 OK\r\n"


def knowing(*addresses: str) -> Resolver:
    return Resolver(lambda _: [ip_address(text) for text in addresses])


@pytest.fixture
async def transport():
    made = DirectTransport(knowing("127.0.0.1"), PLAIN, LOOPBACK)
    yield made
    await made.aclose()


async def get(transport: DirectTransport, url: str) -> httpx.Response:
    response = await transport.handle_async_request(httpx.Request("GET", url))
    await response.aread()
    return response


async def said(transport: DirectTransport, answer: bytes) -> httpx.Response:
    async with serving({"/": answer}) as server:
        return await get(transport, server.url("/"))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.5", "169.254.169.254"])
async def test_a_name_of_a_private_address_is_refused_before_it_is_dialled(address):
    async def never(*_):
        raise AssertionError("dialled")

    with pytest.raises(Refused) as caught:
        await get(DirectTransport(knowing(address), PLAIN, dial=never), "http://a.example/")

    assert caught.value.address == ip_address(address)


async def test_what_is_dialled_is_the_address_that_was_judged():
    asked, dialled = [], []

    def lookup(host):
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.5")]

    async def dial(make, address, port):
        dialled.append(str(address))
        return await direct.dial(make, address, port)

    async with serving({"/": reply(Connection="close")}) as server:
        transport = DirectTransport(Resolver(lookup, keep=0), PLAIN, LOOPBACK, dial)
        await get(transport, server.url("/", host="nas.local"))
        with pytest.raises(Refused):
            await get(transport, server.url("/", host="nas.local"))

    assert asked == ["nas.local"] * 2
    assert dialled == ["127.0.0.1"]


@pytest.mark.parametrize("addresses", [("10.0.0.5", "127.0.0.1"), ("127.0.0.2", "127.0.0.1")])
async def test_an_address_that_is_closed_or_dead_is_followed_by_the_next(addresses):
    async with serving({"/": reply(body=b"x")}) as server:
        transport = DirectTransport(knowing(*addresses), PLAIN, LOOPBACK)
        response = await get(transport, server.url("/", host="nas.local"))
        await transport.aclose()

    assert response.content == b"x"


async def test_an_address_that_does_not_answer_costs_its_share_of_the_time(monkeypatch):
    monkeypatch.setattr(direct, "ATTEMPT_LIMIT", 0.01)

    async def dial(make, address, port):
        if address == ip_address("127.0.0.2"):
            await asyncio.Event().wait()
        return await direct.dial(make, address, port)

    async with serving({"/": reply()}) as server:
        transport = DirectTransport(knowing("127.0.0.2", "127.0.0.1"), PLAIN, LOOPBACK, dial)
        response = await get(transport, server.url("/", host="nas.local"))
        await transport.aclose()

    assert response.status_code == 200


async def test_fields_come_in_order_and_as_they_are(transport):
    fields = b"X-b: 1\r\nx-B:2 \r\nETag: \xff\r\nX-b: 1\r\nContent-Length: 0\r\n"
    response = await said(transport, OK + fields + b"\r\n")

    expected = [(b"X-b", b"1"), (b"x-B", b"2"), (b"ETag", b"\xff"), (b"X-b", b"1")]
    assert response.headers.raw == [*expected, (b"Content-Length", b"0")]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nx",
        b"HTTP/1.1 200\r\nA: b\r\nContent-Length: 1\r\n\r\nx",
        OK + b"A:\r\n b\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nx",
        b"HTTP/1.1 100 Continue\r\nA: c\r\n\r\n" * 2 + OK + b"A: b\r\nContent-Length: 1\r\n\r\nx",
        OK + b"A: b\r\nTransfer-Encoding: chunked\r\n\r\n1;q=2\r\nx\r\n0\r\nA: z\r\n\r\n",
        OK + b"A: b\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        OK + b"A: b\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 500 Oh\r\nA: c\r\n\r\n",
        OK + b"A: b\r\nConnection: close\r\nContent-Length: 1\r\n\r\nxyz",
    ],
    ids=[
        *("lines without CR", "no phrase", "a folded field", "HTTP/1.0", "interim answers"),
        *("chunks", "two lengths", "an answer nobody asked for", "more than announced"),
    ],
)
async def test_what_servers_write_is_understood(transport, answer):
    response = await said(transport, answer)

    assert (response.status_code, response.content) == (200, b"x")
    assert response.headers.get_list("a") == ["b"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Enc",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"",
    ],
)
async def test_what_breaks_off_is_no_answer(transport, answer):
    async def write(writer):
        writer.write(answer)
        await writer.drain()

    async with serving({"/": write}) as server:
        with pytest.raises(FetchFailure, match="not whole or not HTTP") as caught:
            await get(transport, server.url("/"))

    assert caught.value.kind == "protocol"


async def test_a_body_ends_with_its_connection_over_tls_too(server_side, trusting):
    async def write(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
        await writer.drain()

    async with serving({"/": write}, tls=server_side) as server:
        transport = DirectTransport(knowing("127.0.0.1"), trusting(), LOOPBACK)
        response = await get(transport, server.url("/", host="nas.local"))
        await transport.aclose()

    assert response.content == b"x" * 100_000


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (reply(body=b"x"), 1),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 1),
        (reply(body=b"x", Connection="close"), 2),
        (reply(body=b"x") + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny", 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 2),
    ],
)
async def test_a_connection_is_used_again_where_it_can_be(transport, answer, connections):
    async with serving({"/": answer}) as server:
        for _ in range(2):
            await get(transport, server.url("/"))

        assert server.connections == connections


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_connection_that_was_closed_unseen_is_not_used_again(transport, last_words):
    answered: list[socket.socket] = []

    def serve() -> None:
        for _ in range(2):
            connection, _ = server.accept()
            connection.recv(10_000)
            answered.append(connection)
            connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        server.settimeout(5)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        served = pool.submit(serve)
        await get(transport, url)
        answered[0].sendall(last_words)
        answered[0].close()  # and the loop has no turn before the next request
        response = await get(transport, url)
        served.result()
        answered[1].close()

    assert response.status_code == 200


async def test_a_connection_with_an_unread_body_is_not_used_again(transport):
    async with serving({"/": repeat(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)}) as server:
        for _ in range(2):
            response = await transport.handle_async_request(httpx.Request("GET", server.url("/")))
            await response.aclose()

        assert server.connections == 2


async def test_what_comes_when_nobody_asked_closes_the_connection(transport):
    late = asyncio.Event()

    async def write(writer):
        writer.write(reply(body=b"x"))
        await late.wait()
        writer.write(reply(body=b"forged"))
        await writer.drain()
        await asyncio.Event().wait()

    async with serving({"/": write}) as server:
        await get(transport, server.url("/"))
        late.set()
        await until(lambda: not transport._idle._kept)
        response = await get(transport, server.url("/"))

        assert response.content == b"x"
        assert server.connections == 2


async def test_idle_connections_are_closed_after_a_while_and_when_there_are_many(
    transport, monkeypatch
):
    monkeypatch.setattr(direct, "MOST_IDLE", 2)
    async with serving({"/": reply()}) as server:
        for host in ("a.local", "b.local", "c.local"):
            await get(transport, server.url("/", host=host))
        assert [host for _, host, _ in transport._idle._kept] == ["b.local", "c.local"]

        monkeypatch.setattr(direct, "KEEPALIVE", 0.01)
        await get(transport, server.url("/", host="d.local"))
        await until(lambda: ("http", "d.local", server.port) not in transport._idle._kept)


async def test_a_body_that_nobody_takes_stops_flowing(transport):
    written = 0

    async def write(writer):
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            written += 65536

    async with serving({"/": write}) as server:
        response = await transport.handle_async_request(httpx.Request("GET", server.url("/")))
        before = -1
        while before < written:
            before = written
            await asyncio.sleep(0.05)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        first = await anext(aiter(stream))
        await response.aclose()

    assert MOST_WAITING < len(first) < MOST_WAITING + 300_000


async def test_a_field_that_would_be_two_is_not_sent(transport):
    request = httpx.Request("GET", "http://127.0.0.1/", headers={"X-Key": "s3cret\r\nX: y"})

    with pytest.raises(FetchFailure, match="cannot be sent") as caught:
        await transport.handle_async_request(request)

    assert "s3cret" not in caught.value.reason
