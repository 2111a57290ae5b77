"""RFC 3229 with `A-IM: feed`: who has the older entries gets the new ones.

Each name starts with the line of the checklist that it proves, section b.8.
"""

import json
from dataclasses import dataclass

import feedparser
import pytest

from aggregator.service import deltas, documents
from aggregator.service.deltas import States
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.unpacking import UNPACK
from tests.web.published import FORMATS, Published, Writes

FEEDS = [f"/feed.{format}" for format in FORMATS]


@pytest.fixture
async def site() -> Published:
    return await Published().open()


def titles(answer) -> list[str]:
    if answer.headers["content-type"].startswith("application/feed+json"):
        return [item["title"] for item in json.loads(answer.content)["items"]]
    read = feedparser.parse(answer.content)
    assert not read.bozo
    return [entry.title for entry in read.entries]


async def held(site: Published, path: str, **headers: str) -> str:
    return (await site.get(path, **headers)).headers["etag"]


@pytest.mark.parametrize("path", FEEDS)
async def test_b8_01_only_what_is_new_is_sent_to_who_has_the_rest(site, path):
    old = await held(site, path)
    await site.publish("a", "a8")
    await site.publish("b", "b9")

    whole = await site.get(path)
    part = await site.get(path, a_im="feed", if_none_match=old)

    assert part.status_code == 226
    assert sorted(titles(part)) == ["Title a8", "Title b9"]
    assert len(titles(whole)) == 7


@pytest.mark.parametrize("path", FEEDS)
async def test_b8_02_it_says_what_it_is_and_keeps_other_caches_out(site, path):
    old = await held(site, path)
    await site.publish("a", "a8")

    whole = await site.get(path)
    part = await site.get(path, a_im="feed", if_none_match=old)

    assert part.headers["im"] == "feed"
    assert part.headers["cache-control"] == "no-store, im"
    assert part.headers["vary"] == "A-IM, If-None-Match, Accept-Encoding"
    assert part.headers["content-length"] == str(len(part.content))
    for name in ("etag", "content-type", "link", "last-modified", "access-control-allow-origin"):
        assert part.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", FEEDS)
async def test_b8_03_the_new_tag_leads_on_from_there(site, path):
    first = await held(site, path)
    await site.publish("a", "a8")
    second = await site.get(path, a_im="feed", if_none_match=first)

    same = await site.get(path, a_im="feed", if_none_match=second.headers["etag"])
    await site.publish("b", "b9")
    third = await site.get(path, a_im="feed", if_none_match=second.headers["etag"])
    both = await site.get(path, a_im="feed", if_none_match=first)

    assert same.status_code == 304
    assert titles(third) == ["Title b9"]
    assert sorted(titles(both)) == ["Title a8", "Title b9"]


@pytest.mark.parametrize("path", FEEDS)
async def test_b8_04_a_changed_entry_is_new_again(site, path):
    old = await held(site, path)
    await site.publish("a", "a2", days=3, title="Another title")

    part = await site.get(path, a_im="feed", if_none_match=old)

    assert part.status_code == 226
    assert titles(part) == ["Another title"]


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize("tag", ['"unknown"', "unknown", '""', '"x", W/"y"'])
async def test_b8_05_who_holds_an_unknown_state_gets_everything(site, path, tag):
    await held(site, path)

    whole = await site.get(path, a_im="feed", if_none_match=tag)

    assert whole.status_code == 200
    assert len(titles(whole)) == 5
    assert "im" not in whole.headers
    assert whole.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", FEEDS)
async def test_b8_06_where_nothing_has_changed_nothing_is_sent(site, path):
    old = await held(site, path)

    for tag in (old, f"W/{old}", f'"x", {old}', "*"):
        answer = await site.get(path, a_im="feed", if_none_match=tag)
        assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("a_im", "status"),
    [
        ("feed", 226),
        ("vcdiff, feed;q=0.5", 226),
        ("FEED", 226),
        ("feed;q=0", 200),
        ("vcdiff", 200),
        ("", 200),
    ],
)
async def test_b8_07_who_does_not_ask_for_a_part_gets_the_whole(site, a_im, status):
    old = await held(site, "/feed.atom")
    await site.publish("a", "a8")

    assert (await site.get(a_im=a_im, if_none_match=old)).status_code == status


async def test_b8_07_feedparser_asks_for_programs_that_take_a_part_for_a_failure(site):
    accepted = feedparser.http.ACCEPT_HEADER
    old = await held(site, "/feed.atom")
    await site.publish("a", "a8")

    answer = await site.get(a_im="feed", if_none_match=old, accept=accepted)

    assert answer.status_code == 200
    assert len(titles(answer)) == 6


