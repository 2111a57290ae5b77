"""Through a proxy: who is dialled, what is refused before it is asked, and what is said of it."""

import asyncio
import contextlib
import logging
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest

from aggregator.core.wire import Failed, Fetched, FetchRequest
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.guard import Refused, prove_guard
from aggregator.fetch.http import HttpFetcher
from aggregator.fetch.proxy import ProxyBackend, read_proxy
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import Way, guarded_transports
from tests.fetch.proxying import proxying
from tests.fetch.server import redirect, repeat, reply, serving, silence
from tests.fetch.test_http2 import speaking_http2
from tests.patience import PATIENCE

LOOPBACK = (ip_network("127.0.0.0/8"),)
FEED = b"<rss/>"
PLAIN = ssl.create_default_context


def lookup(host):
    """Only the proxy's name can be looked up from here."""
    if host != "proxy.local":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [ip_address("127.0.0.1")]


async def fetch(url: str, proxy: str, *, networks=(), trusting=PLAIN, **changes):
    fetcher = HttpFetcher(
        allow_networks=networks,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        transports=guarded_transports(Resolver(lookup), trusting),
    )
    asking = FetchRequest(url=url, timeout=PATIENCE, max_body=100_000, user_agent="a", proxy=proxy)
    try:
        return await fetcher.fetch(replace(asking, **changes))
    finally:
        await fetcher.aclose()


async def test_a_source_is_polled_through_its_proxy():
    async with serving({"/feed": reply(body=FEED)}) as server, proxying(server.port) as proxy:
        answer = await fetch(
            "http://public.example/feed", f"http://me:p%40%C3%A4@127.0.0.1:{proxy.port}"
        )

    assert isinstance(answer, Fetched)
    ((line, headers),) = proxy.asked
    assert line == "GET http://public.example/feed HTTP/1.1"
    assert headers["host"] == "public.example"
    assert headers["proxy-authorization"] == "Basic bWU6cEDDpA=="


async def test_an_https_source_is_polled_through_a_tunnel(server_side, trusting):
    async with (
        serving({"/feed": reply(body=FEED)}, tls=server_side) as server,
        proxying(server.port) as proxy,
    ):
        answer = await fetch(
            "https://nas.local/feed",
            f"http://me:pass@proxy.local:{proxy.port}",
            networks=LOOPBACK,
            trusting=trusting,
            headers=(("X-Key", "s3cret"), ("Proxy-Authorization", "wrong")),
        )

    assert isinstance(answer, Fetched)
    ((line, headers),) = proxy.asked
    assert line == "CONNECT nas.local:443 HTTP/1.1"
    assert headers["proxy-authorization"] == "Basic bWU6cGFzcw=="
    assert "x-key" not in headers
    assert "proxy-authorization" not in server.asked[0].headers
    assert server.asked[0].headers["x-key"] == "s3cret"


async def test_the_way_to_the_proxy_may_be_secure_too(server_side, trusting):
    async with (
        serving({"/feed": reply(body=FEED)}, tls=server_side) as server,
        proxying(server.port, tls=server_side) as proxy,
    ):
        address = f"https://proxy.local:{proxy.port}"
        answer = await fetch(
            "https://nas.local/feed", address, networks=LOOPBACK, trusting=trusting
        )
        unknown = await fetch("https://nas.local/feed", address, networks=LOOPBACK)

    assert isinstance(answer, Fetched)
    assert unknown == Failed(
        kind="tls",
        reason=f"the proxy proxy.local:{proxy.port} cannot be used: "
        "TLS failed: self-signed certificate",
    )


async def test_http2_goes_through_a_tunnel(certificate, trusting):
    async with speaking_http2(certificate) as (app, port), proxying(port) as proxy:
        answer = await fetch(
            "https://nas.local/feed",
            f"http://127.0.0.1:{proxy.port}",
            networks=LOOPBACK,
            trusting=trusting,
            http2=True,
        )

    assert isinstance(answer, Fetched)
    assert app.asked[0][1] == "2"


async def test_the_certificate_in_a_tunnel_is_that_of_the_source(server_side, trusting):
    async with serving({}, tls=server_side) as server, proxying(server.port) as proxy:
        answer = await fetch(
            "https://other.example/", f"http://127.0.0.1:{proxy.port}", trusting=trusting
        )

    assert isinstance(answer, Failed)
    assert answer.kind == "tls"
    assert "not valid for 'other.example'" in answer.reason


async def test_every_hop_goes_through_the_proxy():
    answers = {"/feed": redirect("http://b.example/x"), "/x": reply(body=FEED)}
    async with serving(answers) as server, proxying(server.port) as proxy:
        answer = await fetch("http://a.example/feed", f"http://127.0.0.1:{proxy.port}")

    assert isinstance(answer, Fetched)
    assert [line.split(" ")[1] for line, _ in proxy.asked] == [
        "http://a.example/feed",
        "http://b.example/x",
    ]


REFUSED = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1:8080/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[fe80::1%25lo]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://10.0.0.5/",
    "http://[fd00:ec2::254]/",
    "http://localhost/",
    "https://LOCALHOST./",
    "http://metadata.google.internal/",
    "http://router.lan/",
    "http://intranet/",
    "http://public.example:22/",
    "https://public.example:6379/",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_what_can_be_judged_is_refused_before_the_proxy_is_asked(url):
    moved = redirect(url)
    async with serving({"/feed": moved}) as server, proxying(server.port) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        direct = await fetch(url, address)
        assert proxy.connections == 0
        led = await fetch("http://public.example/feed", address, networks=LOOPBACK)

    assert len(proxy.asked) == 1
    for answer in (direct, led):
        assert isinstance(answer, Failed)
        assert answer.kind in {"blocked", "redirects"}
    assert direct.kind == "blocked"


