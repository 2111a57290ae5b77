"""Who is noted as a reader of our feeds, and by which address."""

import asyncio

import httpx
import pytest

from aggregator.web.app import create_app
from tests.fakes import FakeClock
from tests.web.fakes import (
    FakeHealth,
    FakePublisher,
    Guestbook,
    Reports,
    health,
    no_lists,
    no_news,
    shown,
)

AGENT = "Reader/1.0 (3 subscribers)"


@pytest.fixture
def guestbook() -> Guestbook:
    return Guestbook()


@pytest.fixture
def visit(guestbook):
    """Asks for an address as a client of some address, and returns the answer."""
    publisher = FakePublisher([shown()], tags=["python", "node.json"], healths=[health()])
    reports = Reports()
    app = create_app(
        publisher,
        FakeHealth(),
        clock=FakeClock(),
        report=reports,
        audience=guestbook,
        lists=no_lists(),
        news=no_news,
        stop=asyncio.Event(),
    )

    async def visit(
        path: str, method: str = "GET", *, peer: str = "192.0.2.7", broken: bool = False, **headers
    ) -> httpx.Response:
        publisher.break_store() if broken else None
        transport = httpx.ASGITransport(app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://a.example") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers={"user-agent": AGENT} | named)

    return visit


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/feed.atom", ".atom"),
        ("/feed.rss", ".rss"),
        ("/publications/papers.json", "publications/papers.json"),
        ("/sources/blog.rss", "sources/blog.rss"),
        ("/tags/python.atom", "tags/python.atom"),
        ("/tags/node.json.json", "tags/node.json.json"),
    ],
)
async def test_who_fetches_a_feed_is_noted(visit, guestbook, path, document, method):
    await visit(path, method)

    assert guestbook.lines == [(document, "192.0.2.7", AGENT)]


async def test_who_holds_the_document_already_is_noted_too(visit, guestbook):
    etag = (await visit("/feed.atom")).headers["etag"]
    answer = await visit("/feed.atom", if_none_match=etag)

    assert answer.status_code == 304
    assert guestbook.lines == [(".atom", "192.0.2.7", AGENT)] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?page=1",
        "/publications/papers",
        "/sources",
        "/sources/blog",
        "/tags/node.json",
        "/opml.xml",
        "/healthz",
        "/static/style.css",
        "/feed.exe",
        "/publications/none.atom",
        "/nothing.rss",
    ],
)
async def test_who_looks_at_something_else_is_not(visit, guestbook, path):
    await visit(path)

    assert guestbook.lines == []


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
async def test_who_does_something_else_is_not(visit, guestbook, method):
    await visit("/feed.atom", method)

    assert guestbook.lines == []


async def test_who_gets_no_document_is_not(visit, guestbook):
    assert (await visit("/feed.atom", broken=True)).status_code == 503
    assert guestbook.lines == []


async def test_a_client_without_a_name_is_noted(visit, guestbook):
    await visit("/feed.atom", user_agent="")

    assert guestbook.lines == [(".atom", "192.0.2.7", "")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "noted"),
    [
        ("127.0.0.1", "198.51.100.1, 192.0.2.9", "192.0.2.9"),
        ("127.8.8.8", "192.0.2.9", "192.0.2.9"),
        ("::1", "192.0.2.9", "192.0.2.9"),
        ("::ffff:127.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("127.0.0.1", "nonsense", "nonsense"),
        ("192.0.2.7", "192.0.2.9", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.9", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.9", "10.0.0.1"),
    ],
)
async def test_only_a_proxy_on_this_machine_is_believed(visit, guestbook, peer, forwarded, noted):
    await visit("/feed.atom", peer=peer, x_forwarded_for=forwarded)

    assert [address for _, address, _ in guestbook.lines] == [noted]


async def test_a_network_stands_for_the_addresses_that_a_device_makes_up_in_it(visit, guestbook):
    for peer in ("2001:db8:1:2::1", "2001:db8:1:2:a:b:c:d", "2001:db8:1:3::1"):
        await visit("/feed.atom", peer=peer)

    first, second, elsewhere = (address for _, address, _ in guestbook.lines)
    assert first == second != elsewhere
