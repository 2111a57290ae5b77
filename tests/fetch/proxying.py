"""A little proxy on loopback, as they are in offices."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.fetch.server import Behaviour


@dataclass
class Proxying:
    """Forwards and tunnels to `target`, whatever host it is asked for; keeps what it was asked."""

    target: int
    """The port on loopback where everything leads."""
    behaviour: Behaviour | None = None
    """What it answers instead."""
    password: str | None = None
    """What must come as Proxy-Authorization."""
    port: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Request lines and headers."""
    connections: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, value in (text.split(": ", 1) for text in rest)}
        self.asked.append((line, headers))
        if self.password is not None and headers.get("proxy-authorization") != self.password:
            writer.write(b"HTTP/1.1 407 s3cret\r\nContent-Length: 0\r\n\r\n")
        elif callable(self.behaviour):
            await self.behaviour(writer)
        elif self.behaviour is not None:
            writer.write(self.behaviour)
        else:
            await self._pass_on(line, rest, reader, writer)
        await writer.drain()
        writer.close()

    async def _pass_on(
        self,
        line: str,
        rest: list[str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        if line.startswith("CONNECT "):
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            method, url, version = line.split(" ")
            path = "/" + url.split("/", 3)[3]
            back.write("\r\n".join([f"{method} {path} {version}", *rest, "", ""]).encode())
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            back.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await source.read(65536):
            sink.write(part)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


@contextlib.asynccontextmanager
async def proxying(
    target: int,
    *,
    behaviour: Behaviour | None = None,
    password: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Proxying]:
    proxy = Proxying(target, behaviour, password)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(
            asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError
        ):
            await proxy.handle(reader, writer)
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
