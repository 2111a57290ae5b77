from datetime import timedelta

import pytest

from aggregator.core.wire import Failed, FetchRequest, Gone
from aggregator.service.discovering import WELL_KNOWN, Discoverer
from aggregator.service.turns import HostTurns
from tests.builders import read_entry, read_feed
from tests.fakes import ScriptedFetcher, ShelfReader, fetched

SITE = "https://a.example/"
NOT_FOUND = Failed(kind="http", reason="HTTP 404 Not Found", status=404)
LINKS = b"""
<link rel="alternate" type="application/atom+xml" href="/atom" title="Atom">
<link rel="alternate" type="application/rss+xml" href="https://b.example/rss">
"""


class Web:
    """Pages and feeds by address; everything else is answered 404."""

    def __init__(self) -> None:
        self.fetcher = ScriptedFetcher()
        self.reader = ShelfReader()
        self.discoverer = Discoverer(
            fetcher=self.fetcher,
            reader=self.reader,
            request=self.request,
            turns=HostTurns(timedelta()),
        )

    def request(self, url: str) -> FetchRequest:
        self.fetcher.answers.setdefault(url, NOT_FOUND)
        return FetchRequest(url=url, timeout=1, max_body=1000, user_agent="aggregator/test")

    def page(self, url: str, body: bytes) -> None:
        self.fetcher.answers[url] = fetched(body, url, content_type="text/html")

    def feed(self, url: str, **changes) -> None:
        body = f"feed at {url}".encode()
        self.reader.shelf[body] = read_feed(read_entry(), title=f"Feed of {url}")
        self.fetcher.answers[url] = fetched(body, changes.pop("at", url), **changes)

    @property
    def asked(self) -> list[str]:
        return [request.url for request in self.fetcher.requests]


@pytest.fixture
def web():
    return Web()


async def test_an_address_that_is_a_feed_is_taken_as_it_is(web):
    web.feed(SITE)
    discovery = await web.discoverer.find(SITE)

    assert (discovery.found.url, discovery.candidates) == (SITE, ())
    assert web.asked == [SITE]


async def test_of_what_a_page_names_the_first_is_taken_and_all_are_told(web):
    web.page(SITE, LINKS)
    web.feed(f"{SITE}atom")
    web.feed("https://b.example/rss")
    discovery = await web.discoverer.find(SITE)

    assert discovery.found.url == f"{SITE}atom"
    assert discovery.found.feed.info.title == f"Feed of {SITE}atom"
    assert [each.title for each in discovery.candidates] == ["Atom", ""]
    assert web.asked == [SITE, f"{SITE}atom"]


@pytest.mark.parametrize("body", [None, b"<html>no feed</html>"])
async def test_a_candidate_that_is_no_feed_is_passed_over(web, body):
    web.page(SITE, LINKS)
    web.feed("https://b.example/rss")
    if body:
        web.page(f"{SITE}atom", body)

    assert (await web.discoverer.find(SITE)).found.url == "https://b.example/rss"


async def test_without_a_candidate_that_can_be_read_each_is_told_what_is_wrong(web):
    web.page(SITE, LINKS)
    discovery = await web.discoverer.find(SITE)

    assert discovery.found is None
    assert len(discovery.candidates) == 2
    assert discovery.error.count("404") == 2
    assert web.asked == [SITE, f"{SITE}atom", "https://b.example/rss"]


async def test_well_known_paths_are_asked_only_when_a_page_names_none(web):
    web.page(f"{SITE}blog/", b"<html></html>")
    web.feed(f"{SITE}atom.xml")
    discovery = await web.discoverer.find(f"{SITE}blog/")

    assert discovery.found.url == f"{SITE}atom.xml"
    assert web.asked[1:] == [f"{SITE}feed", f"{SITE}feed.xml", f"{SITE}rss.xml", f"{SITE}atom.xml"]


async def test_a_page_without_any_feed_is_told_so(web):
    web.page(SITE, b"<html></html>")
    discovery = await web.discoverer.find(SITE)

    assert discovery.found is None
    assert "names no feed" in discovery.error
    assert len(web.asked) == 1 + len(WELL_KNOWN)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(NOT_FOUND, "HTTP 404 Not Found"), (Gone(), "HTTP 410")],
)
async def test_an_address_that_gives_no_page_is_left_alone(web, answer, reason):
    web.fetcher.answers[SITE] = answer

    assert (await web.discoverer.find(SITE)).error == f"{SITE}: {reason}"
    assert web.asked == [SITE]


@pytest.mark.parametrize(
    "answer",
    [
        Failed(kind="http", reason="HTTP 429", status=429),
        Failed(kind="http", reason="HTTP 503", status=503, retry_after=timedelta(minutes=1)),
    ],
)
async def test_a_server_that_asks_for_a_pause_is_not_asked_on(web, answer):
    web.page(SITE, b"<html></html>")
    web.fetcher.answers[f"{SITE}feed"] = answer
    web.feed(f"{SITE}feed.xml")
    discovery = await web.discoverer.find(SITE)

    assert discovery.found is None
    assert web.asked == [SITE, f"{SITE}feed"]


async def test_a_feed_that_moved_for_good_is_taken_where_it_is(web):
    web.feed(SITE, permanent_url="https://b.example/feed")

    assert (await web.discoverer.find(SITE)).found.url == "https://b.example/feed"


async def test_links_of_a_page_start_where_the_page_was_found(web):
    web.fetcher.answers["https://old.example/"] = fetched(
        b'<link rel="alternate" type="application/rss+xml" href="rss">',
        f"{SITE}home/",
        content_type="text/html",
    )
    web.feed(f"{SITE}home/rss")

    assert (await web.discoverer.find("https://old.example/")).found.url == f"{SITE}home/rss"


async def test_one_request_follows_the_other(web):
    web.page(SITE, b"<html></html>")
    await web.discoverer.find(SITE)

    assert web.fetcher.most_under_way == 1


async def test_a_page_outside_does_not_send_us_into_a_private_network(web):
    inside = b'<link rel="alternate" type="application/rss+xml" href="http://192.168.0.1/rss">'
    web.page(SITE, inside + LINKS)
    web.feed("https://b.example/rss")
    discovery = await web.discoverer.find(SITE)

    assert discovery.found.url == "https://b.example/rss"
    assert "http://192.168.0.1/rss" not in web.asked


async def test_without_guessing_a_page_that_names_no_feed_ends_the_search(web):
    web.page(SITE, b"<p>nothing")
    discovery = await web.discoverer.find(SITE, by_operator=False)

    assert (discovery.found, web.asked) == (None, [SITE])
