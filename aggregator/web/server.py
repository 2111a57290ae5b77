"""The HTTP server, inside the loop that is running already.

hypercorn reads requests and closes clients whose headers do not arrive in time. Accepting,
limiting and closing connections is done here, since its own loop neither tells which port it
got, nor ends while one client is slow to read, nor drops that client ever.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Event, Updated
from hypercorn.typing import ASGIFramework, LifespanState
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVENTS = "text/event-stream"

_LAST_WAIT = 0.5
"""Seconds for dropped connections to unwind."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may take. Times in seconds."""

    headers: float = 10.0
    """For a request's headers to arrive, and for a kept connection to be used again."""
    exchange: float = 60.0
    """From a request's headers until its answer has been taken; of a stream of events, the next
    part of it."""
    shutdown: float = 4.0
    """For requests under way to end once we stop."""
    connections: int = 700
    """At once. Well below the 1024 open files that a process gets by default."""
    header_bytes: int = 16 * 1024


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    ready: Callable[[str, int], None],
    limits: Limits | None = None,
) -> None:
    """Serves until `stop` is set. Raises OSError, with what to do, when it cannot listen.

    `ready` is told the address and port once connections are accepted; port 0 is any free one.
    """
    connections = _Connections(app, limits or Limits())
    server = await _listen(connections.accept, host, port)
    ready(*server.sockets[0].getsockname()[:2])
    watch = asyncio.create_task(connections.watch())
    try:
        await stop.wait()
    finally:
        watch.cancel()
        server.close()
        await connections.close()


async def _listen(
    accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], host: str, port: int
) -> asyncio.Server:
    try:
        return await asyncio.start_server(accept, host, port, backlog=256)
    except OSError as error:
        message = (
            f"cannot listen on {host} port {port} ({error.strerror or error}); "
            "is another aggregator running? See [server] host and port"
        )
        raise OSError(error.errno, message) from error


class _Client(TCPServer):
    """One connection. hypercorn times only idle ones, so this remembers since when it is busy."""

    busy_since: float | None = None

    def moved(self) -> None:
        """A part of a stream has been taken."""
        if self.busy_since is not None:
            self.busy_since = self.loop.time()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, Updated):
            started = self.busy_since or self.loop.time()
            self.busy_since = None if event.idle else started
        await super().protocol_send(event)


class _Streaming:
    """The application; tells when a client has taken a part of a stream of events.

    Such a stream may last: what counts is that it moves.
    """

    moved: Callable[[], None]

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams = False

        async def sending(message: Message) -> None:
            nonlocal streams
            if message["type"] == "http.response.start":
                streams = (
                    Headers(raw=message["headers"]).get("content-type", "").startswith(_EVENTS)
                )
            await send(message)
            if streams:
                self.moved()

        await self._app(scope, receive, sending)


class _Connections:
    """The clients that are connected, each with the task that serves it."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._limits = limits
        self._config = _config(limits)
        self._app = app
        self._context = WorkerContext(None)
        self._open: dict[_Client, asyncio.Task[None]] = {}

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._limits.connections:
            writer.transport.abort()
            return
        loop = asyncio.get_running_loop()
        state = LifespanState()
        streaming = _Streaming(self._app)
        app = ASGIWrapper(cast("ASGIFramework", streaming))  # both describe ASGI 3, in other words
        client = _Client(app, loop, self._config, self._context, state, reader, writer)
        streaming.moved = client.moved
        self._open[client] = loop.create_task(self._attend(client))

    async def _attend(self, client: _Client) -> None:
        try:
            await client
        except Exception:  # noqa: BLE001 - one client's end is not everybody's
            _log.exception("a connection ended by an error of the server")
        finally:
            del self._open[client]

    async def watch(self) -> None:
        """Drops clients that keep one exchange open for too long: slow readers, endless bodies."""
        while True:
            await asyncio.sleep(self._limits.exchange / 10)
            overdue = asyncio.get_running_loop().time() - self._limits.exchange
            for client in list(self._open):
                if client.busy_since is not None and client.busy_since < overdue:
                    self._drop(client)

    async def close(self) -> None:
        """Idle clients leave at once, busy ones when they are served or the time is over."""
        await self._context.terminated.set()
        await self._gone(self._limits.shutdown)
        for client in list(self._open):
            self._drop(client)
        await self._gone(_LAST_WAIT)

    def _drop(self, client: _Client) -> None:
        client.writer.transport.abort()
        self._open[client].cancel()

    async def _gone(self, seconds: float) -> None:
        if self._open:
            await asyncio.wait(self._open.values(), timeout=seconds)


def _config(limits: Limits) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = _log
    config.include_server_header = False
    config.keep_alive_timeout = limits.headers
    config.h11_max_incomplete_size = limits.header_bytes
    config.h2_max_header_list_size = limits.header_bytes
    return config
