import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.inflate import BoundedBody

TEXT = b"<rss>" + bytes(range(256)) * 40 + b"</rss>"
MEGABYTE = 1_000_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def unpacked(packed: bytes, encoding="gzip", *, limit=MEGABYTE, step=None) -> bytes:
    body = BoundedBody(encoding, limit)
    step = step or max(len(packed), 1)
    for start in range(0, len(packed), step):
        body.feed(packed[start : start + step])
    return body.finish()


@pytest.mark.parametrize("step", [1, 7, None])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
def test_a_packed_body_comes_out_as_it_was(encoding, pack, step):
    assert unpacked(pack(TEXT), encoding, step=step) == TEXT


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50))
def test_gzip_members_in_a_row_are_one_body(parts, step):
    packed = b"".join(gzip.compress(part) for part in parts)

    assert unpacked(packed, step=step) == b"".join(parts)


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 600, b"\x1f", b"any"])
@pytest.mark.parametrize("step", [1, None])
def test_padding_behind_the_end_is_ignored(padding, step):
    assert unpacked(gzip.compress(TEXT) + padding, step=step) == TEXT


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_no_bytes_are_an_empty_body(encoding):
    assert unpacked(b"", encoding) == b""


@pytest.mark.parametrize("kept", [1, 2, 9, 30, -8, -1])
def test_a_packed_body_that_breaks_off_is_an_error(kept):
    with pytest.raises(FetchFailure, match="breaks off") as caught:
        unpacked(gzip.compress(TEXT)[:kept])

    assert caught.value.kind == "encoding"


@pytest.mark.parametrize(
    "packed", [TEXT, b"\x1f\x8b\x08" + b"x" * 99, gzip.compress(TEXT)[:-8] + b"checksum"]
)
def test_a_body_that_is_not_what_its_header_says_is_an_error(packed):
    with pytest.raises(FetchFailure, match="not packed as"):
        unpacked(packed)


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_body_of_just_the_limit_is_kept_and_one_byte_more_is_not(encoding):
    pack = gzip.compress if encoding else bytes

    assert len(unpacked(pack(bytes(1000)), encoding, limit=1000)) == 1000
    with pytest.raises(FetchFailure) as caught:
        unpacked(pack(bytes(1001)), encoding, limit=1000)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("pack", [gzip.compress, raw_deflate])
def test_a_bomb_takes_no_more_memory_than_the_limit(pack):
    bomb = pack(bytes(50 * MEGABYTE))
    tracemalloc.start()
    try:
        with pytest.raises(FetchFailure) as caught:
            unpacked(bomb, "gzip" if pack is gzip.compress else "deflate")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert caught.value.kind == "too_large"
    assert peak < 4 * MEGABYTE


def test_padding_counts_as_received():
    with pytest.raises(FetchFailure) as caught:
        unpacked(gzip.compress(b"") + bytes(2000), limit=1000, step=100)

    assert caught.value.kind == "too_large"
