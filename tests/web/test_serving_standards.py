"""Serving over HTTP, line by line: what a client, a cache and a proxy may count on.

Each name starts with the line of the checklist that it proves, section b.7.
"""

import re
from email.utils import parsedate_to_datetime

import pytest

from aggregator.core.errors import StoreError
from aggregator.core.publication import Publication
from aggregator.formats.written import Writer
from aggregator.service import documents
from tests.builders import read_entry
from tests.unpacking import UNPACK
from tests.web.published import FORMATS, LATEST, Published, Writes

FEEDS = [f"/feed.{format}" for format in FORMATS]
MORE_FEEDS = [f"{path}.{format}" for path in ("/sources/a", "/tags/t") for format in FORMATS]
PAGES = ["/", "/publications/b", "/sources/a", "/tags/t", "/sources"]
LASTING = [*FEEDS, *MORE_FEEDS, *PAGES, "/opml.xml"]
CODINGS = ("identity", "gzip", "br", "zstd")


@pytest.fixture
async def site() -> Published:
    return await Published().open()


async def raw(site: Published, path: str, coding: str) -> tuple[dict[str, str], bytes]:
    """Headers and body as they are on the wire."""
    request = site.client.build_request("GET", path, headers={"accept-encoding": coding})
    answer = await site.client.send(request, stream=True)
    return dict(answer.headers), b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/feed.atom", "application/atom+xml; charset=utf-8"),
        ("/feed.rss", "application/rss+xml; charset=utf-8"),
        ("/feed.json", "application/feed+json; charset=utf-8"),
        ("/opml.xml", "text/x-opml; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
    ],
)
async def test_b7_01_content_types_are_the_registered_ones(site, path, content_type):
    assert (await site.get(path)).headers["content-type"] == content_type


@pytest.mark.parametrize("xml", ["application/xml", "text/xml"])
async def test_b7_01_xml_can_be_sent_as_what_browsers_show(xml):
    site = await Published().open(xml_content_type=xml)
    types = [(await site.get(path)).headers["content-type"] for path in FEEDS]
    link = (await site.get("/")).headers["link"]

    assert types == [*[f"{xml}; charset=utf-8"] * 2, "application/feed+json; charset=utf-8"]
    assert 'type="application/atom+xml"' in link


@pytest.mark.parametrize(("path", "root"), [("/feed.atom", b"<feed"), ("/feed.rss", b"<rss")])
async def test_b7_01_the_root_stands_where_it_is_looked_for(site, path, root):
    assert root in (await site.get(path)).content[:512]


@pytest.mark.parametrize("path", LASTING)
async def test_b7_02_every_form_has_a_strong_tag_of_its_own(site, path):
    tags = [(await site.get(path, coding=coding)).headers["etag"] for coding in CODINGS]

    assert len(set(tags)) == 4
    assert all(re.fullmatch(r'"[\w.]+"', tag) for tag in tags)


async def test_b7_02_every_format_has_a_tag_of_its_own(site):
    tags = {(await site.get(path)).headers["etag"] for path in FEEDS}

    assert len(tags) == 3


@pytest.mark.parametrize("path", LASTING)
async def test_b7_02_a_held_tag_is_answered_with_304(site, path):
    for coding in CODINGS:
        tag = (await site.get(path, coding=coding)).headers["etag"]
        for form in ("{}", "W/{}", '"x", {}', '"x",W/{} , "y"', "*"):
            again = await site.get(path, coding=coding, if_none_match=form.format(tag))
            assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", LASTING)
async def test_b7_02_a_tag_that_a_proxy_marked_is_the_same_tag(site, path):
    for coding in ("identity", "gzip"):
        tag = (await site.get(path, coding=coding)).headers["etag"]
        for mark in ("-gzip", ";gzip", ";br", "-zstd"):
            again = await site.get(path, coding=coding, if_none_match=f'W/{tag[:-1]}{mark}"')
            assert again.status_code == 304


async def test_b7_02_tags_win_over_dates(site):
    first = await site.get()
    since = first.headers["last-modified"]

    other = await site.get(if_none_match='"other"', if_modified_since=since)
    same = await site.get(
        if_none_match=first.headers["etag"], if_modified_since="Thu, 01 Jan 1970 00:00:00 GMT"
    )

    assert (other.status_code, same.status_code) == (200, 304)


