import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.cage import answers, frames
from aggregator.cage.limits import Limits
from aggregator.cage.pool import CagedReader
from aggregator.core.errors import UnreadableFeed
from aggregator.formats.reading import read_feed
from aggregator.service.ports import Document
from tests.patience import PATIENCE, at_some_pace

LIMITS = Limits(memory_bytes=400 * 1024 * 1024, cpu_seconds=1, wall_seconds=PATIENCE)
BOMBS = Path("../shared/corpora/bombs/defusedxml")


def rss(items: str, prolog: str = "") -> Document:
    body = f'{prolog}<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'
    return Document(body=body.encode(), content_type="", url="https://a.example/feed")


HEALTHY = rss(
    "<item><guid>1</guid><title>One</title><description>x &amp;lt; y</description></item>"
)
CUBIC_DECLARATION = rss("", prolog="<?" + "encoding='a'" * 4000 + "\n")
CATEGORIES = "".join(f"<category>{n}</category>" for n in range(20_000))
MANY_CATEGORIES = rss(f"<item>{CATEGORIES}</item>")
HUGE_TEXT = rss("<item><description>" + "x &amp;amp; " * 3_000_000 + "</description></item>")


@asynccontextmanager
async def caged(limits: Limits = LIMITS, workers: int = 1):
    reader = CagedReader(workers=workers, limits=limits)
    try:
        yield reader
    finally:
        await reader.aclose()


def children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread may end while we look
            found += map(int, (task / "children").read_text().split())
    return found


def limits_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def cpu_of(pid: int) -> float:
    """Seconds that it has worked."""
    of_user, of_system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(of_user) + int(of_system)) / os.sysconf("SC_CLK_TCK")


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def bombs() -> list[str]:
    return [path.read_text() for path in sorted(BOMBS.glob("*.xml"))]


async def assert_reads(reader: CagedReader) -> None:
    assert [entry.guid for entry in (await reader.read(HEALTHY)).entries] == ["1"]


async def test_a_feed_comes_out_as_it_does_without_a_cage():
    document = rss(
        "<item><guid>1</guid><title>中文</title><pubDate>Mon, 02 Nov 2026 10:00:00 +0100</pubDate>"
        "<enclosure url='https://a.example/a.mp3' type='audio/mpeg' length='12'/>"
        "<author>jane@a.example (Jane)</author><category>c</category></item>"
    )

    async with caged() as reader:
        feed = await reader.read(document)

    assert feed == read_feed(document.body, content_type="", url=document.url)
    assert len(feed.entries) == 1


async def test_a_large_feed_comes_in_parts_and_whole():
    words = "words " * 2000
    items = "".join(
        f"<item><guid>{n}</guid><description>{words}</description></item>" for n in range(60)
    )
    document = rss(items)

    async with caged() as reader:
        feed = await reader.read(document)
        again = await reader.read(document)

    assert feed == again == read_feed(document.body, content_type="", url=document.url)
    assert len(frames.replies(feed)) > 2


def test_a_part_that_holds_no_entries_is_refused():
    with pytest.raises(UnreadableFeed, match="not what they should be"):
        answers.entries_of(b'P[{"guid": 1}]')


async def test_no_process_is_started_before_there_is_a_document():
    before = set(children())

    async with caged():
        assert set(children()) <= before


async def test_one_process_reads_many_documents_and_is_gone_in_the_end():
    before = set(children())

    async with caged() as reader:
        await assert_reads(reader)
        first = set(children()) - before
        await assert_reads(reader)
        assert set(children()) - before == first
        assert len(first) == 1

    assert set(children()) <= before


async def test_an_unreadable_document_says_why_and_costs_no_process():
    before = set(children())

    async with caged() as reader:
        await assert_reads(reader)
        first = set(children()) - before
        with pytest.raises(UnreadableFeed, match="an HTML page, not a feed"):
            await reader.read(replace(HEALTHY, body=b"<!doctype html><html><p>Hello"))
        await assert_reads(reader)

        assert set(children()) - before == first


@pytest.mark.parametrize("bomb", [CUBIC_DECLARATION, MANY_CATEGORIES], ids=["head", "categories"])
async def test_a_document_that_takes_too_much_cpu_costs_its_process_only(
    bomb: Document,
):
    async with caged() as reader:
        with pytest.raises(UnreadableFeed, match="more than 1 s of CPU"):
            await reader.read(bomb)
        await assert_reads(reader)


async def test_cpu_is_granted_for_each_document_anew():
    slow = rss("<item><guid>1</guid></item>" * 1500)
    before = set(children())

    async with caged() as reader:
        await assert_reads(reader)
        (pid,) = set(children()) - before
        begun = cpu_of(pid)
        while cpu_of(pid) < begun + 1.5 * LIMITS.cpu_seconds:
            await reader.read(slow)
        assert set(children()) - before == {pid}


async def test_a_document_that_takes_too_much_memory_is_unreadable_and_the_next_is_read():
    async with caged(replace(LIMITS, memory_bytes=140 * 1024 * 1024, cpu_seconds=1000)) as reader:
        with pytest.raises(UnreadableFeed, match="memory"):
            await reader.read(HUGE_TEXT)
        await assert_reads(reader)


