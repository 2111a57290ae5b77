"""What is answered from memory is what the application would have answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from aggregator.web import at_hand
from aggregator.web.app import create_app
from aggregator.web.at_hand import Remembering
from aggregator.web.clients import Peer
from aggregator.web.exchange import Asked, Exchange, Fields
from tests.web.fakes import FakeHealth, Guestbook, no_lists, no_news
from tests.web.published import LATEST, SITE, Published

AGENT = "Reader/1.0 (3 subscribers)"
PATHS = ["/feed.atom", "/feed.rss", "/feed.json", "/publications/b.atom", "/sources/a.rss"]
CODINGS = ["", "gzip", "br, gzip;q=0.5", "zstd", "identity", "gzip;q=0, *;q=0.1", "x-gzip"]


class Wire:
    """The end of a connection: what is written to it."""

    def __init__(self, peer: str) -> None:
        self.client: tuple[str, int] | None = (peer, 50_000)
        self.server: tuple[str, int] | None = ("192.0.2.1", 80)
        self.written = b""

    def write(self, *parts: bytes) -> None:
        self.written += b"".join(parts)

    async def drained(self) -> None: ...

    def took(self) -> None: ...

    def moved(self) -> None: ...


class Site:
    """The published site, asked in both ways."""

    async def open(self, **changes) -> "Site":
        self.published = await Published().open(**changes)
        self.guestbook = Guestbook()
        app = create_app(
            self.published.publisher,
            FakeHealth(),
            clock=self.published.world.clock,
            report=self.published.reports,
            audience=self.guestbook,
            lists=no_lists(),
            news=no_news,
            stop=asyncio.Event(),
        )
        self.remembering = Remembering(app, self.published.publisher, self.guestbook)
        return self

    async def ask(
        self,
        method: str,
        target: str,
        fields: Sequence[tuple[bytes, bytes]] = (),
        *,
        peer: str = "192.0.2.7",
    ) -> bytes:
        """The application's answer as it is on the wire, without its date."""
        wire = Wire(peer)
        asked = Asked(
            method=method,
            target=target.encode(),
            fields=with_name(fields),
            version="1.1",
            keep_alive=True,
            is_whole=True,
        )
        await Exchange(asked, wire, lambda: b"now").run(self.remembering)
        return wire.written.replace(b"date: now\r\n", b"")

    def at_hand(
        self,
        method: str,
        target: str,
        fields: Sequence[tuple[bytes, bytes]] = (),
        *,
        peer: str = "192.0.2.7",
    ) -> bytes | None:
        answer = self.remembering.at_hand(method, target.encode(), with_name(fields), Peer(peer))
        return answer and b"%b\r\n%b" % answer

    async def tag(self, path: str, coding: str) -> bytes:
        answer = await self.ask("GET", path, [(b"accept-encoding", coding.encode())])
        return answer.partition(b"etag: ")[2].partition(b"\r\n")[0]


