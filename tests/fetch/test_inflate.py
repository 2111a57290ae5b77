import gzip
import random
import sys
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.inflate import MOST_PARTS, BoundedBody

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"<rss>" + bytes(range(256)) * 40 + b"</rss>"
MEGABYTE = 1_000_000
NOISE = random.Random(1).randbytes(700_000)  # larger packed than what comes out at a time
SKIPPABLE = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def unpacked(packed: bytes, encoding="gzip", *, limit=MEGABYTE, step=None) -> bytes:
    body = BoundedBody(encoding, limit)
    step = step or max(len(packed), 1)
    for start in range(0, len(packed), step):
        body.feed(packed[start : start + step])
    return body.finish()


def framed(data: bytes, *, window_log: int) -> bytes:
    """A zstd frame that says nothing of its length, only of its window."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    return packer.compress(data) + packer.flush()


PACKINGS = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstd.compress),
]


@pytest.mark.parametrize("step", [1, 7, None])
@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
def test_a_packed_body_comes_out_as_it_was(encoding, pack, step):
    assert unpacked(pack(TEXT), encoding, step=step) == TEXT


@pytest.mark.parametrize("data", [NOISE, bytes(700_000), b"abc" * 200_000], ids=["a", "b", "c"])
@pytest.mark.parametrize("step", [1000, 65536, None])
@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
def test_a_large_body_comes_out_as_it_was(encoding, pack, step, data):
    assert unpacked(pack(data), encoding, step=step) == data


@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
@given(data=st.binary(max_size=500), step=st.integers(1, 50))
def test_any_bytes_come_out_as_they_were(encoding, pack, data, step):
    assert unpacked(pack(data), encoding, step=step) == data


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50))
def test_gzip_members_in_a_row_are_one_body(parts, step):
    packed = b"".join(gzip.compress(part) for part in parts)

    assert unpacked(packed, step=step) == b"".join(parts)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50))
def test_zstd_frames_in_a_row_are_one_body_and_skippable_ones_hold_nothing(parts, step):
    packed = SKIPPABLE + SKIPPABLE.join(zstd.compress(part) for part in parts) + SKIPPABLE

    assert unpacked(packed, "zstd", step=step) == b"".join(parts)


@pytest.mark.parametrize(
    ("encoding", "part"),
    [("gzip", gzip.compress(b"")), ("zstd", zstd.compress(b"")), ("zstd", SKIPPABLE)],
)
def test_a_body_of_endless_parts_that_hold_nothing_is_given_up(encoding, part):
    assert unpacked(part * MOST_PARTS, encoding) == b""
    with pytest.raises(FetchFailure, match="parts"):
        unpacked(part * (MOST_PARTS + 1), encoding, step=65536)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("padding", [b"\0", b"\0" * 600, b"\x1f", b"any", b"\x28\xb5"])
@pytest.mark.parametrize("step", [1, None])
def test_padding_behind_the_end_is_ignored(encoding, padding, step):
    pack = gzip.compress if encoding == "gzip" else zstd.compress

    assert unpacked(pack(TEXT) + padding, encoding, step=step) == TEXT


@pytest.mark.parametrize("step", [1, None])
def test_brotli_knows_no_padding(step):
    with pytest.raises(FetchFailure, match="not packed as"):
        unpacked(brotli.compress(TEXT) + b"\0", "br", step=step)


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "br", "zstd"])
def test_no_bytes_are_an_empty_body(encoding):
    assert unpacked(b"", encoding) == b""


@pytest.mark.parametrize("kept", [1, 2, 9, 30, -8, -1])
@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
def test_a_packed_body_that_breaks_off_is_an_error(encoding, pack, kept):
    with pytest.raises(FetchFailure, match="breaks off") as caught:
        unpacked(pack(TEXT)[:kept], encoding)

    assert caught.value.kind == "encoding"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", TEXT),
        ("gzip", b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 99),
        ("gzip", gzip.compress(TEXT)[:-8] + b"checksum"),
        ("gzip", brotli.compress(TEXT)),
        ("br", TEXT),
        ("br", gzip.compress(TEXT)),
        ("zstd", TEXT),
        ("zstd", zstd.compress(TEXT) + b"\x28\xb5\x2f\xfd" + b"x" * 99),
        ("zstd", gzip.compress(TEXT)),
    ],
)
def test_a_body_that_is_not_what_its_header_says_is_an_error(encoding, packed):
    with pytest.raises(FetchFailure, match="not packed as"):
        unpacked(packed, encoding)


def test_no_zstd_frame_gets_a_window_larger_than_8_mb():
    assert unpacked(framed(TEXT, window_log=23), "zstd") == TEXT
    with pytest.raises(FetchFailure, match="not packed as"):
        unpacked(framed(TEXT, window_log=24), "zstd")


@pytest.mark.parametrize(("encoding", "pack"), [(None, bytes), *PACKINGS])
def test_a_body_of_just_the_limit_is_kept_and_one_byte_more_is_not(encoding, pack):
    assert len(unpacked(pack(bytes(1000)), encoding, limit=1000)) == 1000
    with pytest.raises(FetchFailure) as caught:
        unpacked(pack(bytes(1001)), encoding, limit=1000)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize(("encoding", "pack"), PACKINGS)
def test_a_bomb_takes_no_more_memory_than_the_limit(encoding, pack):
    bomb = pack(bytes(20 * MEGABYTE))
    tracemalloc.start()
    try:
        with pytest.raises(FetchFailure) as caught:
            unpacked(bomb, encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert caught.value.kind == "too_large"
    assert peak < 2 * MEGABYTE


def test_padding_counts_as_received():
    with pytest.raises(FetchFailure) as caught:
        unpacked(gzip.compress(b"") + bytes(2000), limit=1000, step=100)

    assert caught.value.kind == "too_large"