@pytest.mark.parametrize(
    ("format", "findings"),
    [("atom", atom_findings), ("rss", rss_findings), ("json", json_findings)],
)
async def test_b8_08_a_part_is_a_document_of_its_format(site, format, findings):
    path = f"/feed.{format}"
    old = await held(site, path)
    await site.publish("a", "a8")

    part = await site.get(path, a_im="feed", if_none_match=old)

    assert part.status_code == 226
    assert list(findings(part.content, self_url=f"https://planet.example{path}")) == []


async def test_b8_07_without_a_tag_there_is_nothing_to_compare_with(site):
    assert (await site.get(a_im="feed")).status_code == 200


async def test_b8_07_a_head_tells_of_the_whole(site):
    old = await held(site, "/feed.atom")
    await site.publish("a", "a8")

    head = await site.request("HEAD", "/feed.atom", a_im="feed", if_none_match=old)

    assert head.status_code == 200
    assert head.headers["content-length"] == str(len((await site.get()).content))


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_b8_08_a_part_is_packed_too(site, coding):
    old = await held(site, "/feed.atom", coding=coding)
    await site.publish("a", "a8")
    plain = await site.get(a_im="feed", if_none_match=old)

    headers = {"accept-encoding": coding, "a-im": "feed", "if-none-match": old}
    request = site.client.build_request("GET", "/feed.atom", headers=headers)
    packed = await site.client.send(request, stream=True)
    body = b"".join([part async for part in packed.aiter_raw()])

    assert (plain.status_code, packed.status_code) == (226, 226)
    assert packed.headers["content-encoding"] == coding
    assert UNPACK[coding](body) == plain.content
    assert packed.headers["etag"] == await held(site, "/feed.atom", coding=coding)


@pytest.mark.parametrize("mark", ["-gzip", ";br"])
async def test_b8_08_a_tag_that_a_proxy_marked_is_the_same_tag(site, mark):
    old = await held(site, "/feed.atom")
    await site.publish("a", "a8")

    assert (await site.get(a_im="feed", if_none_match=f'{old[:-1]}{mark}"')).status_code == 226


async def test_b8_09_when_all_is_new_the_whole_is_sent(site):
    old = await held(site, "/sources/b.atom")
    await site.publish("b", "b0", days=1, title="Another title")

    assert (await site.get("/sources/b.atom", a_im="feed", if_none_match=old)).status_code == 200


async def test_b8_09_when_only_the_head_has_changed_the_whole_is_sent(site):
    old = await held(site, "/feed.atom")
    renamed = site.publisher.publications()[0]
    site.publisher.take(
        site.catalogue(publications=(type(renamed)(slug="latest", title="Renamed", path=""),))
    )
    answer = await site.get(a_im="feed", if_none_match=old)

    assert answer.status_code == 200
    assert b"Renamed" in answer.content


async def test_b8_10_a_part_is_written_once_for_all_who_ask(site, monkeypatch):
    old = await held(site, "/feed.atom")
    await site.publish("a", "a8")
    await site.get()
    writes = Writes(monkeypatch)

    bodies = [(await site.get(a_im="feed", if_none_match=old)).content for _ in range(5)]

    assert len(set(bodies)) == 1
    assert writes.times == 1


async def test_b8_10_a_stranger_s_tag_costs_nothing(site, monkeypatch):
    await held(site, "/feed.atom")
    monkeypatch.delattr(type(site.world.store), "places")

    assert (await site.get(a_im="feed", if_none_match='"x"')).status_code == 200


async def test_b8_11_when_the_part_cannot_be_written_the_whole_is_sent(site, monkeypatch):
    old = await held(site, "/feed.atom")
    await site.publish("a", "a8")
    whole = await site.get()

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(documents, "news", fail)
    answer = await site.get(a_im="feed", if_none_match=old)

    assert answer.status_code == 200
    assert answer.content == whole.content
    assert len(site.world.notebook.failures) == 1


@dataclass
class Marking:
    mark: bytes


def test_b8_12_what_is_remembered_is_bounded():
    states, entries = (
        States(most=20_000),
        [Marking(number.to_bytes(8, "big")) for number in range(100)],
    )
    for number in range(1000):
        states.remember("feed.atom", str(number), entries)

    known = [number for number in range(1000) if states.of("feed.atom", [str(number)])]

    assert known == list(range(1000 - len(known), 1000))
    assert 10 < len(known) <= 20_000 / (100 * 8)


async def test_what_a_client_writes_beside_its_tag_costs_neither_time_nor_memory(site, monkeypatch):
    old = await held(site, FEEDS[0])
    await site.publish("a", "a8")
    whole = await site.get(FEEDS[0])
    looks = 0

    def counted(states, shown, news=deltas.news):
        nonlocal looks
        looks += len(states)
        return news(states, shown)

    monkeypatch.setattr(documents, "news", counted)
    for number in range(20):
        tags = ", ".join([*[old] * 50, f'"{number}"'])
        part = await site.get(FEEDS[0], a_im="feed", if_none_match=tags)

    assert titles(part) == ["Title a8"]
    assert len(titles(whole)) > 1
    assert looks == 1
