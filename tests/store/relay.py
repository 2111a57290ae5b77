"""A way to a PostgreSQL that can be cut, and mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import URL, make_url


class Relay:
    """Listens on loopback, and passes on what comes."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._listening: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        way = self._server.difference_update_query(["host", "port"])
        way = way.set(host="127.0.0.1", port=self._port)
        return way.render_as_string(hide_password=False)

    async def mend(self) -> None:
        self._listening = await asyncio.start_server(self._relay, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Whoever is connected is thrown out, and nobody else gets in."""
        assert self._listening is not None
        self._listening.close()
        for end in self._ends:
            end.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            other_reader, other_writer = await self._connected()
            self._ends |= {writer, other_writer}
            try:
                await asyncio.gather(_pass(reader, other_writer), _pass(other_reader, writer))
            finally:
                self._ends -= {writer, other_writer}

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder, port = self._server.query.get("host"), self._server.port or 5432
        if isinstance(folder, str) and folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._server.host, port)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relay_to(url: str) -> AsyncIterator[Relay]:
    relay = Relay(make_url(url))
    await relay.mend()
    try:
        yield relay
    finally:
        relay.cut()
