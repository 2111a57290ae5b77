import asyncio
import gzip
import socket
import sys
import threading
import zlib
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import brotli
import httpx
import pytest

from aggregator.core.errors import GuardMissing
from aggregator.core.offers import Links
from aggregator.core.wire import Failed, Fetched, FetchRequest, Gone, NotModified, Validators
from aggregator.fetch.http import HttpFetcher
from aggregator.fetch.resolver import Resolver
from tests.fetch.dialling import dialling
from tests.fetch.server import Server, redirect, reply, serving, silence
from tests.patience import PATIENCE, until

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.usefixtures("over_both")

NOON = datetime(1994, 11, 6, 12, 0, 0, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"),)
FEED = b"<rss/>"
DIALLING = dialling(Resolver())  # makes the TLS settings once, which takes a while


def asking(url: str, **changes) -> FetchRequest:
    agent = "agent/1 (+http://me.example/)"
    plain = FetchRequest(url=url, timeout=PATIENCE, max_body=1_000_000, user_agent=agent)
    return replace(plain, **changes)


@asynccontextmanager
async def fetching(*, networks=LOOPBACK, transports=DIALLING):
    fetcher = HttpFetcher(allow_networks=networks, now=lambda: NOON, transports=transports)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def fetch(target: str | Server, *, networks=LOOPBACK, transports=DIALLING, **changes):
    """One poll of an address, or of a server's /feed, by a fetcher of its own."""
    url = target.url() if isinstance(target, Server) else target
    async with fetching(networks=networks, transports=transports) as fetcher:
        return await fetcher.fetch(asking(url, **changes))


async def answer_to(behaviour, **changes):
    """What a server that behaves so is understood to say."""
    async with serving({"/feed": behaviour}) as server:
        return await fetch(server, **changes)


async def test_a_feed_is_fetched_with_what_its_headers_say():
    behaviour = reply(body=FEED, ETag='W/"1"', Last_Modified="today", Content_Type="text/xml; x")
    async with serving({"/feed?a=b": behaviour}) as server:
        url = server.url("/feed?a=b")

        answer = await fetch(url + "#top")

    assert answer == Fetched(
        url=url,
        status=200,
        body=FEED,
        content_type="text/xml; x",
        validators=Validators('W/"1"', "today"),
    )


async def test_the_request_says_who_we_are_and_nothing_else():
    async with serving({"/feed": reply(body=FEED)}) as server:
        await fetch(server)

    (asked,) = server.asked
    assert asked.headers.pop("user-agent") == "agent/1 (+http://me.example/)"
    assert "application/atom+xml" in asked.headers.pop("accept")
    assert asked.headers.pop("accept-encoding") == "gzip, deflate, br, zstd"
    assert asked.headers == {"host": f"127.0.0.1:{server.port}"}


async def test_validators_go_back_as_they_came():
    validators = Validators('W/"\xe4 b"', "Sun, 6 nov 1994, about noon")
    async with serving({"/feed": reply("304 Not Modified")}) as server:
        answer = await fetch(server, validators=validators)

    assert answer == NotModified(validators=Validators())
    assert server.asked[0].headers["if-none-match"] == 'W/"\xe4 b"'
    assert server.asked[0].headers["if-modified-since"] == "Sun, 6 nov 1994, about noon"


async def test_a_304_brings_its_validators_and_keeps_its_connection():
    # RFC 9110 §15.4.5: the length and the encoding are those of the document it stands for.
    fields = b'ETag: "2"\r\nContent-Encoding: br\r\nContent-Length: 99999999\r\n'
    head = b"HTTP/1.1 304 Not Modified\r\n" + fields + b"\r\n"
    async with serving({"/feed": head}) as server, fetching() as fetcher:
        request = asking(server.url(), validators=Validators('"1"'))
        answers = [await fetcher.fetch(request) for _ in range(2)]

        assert answers == [NotModified(validators=Validators('"2"'))] * 2
        assert server.connections == 1


async def test_b5_subscriber_100_the_links_of_the_header_come_along_with_200_and_304():
    hub = "Link: </hub>; rel=hub, </me>; rel=self\r\nContent-Length: 0\r\n\r\n"
    for status in ("200 OK", "304 Not Modified"):
        async with serving({"/feed": f"HTTP/1.1 {status}\r\n{hub}".encode()}) as server:
            answer = await fetch(server, validators=Validators(etag='"1"'))

        assert isinstance(answer, Fetched | NotModified)
        assert answer.links == Links(hubs=(server.url("/hub"),), self_url=server.url("/me"))


async def test_a_304_that_nobody_asked_for_is_a_failure():
    answer = await answer_to(reply("304 Not Modified"))

    assert answer == Failed(kind="http", reason="HTTP 304 Not Modified", status=304)


async def test_a_410_is_gone():
    assert await answer_to(reply("410 Gone", b"bye")) == Gone()


@pytest.mark.parametrize(
    ("status", "value", "wait"),
    [
        ("429 Too Many Requests", "120", timedelta(seconds=120)),
        ("503 Service Unavailable", "Sun, 06 Nov 1994 12:10:00 GMT", timedelta(minutes=10)),
        ("503 Service Unavailable", "later", None),
        ("403 Forbidden", "60", timedelta(seconds=60)),
    ],
)
async def test_a_server_may_ask_for_a_pause(status, value, wait):
    answer = await answer_to(reply(status, b"no", Retry_After=value))

    assert answer == Failed(
        kind="http", reason=f"HTTP {status}", status=int(status[:3]), retry_after=wait
    )


@pytest.mark.parametrize(
    "status",
    [
        "201 Created",
        "202 Accepted",
        "204 No Content",
        "205 Reset Content",
        "206 Partial Content",
        "226 IM Used",
        "300 Multiple Choices",
        "305 Use Proxy",
        "401 Unauthorized",
        "404 Not Found",
        "500 Internal Server Error",
        "999",
    ],
)
async def test_any_other_status_is_a_failure(status):
    answer = await answer_to(reply(status, FEED if status[0] not in "23" else b""))

    assert answer == Failed(kind="http", reason=f"HTTP {status}", status=int(status[:3]))


async def test_a_refusal_by_the_guard_in_front_of_a_site_is_told():
    answer = await answer_to(reply("403 Forbidden", b"no", cf_mitigated="challenge"))

    assert isinstance(answer, Failed)
    assert answer.reason.startswith("HTTP 403 Forbidden; Cloudflare wants to see a browser")


async def test_a_document_that_a_proxy_touched_is_a_document():
    answer = await answer_to(reply("203 Non-Authoritative Information", FEED))

    assert isinstance(answer, Fetched)


PACKINGS = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("br", brotli.compress),
    ("zstd", zstd.compress),
]


