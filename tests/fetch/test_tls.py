"""TLS, with certificates made for the test."""

import asyncio
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest

from aggregator.core.wire import Failed, Fetched, FetchRequest
from aggregator.fetch.http import HttpFetcher
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import trusting_certifi
from tests.fetch.dialling import dialling
from tests.fetch.server import Server, reply, serving
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("over_both")


async def fetch(server: Server, host: str, *, trusting=trusting_certifi):
    resolver = Resolver(lambda _: [ip_address("127.0.0.1")])
    fetcher = HttpFetcher(
        allow_networks=[ip_network("127.0.0.0/8")],
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        transports=dialling(resolver, trusting),
    )
    url = f"https://{host}:{server.port}/feed"
    try:
        return await fetcher.fetch(
            FetchRequest(url=url, timeout=PATIENCE, max_body=1000, user_agent="agent/1")
        )
    finally:
        await fetcher.aclose()


async def test_the_name_in_the_certificate_is_that_of_the_url(trusting, server_side):
    async with serving({"/feed": reply(body=b"<rss/>")}, tls=server_side) as server:
        right = await fetch(server, "nas.local", trusting=trusting)
        wrong = await fetch(server, "other.local", trusting=trusting)

    assert isinstance(right, Fetched)
    assert isinstance(wrong, Failed)
    assert wrong.kind == "tls"
    assert "certificate is not valid for 'other.local'" in wrong.reason


async def test_an_unknown_authority_is_a_tls_failure(server_side):
    async with serving({"/feed": reply(body=b"<rss/>")}, tls=server_side) as server:
        answer = await fetch(server, "nas.local")

    assert answer == Failed(kind="tls", reason="TLS failed: self-signed certificate")


async def test_the_environment_names_no_authority(certificate, server_side, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(certificate))
    async with serving({"/feed": reply(body=b"<rss/>")}, tls=server_side) as server:
        answer = await fetch(server, "nas.local")

    assert answer == Failed(kind="tls", reason="TLS failed: self-signed certificate")


async def test_a_server_that_speaks_no_tls_is_a_tls_failure():
    async def handle(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as listening:
        server = Server({}, port=listening.sockets[0].getsockname()[1])
        answer = await fetch(server, "nas.local")

    assert answer == Failed(kind="tls", reason="TLS failed: wrong version number")