@pytest.mark.parametrize("path", LASTING)
async def test_b7_02_a_304_repeats_what_a_cache_has_to_know(site, path):
    first = await site.get(path, coding="br")

    again = await site.get(path, coding="br", if_none_match=first.headers["etag"])

    for name in ("etag", "cache-control", "vary", "link", "last-modified"):
        assert again.headers.get(name) == first.headers.get(name)
    assert "content-type" not in again.headers
    assert "content-length" not in again.headers


@pytest.mark.parametrize("path", [*FEEDS, "/"])
async def test_b7_03_last_modified_is_when_what_is_shown_last_changed(site, path):
    site.world.clock.pass_(hours=1)
    await site.publish("a", "a9")
    changed_at = site.world.clock.now()
    site.world.clock.pass_(hours=5)

    told = (await site.get(path)).headers["last-modified"]

    assert parsedate_to_datetime(told) == changed_at.replace(microsecond=0)


@pytest.mark.parametrize("path", [*FEEDS, "/"])
async def test_b7_03_last_modified_is_never_in_the_future(site, path):
    site.world.clock.step_the_wall_clock(days=3)
    await site.publish("a", "a9")
    site.world.clock.step_the_wall_clock(days=-3)

    told = (await site.get(path)).headers["last-modified"]

    assert parsedate_to_datetime(told) <= site.world.clock.now()


@pytest.mark.parametrize("path", [*FEEDS, "/"])
async def test_b7_03_a_date_alone_is_enough_to_be_spared(site, path):
    since = (await site.get(path)).headers["last-modified"]

    assert (await site.get(path, if_modified_since=since)).status_code == 304


def max_age(answer) -> int:
    found = re.fullmatch(
        r"public, max-age=(\d+), stale-while-revalidate=\d+, stale-if-error=\d+",
        answer.headers["cache-control"],
    )
    assert found
    return int(found[1])


@pytest.mark.parametrize("path", LASTING)
async def test_b7_04_max_age_is_the_time_until_the_next_poll(site, path):
    """Every source was polled just now and is due in an hour, of which fifty minutes pass."""
    far = max_age(await site.get(path))
    site.world.clock.pass_(minutes=50)
    near = max_age(await site.get(path))
    site.world.clock.pass_(minutes=60)
    over = max_age(await site.get(path))

    assert (far, near, over) == (900, 600, 60)


@pytest.mark.parametrize("path", LASTING)
async def test_b7_05_caches_are_told_that_the_coding_is_negotiated(site, path):
    plain, packed = await site.get(path), await site.get(path, coding="gzip")
    again = await site.get(path, if_none_match="*")

    assert {each.headers["vary"] for each in (plain, packed, again)} == {"Accept-Encoding"}


@pytest.mark.parametrize("path", LASTING)
async def test_b7_06_a_packed_form_holds_the_same(site, path):
    plain = await site.get(path)
    for coding, unpack in UNPACK.items():
        headers, packed = await raw(site, path, coding)
        assert headers["content-encoding"] == coding
        assert headers["content-length"] == str(len(packed))
        assert unpack(packed) == plain.content

    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("path", LASTING)
async def test_b7_06_head_says_what_get_says(site, path):
    for coding in CODINGS:
        whole = await site.get(path, coding=coding)
        head = await site.request("HEAD", path, coding=coding)
        assert head.status_code == 200
        assert dict(head.headers) == dict(whole.headers)
        assert head.content == b""


@pytest.mark.parametrize("path", LASTING)
async def test_b7_06_a_range_is_ignored(site, path):
    whole = await site.get(path)
    part = await site.get(path, range="bytes=0-9", if_range=whole.headers["etag"])

    assert part.status_code == 200
    assert part.content == whole.content


OPEN = [*FEEDS, *MORE_FEEDS, "/opml.xml"]


@pytest.mark.parametrize("path", [*OPEN, "/nothing.atom", "/sources/none.rss", "/api/nothing"])
async def test_b7_07_feeds_and_their_errors_are_open_to_readers_in_browsers(site, path):
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        answer = await site.request(method, path)
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"ETag", "Link", "Last-Modified", "Retry-After"} <= set(exposed)


@pytest.mark.parametrize("path", OPEN)
async def test_b7_07_a_304_is_open_as_well(site, path):
    answer = await site.get(path, if_none_match="*")

    assert answer.status_code == 304
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("error", [StoreError("out of reach"), ZeroDivisionError()])
async def test_b7_07_failures_of_ours_are_open_as_well(site, monkeypatch, error):
    async def fail(*_):
        raise error

    monkeypatch.setattr(site.publisher, "document", fail)
    answer = await site.get()

    assert answer.status_code in {500, 503}
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_b7_07_a_preflight_is_granted(site):
    answer = await site.request("OPTIONS", "/feed.atom")

    assert answer.status_code == 204
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"If-None-Match", "If-Modified-Since", "A-IM"} <= set(allowed)