@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
async def test_a_packed_body_is_unpacked(encoding, pack):
    answer = await answer_to(reply(body=pack(FEED * 99), Content_Encoding=encoding))

    assert isinstance(answer, Fetched)
    assert answer.body == FEED * 99


@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
async def test_httpx_unpacks_nothing(encoding, pack, monkeypatch):
    # It knows brotli as soon as brotli is installed, and unpacks without a bound.
    def unpack(_response):
        raise AssertionError("httpx unpacks")

    monkeypatch.setattr(httpx.Response, "_get_content_decoder", unpack)
    packed = reply(body=pack(FEED), Content_Encoding=encoding)
    moved = redirect("/feed", Content_Encoding=encoding)
    async with serving({"/feed": packed, "/moved": moved}) as server:
        answers = [await fetch(server.url(target)) for target in ("/feed", "/moved", "/none")]

    assert [answer.status for answer in answers] == [200, 200, 404]


async def test_a_body_that_comes_as_the_last_one_did_is_known():
    packed = gzip.compress(FEED, mtime=0)
    async with serving({"/feed": reply(body=packed, Content_Encoding="gzip")}) as server:
        first = await fetch(server)
        again = await fetch(server, known=first.packed)

    assert (first.body, first.is_known) == (FEED, False)
    assert again == replace(first, body=b"", is_known=True)


async def test_the_whole_way_of_redirects_is_walked_and_a_move_reported():
    async with serving(
        {
            "/feed": redirect("/b", "301 Moved Permanently"),
            "/b": redirect("c?x=1", "308 Permanent Redirect"),
            "/c?x=1": reply(body=FEED),
        }
    ) as server:
        answer = await fetch(server, validators=Validators('"1"'))

    assert isinstance(answer, Fetched)
    assert answer.permanent_url == answer.url == server.url("/c?x=1")
    assert [asked.headers["if-none-match"] for asked in server.asked] == ['"1"'] * 3
    assert not any("referer" in asked.headers for asked in server.asked)


