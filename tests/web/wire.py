"""A server on loopback, and clients that write bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.types import ASGIApp

from aggregator.clock import SystemClock
from aggregator.web.server import Limits, serve
from tests.patience import PATIENCE

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def serving(app: ASGIApp, limits: Limits, **more: Any) -> AsyncIterator[int]:
    """The port."""
    stop = asyncio.Event()
    where: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(
            app,
            host="127.0.0.1",
            port=0,
            now=SystemClock().now,
            stop=stop,
            ready=lambda _host, port: where.set_result(port),
            limits=limits,
            **more,
        )
    )
    try:
        yield await where
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


async def answered(port: int, *requests: bytes) -> bytes:
    """Everything until the server closes; the parts of the request go out one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in requests:
            writer.write(part)
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
        with suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()


def fields_of(answer: bytes) -> dict[str, str]:
    """The header fields of the first answer."""
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)