@pytest.mark.parametrize("path", [*FEEDS, *MORE_FEEDS])
async def test_b7_08_a_304_and_a_head_are_not_rendered(site, monkeypatch, path):
    etag = (await site.get(path)).headers["etag"]
    writes = Writes(monkeypatch)

    again = await site.get(path, if_none_match=etag)
    head = await site.request("HEAD", path)

    assert (again.status_code, head.status_code) == (304, 200)
    assert writes.times == 0


async def test_b7_08_a_change_elsewhere_renders_nothing(site, monkeypatch):
    etag = (await site.get("/sources/b.atom")).headers["etag"]
    writes = Writes(monkeypatch)
    await site.publish("a", "a9")

    assert (await site.get("/sources/b.atom", if_none_match=etag)).status_code == 304
    assert writes.times == 0


@pytest.mark.parametrize("path", ["/", "/publications/b", "/tags/t", "/sources", "/sources/a"])
async def test_b7_08_a_page_that_is_held_is_not_rendered(site, monkeypatch, path):
    etag = (await site.get(path)).headers["etag"]
    monkeypatch.delattr("aggregator.web.pages.Pages._render")

    assert (await site.get(path, if_none_match=etag)).status_code == 304


@pytest.mark.parametrize("path", ["/sources", "/sources/a"])
async def test_b7_08_a_poll_changes_the_pages_that_show_it(site, path):
    etag = (await site.get(path)).headers["etag"]
    site.world.clock.pass_(minutes=10)
    await site.world.poll("a")

    assert (await site.get(path, if_none_match=etag)).status_code == 200


@pytest.mark.parametrize("path", FEEDS)
async def test_b7_09_the_last_good_bytes_are_served_when_an_update_fails(site, monkeypatch, path):
    good = await site.get(path)
    await site.publish("a", "a9")

    def fail(*_):
        raise ZeroDivisionError

    for format in FORMATS:
        monkeypatch.setitem(documents.WRITERS, format, Writer(pieces=fail, compose=fail))
    answer = await site.get(path)

    assert answer.status_code == 200
    assert answer.content == good.content


@pytest.mark.parametrize("path", FEEDS)
async def test_b7_09_the_last_good_bytes_are_served_without_a_database(site, monkeypatch, path):
    good = await site.get(path)

    async def fail():
        raise StoreError("out of reach")

    monkeypatch.setattr(site.world.store, "revision", fail)

    assert (await site.get(path)).content == good.content


@pytest.mark.parametrize("path", [*FEEDS, *MORE_FEEDS])
async def test_b7_10_unknown_parameters_do_not_split_the_cache(site, monkeypatch, path):
    plain = await site.get(path)
    writes = Writes(monkeypatch)
    tagged = await site.get(f"{path}?utm_source=x&format=other&=&&%ff=%00")

    assert tagged.content == plain.content
    assert tagged.headers["etag"] == plain.headers["etag"]
    assert tagged.headers["link"] == plain.headers["link"]
    assert writes.times == 0


RENAMED = Publication(slug="c", title="C", path="publications/c")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/publications/b", "/publications/c"),
        ("/publications/b.atom", "/publications/c.atom"),
        ("/publications/b.rss", "/publications/c.rss"),
        ("/publications/b.json?page=2&x=%3C", "/publications/c.json?page=2&x=%3C"),
        ("/publications/all.atom", "/feed.atom"),
        ("/publications/all", "/"),
    ],
)
async def test_b7_10_a_renamed_publication_is_found_at_its_new_address(site, old, new):
    await site.take(publications=(LATEST, RENAMED), formerly={"b": "c", "all": "latest"})

    for method in ("GET", "HEAD"):
        answer = await site.request(method, old)
        assert answer.status_code == 301
        assert answer.headers["location"] == f"https://planet.example{new}"
        assert answer.headers["cache-control"].startswith("public, max-age=")
        assert answer.content == b""


@pytest.mark.parametrize("ending", ["", ".atom", ".rss", ".json"])
@pytest.mark.parametrize("path", ["/publications/b", "/sources/b", "/tags/t"])
async def test_b7_10_what_is_published_no_more_is_gone(site, path, ending):
    before = await site.get(path + ending)
    await site.take(publications=(LATEST,), names={"a": "A"}, tags={})
    gone = await site.get(path + ending)
    await site.take()
    back = await site.get(path + ending)

    assert [each.status_code for each in (before, gone, back)] == [200, 410, 200]
    assert gone.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/publications/x", "/publications/x.atom", "/tags/b", "/sources/t"]
)
async def test_b7_10_what_never_was_is_not_gone(site, path):
    assert (await site.get(path)).status_code == 404