async def test_a_temporary_redirect_is_no_move():
    async with serving(
        {"/feed": redirect("/b", "307 Temporary Redirect"), "/b": reply(body=FEED)}
    ) as server:
        answer = await fetch(server)

    assert isinstance(answer, Fetched)
    assert answer.url == server.url("/b")
    assert answer.permanent_url is None


async def test_a_loop_of_redirects_ends_after_five():
    async with serving({"/feed": redirect("/feed")}) as server:
        answer = await fetch(server)

    assert isinstance(answer, Failed)
    assert answer.kind == "redirects"
    assert len(server.asked) == 6


async def test_a_flood_of_cookies_on_every_redirect_leaves_none():
    cookies = "".join(f"Set-Cookie: c{n}={'v' * 900}; Path=/\r\n" for n in range(90))
    head = f"HTTP/1.1 302 Found\r\nLocation: /feed\r\nContent-Length: 0\r\n{cookies}\r\n"
    async with serving({"/feed": head.encode()}) as server, fetching() as fetcher:
        answers = [await fetcher.fetch(asking(server.url())) for _ in range(2)]

    assert {answer.kind for answer in answers if isinstance(answer, Failed)} == {"redirects"}
    assert len(server.asked) == 12
    assert not any("cookie" in asked.headers for asked in server.asked)


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "http://["])
async def test_a_redirect_to_nowhere_is_a_failure(location):
    answer = await answer_to(redirect(location))

    assert isinstance(answer, Failed)
    assert answer.kind == "redirects"


async def test_a_redirect_without_location_is_a_failure():
    answer = await answer_to(reply("302 Found"))

    assert isinstance(answer, Failed)
    assert answer.kind == "redirects"


async def test_a_location_may_be_utf_8():
    async with serving(
        {"/feed": redirect("/\u00fc".encode().decode("latin-1")), "/%C3%BC": reply(body=FEED)}
    ) as server:
        assert isinstance(await fetch(server), Fetched)


async def test_secrets_stay_with_the_sources_own_origin():
    answers: dict[str, bytes] = {"/feed": redirect("/own")}
    async with serving({"/leave": reply(body=FEED)}) as other, serving(answers) as server:
        answers["/own"] = redirect(other.url("/leave"), Set_Cookie="sid=s3cret; Path=/")
        answer = await fetch(server, headers=(("X-Key", "s3cret"),), auth=("me", "pass"))

    assert isinstance(answer, Fetched)
    for asked in server.asked:
        assert asked.headers["x-key"] == "s3cret"
        assert asked.headers["authorization"] == "Basic bWU6cGFzcw=="
    assert not {"x-key", "authorization", "cookie"} & other.asked[0].headers.keys()
    assert "s3cret" not in repr(other.asked)


async def test_secrets_do_not_come_back_with_a_redirect_from_elsewhere():
    answers: dict[str, bytes] = {}
    async with serving(answers) as server, serving({"/": redirect(server.url("/back"))}) as other:
        answers |= {"/feed": redirect(other.url("/")), "/back": reply(body=FEED)}
        answer = await fetch(server, headers=(("X-Key", "s3cret"),))

    assert isinstance(answer, Fetched)
    assert ["x-key" in asked.headers for asked in server.asked] == [True, False]


async def test_a_password_in_the_address_is_used_and_not_shown():
    async with serving({"/feed": reply(body=FEED)}) as server:
        answer = await fetch(server.url().replace("//", "//me:pass@"))

    assert isinstance(answer, Fetched)
    assert answer.url == server.url()
    assert server.asked[0].headers["authorization"] == "Basic bWU6cGFzcw=="


async def test_a_cookie_is_never_sent_back():
    async with (
        serving(
            {
                "/feed": redirect("/b", Set_Cookie="a=1; Path=/"),
                "/b": reply(body=FEED, Set_Cookie="b=1; Path=/"),
            }
        ) as server,
        fetching() as fetcher,
    ):
        request = asking(server.url())
        for _ in range(2):
            await fetcher.fetch(request)

    assert len(server.asked) == 4
    assert not any("cookie" in asked.headers for asked in server.asked)


