"""HTTP/2 where a source asks for it: the same guard, the same bounds."""

import asyncio
import contextlib
import gzip
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from hypercorn.asyncio import serve
from hypercorn.config import Config

from aggregator.core.errors import GuardMissing
from aggregator.core.wire import Failed, Fetched, FetchRequest, NotModified, Validators
from aggregator.fetch.http import HttpFetcher
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import Way, guarded_transports
from tests.fetch.server import reply, serving
from tests.patience import PATIENCE

MEGABYTE = 1_000_000
BOMB = gzip.compress(bytes(9 * MEGABYTE))
LOOPBACK = (ip_network("127.0.0.0/8"),)


class App:
    """An ASGI application that answers each path in its way, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[bytes, bytes]]] = []

    async def __call__(self, scope, _receive, send):
        assert scope["type"] == "http"
        headers = dict(scope["headers"])
        self.asked.append((scope["path"], scope["http_version"], headers))
        status, fields, body, repeats = {
            "/feed": (200, [(b"etag", b'"1"')], b"<rss/>", 1),
            "/same": (304, [(b"etag", b'"2"')], b"", 1),
            "/bomb": (200, [(b"content-encoding", b"gzip")], BOMB, 1),
            "/endless": (200, [], bytes(65536), 999),
            "/moved": (302, [(b"location", b"/feed")], bytes(65536), 999),
            "/outside": (302, [(b"location", b"https://public.example/feed")], b"", 1),
            "/silent": (0, [], b"", 0),
        }[scope["path"]]
        if not status:
            await asyncio.sleep(2 * PATIENCE)
        await send({"type": "http.response.start", "status": status, "headers": fields})
        for _ in range(repeats):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def speaking_http2(certificate):
    """A server that prefers HTTP/2: its application, and its port."""
    app, stop, config = App(), asyncio.Event(), Config()
    config.certfile, config.keyfile = certificate / "cert.pem", certificate / "key.pem"
    config.bind, config.graceful_timeout, config.errorlog = ["127.0.0.1:0"], 0.1, None
    sockets = config.create_sockets()
    port = sockets.secure_sockets[0].getsockname()[1]
    sockets.secure_sockets[0].listen()  # from now on, and not from some turn of the loop on
    config.bind = [f"fd://{sockets.secure_sockets[0].detach()}"]
    running = asyncio.ensure_future(serve(app, config, shutdown_trigger=stop.wait))
    try:
        yield app, port
    finally:
        stop.set()
        await running


async def fetch(port: int, path: str, trusting, *, host="nas.local", http2=True, **changes):
    fetcher = HttpFetcher(
        allow_networks=LOOPBACK,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        transports=guarded_transports(Resolver(lambda _: [ip_address("127.0.0.1")]), trusting),
    )
    asking = FetchRequest(
        url=f"https://{host}:{port}{path}",
        timeout=PATIENCE,
        max_body=MEGABYTE,
        user_agent="agent/1",
        http2=http2,
    )
    try:
        return await fetcher.fetch(replace(asking, **changes))
    finally:
        await fetcher.aclose()


async def test_a_source_that_asks_for_http2_gets_it(certificate, trusting):
    async with speaking_http2(certificate) as (app, port):
        answer = await fetch(port, "/feed", trusting, headers=(("X-Key", "a"), ("TE", "trailers")))

    assert isinstance(answer, Fetched)
    assert answer.body == b"<rss/>"
    assert answer.validators == Validators('"1"')
    ((path, version, headers),) = app.asked
    assert (path, version) == ("/feed", "2")
    assert headers[b"x-key"] == b"a"
    assert headers[b"accept-encoding"] == b"gzip, deflate, br, zstd"


async def test_any_other_source_gets_http_1(certificate, trusting):
    async with speaking_http2(certificate) as (app, port):
        answer = await fetch(port, "/feed", trusting, http2=False)

    assert isinstance(answer, Fetched)
    assert app.asked[0][1] == "1.1"


async def test_each_source_gets_its_version_also_when_all_are_polled_at_once(certificate, trusting):
    # They share TLS settings, and httpcore writes the versions into these as it connects.
    async with speaking_http2(certificate) as (app, port):
        transports = guarded_transports(Resolver(lambda _: [ip_address("127.0.0.1")]), trusting)
        fetcher = HttpFetcher(
            allow_networks=LOOPBACK,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            transports=transports,
        )
        requests = [
            FetchRequest(
                url=f"https://nas.local:{port}/feed",
                timeout=PATIENCE,
                max_body=MEGABYTE,
                user_agent="2" if n % 2 else "1.1",
                http2=bool(n % 2),
            )
            for n in range(40)
        ]
        answers = await asyncio.gather(*(fetcher.fetch(request) for request in requests))
        await fetcher.aclose()

    assert [answer for answer in answers if not isinstance(answer, Fetched)] == []
    assert len(app.asked) == 40
    assert all(headers[b"user-agent"].decode() == version for _, version, headers in app.asked)


async def test_a_server_without_http2_is_asked_as_ever(server_side, trusting):
    async with serving({"/feed": reply(body=b"<rss/>")}, tls=server_side) as server:
        answer = await fetch(server.port, "/feed", trusting)

    assert isinstance(answer, Fetched)


async def test_a_304_brings_its_validators(certificate, trusting):
    async with speaking_http2(certificate) as (app, port):
        answer = await fetch(port, "/same", trusting, validators=Validators('"1"'))

    assert answer == NotModified(validators=Validators('"2"'))
    assert app.asked[0][2][b"if-none-match"] == b'"1"'


async def test_the_body_of_a_redirect_is_not_read(certificate, trusting):
    async with speaking_http2(certificate) as (app, port):
        answer = await fetch(port, "/moved", trusting)

    assert isinstance(answer, Fetched)
    assert [path for path, *_ in app.asked] == ["/moved", "/feed"]


@pytest.mark.parametrize("path", ["/bomb", "/endless"])
async def test_a_body_that_is_too_large_is_given_up(path, certificate, trusting):
    async with speaking_http2(certificate) as (_, port):
        answer = await fetch(port, path, trusting)

    assert answer == Failed(kind="too_large", reason="the body is larger than 1000000 bytes")


async def test_the_deadline_holds(certificate, trusting):
    async with speaking_http2(certificate) as (_, port):
        answer = await fetch(port, "/silent", trusting, timeout=0.3)

    assert answer == Failed(kind="timeout", reason="no answer within 0.3 s")


async def test_the_guard_holds(certificate, trusting):
    async with speaking_http2(certificate) as (app, port):
        by_name = await fetch(port, "/feed", trusting, host="public.example")
        by_redirect = await fetch(port, "/outside", trusting)

    for answer in (by_name, by_redirect):
        assert isinstance(answer, Failed)
        assert answer.kind == "blocked"
        assert "127.0.0.1, a private or reserved address" in answer.reason
    assert [path for path, *_ in app.asked] == ["/outside"]


async def test_the_guard_is_proved_for_both_versions():
    def transports(way: Way):
        resolver = Resolver()
        return guarded_transports(resolver)(Way(LOOPBACK) if way.http2 else way)

    fetcher = HttpFetcher(now=lambda: datetime(2026, 1, 1, tzinfo=UTC), transports=transports)
    with pytest.raises(GuardMissing):
        await fetcher.prove_guard()
    await fetcher.aclose()


def frames(*, status=b"200", data=()) -> bytes:
    """An answer to the first request, as a server that checks nothing would send it."""
    server = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
    server.initiate_connection()
    client = H2Connection()
    client.initiate_connection()
    client.send_headers(
        1,
        [(":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", "a")],
        end_stream=True,
    )
    events = server.receive_data(client.data_to_send())
    assert any(isinstance(event, RequestReceived) for event in events)
    server.send_headers(1, [(b":status", status)])
    for part in data:
        server.send_data(1, part)
    return bytes(server.data_to_send())


def frame(kind: int, *, stream: int = 1, flags: int = 0, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


HOSTILE = {
    "no frames": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "closes at once": b"",
    "breaks off": frames(data=[b"<rss"]),
    "status is no number": frames(status=b"abc"),
    "data before headers": frame(4, stream=0) + frame(0, payload=b"x"),
    "frame too large": frame(4, stream=0) + b"\xff\xff\xff\x00\x00" + bytes(4),
    "bad compression": frame(4, stream=0) + frame(1, flags=4, payload=b"\xff" * 50),
    "pushes": frames() + frame(5, flags=4, payload=(2).to_bytes(4, "big") + b"\x88"),
    "window overflows": frames() + frame(8, payload=(2**31 - 1).to_bytes(4, "big")) * 3,
    "goes away": frame(4, stream=0) + frame(7, stream=0, payload=bytes(8)),
    "resets": frame(4, stream=0) + frame(3, payload=bytes(4)),
    "resets the body": frames(data=[b"<rss"]) + frame(3, payload=bytes(4)),
    "nonsense in the body": frames(data=[b"<rss"]) + frame(1, flags=4, payload=b"\xff" * 50),
    "endless headers": frame(4, stream=0)
    + frame(1, payload=b"\x88")
    + frame(9, payload=bytes([0x00, 1, 97, 1, 97]) * 3000) * 999,
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
async def test_an_answer_that_is_no_http2_is_a_failure(sent, server_side, trusting, caplog):
    async def handle(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read(65536)
            writer.write(sent)
            await writer.drain()
            writer.close()

    server_side.set_alpn_protocols(["h2"])
    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=server_side)
    async with listening:
        answer = await fetch(listening.sockets[0].getsockname()[1], "/feed", trusting)

    assert isinstance(answer, Failed)
    assert answer.kind in {"protocol", "connect"}
    assert caplog.text == ""


@pytest.mark.parametrize(
    "part",
    [frame(6, stream=0, payload=bytes(8)) * 1000, frame(0) * 1000, frame(0, payload=b"a") * 1000],
    ids=["pings", "empty frames", "one byte a frame"],
)
async def test_the_deadline_holds_in_a_flood(part, server_side, trusting):
    async def handle(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read(65536)
            writer.write(frames())
            while True:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)

    server_side.set_alpn_protocols(["h2"])
    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=server_side)
    async with listening, asyncio.timeout(PATIENCE):
        port = listening.sockets[0].getsockname()[1]
        answer = await fetch(port, "/feed", trusting, timeout=0.5)

    assert isinstance(answer, Failed)
    assert answer.kind in {"timeout", "too_large", "protocol"}