async def test_a_local_name_is_refused_with_a_hint():
    answer = await fetch("http://router.lan/", "http://127.0.0.1:1")

    assert answer == Failed(
        kind="blocked",
        reason="refused: router.lan is a name of a private network; "
        "[fetch] allow_networks can open it",
    )


@pytest.mark.parametrize("host", ["nas.local", "127.0.0.5"])
async def test_an_opened_network_is_reached_through_the_proxy(host):
    async with serving({"/feed": reply(body=FEED)}) as server, proxying(server.port) as proxy:
        answer = await fetch(
            f"http://{host}/feed", f"http://127.0.0.1:{proxy.port}", networks=LOOPBACK
        )

    assert isinstance(answer, Fetched)


async def test_nothing_but_the_proxy_is_dialled():
    async with serving({}) as server, proxying(0) as proxy:
        backend = ProxyBackend(Resolver(), read_proxy(f"http://127.0.0.1:{proxy.port}"))
        for host, port in (("127.0.0.1", server.port), ("localhost", proxy.port)):
            with pytest.raises(Refused):
                await backend.connect_tcp(host, port)
        with pytest.raises(Refused):
            await backend.connect_unix_socket("/run/x.sock")

        assert server.connections == proxy.connections == 0


async def test_the_guard_can_be_proved_with_a_proxy():
    async with proxying(0) as proxy:
        way = Way(proxy=f"http://127.0.0.1:{proxy.port}")
        transport = guarded_transports(Resolver(), PLAIN)(way)
        await prove_guard(transport)
        await transport.aclose()

        assert proxy.connections == 0


def closed_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


async def test_a_proxy_that_is_not_there_is_named():
    port = closed_port()

    answer = await fetch("http://a.example/", f"http://me:s3cret@127.0.0.1:{port}")

    assert answer == Failed(
        kind="connect",
        reason=f"the proxy 127.0.0.1:{port} cannot be used: connection refused",
    )


async def test_a_proxy_whose_name_is_unknown_is_named():
    answer = await fetch("http://a.example/", "http://me:s3cret@proxy.lan:3128")

    assert answer == Failed(
        kind="dns",
        reason="the proxy proxy.lan:3128 cannot be used: proxy.lan: name or service not known",
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_another_password_is_named(scheme):
    async with proxying(0, password="Basic x") as proxy:
        answer = await fetch(f"{scheme}://a.example/", f"http://me:s3cret@127.0.0.1:{proxy.port}")

    assert answer == Failed(
        kind="connect",
        reason=f"the proxy 127.0.0.1:{proxy.port} "
        "wants a user and a password, or others (HTTP 407)",
    )


async def test_a_proxy_that_does_not_connect_is_named():
    refusing = reply("403 s3cret")
    async with proxying(0, behaviour=refusing) as proxy:
        answer = await fetch("https://a.example/", f"http://127.0.0.1:{proxy.port}")

    assert answer == Failed(
        kind="connect", reason=f"the proxy 127.0.0.1:{proxy.port} does not connect us: HTTP 403"
    )


async def hang_up(writer) -> None:
    writer.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "behaviour", [hang_up, b"SSH-2.0-OpenSSH\r\n\r\n"], ids=["hangs up", "ssh"]
)
async def test_whoever_broke_off_behind_a_proxy_the_proxy_is_named(scheme, behaviour):
    async with proxying(0, behaviour=behaviour) as proxy:
        answer = await fetch(f"{scheme}://a.example/", f"http://127.0.0.1:{proxy.port}")

    assert answer == Failed(
        kind="protocol",
        reason="the server's answer is not whole or not HTTP, "
        f"through the proxy 127.0.0.1:{proxy.port}",
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "behaviour",
    [
        silence,
        repeat(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
        repeat(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.01),
    ],
    ids=["silent", "1xx flood", "header drip"],
)
async def test_the_deadline_holds_for_a_proxy(scheme, behaviour):
    async with proxying(0, behaviour=behaviour) as proxy, asyncio.timeout(PATIENCE):
        answer = await fetch(
            f"{scheme}://a.example/", f"http://me:s3cret@127.0.0.1:{proxy.port}", timeout=0.3
        )

    assert answer == Failed(
        kind="timeout",
        reason=f"no answer within 0.3 s, through the proxy 127.0.0.1:{proxy.port}",
    )


async def test_the_bound_holds_behind_a_proxy():
    async with (
        serving({"/feed": repeat(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536))}) as server,
        proxying(server.port) as proxy,
    ):
        answer = await fetch("http://a.example/feed", f"http://127.0.0.1:{proxy.port}")

    assert isinstance(answer, Failed)
    assert answer.kind == "too_large"


async def test_the_password_of_a_proxy_is_in_no_log_and_no_text(caplog):
    secret = "s3cret"
    address = f"http://me:{secret}@127.0.0.1:{closed_port()}"
    with caplog.at_level(logging.INFO):
        answer = await fetch("http://a.example/", address)
    request = FetchRequest(url="", timeout=1, max_body=1, user_agent="", proxy=address)

    for text in (caplog.text, repr(answer), repr(request), repr(Way(proxy=address))):
        assert secret not in text
    assert secret not in repr(read_proxy(address))
    assert secret not in str(read_proxy(address))


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "proxy.lan:3128", "http://[", ""])
def test_an_address_of_no_proxy_is_a_failure(address):
    with pytest.raises(FetchFailure):
        read_proxy(address)


def test_a_proxy_may_be_at_an_address_of_ipv6():
    assert str(read_proxy("http://[::1]:3128")) == "the proxy [::1]:3128"