async def test_the_environment_has_no_say(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pass\n")
    async with serving({}) as proxy, serving({"/feed": reply(body=FEED)}) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
            monkeypatch.setenv(name.lower(), proxy.url(""))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        answer = await fetch(server, transports=None)
        await fetch(server.url().replace("http:", "https:"), transports=None, timeout=0.1)

    assert isinstance(answer, Fetched)
    assert proxy.connections == 0
    assert "authorization" not in server.asked[0].headers


async def test_a_private_address_is_refused_with_a_hint():
    async with serving({"/feed": reply(body=FEED)}) as server:
        answer = await fetch(server, networks=())

    assert answer == Failed(
        kind="blocked",
        reason="refused: 127.0.0.1 is a private or reserved address; "
        "[fetch] allow_networks can open it",
    )
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{}/",
        "https://127.0.0.1:{}/",
        "http://localhost:{}/",
        "http://127.1:{}/",
        "http://127.0.1:{}/",
        "http://2130706433:{}/",
        "http://0x7f000001:{}/",
        "http://0x7f.0.0.1:{}/",
        "http://0x7f.1:{}/",
        "http://0177.0.0.1:{}/",
        "http://017700000001:{}/",
        "http://0:{}/",
        "http://0.0.0.0:{}/",
        "http://[::]:{}/",
        "http://[::1]:{}/",
        "http://[0:0:0:0:0:0:0:1]:{}/",
        "http://[::ffff:127.0.0.1]:{}/",
        "http://[::ffff:7f00:1]:{}/",
        "http://[::127.0.0.1]:{}/",
        "http://[::ffff:a9fe:a9fe]:{}/",
        "http://[64:ff9b::a00:5]:{}/",
        "http://[2002:a00:5::1]:{}/",
        "http://[fd00:ec2::254]:{}/",
        "http://[fe80::1%25lo]:{}/",
        "http://169.254.169.254:{}/latest/meta-data/",
        "http://2852039166:{}/",
        "http://0xA9FEA9FE:{}/",
        "http://0251.0376.0251.0376:{}/",
        "http://10.0.0.5:{}/",
        "http://100.64.0.1:{}/",
        "http://①②⑦.⓪.⓪.①:{}/",
        "http://127。0。0。1:{}/",
        "http://１２７.0.0.1:{}/",
        "http://v4.test@127.0.0.1:{}/",
        "http://127.0.0.1:{}#@v4.test/",
        "http://127.0.0.1:{}?@v4.test/",
        r"http://127.0.0.1:{}\@v4.test/",
        r"http://v4.test\@127.0.0.1:{}/",
        "http://127.0.0.1%00.v4.test:{}/",
        "http://127.0.0.1\r\nX: y:{}/",
        "http://[::1]v4.test:{}/",
        "http://127.0.0.1:80:{}/",
        "http://127.0.0.1:99999/",
    ],
)
async def test_no_spelling_reaches_this_machine(url):
    async with serving({}) as server:
        answer = await fetch(url.format(server.port), networks=())

        assert server.connections == 0
    assert isinstance(answer, Failed)
    assert answer.kind == "blocked"


def named(**names: str):
    """Ways out that find these names, each at one address."""
    known = {f"{name}.example": ip_address(address) for name, address in names.items()}
    return dialling(Resolver(lambda host: [known.get(host, ip_address("127.0.0.1"))]))


async def test_a_public_name_does_not_lead_into_an_opened_network():
    async with serving({"/feed": reply(body=FEED)}) as server:
        answer = await fetch(
            server.url(host="evil.example"), transports=named(evil="127.0.0.1"), networks=LOOPBACK
        )

        assert server.connections == 0
    assert isinstance(answer, Failed)
    assert answer.kind == "blocked"
    assert "evil.example is at 127.0.0.1" in answer.reason


async def test_a_local_name_leads_into_an_opened_network():
    async with serving({"/feed": reply(body=FEED)}) as server:
        answer = await fetch(server.url(host="localhost"))

    assert isinstance(answer, Fetched)


class Stand(httpx.AsyncBaseTransport):
    """Stands for a public host that redirects; all else goes the guarded way."""

    def __init__(self, location: str, inner: httpx.AsyncBaseTransport) -> None:
        self._location = location
        self._inner = inner

    async def handle_async_request(self, request):
        if request.url.host == "public.example":
            return httpx.Response(302, headers={"Location": self._location}, content=b"")
        return await self._inner.handle_async_request(request)

    async def aclose(self):
        await self._inner.aclose()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a.example"])
