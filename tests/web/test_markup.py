"""What pages owe to keyboards, screen readers, eyes, and machines that read h-feed."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from lxml import html

from aggregator.core.model import Content, Enclosure, Origin, Person
from aggregator.service.source_pages import SourcePage
from aggregator.web.pages import Pages, Place
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
RICH = Content(
    title="通向概率分布之路",
    link="https://blog.example/1",
    authors=(Person(name="Ida", uri="https://ida.example/"), Person(name="Jonas")),
    language="zh",
    categories=("math", "概率"),
    enclosures=(Enclosure(url="https://e.example/a.mp3", type="audio/mpeg", length=48_123_456),),
    image="https://e.example/a.png",
    comments="https://blog.example/1#comments",
    origin=Origin(title="Ada", id="urn:ada", link="https://ada.example/"),
)

LATER = NOON + timedelta(days=2)


def place(path: str) -> Place:
    tags = {"python": frozenset({"blog"}), "中文": frozenset({"blog"})}
    return Place(site=SITE, path=path, navigation=(LATEST, PAPERS), tags=tags)


async def pages() -> dict[str, bytes]:
    """Every kind of page, with everything that it can show."""
    rich = shown(RICH, also_in=(source("other", "Other"),))
    rich = replace(rich, entry=replace(rich.entry, updated=LATER, changed_at=LATER))
    arabic = shown(Content(title="كيف تبني", language="ar"), number=2)
    publisher = FakePublisher([rich, arabic, *(shown(number=n) for n in range(3, 30))])
    first, second = await publisher.page(LATEST, 1), await publisher.page(PAPERS, 2)
    found = await publisher.page(publisher.searching("python"), 1)
    own = await publisher.page(publisher.find("sources", "blog"), 1)
    failing = replace(health(), failures=2, last_error="503", moved_to="https://new.example/")
    return {
        "latest": PAGES.entries(place(""), first),
        "publication": PAGES.entries(place("publications/papers"), second),
        "source": PAGES.source(place("sources/blog"), own, failing, [past_poll()], NOON),
        "sources": PAGES.sources(
            place("sources"), SourcePage(number=1, pages=2, sources=[health(), failing]), NOON
        ),
        "tags": PAGES.tags(place("tags")),
        "search": PAGES.search(place("search"), found, "python"),
        "nothing found": PAGES.search(place("search"), replace(found, entries=()), "python"),
        "search start": PAGES.search_start(place("search")),
        "failure": PAGES.failure(place(""), 404),
    }


SEARCHES = ["search", "nothing found", "search start"]
NAMES = ["latest", "publication", "source", "sources", "tags", *SEARCHES, "failure"]


@pytest.fixture
async def made() -> dict[str, Any]:
    return {name: html.document_fromstring(page.decode()) for name, page in (await pages()).items()}


@pytest.mark.parametrize("name", NAMES)
def test_headings_begin_with_one_and_leave_no_level_out(made, name):
    levels = [int(heading.tag[1]) for heading in made[name].xpath("//h1|//h2|//h3|//h4")]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_in_a_landmark_and_navigations_have_names(made, name):
    body = made[name].find("body")

    assert [child.tag for child in body] == ["a", "header", "main", "footer"]
    labels = [each.get("aria-label") for each in made[name].iter("nav")]
    assert all(labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_link_skips_to_the_content(made, name):
    first = made[name].xpath("//a")[0]

    assert first.get("href") == "#main"
    assert made[name].get_element_by_id("main").tag == "main"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_says_something_and_no_id_is_there_twice(made, name):
    assert all(link.text_content().strip() for link in made[name].iter("a"))
    ids = made[name].xpath("//@id")
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("name", "current"),
    [("latest", ["Latest"]), ("publication", ["Papers"]), ("tags", ["Tags"]), ("failure", [])],
)
def test_the_menu_says_where_we_are(made, name, current):
    marked = made[name].xpath("//header//a[@aria-current='page']")

    assert [link.text_content() for link in marked] == current


@pytest.mark.parametrize("name", NAMES)
def test_there_is_one_search_with_a_name(made, name):
    [form] = made[name].xpath("//form[@role='search']")

    assert (form.get("action"), form.get("method")) == ("/search", "get")
    assert form.xpath("input/@name") == ["q"]
    assert form.xpath("input/@aria-label")
    assert form.xpath("button[@type='submit']")[0].text_content()


async def test_pages_that_are_files_have_no_search():
    page = PAGES.tags(replace(place("tags"), live=False))

    assert b"<form" not in page


@pytest.mark.parametrize("name", ["source", "sources"])
def test_tables_have_heads(made, name):
    for table in made[name].iter("table"):
        assert {head.get("scope") for head in table.iter("th")} == {"col", "row"}


def test_a_table_that_is_taken_apart_on_a_phone_says_what_each_cell_is(made):
    [table] = made["sources"].xpath("//table")
    labels = [cell.get("data-label") for cell in table.xpath(".//tbody/tr[1]/td")]

    assert labels == [head.text_content() for head in table.xpath(".//thead//th")][1:]


def test_pictures_come_late_tell_nobody_and_keep_their_place(made):
    [picture] = made["latest"].iter("img")

    assert dict(picture.attrib) == {
        "class": "u-photo",
        "src": "https://e.example/a.png",
        "alt": "",
        "width": "152",
        "height": "102",
        "loading": "lazy",
        "decoding": "async",
        "referrerpolicy": "no-referrer",
    }


def test_an_entry_says_its_language_and_its_direction(made):
    articles = made["latest"].xpath("//article")[:3]

    said = [(each.get("lang"), each.xpath("div[@class='story']/@dir")) for each in articles]
    assert said == [("zh", ["ltr"]), ("ar", ["rtl"]), (None, ["ltr"])]


def test_a_site_that_is_written_from_right_to_left_is_laid_out_so():
    site = replace(SITE, language="ar-EG")

    page = PAGES.failure(replace(place(""), site=site), 404).decode()

    assert '<html lang="ar-EG" dir="rtl">' in page


@pytest.mark.parametrize("name", [*NAMES[:-4], "search", "nothing found"])
def test_a_page_knows_its_address_and_what_previews_show(made, name):
    head = made[name].find("head")
    [address] = head.xpath("link[@rel='canonical']/@href")
    shared = {meta.get("property"): meta.get("content") for meta in head.xpath("meta[@property]")}

    assert address.startswith(SITE.url)
    assert shared["og:url"] == address
    assert shared["og:site_name"] == SITE.title
    assert shared["og:title"]
    assert shared["og:type"] == "website"


@pytest.mark.parametrize("name", NAMES)
def test_feeds_are_found_from_every_page_atom_first(made, name):
    own = {"publication": "publications/papers", "source": "sources/blog"}
    own |= {"search": "search", "nothing found": "search"}
    head = made[name].find("head")

    assert [found.partition("?")[0] for found in head.xpath("link[@rel='alternate']/@href")] == [
        f"{SITE.url}{own.get(name, 'feed')}.{ending}" for ending in ("atom", "rss", "json")
    ]
    assert head.xpath("link[@rel='outline']/@href") == [f"{SITE.url}opml.xml"]


@pytest.mark.parametrize(("noindex", "asked"), [(True, NAMES), (False, [*SEARCHES, "failure"])])
async def test_search_engines_are_asked_where_the_site_wants_it(monkeypatch, noindex, asked):
    monkeypatch.setattr(f"{__name__}.SITE", replace(SITE, noindex=noindex))

    made = await pages()

    assert [name for name in NAMES if b'content="noindex"' in made[name]] == asked


@pytest.mark.parametrize(("nofollow", "rel"), [(True, "noopener nofollow"), (False, "noopener")])
async def test_b7_11_links_that_lead_away_say_what_the_site_wants(monkeypatch, nofollow, rel):
    monkeypatch.setattr(f"{__name__}.SITE", replace(SITE, nofollow=nofollow))

    made = await pages()

    for name in NAMES:
        for link in html.fromstring(made[name]).xpath("//body//a[contains(@href, '://')]"):
            away = not link.get("href").startswith(SITE.url)
            assert link.get("rel") == (rel if away else None), (name, link.get("href"))


def properties(element: Any) -> dict[str, list[str]]:
    """The microformats2 properties below an element, without those of an item inside of it."""
    found: dict[str, list[str]] = {}
    for each in element.xpath(".//*[@class]"):
        if each.xpath("ancestor::*[contains(@class, 'h-')]")[-1] is not element:
            continue
        for name in re.findall(r"\b(?:p|u|dt)-([a-z]+)", each.get("class")):
            value = each.get("datetime") or each.get("value") or each.get("href") or each.get("src")
            found.setdefault(name, []).append(value or each.text_content())
    return found


def test_the_page_is_a_feed(made):
    [feed] = made["latest"].xpath("//*[@class='h-feed']")

    assert properties(feed) == {
        "name": ["Latest updates"],
        "summary": ["Incoming transmission"],
        "url": ["https://planet.example/"],
    }
    assert len(feed.xpath(".//*[@class='h-entry']")) == 12


def test_an_entry_of_the_page_is_one_of_the_feed(made):
    entry = made["latest"].xpath("//*[@class='h-entry']")[0]
    found = properties(entry)

    assert found == {
        "name": ["通向概率分布之路"],
        "author": ["https://ida.example/", "Jonas"],
        "published": ["2026-03-04T11:00:00Z"],
        "updated": ["2026-03-06T12:00:00Z"],
        "photo": ["https://e.example/a.png"],
        "url": ["https://blog.example/1"],
        "uid": ["https://blog.example/1"],
        "summary": ["How it begins"],
        "audio": ["https://e.example/a.mp3"],
        "category": ["math", "概率"],
    }
    assert len(entry.xpath(".//*[contains(@class, 'h-card')]")) == 2


def test_the_feed_behind_a_planet_is_named_and_the_planet_too(made):
    [origin] = made["latest"].xpath("(//article)[1]/div[@class='origin']")

    words = " ".join(origin.text_content().split())
    assert words == "Ada Ida Jonas via A Blog 2026-03-04"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_ink_can_be_read_on_its_paper(scheme):
    rules = re.findall(r":root \{(.*?)\}", PAGES.stylesheet.decode(), flags=re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", rules[scheme]))
    inks = ["ink", "text", "soft", "accent", "visited", "bad", "warn"]

    assert {ink: contrast(colours[ink], colours["paper"]) >= 7 for ink in inks} == dict.fromkeys(
        inks, True
    )
    assert contrast(colours["text"], colours["chip"]) >= 7


def test_the_browsers_bar_has_the_colour_of_the_paper(made):
    style = PAGES.stylesheet.decode()
    colours = made["latest"].xpath("//meta[@name='theme-color']/@content")

    assert colours == re.findall(r"--paper: (#\w{6});", style)


async def test_a_page_is_light():
    made = await pages()

    assert len(made["latest"]) < 60_000
    assert len(PAGES.stylesheet) < 24_000


@pytest.mark.parametrize("name", NAMES)
def test_b6_07_every_page_links_to_the_subscriptions(made, name):
    [link] = made[name].xpath("//link[@rel='outline']")

    assert link.get("type") == "text/x-opml"
    assert link.get("href") == f"{SITE.url}opml.xml"


async def test_b9_02_nothing_needs_xslt():
    for page in (await pages()).values():
        assert b"xsl" not in page.lower()
