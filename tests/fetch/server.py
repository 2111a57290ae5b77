"""A scripted server on loopback that keeps what it was asked."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Behaviour = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Bytes to send as they are, or something that writes."""


@dataclass
class Asked:
    """A request as it came, header names in lower case."""

    target: str
    headers: dict[str, str]


@dataclass
class Server:
    """`answers` maps a target to a behaviour; what is not listed is 404."""

    answers: Mapping[str, Behaviour]
    port: int = 0
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def url(self, target: str = "/feed", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{target}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked = _asked(head)
                self.asked.append(asked)
                behaviour = self.answers.get(asked.target, reply("404 Not Found"))
                if isinstance(behaviour, bytes):
                    writer.write(behaviour)
                else:
                    await behaviour(writer)
                await writer.drain()
                if isinstance(behaviour, bytes) and b"\r\nContent-Length: " in behaviour:
                    continue
                break
        writer.close()


def _asked(head: bytes) -> Asked:
    line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (text.split(": ", 1) for text in fields)
    return Asked(line.split(" ")[1], {name.lower(): value for name, value in pairs})


@contextlib.asynccontextmanager
async def serving(
    answers: Mapping[str, Behaviour], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(answers, scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await server.handle(reader, writer)
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()  # what nobody has read will not be read any more

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def reply(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """An answer whose connection stays open; `content_type="x"` becomes Content-Type: x."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def redirect(to: str, status: str = "302 Found", **headers: str) -> bytes:
    return reply(status, b"body of the redirect", location=to, **headers)


def repeat(head: bytes, part: bytes, every: float = 0.0) -> Behaviour:
    """Sends `head`, then `part` for ever, `every` so many seconds."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every)

    return write


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()
