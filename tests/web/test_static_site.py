import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from aggregator.core.errors import StoreError
from aggregator.core.publication import Publication, Site
from aggregator.service.catalogue import Catalogue
from aggregator.service.publishing import Publisher
from aggregator.web.pages import Pages
from aggregator.web.publishing_out import publish
from aggregator.web.static_site import MOST_PAGES, StaticSite
from tests.builders import ago, read_entry
from tests.service.world import World
from tests.web.fakes import Reports

SITE = Site(title="Planet", url="https://planet.example/sub/", page_size=3)
LATEST = Publication(slug="latest", title="Planet", path="", limit=3)
PAPERS = Publication(slug="papers", title="P", path="publications/papers", sources=frozenset("b"))
TAGS = {
    "中文": frozenset("a"),
    "100%": frozenset("b"),
    "c++ & more?#": frozenset("a"),
    "..": frozenset("a"),
    ".": frozenset("a"),
    "long" * 60: frozenset("a"),
}


class Planet:
    def __init__(self) -> None:
        self.world = World()
        self.reports = Reports()
        self.publisher = Publisher(
            store=self.world.store,
            clock=self.world.clock,
            catalogue=Catalogue(
                site=SITE,
                publications=(LATEST, PAPERS),
                names={"a": "A", "b": "B"},
                tags=TAGS,
            ),
            complain=self.reports,
        )
        self.site = StaticSite(
            self.publisher, clock=self.world.clock, pages=Pages(), report=self.reports
        )

    async def says(self, key: str, count: int) -> None:
        entries = [
            read_entry(
                f"{key}{n}", link=f"https://{key}.example/{n}", published=ago(hours=count - n)
            )
            for n in range(count)
        ]
        self.world.serves(f"https://{key}.example/feed", *entries)
        await self.world.poll(key)


@pytest.fixture
async def planet() -> Planet:
    planet = Planet()
    for key, count in (("a", 7), ("b", 2)):
        await planet.world.add(key)
        await planet.says(key, count)
    return planet


def found(folder: Path, address: str) -> Path:
    """What a plain web server answers with."""
    path = folder / unquote(urlsplit(address).path).removeprefix("/sub/")
    return path / "index.html" if path.is_dir() else path


async def test_the_addresses_are_those_of_the_server(planet, tmp_path):
    await publish(planet.site, tmp_path)

    for address in (
        "",
        "publications/papers",
        "sources",
        "sources/a",
        "tags",
        "tags/%E4%B8%AD%E6%96%87",
        "tags/100%25",
        "tags/c%2B%2B%20%26%20more%3F%23",
    ):
        assert b"<!doctype html>" in found(tmp_path, f"/sub/{address}").read_bytes()[:200], address
        for format in ("atom", "rss", "json"):
            feed = f"/sub/{address or 'feed'}.{format}"
            assert found(tmp_path, feed).is_file() == (address not in {"sources", "tags"})
    assert found(tmp_path, "/sub/opml.xml").read_bytes() == await planet.publisher.opml()
    assert found(tmp_path, "/sub/404.html").is_file()


async def test_every_link_on_a_page_leads_to_a_file(planet, tmp_path):
    await publish(planet.site, tmp_path)
    pages = list(tmp_path.rglob("*.html"))
    links = {
        link
        for page in pages
        for link in re.findall(r'(?:href|src)="([^"]+)"', page.read_text("utf-8"))
    }
    ours = [link for link in links if link.startswith(("/", SITE.url))]

    assert len(ours) > 20
    assert [link for link in ours if not found(tmp_path, link).is_file()] == []
    assert not [link for link in ours if "?" in link and "style.css" not in link]
    assert "<form" not in "".join(page.read_text("utf-8") for page in pages)


async def test_a_feed_says_where_it_stands(planet, tmp_path):
    await publish(planet.site, tmp_path)

    for feed in tmp_path.rglob("*.atom"):
        (own,) = re.findall(r'<link href="([^"]+)" rel="self"', feed.read_text("utf-8"))
        assert found(tmp_path, own.replace("&amp;", "&")) == feed


async def test_feeds_are_the_bytes_that_the_server_answers(planet, tmp_path):
    await publish(planet.site, tmp_path)
    document = await planet.publisher.document(PAPERS, "rss")

    assert (tmp_path / "publications/papers.rss").read_bytes() == document.body