def with_name(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    return [(b"host", b"planet.example"), (b"user-agent", AGENT.encode()), *fields]


@pytest.fixture
async def site() -> Site:
    return await Site().open()


async def conditions(site: Site, path: str, coding: str) -> list[Fields]:
    tag = await site.tag(path, coding)
    return [
        [],
        [(b"if-none-match", tag)],
        [(b"if-none-match", b"W/" + tag[:-1] + b'-gzip"')],
        [(b"if-none-match", b'"other"')],
        [(b"if-none-match", b"*")],
        [(b"if-none-match", b"")],
        [(b"if-modified-since", b"Sat, 01 Jan 2039 00:00:00 GMT")],
        [(b"if-modified-since", b"Sat, 01 Jan 2000 00:00:00 GMT")],
        [(b"if-modified-since", b"nonsense")],
        [(b"if-none-match", b'"other"'), (b"if-modified-since", b"Sat, 01 Jan 2039 00:00:00 GMT")],
    ]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_at_hand_is_the_applications_to_the_byte(site, path, coding):
    for condition in await conditions(site, path, coding):
        for method in ("GET", "HEAD"):
            fields = [(b"accept-encoding", coding.encode()), *condition]
            said = await site.ask(method, path, fields)

            assert site.at_hand(method, path, fields) == said


@pytest.mark.parametrize(
    ("site_changes", "changes"),
    [
        ({"noindex": True}, {}),
        ({}, {"xml_content_type": "text/xml"}),
        ({}, {"publications": (replace(LATEST, limit=2),)}),
    ],
)
async def test_whatever_is_configured(site_changes, changes):
    site = await Site().open(site=replace(SITE, **site_changes), **changes)

    said = await site.ask("GET", "/feed.atom")

    assert site.at_hand("GET", "/feed.atom") == said


async def test_nothing_is_at_hand_before_somebody_asked(site):
    assert site.at_hand("GET", "/feed.atom") is None


async def test_what_has_changed_is_not_at_hand(site):
    before = await site.ask("GET", "/feed.atom")
    await site.published.publish("a", "new")

    assert site.at_hand("GET", "/feed.atom") is None
    after = await site.ask("GET", "/feed.atom")
    assert before != after == site.at_hand("GET", "/feed.atom")


async def test_who_holds_what_was_is_given_what_is(site):
    held = [(b"if-none-match", await site.tag("/feed.atom", ""))]
    assert b" 304 " in await site.ask("GET", "/feed.atom", held)
    await site.published.publish("a", "new")
    await site.ask("GET", "/feed.atom")

    assert site.at_hand("GET", "/feed.atom", held) is None
    assert b" 200 " in await site.ask("GET", "/feed.atom", held)


async def test_another_configuration_is_seen_at_once(site):
    before = await site.ask("GET", "/feed.atom")
    await site.published.take(site=replace(SITE, noindex=True))

    assert site.at_hand("GET", "/feed.atom") is None
    after = await site.ask("GET", "/feed.atom")
    assert b"x-robots-tag" not in before
    assert b"x-robots-tag: noindex" in after
    assert site.at_hand("GET", "/feed.atom") == after


async def test_a_publication_that_is_gone_is_not_at_hand(site):
    await site.ask("GET", "/publications/b.atom")
    await site.published.take(publications=(LATEST,))

    assert site.at_hand("GET", "/publications/b.atom") is None
    assert b" 410 " in await site.ask("GET", "/publications/b.atom")


async def test_the_time_goes_on_in_it(site):
    said = await site.ask("GET", "/feed.atom")
    site.published.world.clock.pass_(milliseconds=900)
    later = site.at_hand("GET", "/feed.atom")
    assert later == await site.ask("GET", "/feed.atom")
    assert b"max-age=" in said


async def test_another_process_is_heard_of_after_a_second(site):
    await site.ask("GET", "/feed.atom")
    site.published.world.clock.pass_(seconds=1)

    assert site.at_hand("GET", "/feed.atom") is None


@pytest.mark.parametrize(
    ("method", "target", "field"),
    [
        ("GET", "/feed.atom?page=2", None),
        ("GET", "/feed.atom?", None),
        ("GET", "/", None),
        ("POST", "/feed.atom", None),
        ("OPTIONS", "/feed.atom", None),
        ("GET", "/feed.atom", (b"a-im", b"feed")),
        ("GET", "/feed.atom", (b"content-length", b"0")),
        ("GET", "/feed.atom", (b"expect", b"100-continue")),
    ],
)
async def test_whatever_is_unusual_is_the_applications(site, method, target, field):
    fields = [field] if field else []
    await site.ask("GET", "/feed.atom")
    await site.ask(method, target, fields)

    assert site.at_hand(method, target, fields) is None


@pytest.mark.parametrize("name", [b"if-none-match", b"accept-encoding", b"x-forwarded-for"])
async def test_so_is_a_field_of_several_lines(site, name):
    twice = [(name, b"gzip"), (name, b"br")]
    await site.ask("GET", "/feed.atom", twice)

    assert site.at_hand("GET", "/feed.atom", twice) is None


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [("192.0.2.7", None), ("192.0.2.7", "192.0.2.9"), ("127.0.0.1", "192.0.2.8, 192.0.2.9")],
)
async def test_its_readers_are_counted_as_all_are(site, peer, forwarded):
    fields = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    await site.ask("GET", "/sources/a.rss", fields, peer=peer)
    assert site.at_hand("GET", "/sources/a.rss", fields, peer=peer)

    first, second = site.guestbook.lines
    assert first == second
    assert first[0] == "sources/a.rss"


async def test_readers_of_all_states_are_given_the_same_bytes(site):
    bodies = set()
    for number in range(5):
        held = [(b"if-none-match", b'"%d"' % number)]
        await site.ask("GET", "/feed.atom", held)
        _, body = site.remembering.at_hand("GET", b"/feed.atom", with_name(held), Peer(""))
        bodies.add(id(body))

    assert len(bodies) == 1


async def test_large_feeds_take_each_others_room(site, monkeypatch):
    for path in PATHS:
        await site.ask("GET", path)
    assert all(site.at_hand("GET", path) for path in PATHS)
    monkeypatch.setattr(at_hand, "_MOST_BYTES", 1)
    await site.ask("GET", PATHS[0])

    assert [path for path in PATHS if site.at_hand("GET", path)] == PATHS[:1]


async def test_a_long_question_is_not_remembered(site):
    held = [(b"if-none-match", b'"tag", ' * 150)]
    await site.ask("GET", "/feed.atom", held)

    assert site.at_hand("GET", "/feed.atom", held) is None


async def test_memory_is_bounded(site):
    for number in range(150):
        await site.ask("GET", "/feed.atom", [(b"if-none-match", b'"%d"' % number)])

    assert site.at_hand("GET", "/feed.atom", [(b"if-none-match", b'"0"')]) is None
    assert site.at_hand("GET", "/feed.atom", [(b"if-none-match", b'"149"')])
