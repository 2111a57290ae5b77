import re
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.model import Content
from aggregator.core.publication import Site
from aggregator.core.pushes import PushHealth
from aggregator.service.source_pages import SourcePage
from aggregator.web.pages import Pages, Place, page_numbers
from tests.web.fakes import (
    LATEST,
    NOON,
    PAPERS,
    SITE,
    FakePublisher,
    health,
    past_poll,
    shown,
    source,
)

PAGES = Pages()


def place(path: str = "", site: Site = SITE) -> Place:
    return Place(site=site, path=path, navigation=(LATEST, PAPERS))


async def rendered(*entries, number: int = 1, site: Site = SITE) -> str:
    page = await FakePublisher(entries, site=site).page(LATEST, number)
    return PAGES.entries(place(site=site), page).decode()


def health_page(*sources, now=NOON, number=1, pages=1) -> str:
    page = SourcePage(number=number, pages=pages, sources=list(sources))
    return PAGES.sources(place("sources"), page, now).decode()


@pytest.mark.parametrize(
    ("number", "pages", "expected"),
    [
        (1, 1, [1]),
        (1, 3, [1, 2, 3]),
        (1, 20, [1, 2, None, 20]),
        (5, 20, [1, None, 4, 5, 6, None, 20]),
        (4, 20, [1, 2, 3, 4, 5, None, 20]),
        (20, 20, [1, None, 19, 20]),
        (3, 5, [1, 2, 3, 4, 5]),
    ],
)
def test_page_numbers_show_the_ends_and_the_neighbours(number, pages, expected):
    assert page_numbers(number, pages) == expected


async def test_a_text_that_serves_as_title_is_not_said_twice():
    page = await rendered(shown(Content(), excerpt="A short note"))

    assert page.count("A short note") == 1


async def test_an_entry_shows_title_link_source_date_and_excerpt():
    page = await rendered(shown(Content(title="One", link="https://blog.example/1")))

    assert '<a class="u-url" href="https://blog.example/1" rel="noopener">One</a>' in page
    assert '<a class="source p-author h-card" href="/sources/blog"><bdi>A Blog</bdi></a>' in page
    assert '<time class="dt-published" datetime="2026-03-04T11:00:00Z"' in page
    assert '<p class="p-summary" dir="auto">How it begins</p>' in page


async def test_the_other_sources_of_a_story_are_linked():
    page = await rendered(shown(also_in=(source("other", "Other"), source("third", "Third"))))

    assert '<a href="/sources/other"><bdi>Other</bdi></a>, ' in page
    assert '<a href="/sources/third"><bdi>Third</bdi></a></p>' in page


async def test_markup_in_any_text_is_shown_as_text():
    evil = "<script>alert(1)</script>\"'&"
    entry = shown(
        Content(title=evil, link='https://e.example/"><script>', language='"><script>'),
        excerpt=evil + " and more",
        origin=source("blog", evil),
        also_in=(source("other", evil),),
    )
    site = replace(SITE, title=evil, tagline=evil, description=evil, language=evil, author=evil)

    page = await rendered(entry, site=site)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//e.example", ""])
async def test_only_web_addresses_become_links(link):
    page = await rendered(shown(Content(title="One", link=link)))

    assert '<h2 class="p-name">One</h2>' in page
    assert not link or link not in page


async def test_an_entry_says_its_language():
    page = await rendered(shown(Content(title="通向概率分布之路", language="zh")))

    assert '<article class="h-entry" lang="zh">' in page


async def test_the_shown_feeds_can_be_discovered():
    page = await rendered(shown())

    discovered = re.findall(r'<link rel="alternate" type="(.*?)" title="(.*?)" href="(.*?)">', page)
    assert discovered == [
        ("application/atom+xml", "Latest updates (Atom)", "https://planet.example/feed.atom"),
        ("application/rss+xml", "Latest updates (RSS)", "https://planet.example/feed.rss"),
        ("application/feed+json", "Latest updates (JSON Feed)", "https://planet.example/feed.json"),
    ]


async def test_a_middle_page_links_its_neighbours_and_itself():
    entries = [shown(number=number) for number in range(1, 40)]

    page = await rendered(*entries, number=2)

    assert '<link rel="canonical" href="https://planet.example/?page=2">' in page
    assert '<link rel="prev" href="/">' in page
    assert '<link rel="next" href="/?page=3">' in page
    assert '<a href="/?page=2" aria-current="page" aria-label="Page 2">2</a>' in page


