import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from aggregator.web.app import create_app
from tests.fakes import FakeClock
from tests.web.fakes import (
    SITE,
    FakeHealth,
    FakePublisher,
    Guestbook,
    Reports,
    health,
    no_lists,
    no_news,
    shown,
)

FEEDS = ["/feed.atom", "/publications/papers.rss", "/sources/blog.json", "/tags/python.atom"]
PAGES = ["/", "/publications/papers", "/sources", "/sources/blog", "/tags", "/tags/python"]
OTHERS = ["/opml.xml", "/static/style.css", "/static/icon.svg", "/favicon.ico", "/static/icon.png"]
MACHINES = ["/healthz", "/readyz"]
ERRORS = ["/nothing", "/?page=0", "/feed.exe", "/publications/none.atom", "/sources/", "/tags/"]
SAFE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@pytest.fixture
def publisher() -> FakePublisher:
    entries = [shown(number=number) for number in range(1, 31)]
    return FakePublisher(entries, tags=["python", "中文", "c/c++", "node.json"], healths=[health()])


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
async def client(publisher, reports) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(publisher, reports) as client:
        yield client


def connected(publisher, reports, readiness=None) -> httpx.AsyncClient:
    app = create_app(
        publisher,
        readiness or FakeHealth(),
        clock=FakeClock(),
        report=reports,
        audience=Guestbook(),
        lists=no_lists(),
        news=no_news,
        stop=asyncio.Event(),
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://evil.example",
        headers={"accept-encoding": "identity"},
    )


@pytest.mark.parametrize("path", FEEDS + PAGES + OTHERS + MACHINES)
async def test_every_address_answers(client, path):
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("path", FEEDS + PAGES + OTHERS + MACHINES + ERRORS)
async def test_every_answer_carries_safe_headers(client, path):
    headers = (await client.get(path)).headers

    assert headers["content-security-policy"] == SAFE_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-type"]
    assert headers["cache-control"]
    assert "server" not in headers


@pytest.mark.parametrize("path", FEEDS + PAGES + OTHERS + MACHINES + ERRORS)
async def test_head_says_what_get_says_without_a_body(client, path):
    whole, head = await client.get(path), await client.head(path)

    assert head.headers == whole.headers
    assert head.status_code == whole.status_code
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.content == b""


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/feed.atom", "application/atom+xml; charset=utf-8"),
        ("/feed.rss", "application/rss+xml; charset=utf-8"),
        ("/feed.json", "application/feed+json; charset=utf-8"),
        ("/opml.xml", "text/x-opml; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
        ("/nothing", "text/html; charset=utf-8"),
        ("/static/style.css", "text/css; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
        ("/apple-touch-icon.png", "image/png"),
        ("/healthz", "text/plain; charset=utf-8"),
    ],
)
async def test_an_answer_says_what_it_is(client, path, content_type):
    assert (await client.get(path)).headers["content-type"] == content_type


@pytest.mark.parametrize("path", FEEDS + PAGES + OTHERS)
async def test_an_unchanged_resource_is_not_sent_again(client, path):
    first = await client.get(path)

    again = await client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""
    for name in ("etag", "cache-control", "vary", "last-modified"):
        assert again.headers.get(name) == first.headers.get(name)
    assert again.headers["content-security-policy"] == SAFE_POLICY
    assert "content-length" not in again.headers


@pytest.mark.parametrize("path", ["/feed.atom", "/"])
async def test_a_changed_resource_is_sent_again(client, publisher, path):
    first = await client.get(path)
    publisher.revision = 2

    again = await client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("path", ["/feed.atom", "/"])
async def test_a_date_is_enough_to_be_spared(client, path):
    first = await client.get(path)

    again = await client.get(path, headers={"if-modified-since": first.headers["last-modified"]})

    assert first.headers["last-modified"] == "Wed, 04 Mar 2026 12:00:00 GMT"
    assert again.status_code == 304


@pytest.mark.parametrize("path", FEEDS + PAGES + OTHERS)
async def test_gzip_is_another_representation_of_the_same(client, path):
    plain = await client.get(path)
    request = client.build_request("GET", path, headers={"accept-encoding": "gzip"})
    packed = await client.send(request, stream=True)
    raw = b"".join([part async for part in packed.aiter_raw()])

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(raw))
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


