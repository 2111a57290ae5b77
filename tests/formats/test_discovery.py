import time
from pathlib import Path

import pytest

from aggregator.formats.discovery import MOST_CANDIDATES, Candidate, discover

PAGE = "https://a.example/blog/"
ATOM = 'rel="alternate" type="application/atom+xml"'
CORPUS = Path(__file__).parents[3] / "shared/corpora/autodiscovery"
PAGES = sorted(path for path in CORPUS.glob("html4-*.html") if path.stem != "html4-057")


def found(html: str, url: str = PAGE) -> list[str]:
    return [candidate.url for candidate in discover(html.encode(), "text/html", url)]


def test_candidates_stand_in_the_order_of_the_page_each_address_once():
    html = (
        '<link rel="alternate" type="application/rss+xml" href="/rss" title=" News &amp;\n more ">'
        f'<link {ATOM} href="atom"><link {ATOM} href="/rss">'
        '<link rel="alternate" type="application/feed+json" href="https://b.example/feed.json">'
    )

    assert discover(html.encode(), "text/html", PAGE) == (
        Candidate(url="https://a.example/rss", title="News & more", type="application/rss+xml"),
        Candidate(url="https://a.example/blog/atom", title="", type="application/atom+xml"),
        Candidate(url="https://b.example/feed.json", title="", type="application/feed+json"),
    )


@pytest.mark.parametrize(
    "link",
    [
        f'<link {ATOM} href="/feed">',
        "<LINK REL=ALTERNATE TYPE=application/rss+xml HREF=/feed>",
        '<link href="/feed" type="Application/Atom+XML; charset=utf-8" rel="home alternate"/>',
        '<link rel="&#97;lternate" type="application/atom&#43;xml" href="&#x2F;feed">',
        f"<link {ATOM}\n title='a > b' href=' /feed '>",
        f'<base href="https://a.example/x/"><link {ATOM} href="../feed">',
        f'<body><p><link {ATOM} href="/feed"></body>',
        f'<title><link {ATOM} href="/no"></title><link {ATOM} href="/feed">',
    ],
)
def test_a_link_may_be_written_in_many_ways(link):
    assert found(link) == ["https://a.example/feed"]


@pytest.mark.parametrize(
    "html",
    [
        "",
        f'<!-- <link {ATOM} href="/feed"> -->',
        f"<script>'<link {ATOM} href=\"/feed\">'</script>",
        '<link rel="alternate" type="text/html" href="/de">',
        '<link rel="alternate" type="application/ atom+xml" href="/feed">',
        '<link rel="stylesheet" type="application/atom+xml" href="/feed">',
        f'<link {ATOM}><link {ATOM} href="">',
        f'<link {ATOM} href="javascript:alert(1)">',
        f'<link {ATOM} href="file:///etc/passwd">',
        f'<link {ATOM} href="{PAGE}">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/2">',
        f'<a {ATOM} href="/feed">',
    ],
)
def test_what_is_no_feed_of_the_page_is_no_candidate(html):
    assert found(html) == []


def test_a_title_is_read_in_the_encoding_of_the_page():
    link = f'<link {ATOM} href="/feed" title="Müße">'
    by_header = discover(link.encode("latin-1"), "text/html; charset=latin-1", PAGE)
    by_page = discover(f"<meta charset=cp1252>{link}".encode("cp1252"), "text/html", PAGE)
    unknown = discover(link.encode(), "text/html; charset=no-such", PAGE)
    wide = discover(link.encode("utf-16"), "text/html", PAGE)

    assert {found[0].title for found in (by_header, by_page, unknown, wide)} == {"Müße"}


MEGABYTE = 1 << 20
HOSTILE = {
    "deep": "<div>" * 200_000,
    "attributes": "<a " + " ".join(f"x{n}" for n in range(150_000)) + ">",
    "attributes of links": ("<link " + " ".join(f"x{n}" for n in range(200)) + ">") * 900,
    "open links": "<link " * 180_000,
    "open quotes": '<link href="' * 90_000,
    "quotes": "<link " + "\"''" * 350_000,
    "open comments": "<!--" * 250_000,
    "open scripts": "<script>" * 130_000,
    "candidates": f"<link {ATOM} href=/x>" * 20_000,
    "bases": "<base href=/x>" * 70_000,
}


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_page_takes_little_time(html):
    started = time.process_time()
    discover(html.encode(), "text/html", PAGE)

    assert time.process_time() - started < 2


def test_a_page_names_a_bounded_number_of_candidates():
    html = "".join(f'<link {ATOM} href="/{n}">' for n in range(1000))

    assert len(found(html)) == MOST_CANDIDATES


@pytest.mark.skipif(not PAGES, reason="the corpus of pages is not here")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_page_of_the_corpus_names_its_feed_alone(path):
    url = f"http://diveintomark.org/tests/client/autodiscovery/{path.name}"
    [feed] = found(path.read_text("latin-1"), url)

    assert feed.endswith(f"/tests/client/autodiscovery/{path.stem}.xml")
