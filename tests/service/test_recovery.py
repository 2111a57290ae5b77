from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.model import FeedInfo
from aggregator.core.wire import Failed, Gone
from tests.builders import read_entry, read_feed
from tests.fakes import fetched
from tests.service.world import World, policy

SITE = "https://a.example/"
NEW = "https://a.example/new.xml"
LINK = f'<link rel="alternate" type="application/rss+xml" href="{NEW}">'.encode()
NOT_FOUND = Failed(kind="http", reason="HTTP 404 Not Found", status=404)
FEED = b"the feed at its new address"


async def lost(answer, *, site: str = SITE) -> tuple[World, str]:
    """A source that was well once and is no more, while its site names a feed elsewhere."""
    world = World()
    url = await world.add("a")
    world.serves(url, read_entry("1"), link=site)
    await world.poll("a")
    world.answers(url, answer)
    world.answers(site, fetched(LINK, site, content_type="text/html"))
    world.reader.shelf[FEED] = read_feed(read_entry("1"))
    world.answers(NEW, fetched(FEED, NEW))
    return world, url


async def suggested(world: World, polls: int) -> str | None:
    for _ in range(polls):
        await world.poll("a")
    return (await world.health("a")).suggested_url


@pytest.mark.parametrize(
    "answer",
    [
        NOT_FOUND,
        Gone(),
        Failed(kind="dns", reason="a.example: name or service not known"),
        fetched(b"<html>", content_type="text/html"),
    ],
    ids=["404", "410", "dns", "page"],
)
async def test_where_a_lost_feed_has_gone_is_proposed_after_three_failures(answer):
    world, _ = await lost(answer)

    assert await suggested(world, 2) is None
    assert await suggested(world, 1) == NEW
    assert world.notebook.finds == [("a", NEW)]


async def test_nothing_is_polled_there_and_a_good_poll_takes_it_back():
    world, url = await lost(NOT_FOUND)
    await suggested(world, 3)
    asked = len(world.fetcher.requests)
    world.serves(url, read_entry("1"), link=SITE)

    assert await suggested(world, 1) is None
    assert [request.url for request in world.fetcher.requests[asked:]] == [url]


async def test_a_site_is_not_searched_at_every_failure():
    world, url = await lost(NOT_FOUND)
    await suggested(world, 12)
    searched = [request.url for request in world.fetcher.requests if request.url != url]

    assert searched == [SITE, NEW]


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_server_that_is_only_unwell_is_not_searched(status):
    failed = Failed(kind="http", reason="no", status=status, retry_after=timedelta(seconds=1))
    world, url = await lost(failed)

    assert await suggested(world, 5) is None
    assert {request.url for request in world.fetcher.requests} == {url}


@pytest.mark.parametrize("site", ["http://127.0.0.1/admin", "http://intranet/", "http://10.0.0.1/"])
async def test_a_document_does_not_send_us_into_a_private_network(site):
    world, url = await lost(NOT_FOUND, site=site)

    assert await suggested(world, 3) is None
    assert {request.url for request in world.fetcher.requests} == {url}


async def test_a_page_that_took_the_feeds_place_may_name_it_itself():
    page = fetched(LINK, content_type="text/html")
    world, _ = await lost(page, site="https://gone.example/")
    world.answers("https://gone.example/", NOT_FOUND)

    assert await suggested(world, 3) == NEW


@pytest.mark.parametrize("named", ["http://10.0.0.1:9200/x", "http://10.0.0.2:8000/"])
async def test_within_a_private_network_a_document_names_its_own_origin_alone(named):
    world = World()
    url = await world.add("a", "http://10.0.0.1:8000/feed")
    world.serves(url, read_entry("1"), link=named)
    await world.poll("a")
    world.answers(url, NOT_FOUND)

    assert await suggested(world, 3) is None
    assert {request.url for request in world.fetcher.requests} == {url}


async def test_a_private_source_is_found_again_on_its_own_server():
    site, new = "http://10.0.0.1:8000/", "http://10.0.0.1:8000/new"
    world = World()
    url = await world.add("a", "http://10.0.0.1:8000/feed")
    world.serves(url, read_entry("1"), link=site)
    await world.poll("a")
    world.answers(url, NOT_FOUND)
    page = f'<link rel="alternate" type="application/rss+xml" href="{new}">'.encode()
    world.answers(site, fetched(page, site, content_type="text/html"))
    world.reader.shelf[FEED] = read_feed(read_entry("1"))
    world.answers(new, fetched(FEED, new))

    assert await suggested(world, 3) == new


async def test_it_is_searched_for_through_the_sources_proxy_and_without_its_secrets():
    world, _ = await lost(NOT_FOUND, site="https://site.example/")
    proxied = policy(
        url="https://a.example/feed", proxy="http://proxy.lan:3128", auth=("me", "hush")
    )
    world.policies["a"] = proxied
    await suggested(world, 3)
    searches = [one for one in world.fetcher.requests if one.url == "https://site.example/"]

    assert [(one.proxy, one.auth) for one in searches] == [("http://proxy.lan:3128", None)]


async def test_somebody_elses_feed_is_not_proposed_as_the_lost_one():
    world, url = await lost(NOT_FOUND)
    body = b"another feed"
    other = FeedInfo(title="Casino", link="https://casino.example/", id="urn:casino")
    world.reader.shelf[body] = replace(
        read_feed(read_entry("9", guid="x", link="https://casino.example/9")), info=other
    )
    world.answers(url, fetched(body, "https://casino.example/rss"))

    assert await suggested(world, 3) is None


async def test_what_another_source_has_already_is_not_proposed():
    world, _ = await lost(NOT_FOUND)
    await world.add("b", NEW)

    assert await suggested(world, 3) is None
