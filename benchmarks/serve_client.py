"""Asks a server the same again and again, over 32 connections: the load of benchmarks.serve."""

import asyncio
import json
import re
import sys
from typing import Any, cast

CONNECTIONS = 32

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Client(asyncio.Protocol):
    """Asks until there is nothing left to ask."""

    def __init__(self, asking: dict[str, Any], done: asyncio.Future[None]) -> None:
        self._asking = asking
        self._request: bytes = asking["request"].encode()
        self._status = f"HTTP/1.1 {asking['status']} ".encode()
        self._done = done
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        if self._asking["requests"] <= 0:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._asking["requests"] -= 1
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._pending[:end]
        found = _LENGTH.search(head)
        length = int(found[1]) if found and self._asking["has_body"] else 0
        if len(self._pending) < end + 4 + length:
            return
        if not head.startswith(self._status):
            sys.exit(f"not what was asked for: {head!r}")
        self._pending = b""
        if self._asking["fresh"]:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            if self._asking["fresh"] and exc is None:
                loop = asyncio.get_running_loop()
                self._next = loop.create_task(connect(self._asking, self._done))
            else:
                sys.exit(f"the server closed: {exc}")


async def connect(asking: dict[str, Any], done: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Client(asking, done), "127.0.0.1", asking["port"])


async def main(asking: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    clients: list[asyncio.Future[None]] = [loop.create_future() for _ in range(CONNECTIONS)]
    await asyncio.gather(*(connect(asking, done) for done in clients))
    await asyncio.gather(*clients)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
