"""The search as its visitors and subscribers see it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from tests.web.fakes import FakePublisher, Reports, shown
from tests.web.test_app import connected


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher([shown(number=number) for number in range(1, 31)])


@pytest.fixture
async def client(publisher) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(publisher, Reports()) as client:
        yield client


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20%20", "?page=2", "?q=%00"])
async def test_a_search_for_nothing_is_a_page_with_a_form(client, query):
    page = await client.get(f"/search{query}")

    assert page.status_code == 200
    assert '<form class="search" role="search" action="/search" method="get">' in page.text
    assert '<meta name="robots" content="noindex">' in page.text
    assert "h-entry" not in page.text


@pytest.mark.parametrize("ending", ["atom", "rss", "json"])
async def test_a_feed_for_nothing_says_what_to_write(client, ending):
    answer = await client.get(f"/search.{ending}?q=+")

    assert answer.status_code == 400
    assert f"search.{ending}?q=python" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


async def test_results_are_a_page_with_their_number_and_their_feeds(client):
    page = await client.get("/search?q=机器+学习&page=2")

    assert page.status_code == 200
    assert "30 entries, page 2 of 3" in page.text
    assert 'value="机器 学习"' in page.text
    encoded = "q=%E6%9C%BA%E5%99%A8+%E5%AD%A6%E4%B9%A0"
    assert f'href="https://planet.example/search.atom?{encoded}"' in page.text
    assert f'href="/search?{encoded}&amp;page=3"' in page.text
    assert f"https://planet.example/search.atom?{encoded}" in page.headers["link"]
    assert '<meta name="robots" content="noindex">' in page.text
    assert page.text.count("<form") == 1


async def test_the_header_of_a_long_search_is_one_that_proxies_take(client):
    page = await client.get("/search", params={"q": "学" * 200})

    assert "link" not in page.headers
    assert "/search.atom?q=%E5" in page.text


async def test_what_was_looked_for_is_text_and_no_markup(client, publisher):
    publisher.entries = ()
    page = await client.get("/search", params={"q": '"><script>alert(1)</script>'})

    assert "<script" not in page.text
    assert "Nothing found for" in page.text
    assert "0 entries" in page.text


async def test_every_page_has_the_form_and_may_send_it_home_only(client):
    page = await client.get("/")

    assert '<form class="search" role="search" action="/search" method="get">' in page.text
    assert 'name="robots"' not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]


async def test_a_feed_of_a_search_is_a_subscription(client):
    feed = await client.get("/search.atom?q=rust")

    assert feed.status_code == 200
    assert feed.headers["access-control-allow-origin"] == "*"
    held = await client.get("/search.atom?q=rust", headers={"If-None-Match": feed.headers["etag"]})
    assert held.status_code == 304


@pytest.mark.parametrize(
    "written", ["a b", "  a  b ", "a%09b", "a%E2%80%AEb".replace("%E2", " %E2")]
)
async def test_one_search_has_one_address_however_it_is_spaced(client, written):
    page = await client.get(f"/search.json?q={written.replace(' ', '+')}")

    assert 'search.json?q=a+b>; rel="self"' in page.headers["link"]


@pytest.mark.parametrize("path", ["/search.exe?q=a", "/search/?q=a", "/search?q=a&page=99"])
async def test_what_is_not_there_is_not_found(client, path):
    assert (await client.get(path)).status_code == 404


async def test_the_form_leads_below_the_address_of_the_site(publisher):
    publisher.site = replace(publisher.site, url="https://host.example/planet/")
    async with connected(publisher, Reports()) as client:
        page = await client.get("/search?q=a")

    assert 'action="/planet/search"' in page.text
