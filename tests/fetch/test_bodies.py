import gzip
import zlib

import pytest

from aggregator.core.wire import PackedForm
from aggregator.fetch.bodies import MOST_HELD, PolledBody, Received
from aggregator.fetch.failures import FetchFailure
from tests.fetch.test_inflate import MEGABYTE, NOISE, TEXT

PACKED = gzip.compress(TEXT, mtime=0)


def received(body: bytes, encoding="gzip", *, known=None, limit=MEGABYTE, step=1000) -> Received:
    polled = PolledBody(encoding, limit, known)
    for start in range(0, len(body), step):
        polled.feed(body[start : start + step])
    return polled.finish()


def form_of(body: bytes, encoding="gzip") -> PackedForm:
    packed = received(body, encoding).packed
    assert packed
    return packed


@pytest.mark.parametrize("step", [1, 1000, MEGABYTE])
def test_what_comes_packed_as_it_did_is_known_and_not_unpacked(step):
    known = form_of(PACKED)

    assert received(PACKED, step=step) == Received(TEXT, known)
    assert received(PACKED, known=known, step=step) == Received(b"", known, is_known=True)
    assert known.length == len(TEXT)


def test_anything_else_is_unpacked():
    known = form_of(PACKED)
    other = gzip.compress(TEXT + b" ", mtime=0)

    assert received(other, known=known) == Received(TEXT + b" ", form_of(other))
    assert received(TEXT, None, known=known) == Received(TEXT)


def test_the_same_bytes_under_the_name_of_another_coding_are_not_the_same_document():
    known = form_of(zlib.compress(TEXT), "deflate")

    with pytest.raises(FetchFailure, match="not packed as its header says"):
        received(zlib.compress(TEXT), "gzip", known=known)


def test_what_is_known_still_has_to_be_as_small_as_the_limit():
    known = form_of(PACKED)

    assert received(PACKED, known=known, limit=len(TEXT)).is_known
    with pytest.raises(FetchFailure, match="larger"):
        received(PACKED, known=known, limit=len(TEXT) - 1)


@pytest.mark.parametrize("broken", [PACKED[:-1], PACKED[:1], b"no gzip"])
def test_what_cannot_be_unpacked_has_no_form(broken):
    with pytest.raises(FetchFailure):
        received(broken, known=form_of(PACKED))


def test_what_is_larger_than_the_limit_even_packed_is_not_waited_for():
    packed = gzip.compress(NOISE)[:2000]
    assert len(packed) < MOST_HELD

    with pytest.raises(FetchFailure, match="larger"):
        PolledBody("gzip", 1000, None).feed(packed)


def test_a_body_that_is_large_even_packed_is_unpacked_as_it_comes():
    packed = gzip.compress(NOISE)
    assert len(packed) > MOST_HELD

    assert received(packed) == Received(NOISE)
    with pytest.raises(FetchFailure, match="larger"):
        received(packed, limit=MOST_HELD + 1)