async def test_a_public_source_is_not_redirected_into_an_opened_network(host):
    make = named(a="127.0.0.1")
    async with serving({"/feed": reply(body=FEED)}) as server:
        answer = await fetch(
            "http://public.example/",
            transports=lambda opened: Stand(server.url(host=host), make(opened)),
        )

        assert server.connections == 0
    assert answer == Failed(
        kind="blocked",
        reason="refused: a redirect leads to 127.0.0.1, a private or reserved address",
    )


async def test_an_open_connection_of_one_source_carries_no_other():
    async with serving({"/feed": reply(body=FEED)}) as server:

        def dialling(opened):
            return Stand(server.url(), DIALLING(opened))

        fetcher = HttpFetcher(allow_networks=LOOPBACK, now=lambda: NOON, transports=dialling)
        inside = await fetcher.fetch(asking(server.url()))
        outside = await fetcher.fetch(asking("http://public.example/"))
        await fetcher.aclose()

    assert isinstance(inside, Fetched)
    assert isinstance(outside, Failed)
    assert outside.kind == "blocked"
    assert len(server.asked) == 1


async def test_a_bad_port_is_refused():
    answer = await fetch("http://127.0.0.1:6379/")

    assert answer == Failed(kind="blocked", reason="refused: port 6379 is not for the web")


async def test_a_name_that_does_not_exist_is_a_dns_failure():
    def lookup(_host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = await fetch("http://a.example/?key=1", transports=dialling(Resolver(lookup)))

    assert answer == Failed(kind="dns", reason="a.example: name or service not known")


async def test_lookups_that_hang_do_not_hold_up_a_poll_of_another_host():
    release = threading.Event()
    looking_up = []

    def lookup(host):
        if host == "nas.local":
            return [ip_address("127.0.0.1")]
        looking_up.append(host)
        release.wait()
        return []

    transports = dialling(Resolver(lookup, limit=PATIENCE))
    async with (
        serving({"/feed": reply(body=FEED)}) as server,
        fetching(transports=transports) as fetcher,
    ):
        hanging = [
            asyncio.ensure_future(fetcher.fetch(asking(f"http://h{n}.example/"))) for n in range(40)
        ]
        try:
            await until(lambda: len(looking_up) == 40)
            answer = await fetcher.fetch(asking(server.url(host="nas.local")))
            given_up = await fetcher.fetch(asking("http://h40.example/", timeout=0.1))
            are_over = [each.done() for each in hanging]
        finally:
            release.set()
        failed = await asyncio.gather(*hanging)

    assert isinstance(answer, Fetched)
    assert isinstance(given_up, Failed)
    assert given_up.kind == "timeout"
    assert not any(are_over)
    assert {each.kind for each in failed if isinstance(each, Failed)} == {"dns"}


async def test_a_closed_port_is_a_connect_failure():
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]

    answer = await fetch(f"http://127.0.0.1:{port}/")

    assert answer == Failed(kind="connect", reason="connection refused")


async def test_a_header_that_cannot_be_sent_is_not_quoted():
    answer = await answer_to(reply(body=FEED), headers=(("X-Key", "s3cret\r\nX: y"),))

    assert isinstance(answer, Failed)
    assert answer.kind == "internal"
    assert "s3cret" not in answer.reason


async def test_what_nobody_foresaw_is_an_outcome_too(caplog):
    secret = "s3cret".upper()

    def crash(_request):
        raise ExceptionGroup(secret, [ValueError(secret)])

    answer = await fetch("http://a.example/", transports=lambda _: httpx.MockTransport(crash))

    assert answer == Failed(kind="internal", reason="unexpected ExceptionGroup; see the log")
    assert "ExceptionGroup" in caplog.text
    assert secret not in caplog.text


async def test_cancellation_goes_through():
    async with serving({"/feed": silence}) as server:
        polling = asyncio.ensure_future(fetch(server))
        await until(lambda: server.asked)
        polling.cancel()

        with pytest.raises(asyncio.CancelledError):
            await polling


async def test_the_guard_is_proved_at_start():
    async with fetching(transports=None) as fetcher:
        await fetcher.prove_guard()

    unguarded = httpx.MockTransport(lambda _: httpx.Response(200))
    async with fetching(transports=lambda _: unguarded) as fetcher:
        with pytest.raises(GuardMissing):
            await fetcher.prove_guard()
