import asyncio
import socket
from contextlib import AbstractAsyncContextManager, suppress

import pytest

from aggregator.clock import SystemClock
from aggregator.web.server import Limits, serve
from tests.patience import PATIENCE, at_some_pace
from tests.web.wire import CLOSING, GET, answered, serving

LARGE = 20_000_000
"""Bytes: more than the buffers of both ends hold."""

QUICK = Limits(headers=0.15, exchange=0.3, shutdown=0.2)


async def app(scope, _receive, send) -> None:
    if scope["type"] != "http":
        return
    body = b"x" * LARGE if scope["path"] == "/large" else b"here"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def running(limits: Limits = QUICK) -> AbstractAsyncContextManager[int]:
    return serving(app, limits)


async def test_the_reported_port_is_served():
    async with running(Limits()) as port:
        answer = await answered(port, CLOSING)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b"here"
    assert b"server:" not in head.lower()


async def test_a_client_that_dribbles_headers_is_closed_while_others_are_served():
    async def attempt(headers: float) -> None:
        async with running(Limits(headers=headers, shutdown=0.2)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n")
            closed = asyncio.create_task(reader.read())
            served = 0
            async with asyncio.timeout(PATIENCE):
                while not closed.done():
                    writer.write(b"X: y\r\n")
                    served += (await answered(port, CLOSING)).endswith(b"here")

            with suppress(ConnectionResetError):  # what we wrote may still have been on its way
                assert await closed == b""
            assert served
            writer.close()

    await at_some_pace(attempt, 0.15, 1.5, 15.0)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="silent after the HTTP/2 preface"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1\r\na\r\n" * 99,
            id="a body that nobody reads",
        ),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", id="no body"),
    ],
)
async def test_no_client_stays_for_ever(request_):
    async with running() as port:
        assert await answered(port, request_) is not None


async def test_a_reader_that_stops_reading_loses_its_place():
    async def attempt(exchange: float) -> None:
        limits = Limits(exchange=exchange, connections=1, shutdown=0.2)
        async with running(limits) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(GET.replace(b" / ", b" /large "))
            await reader.readuntil(b"\r\n\r\n")
            turned_away = await answered(port, CLOSING)

            async with asyncio.timeout(PATIENCE):
                while not (await answered(port, CLOSING)).endswith(b"here"):
                    pass

            assert turned_away == b""
            writer.close()

    await at_some_pace(attempt, 0.5, 5.0, 30.0)


async def test_headers_have_a_limit():
    async with running() as port:
        answer = await answered(port, GET[:-2] + b"X: " + b"y" * 200_000 + b"\r\n\r\n")

    assert not answer.startswith(b"HTTP/1.1 200")


async def test_more_clients_than_allowed_are_turned_away():
    async with running(Limits(headers=10 * PATIENCE, connections=1, shutdown=0.2)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"here")

        turned_away = await answered(port, GET)

        writer.close()
    assert turned_away == b""


async def test_stopping_does_not_wait_for_idle_clients():
    async with running(Limits(headers=10 * PATIENCE, shutdown=10 * PATIENCE)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"here")

    writer.close()


async def test_stopping_waits_for_a_slow_client_only_so_long():
    async with running(Limits(exchange=10 * PATIENCE, shutdown=0.1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(GET.replace(b" / ", b" /large "))
        await reader.readuntil(b"\r\n\r\n")

    writer.close()


async def test_a_port_in_use_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match=rf"cannot listen on 127.0.0.1 port {port} .*\[server\]"):
            await serve(
                app,
                host="127.0.0.1",
                port=port,
                now=SystemClock().now,
                stop=asyncio.Event(),
                ready=lambda _host, _port: None,
            )