async def test_a_site_below_a_path_links_below_it():
    page = await rendered(shown(), site=replace(SITE, url="https://example.org/planet/"))

    local = re.findall(r'href="(/[^"]*)"', page)
    assert local
    assert all(link.startswith("/planet/") for link in local)


async def test_an_empty_page_says_what_to_do():
    assert "aggregator add URL" in await rendered()


async def test_there_is_no_script_and_no_inline_style():
    page = await rendered(shown())

    assert "<script" not in page
    assert "style=" not in page


def test_the_sources_page_shows_what_went_wrong_and_when_the_next_poll_is():
    failing = replace(
        health(), failures=3, last_error="503 <b>busy</b>", next_poll_reason="failed 3 times"
    )

    page = health_page(failing)

    assert "503 &lt;b&gt;busy&lt;/b&gt;" in page
    assert "state-failing" in page
    assert '<time datetime="2026-03-04T13:00:00Z">2026-03-04 13:00</time>' in page
    assert "failed 3 times" in page


def test_a_disabled_source_is_never_due():
    page = health_page(replace(health(), enabled=False))

    assert "state-disabled" in page
    assert "2026-03-04 13:00" not in page


def test_a_pause_that_is_over_is_not_shown():
    paused = replace(health(), paused_until=NOON + timedelta(minutes=5))

    assert "state-throttled" in health_page(paused)
    assert "state-throttled" not in health_page(paused, now=NOON + timedelta(minutes=6))


def test_a_source_without_a_name_goes_by_its_key():
    assert ">nameless</a>" in health_page(replace(health("nameless"), name=None))


def test_the_sources_page_tells_where_a_source_has_gone():
    moved = replace(health(), moved_to="https://new.example/feed")
    lost = replace(health("lost"), failures=3, suggested_url="https://found.example/feed")

    page = health_page(moved, lost)

    assert "moved to https://new.example/feed" in page
    assert 'state-moved">moved<' in page
    assert "may be at https://found.example/feed" in page


async def source_page(health, *polls) -> str:
    publisher = FakePublisher([shown()])
    page = await publisher.page(publisher.find("sources", "blog"), 1)
    return PAGES.source(place("sources/blog"), page, health, polls, NOON).decode()


async def test_a_sources_page_has_its_entries_its_health_and_its_last_polls():
    failed = past_poll(outcome="failed", status=503, bytes=0, error="HTTP 503 <b>")

    page = await source_page(health(), past_poll(), failed)

    assert "Entry 1" in page
    assert "interval" in page
    assert "12345" in page
    assert "250 ms" in page
    assert "W/&#34;&lt;1&gt;&#34;" in page
    assert "HTTP 503 &lt;b&gt;" in page


async def test_a_sources_page_offers_the_line_to_write_when_it_has_moved():
    moved = replace(health(), moved_to='https://new.example/"<feed>')

    page = await source_page(moved)

    assert "[sources.blog]" in page
    assert "url = &#34;https://new.example/&#34;&lt;feed&gt;&#34;" in page.replace('"', "&#34;")
    assert "<feed>" not in page


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": "offered"}, "offered, and not used"),
        ({"state": "pending"}, "has not agreed yet"),
        ({"state": "active"}, "never"),
        ({"state": "active", "delivered_at": NOON}, "2026-03-04 12:00"),
        ({"state": "offered", "error": "the hub answered 400: <b>"}, "400: &lt;b&gt;"),
    ],
)
async def test_a_sources_page_tells_of_its_hub(changes, told):
    pushed = replace(health(), push=PushHealth(hub="https://hub.example/?<x>", **changes))

    page = await source_page(pushed)

    assert "https://hub.example/?&lt;x&gt;" in page
    assert told in page
    assert "hub.example" not in await source_page(health())


async def test_a_source_without_entries_points_to_its_polls():
    publisher = FakePublisher([])
    page = await publisher.page(publisher.find("sources", "blog"), 1)

    made = PAGES.source(place("sources/blog"), page, health(), [past_poll()], NOON).decode()

    assert "stands below" in made
    assert "aggregator add" not in made


async def test_a_source_that_was_never_polled_has_no_list_of_polls():
    assert "Last polls" not in await source_page(health())


def test_very_many_sources_have_pages():
    page = health_page(health(), number=2, pages=3)

    assert '<a class="turn" rel="prev" href="/sources">Back</a>' in page
    assert '<a href="/sources?page=2" aria-current="page" aria-label="Page 2">2</a>' in page
    assert '<a class="turn" rel="next" href="/sources?page=3">On</a>' in page
    assert 'rel="canonical" href="https://planet.example/sources?page=2"' in page


def test_no_sources_is_an_invitation():
    assert "aggregator add URL" in health_page()