async def test_b7_10_a_name_that_ends_like_a_feed_can_be_gone(site):
    await site.take(tags={"node.json": frozenset({"a"})})
    await site.take()

    for path in ("/tags/node.json", "/tags/node.json.atom"):
        assert (await site.get(path)).status_code == 410


async def test_b7_10_a_page_that_there_is_not_is_not_gone(site):
    assert (await site.get("/publications/b?page=99")).status_code == 404


@pytest.mark.parametrize("path", [*LASTING, "/nothing", "/nothing.atom", "/healthz"])
async def test_b7_11_answers_carry_safe_headers(site, path):
    headers = (await site.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.rss", "/opml.xml"])
async def test_b7_12_xml_says_its_encoding_and_nothing_before_it(site, path):
    body = (await site.get(path)).content

    assert re.match(rb"<\?xml version=['\"]1\.0['\"] encoding=['\"]UTF-8['\"]\?>", body)
    assert b"<!DOCTYPE" not in body
    assert body.decode("utf-8")


async def test_b7_13_a_hundred_ordinary_entries_stay_below_half_a_megabyte(site):
    words = "some words of a text " * 150
    site.entries["a"] = [
        read_entry(f"n{n}", link=f"https://a.example/n{n}", content_html=f"<p>{words}</p>")
        for n in range(99)
    ]
    await site.publish("a", "n99", content_html=f"<p>{words}</p>")

    for path in FEEDS:
        body = (await site.get(path)).content
        assert body.count(words.encode()) > 90
        assert len(body) < 500_000


@pytest.mark.parametrize("path", FEEDS)
async def test_b7_13_no_document_is_larger_than_validators_read(site, monkeypatch, path):
    whole = (await site.get(path)).content
    monkeypatch.setattr(documents, "LARGEST", len(whole) * 2 // 3)
    await site.publish("b", "b9")
    short = (await site.get(path)).content

    shown = [set(re.findall(r"Title (\w+)", body.decode())) for body in (whole, short)]
    assert shown[0] == {"a0", "a1", "a2", "a3", "b0"}
    assert "b9" in shown[1]
    assert 1 < len(shown[1]) < len(shown[0])
    assert len(short) <= documents.LARGEST


def linked(answer) -> dict[str, list[str]]:
    links: dict[str, list[str]] = {}
    for url, rel in re.findall(r'<([^>]*)>; rel="([^"]*)"', answer.headers["link"]):
        links.setdefault(rel, []).append(url)
    return links


@pytest.mark.parametrize("path", [*FEEDS, *MORE_FEEDS])
async def test_b5_a_feed_links_to_itself_once_on_get_head_and_304(site, path):
    for answer in (
        await site.get(path),
        await site.request("HEAD", path),
        await site.get(path, if_none_match="*"),
    ):
        assert linked(answer) == {"self": [f"https://planet.example{path}"]}


@pytest.mark.parametrize("path", FEEDS)
async def test_b5_a_feed_links_to_its_hub(path):
    site = await Published().open(hub="https://hub.example/?a=<b>")
    for answer in (
        await site.get(path),
        await site.request("HEAD", path),
        await site.get(path, if_none_match="*"),
    ):
        assert linked(answer)["hub"] == ["https://hub.example/?a=%3Cb%3E"]


@pytest.mark.parametrize(
    ("path", "stem"),
    [("/", "feed"), ("/publications/b", "publications/b"), ("/sources/a", "sources/a")],
)
async def test_b9_1_a_page_links_to_its_feeds_the_preferred_one_first(site, path, stem):
    for answer in (await site.get(path), await site.get(path, if_none_match="*")):
        assert answer.headers["link"].split(", ") == [
            f'<https://planet.example/{stem}.{format}>; rel="alternate"; type="{type}"'
            for format, type in (
                ("atom", "application/atom+xml"),
                ("rss", "application/rss+xml"),
                ("json", "application/feed+json"),
            )
        ]


async def test_what_is_no_ascii_can_stand_in_a_link():
    site = await Published().open(tags={"数学": frozenset({"a"})})

    assert linked(await site.get("/tags/数学.atom")) == {
        "self": ["https://planet.example/tags/%E6%95%B0%E5%AD%A6.atom"]
    }
