"""A reader who comes rarely walks through what we serve (RFC 5005)."""

import json
from dataclasses import replace
from urllib.parse import urlsplit

import feedparser
import pytest

from aggregator.core.publication import Publication
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.web.published import FORMATS, LATEST, Published

FINDINGS = {"atom": atom_findings, "rss": rss_findings, "json": json_findings}
PATHS = {"latest": "/feed", "slug": "/publications/b", "source": "/sources/a", "tag": "/tags/t"}
HISTORY = b"http://purl.org/syndication/history/1.0"


@pytest.fixture(autouse=True)
def _volumes_of_four(monkeypatch):
    monkeypatch.setattr("aggregator.core.archives.BLOCK", 4)


@pytest.fixture
async def site():
    small = (
        replace(LATEST, limit=3),
        Publication(slug="b", title="B", path="publications/b", limit=3),
    )
    published = await Published().open(publications=small)
    for n in range(4, 10):
        await published.publish("a", f"a{n}", days=20 - n)
    return published


async def head(site, address: str, format: str):
    """The document's own links by relation, and the ids of its entries."""
    answer = await site.get(_below(address))
    assert answer.status_code == 200, address
    assert FINDINGS[format](answer.content, self_url=None) == []
    if format == "json":
        feed = json.loads(answer.content)
        links = {"next_url": feed["next_url"]} if "next_url" in feed else {}
        return {"self": feed["feed_url"], **links}, [item["id"] for item in feed["items"]], answer
    feed = feedparser.parse(answer.content)
    links = {link.rel: link.href for link in feed.feed.links}
    return links, [entry.id for entry in feed.entries], answer


def _below(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("format", FORMATS)
async def test_b4_whoever_follows_the_chain_gets_everything(site, format, path):
    rel = "next_url" if format == "json" else "prev-archive"
    address, seen, found = f"{path}.{format}", [], set()
    while address:
        links, ids, answer = await head(site, address, format)
        seen.append(address)
        found.update(ids)
        if len(seen) > 1 and format != "json":
            assert HISTORY in answer.content
            assert links["current"] == f"https://planet.example{path}.{format}"
            assert links["self"] == address
        address = links.get(rel)
        assert address not in seen

    assert len(found) == (10 if path == "/sources/a" else 11)
    assert len(seen) >= 3


@pytest.mark.parametrize("format", ["atom", "rss"])
async def test_b4_pages_are_linked_both_ways(site, format):
    address, pages = f"/feed.{format}", []
    while address:
        links, ids, answer = await head(site, address, format)
        assert HISTORY not in answer.content
        pages.append(ids)
        if len(pages) == 1:
            assert "previous" not in links
        assert "prev" not in links
        address = links.get("next")

    assert len({id for page in pages for id in page}) == sum(map(len, pages)) == 11
    assert _below(links["last"]) == f"/feed.{format}?page=4"


@pytest.mark.parametrize("format", FORMATS)
async def test_b3_next_url_of_pages_comes_to_an_end(site, format):
    address = f"/feed.{format}?page=2"
    while address:
        links, _, _ = await head(site, address, format)
        last, address = address, links.get("next_url" if format == "json" else "next")

    assert _below(last) == f"/feed.{format}?page=4"


async def test_a_volume_stays_the_same_bytes_while_others_come(site):
    before = await site.get("/feed.atom?archive=1")
    for n in range(3):
        await site.publish("b", f"c{n}")
    await site.get("/feed.atom")
    after = await site.get("/feed.atom?archive=1")

    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