async def test_who_holds_the_compressed_form_is_spared(client):
    first = await client.get("/feed.atom", headers={"accept-encoding": "gzip"})

    again = await client.get(
        "/feed.atom",
        headers={"accept-encoding": "gzip", "if-none-match": first.headers["etag"]},
    )

    assert again.status_code == 304
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-encoding" not in again.headers


@pytest.mark.parametrize("path", [*FEEDS, "/opml.xml", "/publications/none.atom"])
async def test_feeds_are_open_to_readers_in_browsers(client, path):
    headers = (await client.get(path)).headers

    assert headers["access-control-allow-origin"] == "*"
    assert "ETag" in headers["access-control-expose-headers"]


async def test_a_feed_that_was_not_modified_is_open_as_well(client):
    answer = await client.get("/feed.atom", headers={"if-none-match": "*"})

    assert answer.status_code == 304
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_pages_are_not_open_to_other_origins(client):
    assert "access-control-allow-origin" not in (await client.get("/")).headers


async def test_a_preflight_for_a_feed_is_granted(client):
    answer = await client.options("/feed.atom")

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "If-None-Match" in answer.headers["access-control-allow-headers"]
    assert answer.content == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/feed.atom", "/sources/blog"])
async def test_nothing_can_be_changed(client, method, path):
    answer = await client.request(method, path)

    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "page", ["0", "-1", "abc", "", "1.5", "1e3", "٣", "%00", "'", "000", "nan", "+1", "1%0a"]
)
async def test_a_page_number_that_is_none_is_refused(client, page):
    assert (await client.get(f"/?page={page}")).status_code == 400


@pytest.mark.parametrize("page", ["4", "999999999", "1" + "0" * 400, "1" * 50_000])
async def test_a_page_beyond_the_last_is_not_there(client, page):
    assert (await client.get("/", params={"page": page})).status_code == 404


@pytest.mark.parametrize("path", ["/", "/publications/papers", "/tags/python"])
async def test_later_pages_are_served(client, path):
    answer = await client.get(path, params={"page": "3"})

    assert answer.status_code == 200
    assert "Entry 30" in answer.text


async def test_unknown_parameters_are_ignored(client):
    plain = await client.get("/feed.atom")
    tagged = await client.get("/feed.atom?utm_source=x&=&&%ff=%00")

    assert tagged.content == plain.content
    assert tagged.headers["etag"] == plain.headers["etag"]


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/tags/%E4%B8%AD%E6%96%87", "https://planet.example/tags/%E4%B8%AD%E6%96%87"),
        ("/tags/c%2Fc%2B%2B", "https://planet.example/tags/c%2Fc%2B%2B"),
        ("/tags/c/c++", "https://planet.example/tags/c%2Fc%2B%2B"),
        ("/tags/node.json", "https://planet.example/tags/node.json"),
        ("/publications/latest", "https://planet.example/"),
    ],
)
async def test_any_name_has_its_page(client, path, canonical):
    answer = await client.get(path)

    assert f'<link rel="canonical" href="{canonical}">' in answer.text


async def test_a_name_that_ends_like_a_feed_has_feeds(client):
    answer = await client.get("/tags/node.json.atom")

    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert answer.text.startswith("node.json as atom")


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f..%2fetc%2fpasswd",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/tags/%00",
        "/sources/%ff.atom",
        "/publications/" + "x" * 5_000,
        "/tags/<script>alert(1)</script>",
    ],
)
async def test_a_hostile_address_is_not_there_and_not_repeated(client, path):
    answer = await client.get(path)

    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("path", FEEDS + PAGES + ERRORS + ["/sources/", "//", "/feed.atom/"])
async def test_the_host_of_the_request_is_never_repeated(client, path):
    answer = await client.get(
        path, headers={"host": "a b<>.evil.example", "x-forwarded-host": "evil.example"}
    )

    assert "evil" not in answer.text
    assert not any("evil" in value for value in answer.headers.values())


async def test_absolute_links_start_with_the_site(client):
    page = (await client.get("/")).text

    absolute = re.findall(r'href="(https?:[^"]*)"', page)
    ours = [link for link in absolute if "blog.example" not in link]
    assert ours
    assert all(link.startswith("https://planet.example/") for link in ours)


