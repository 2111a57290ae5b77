"""How long our event loop is kept from its work while difficult documents are taken in.

    python -m benchmarks.loop_lag [--documents N]

Each is read in the cage and reconciled; nothing is stored. `longest` is the CPU time that the
loop's thread took between two turns of a task that sleeps a millisecond: what it would hold up.
Exit status 1 where that is more than 50 ms. Then N small documents (default 10,000) go through
one reading process, which should not grow.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aggregator.cage.limits import Limits
from aggregator.cage.pool import CagedReader
from aggregator.core.errors import UnreadableFeed
from aggregator.service.ports import Document
from aggregator.service.taking_in import TakeIn
from tests.fakes import fetched
from tests.service.world import World

MOST_MS = 50
ADDRESS = "https://a.example/feed"
_TEXT = "<p>Some <b>words</b> with <a href='https://b.example/x'>a link</a> and more words.</p>"


def rss(items: int, repeats: int) -> bytes:
    entries = "".join(
        f"<item><title>Number {n}</title><link>https://a.example/{n}</link>"
        f"<guid>https://a.example/{n}</guid><description><![CDATA[{_TEXT * repeats} {n}]]>"
        "</description></item>"
        for n in range(items)
    )
    head = '<rss version="2.0"><channel><title>A</title><link>https://a.example/</link>'
    return f"{head}{entries}</channel></rss>".encode()


def bomb() -> bytes:
    doubled = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY e0 "ha">{doubled}]><rss><title>&e9;</title></rss>'.encode()


DIFFICULT = {
    "20 entries": lambda: rss(20, 30),
    "1,000 entries": lambda: rss(1000, 8),
    "2,000 entries": lambda: rss(2000, 2),
    "5 MB in 20 entries": lambda: rss(20, 2900),
    "5 MB in one entry": lambda: rss(1, 58_000),
    "5 MB of deep elements": lambda: b"<rss><channel>" + b"<a>" * 1_700_000,
    "a bomb of entities": bomb,
}


async def longest(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of CPU of the loop's thread between two turns."""
    worst = 0.0
    task = asyncio.ensure_future(work())
    before = time.thread_time()
    while not task.done():
        await asyncio.sleep(0.001)
        now = time.thread_time()
        worst, before = max(worst, now - before), now
    await task
    return worst * 1000


async def _taken_in(reader: CagedReader, body: bytes) -> float:
    world = World()
    await world.add("a", ADDRESS)
    (source,) = await world.store.claim(["a"], lease_until=world.clock.steady())
    take_in = TakeIn(store=world.store, reader=reader, clock=world.clock)
    answer = fetched(body, ADDRESS)
    return await longest(lambda: take_in(source, world.policies["a"], answer))


async def _growth(reader: CagedReader, documents: int) -> tuple[int, int]:
    """MB that the only reading process takes, after a hundredth of the documents and after all."""
    small = Document(body=rss(5, 10), content_type="", url=ADDRESS)
    sizes = []
    for number in range(documents):
        await reader.read(small)
        if number in {documents // 100, documents - 1}:
            sizes.append(_largest_child())
    return sizes[0], sizes[-1]


def _largest_child() -> int:
    me = Path("/proc/self/task")
    children = [int(one) for path in me.glob("*/children") for one in path.read_text().split()]
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in children]
    return max(pages) * 4096 >> 20


async def measure(documents: int) -> int:
    reader = CagedReader(workers=1, limits=Limits())
    try:
        await reader.read(Document(body=rss(1, 1), content_type="", url=ADDRESS))
        lags = {}
        for name, make in DIFFICULT.items():
            lags[name] = await _taken_in(reader, make())
            print(f"{name:24} longest {lags[name]:6.1f} ms")
        if documents:
            first, last = await _growth(reader, documents)
            print(f"{documents} documents: the reading process has {first} MB, then {last} MB")
    except UnreadableFeed as error:
        print(f"loop_lag: {error}")
        return 1
    finally:
        await reader.aclose()
    return int(max(lags.values()) > MOST_MS)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=10_000, metavar="N")
    return asyncio.run(measure(parser.parse_args().documents))


if __name__ == "__main__":
    sys.exit(main())
