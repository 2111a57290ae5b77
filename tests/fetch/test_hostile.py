"""Servers that mean harm, or are broken: each poll ends, in time and within bounds."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_network

import brotli
import pytest

from aggregator.core.wire import Failed, Fetched, FetchRequest
from aggregator.fetch.http import HttpFetcher
from aggregator.fetch.resolver import Resolver
from tests.fetch.dialling import dialling
from tests.fetch.server import Server, redirect, repeat, reply, serving, silence
from tests.patience import PATIENCE, at_some_pace, until

pytestmark = pytest.mark.usefixtures("over_both")

MEGABYTE = 1_000_000
DIALLING = dialling(Resolver())
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


async def fetch(
    server: Server, *, within: float = PATIENCE, proxy: str | None = None, most=MEGABYTE
):
    fetcher = HttpFetcher(
        allow_networks=[ip_network("127.0.0.0/8")],
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        transports=DIALLING,
    )
    try:
        return await fetcher.fetch(
            FetchRequest(
                url=server.url(),
                timeout=within,
                max_body=most,
                user_agent="a",
                proxy=proxy,
            )
        )
    finally:
        await fetcher.aclose()


@pytest.mark.parametrize(
    "behaviour",
    [
        silence,
        repeat(ENDLESS, b"a", 0.01),
        repeat(CHUNKED, b"1\r\na\r\n", 0.01),
        repeat(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.01),
        repeat(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.01),
        repeat(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
        repeat(CHUNKED, b"1\r\na\r\n" * 1000),
    ],
    ids=["silent", "drip", "chunk drip", "header drip", "slow 1xx", "1xx flood", "tiny chunks"],
)
async def test_the_deadline_holds_for_everything(behaviour):
    async with serving({"/feed": behaviour}) as server, asyncio.timeout(PATIENCE):
        answer = await fetch(server, within=0.3, most=2**60)

    assert answer == Failed(kind="timeout", reason="no answer within 0.3 s")


@pytest.mark.parametrize("through", ["", "http", "https"])
async def test_a_handshake_that_never_ends_leaves_no_connection_behind(through):
    shaking: list[bytes] = []
    opened = closed = 0

    async def mute(reader, writer):
        nonlocal opened, closed
        opened += 1
        with suppress(asyncio.IncompleteReadError):
            if through == "http":
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            while said := await reader.read(65536):
                shaking.append(said)
        closed += 1
        writer.close()

    async def attempt(within: float) -> None:
        answer = await fetch(server, within=within, proxy=proxy)
        await until(lambda: closed == opened)

        assert isinstance(answer, Failed)
        assert answer.kind == "timeout"
        assert shaking

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as listening:
        server = Server({}, port=listening.sockets[0].getsockname()[1], scheme="https")
        proxy = f"{through}://127.0.0.1:{server.port}" if through else None
        await at_some_pace(attempt, 0.2, 2.0, 20.0)


async def test_the_deadline_holds_across_redirects():
    async with serving({"/feed": redirect("/b"), "/b": silence}) as server:
        answer = await fetch(server, within=0.3)

    assert isinstance(answer, Failed)
    assert answer.kind == "timeout"


@pytest.mark.parametrize(
    "behaviour",
    [
        repeat(ENDLESS, bytes(65536)),
        reply(body=gzip.compress(bytes(50 * MEGABYTE)), Content_Encoding="gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        reply(body=bytes(MEGABYTE + 1)),
    ],
    ids=["endless", "gzip bomb", "announced", "one too many"],
)
async def test_a_body_that_is_too_large_is_given_up(behaviour):
    async with serving({"/feed": behaviour}) as server:
        tracemalloc.start()
        try:
            answer = await fetch(server)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert answer == Failed(kind="too_large", reason="the body is larger than 1000000 bytes")
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"<rss/>" * 999)[:40], "gzip"),
        (b"<rss/>", "gzip"),
        (b"<rss/>", "br"),
        (b"<rss/>", "zstd"),
        (b"<rss/>", "compress"),
        (gzip.compress(gzip.compress(b"<rss/>")), "gzip, gzip"),
        (gzip.compress(b"<rss/>"), ", ".join(["gzip"] * 5000)),
    ],
    ids=["truncated", "not gzip", "not br", "not zstd", "not asked for", "twice", "chain"],
)
async def test_a_body_that_cannot_be_unpacked_is_a_failure(body, encoding):
    async with serving({"/feed": reply(body=body, Content_Encoding=encoding)}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Failed)
    assert answer.kind == "encoding"


async def reset(writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
    await writer.drain()
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def hang_up(writer) -> None:
    writer.close()


@pytest.mark.parametrize(
    "behaviour",
    [
        b"hello world\r\n\r\n",
        b"GET /feed?key=s3cret HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        CHUNKED + b"zz\r\nhello",
        repeat(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536),
        repeat(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
        repeat(CHUNKED, b"1;" + b"e" * 65536),
        repeat(CHUNKED + b"1\r\na\r\n0\r\n", b"X-T: " + b"a" * 60000 + b"\r\n"),
        hang_up,
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, bytes) else None,
)
async def test_an_answer_that_is_no_http_is_a_failure(behaviour):
    async with serving({"/feed": behaviour}) as server:
        answer = await fetch(server)

    assert answer == Failed(kind="protocol", reason="the server's answer is not whole or not HTTP")


async def short(writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
    await writer.drain()


@pytest.mark.parametrize("behaviour", [reset, short])
async def test_a_body_that_breaks_off_is_a_failure(behaviour):
    async with serving({"/feed": behaviour}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Failed)
    assert answer.kind in {"connect", "protocol"}


@pytest.mark.parametrize(
    "behaviour",
    [
        repeat(b"HTTP/1.1 302 Found\r\nLocation: /ok\r\n\r\n", bytes(65536)),
        repeat(b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 9999\r\n\r\n", b"a", 0.05),
        redirect("/ok", Content_Encoding="br"),
    ],
    ids=["endless", "slow", "packed"],
)
async def test_the_body_of_a_redirect_is_never_read(behaviour):
    async with serving({"/feed": behaviour, "/ok": reply(body=b"<rss/>")}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Fetched)


FIELDS = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "behaviour",
    [
        FIELDS + b"".join(b"X-%d: y\r\n" % n for n in range(8000)) + b"\r\n",
        FIELDS + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        FIELDS + b"Content-Length: 3\r\n\r\n<rss/>",
        CHUNKED + b"F" * 16 + b"\r\nhello",
        b"HTTP/1.1 000 Foo\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n<rss/>",
        b"HTTP/1.1 304 Not Modified\r\n\r\n<rss/>",
        reply(body=b"<rss/>", Content_Encoding="deflate"),
        reply(body=brotli.compress(b"<rss/>" * 999)[:9], Content_Encoding="br"),
    ],
    ids=[
        *("many headers", "two lengths", "short length", "huge chunk", "000", "204", "304"),
        *("not deflate", "br breaks off"),
    ],
)
async def test_whatever_else_a_server_does_the_poll_ends(behaviour):
    async with serving({"/feed": behaviour}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Fetched | Failed)
    assert getattr(answer, "kind", "http") in {"http", "protocol", "connect", "encoding"}


@pytest.mark.parametrize(
    "location",
    [
        "ht!tp://x/",
        "http://\xff\xfe/",
        "http://127.0.0.1:abc/",
        "http://%zz/",
        "http://a..b/",
        f"http://{'a' * 64}.com/",
        "http://127.0.0.1:1/" + "a" * 60_000,
        "http://u:p@127.0.0.1:1/",
    ],
)
async def test_wherever_a_redirect_leads_the_poll_ends(location):
    async with serving({"/feed": redirect(location)}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Failed)
    assert answer.kind in {"redirects", "blocked", "dns", "connect", "http"}


async def test_switching_protocols_is_a_failure():
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    async with serving({"/feed": repeat(head, b"z", 0.05)}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Failed)
    assert answer.kind in {"http", "protocol"}


async def test_headers_of_any_bytes_are_kept_as_they_are():
    head = b'HTTP/1.1 200 \xff\xfe\r\nETag: "\xff\xe9"\r\nContent-Type: a/\xff\r\n'
    async with serving({"/feed": head + b"Content-Length: 0\r\n\r\n"}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Fetched)
    assert answer.validators.etag == '"\xff\xe9"'
    assert answer.content_type == "a/\xff"