async def test_the_linked_stylesheet_may_be_kept_for_ever(client):
    page = (await client.get("/")).text
    href = re.findall(r'rel="stylesheet" href="(.*?)"', page)[0]

    assert "immutable" in (await client.get(href)).headers["cache-control"]
    assert "immutable" not in (await client.get("/static/style.css?v=old")).headers["cache-control"]


@pytest.mark.parametrize("path", ["/feed.atom", "/", "/sources", "/opml.xml"])
async def test_a_database_out_of_reach_is_a_pause_and_not_a_leak(client, publisher, reports, path):
    publisher.break_store()

    answer = await client.get(path)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert answer.headers["cache-control"] == "no-store"
    assert "secret" not in answer.text
    assert [request for request, _ in reports.heard] == [f"GET {path}"]


async def test_a_fault_of_ours_is_reported_and_answered(client, publisher, reports):
    publisher.failing = ZeroDivisionError("secret")

    answer = await client.get("/feed.atom")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert reports.heard == [("GET /feed.atom", publisher.failing)]


async def test_what_a_client_does_wrong_is_not_reported(client, reports):
    for path in ERRORS:
        await client.get(path)

    assert reports.heard == []


async def test_a_body_with_two_lengths_is_refused(client):
    answer = await client.get("/", headers={"content-length": "0", "transfer-encoding": "chunked"})

    assert answer.status_code == 400
    assert answer.headers["connection"] == "close"


async def test_being_ready_takes_more_than_being_alive(publisher, reports):
    problems = FakeHealth("the database does not answer", "the schedule stands still")
    async with connected(publisher, reports, problems) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert ready.text == "the database does not answer\nthe schedule stands still\n"
    assert ready.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", FEEDS + PAGES + OTHERS + ERRORS)
async def test_search_engines_are_asked_to_stay_away_where_the_site_wants_it(reports, path):
    site = replace(SITE, noindex=True)
    shy = FakePublisher([shown()], site=site, tags=["python"], healths=[health()])
    open_to_all = FakePublisher([shown()], tags=["python"], healths=[health()])
    async with connected(shy, reports) as client, connected(open_to_all, reports) as other:
        hidden, found = await client.get(path), await other.get(path)

    assert hidden.headers["x-robots-tag"] == "noindex"
    assert "x-robots-tag" not in found.headers


async def test_the_page_of_tags_leads_to_each(client):
    page = (await client.get("/tags")).text

    links = re.findall(r'<a href="(/tags/[^"]*)"', page)
    assert links == [
        "/tags/c%2Fc%2B%2B",
        "/tags/node.json",
        "/tags/python",
        "/tags/%E4%B8%AD%E6%96%87",
    ]
    for link in links:
        assert (await client.get(link)).status_code == 200


@pytest.mark.parametrize("path", FEEDS)
async def test_a_feed_has_pages_and_volumes(client, path):
    plain = await client.get(path)
    found = {
        query: await client.get(f"{path}?{query}")
        for query in ("page=1", "page=2", "archive=2", "archive=2-7")
    }

    assert found["page=1"].content == plain.content
    assert len({each.content for each in found.values()}) == 4
    assert {each.status_code for each in found.values()} == {200}
    for query in ("page=2", "archive=2", "archive=2-7"):
        assert found[query].headers["link"] == f'<{SITE.url}{path[1:]}?{query}>; rel="self"'


async def test_b4_volumes_may_be_kept_for_a_day(client):
    answer = await client.get("/feed.atom?archive=2")
    again = await client.get(
        "/feed.atom?archive=2", headers={"If-None-Match": answer.headers["etag"]}
    )

    assert answer.headers["cache-control"].startswith("public, max-age=86400,")
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=3", 404),
        ("page=0", 400),
        ("page=x", 400),
        ("archive=3", 404),
        ("archive=0", 404),
        ("archive=02", 404),
        ("archive=2-", 404),
        ("archive=2-100", 404),
        ("archive=-1", 404),
        ("archive=x", 404),
        ("archive=", 404),
        (f"archive={'9' * 30}", 404),
    ],
)
async def test_a_document_has_one_address(client, query, status):
    assert (await client.get(f"/feed.json?{query}")).status_code == status
