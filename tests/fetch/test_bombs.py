"""A gigabyte behind a small body costs a fraction of it: figures of a process of its own."""

import asyncio
import gzip
import json
import sys
import zlib
from pathlib import Path

import brotli
import pytest

from tests.fetch.server import reply, serving
from tests.patience import PATIENCE

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEGABYTE = 1_000_000
GIGABYTE = 1000 * MEGABYTE
MAX_BODY = 10 * MEGABYTE

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak is read where Linux shows it"
)


def zipped() -> bytes:
    """A gigabyte, one megabyte over and over: the end is never reached, so it has no checksum."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * 999


def brotlied() -> bytes:
    packer = brotli.Compressor(quality=3, lgwin=24)
    parts = [packer.process(bytes(MEGABYTE)) for _ in range(1000)]
    return b"".join([*parts, packer.finish()])


def zstded() -> bytes:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 23})
    parts = [packer.compress(bytes(MEGABYTE)) for _ in range(1000)]
    return b"".join([*parts, packer.flush()])


@pytest.fixture(scope="module")
def bombs() -> dict[str, tuple[bytes, str]]:
    """Bodies that unpack to a gigabyte, and how they are said to be packed."""
    zipped_once = zipped()
    return {
        "/gzip": (zipped_once, "gzip"),
        "/br": (brotlied(), "br"),
        "/zstd": (zstded(), "zstd"),
        "/gzip-gzip": (gzip.compress(zipped_once), "gzip, gzip"),
        "/chain": (gzip.compress(zipped_once), ", ".join(["gzip"] * 5000)),
        "/frames": (zstd.compress(bytes(MEGABYTE)) * 1000, "zstd"),
        "/nothing": (zstd.compress(b"") * 700_000, "zstd"),
    }


async def measured(*urls: str) -> dict[str, tuple[str, int, float]]:
    """Outcome, growth of memory at its highest, and seconds of work, by path."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fetch.measured", str(MAX_BODY), *urls),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(child.communicate(), 5 * PATIENCE)
    assert child.returncode == 0
    paths = ["/" + url.rpartition("/")[2] for url in urls]
    return dict(zip(paths, map(json.loads, output.splitlines()), strict=True))


async def test_no_bomb_takes_much_memory_or_time(bombs):
    answers = {
        path: reply(body=body, Content_Encoding=name) for path, (body, name) in bombs.items()
    }
    async with serving(answers) as server:
        figures = await measured(*(server.url(path) for path in bombs))

    outcomes = {path: outcome for path, (outcome, _, _) in figures.items()}
    assert outcomes == {
        "/gzip": "too_large",
        "/br": "too_large",
        "/zstd": "too_large",
        "/gzip-gzip": "encoding",
        "/chain": "encoding",
        "/frames": "too_large",
        "/nothing": "encoding",
    }
    assert {
        path for path, (_, growth, _) in figures.items() if growth > MAX_BODY + 32_000_000
    } == set()
    assert {path for path, (_, _, took) in figures.items() if took > 3} == set()


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "410 Gone", "500 Oh"])
async def test_a_bomb_that_is_no_document_is_not_even_read(bombs, status):
    answers = {"/ok": reply(body=b"<rss/>")} | {
        path: reply(status, body, Content_Encoding=name, Location="/ok")
        for path, (body, name) in bombs.items()
    }
    async with serving(answers) as server:
        figures = await measured(*(server.url(path) for path in bombs))

    expected = {"302": "Fetched", "410": "Gone"}.get(status[:3], "http")
    assert {outcome for outcome, _, _ in figures.values()} == {expected}
    assert max(growth for _, growth, _ in figures.values()) < 8 * MEGABYTE
    assert max(took for _, _, took in figures.values()) < 3