@pytest.mark.parametrize("format", ["atom", "rss", "json"])
async def test_a_reader_finds_every_entry_in_the_files_of_the_archive(planet, tmp_path, format):
    await publish(planet.site, tmp_path)
    address, told = f"/sub/feed.{format}", ""
    addresses = []
    while address not in addresses:
        addresses.append(address)
        body = found(tmp_path, address).read_text("utf-8")
        told += body
        named = re.search(r'<[^>]*rel="prev-archive"[^>]*>|"next_url": ?"[^"]+"', body)
        if named is None:
            break
        (url,) = re.findall(r'https://planet[^"]+', named[0])
        address = urlsplit(url).path

    assert len(addresses) > 1
    assert addresses[1].startswith("/sub/feed/archive/")
    assert all(f"Title {name}" in told for name in (*(f"a{n}" for n in range(7)), "b0", "b1"))
    assert "?page=" not in told
    assert "?archive=" not in told


async def test_files_do_not_take_the_place_of_what_the_server_keeps(planet, tmp_path):
    before = await planet.publisher.document(LATEST, "atom")
    await publish(planet.site, tmp_path)

    assert await planet.publisher.document(LATEST, "atom") is before
    assert b"?page=" in before.body


async def test_pages_go_on_in_folders(planet, tmp_path):
    await publish(planet.site, tmp_path)
    second = (tmp_path / "page/2/index.html").read_text("utf-8")

    assert (tmp_path / "page/3/index.html").is_file()
    assert not (tmp_path / "page/4").exists()
    assert 'href="/sub/page/3/"' in second
    assert '<link rel="canonical" href="https://planet.example/sub/page/2/">' in second
    assert (tmp_path / "sources/a/page/3/index.html").is_file()


async def test_only_so_many_pages_are_written(planet, tmp_path):
    await planet.says("a", 60)
    await publish(planet.site, tmp_path)
    last = (tmp_path / f"page/{MOST_PAGES}/index.html").read_text("utf-8")

    assert not (tmp_path / f"page/{MOST_PAGES + 1}").exists()
    assert f"/page/{MOST_PAGES + 1}/" not in last


async def test_only_what_changed_is_written(planet, tmp_path):
    first = await publish(planet.site, tmp_path)
    again = await publish(planet.site, tmp_path)
    planet.world.clock.pass_(hours=3)
    later = await publish(planet.site, tmp_path)
    await planet.says("b", 3)
    after = await publish(planet.site, tmp_path)

    assert (again.written, again.unchanged, again.removed) == (0, first.written, 0)
    assert later.written == 0
    assert 0 < after.written < first.written
    assert "Title b2" in (tmp_path / "publications/papers.json").read_text("utf-8")


async def test_what_shows_no_touched_source_is_left_alone(planet, tmp_path):
    await publish(planet.site, tmp_path)
    await planet.says("b", 3)
    done = await publish(planet.site, tmp_path, touched={"b"})

    assert "Title b2" in (tmp_path / "sources/b.json").read_text("utf-8")
    assert "Title b2" in (tmp_path / "tags/100%.json").read_text("utf-8")
    assert "Title b2" in (tmp_path / "index.html").read_text("utf-8")
    assert done.removed == 0
    assert (await publish(planet.site, tmp_path)).written == 0


async def test_tags_that_no_file_can_be_called_have_none(planet, tmp_path):
    await publish(planet.site, tmp_path / "out")

    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert not [path for path in tmp_path.rglob("*") if "longlong" in path.name]
    assert "longlong" not in (tmp_path / "out/tags/index.html").read_text("utf-8")


async def test_one_that_cannot_be_made_spoils_no_other_and_stays_as_it_was(
    planet, tmp_path, monkeypatch
):
    await publish(planet.site, tmp_path)
    document = planet.publisher.document

    async def broken(publication, format, leaf):
        if publication.slug == "papers":
            raise ValueError("cannot be written")
        return await document(publication, format, leaf)

    monkeypatch.setattr(planet.publisher, "document", broken)
    await planet.says("b", 3)
    await publish(planet.site, tmp_path)

    assert planet.site.failures == 1
    assert [request for request, _ in planet.reports.heard] == ["publishing publications/papers"]
    assert "Title b2" not in (tmp_path / "publications/papers.json").read_text("utf-8")
    assert "Title b2" in (tmp_path / "sources/b.json").read_text("utf-8")


async def test_nothing_is_removed_while_the_database_does_not_answer(planet, tmp_path, monkeypatch):
    await publish(planet.site, tmp_path)
    before = sorted(tmp_path.rglob("*"))

    async def broken(_=None):
        raise StoreError("away")

    monkeypatch.setattr(planet.world.store, "sources", broken)
    with pytest.raises(StoreError):
        await publish(planet.site, tmp_path)

    assert sorted(tmp_path.rglob("*")) == before