async def test_a_document_that_takes_too_long_is_unreadable_and_the_next_is_read():
    async def attempt(wall: float) -> None:
        async with caged(replace(LIMITS, cpu_seconds=1000, wall_seconds=wall)) as reader:
            try:
                await assert_reads(reader)
                with pytest.raises(UnreadableFeed, match=f"more than {wall:g} s$"):
                    await reader.read(CUBIC_DECLARATION)
                await assert_reads(reader)
            except UnreadableFeed as error:
                raise AssertionError from error

    await at_some_pace(attempt, 0.5, 5.0, 20.0)


async def test_a_process_that_is_killed_while_idle_costs_no_document():
    before = set(children())

    async with caged() as reader:
        await assert_reads(reader)
        (pid,) = set(children()) - before
        os.kill(pid, signal.SIGKILL)
        await assert_reads(reader)


async def test_a_cancelled_read_ends_its_process_and_its_answer_reaches_nobody():
    before = set(children())

    async with caged(replace(LIMITS, cpu_seconds=1000)) as reader:
        await assert_reads(reader)
        (pid,) = set(children()) - before
        reading = asyncio.create_task(reader.read(CUBIC_DECLARATION))
        await asyncio.wait([reading], timeout=0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        assert pid not in children()
        await assert_reads(reader)


async def test_a_healthy_document_does_not_wait_for_a_bomb():
    async with caged(workers=2) as reader:
        bomb = asyncio.create_task(reader.read(CUBIC_DECLARATION))
        await assert_reads(reader)
        with pytest.raises(UnreadableFeed):
            await bomb


async def test_closing_ends_a_read_that_is_under_way():
    before = set(children())
    reader = CagedReader(workers=1, limits=replace(LIMITS, cpu_seconds=1000))
    await assert_reads(reader)
    reading = asyncio.create_task(reader.read(CUBIC_DECLARATION))
    await asyncio.wait([reading], timeout=0.05)

    await reader.aclose()

    with pytest.raises(UnreadableFeed):
        await reading
    assert set(children()) <= before


async def test_a_reading_process_can_write_no_file_and_sees_nothing_of_our_environment():
    os.environ["CAGE_TEST_SECRET"] = "secret"
    before = set(children())
    try:
        async with caged() as reader:
            await assert_reads(reader)
            (pid,) = set(children()) - before
            limits, environment = limits_of(pid), environment_of(pid)
    finally:
        del os.environ["CAGE_TEST_SECRET"]

    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max open files"] == ["16", "16"]
    assert limits["Max address space"] == [str(LIMITS.memory_bytes)] * 2
    assert b"secret" not in environment


@pytest.mark.skipif(not BOMBS.is_dir(), reason="the shared corpora are not there")
async def test_entity_and_dtd_bombs_neither_expand_nor_harm_the_next_document():
    async with caged() as reader:
        for bomb in bombs():
            prolog, _, root = bomb.rpartition("]>")
            body = f"{prolog}]>" if prolog else ""
            feed = rss(f"<item><guid>b</guid><title>{root}</title></item>", prolog=body)
            try:
                (entry,) = (await reader.read(feed)).entries
                assert len(entry.content.title) <= 1000
            except UnreadableFeed:
                pass
            await assert_reads(reader)


PLAYER = rss(
    "<item><guid>1</guid><description>&lt;iframe src="
    "'https://www.youtube.com/embed/dQw4w9WgXcQ'>&lt;/iframe></description></item>"
)


async def test_what_the_source_allows_holds_for_its_document_only():
    async with caged() as reader:
        allowed = await reader.read(replace(PLAYER, players=True))
        plain = await reader.read(PLAYER)

    assert "<iframe" in allowed.entries[0].content.content_html
    assert "<iframe" not in plain.entries[0].content.content_html


async def test_known_items_are_known_again_and_the_others_read():
    old, new = "<item><guid>1</guid></item>", "<item><guid>2</guid></item>"
    async with caged() as reader:
        first = await reader.read(rss(old))
        assert first.sliced is not None
        known = {"known_head": first.sliced.head, "known_items": first.sliced.read}

        same = await reader.read(replace(rss(old), **known))
        changed = await reader.read(replace(rss(new + old), **known))

    assert same.sliced == replace(first.sliced, read=(), resting=first.sliced.read, same=True)
    assert [entry.guid for entry in changed.entries] == ["2"]
    assert changed.sliced is not None
    assert changed.sliced.resting == first.sliced.read


@pytest.mark.parametrize(
    ("items", "content_type"),
    [("<title><![CDATA[{old}]]></title>{old}{new}", ""), ("{old}{new}", "text/xml; charset=big5")],
    ids=["one is none", "perhaps no UTF-8"],
)
async def test_a_document_that_tells_nothing_without_its_known_items_is_read_whole(
    items, content_type
):
    old, new = "<item><guid>1</guid></item>", "<item><guid>2</guid></item>"
    document = replace(rss(items.format(old=old, new=new)), content_type=content_type)
    async with caged() as reader:
        first = await reader.read(rss(old))
        assert first.sliced is not None

        feed = await reader.read(replace(document, known_items=first.sliced.read))

    assert [entry.guid for entry in feed.entries][-1] == "2"
    assert feed.info == read_feed(document.body, content_type="", url=document.url).info
