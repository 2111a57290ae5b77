import random
import zlib
from collections.abc import Callable
from time import thread_time

import pytest

from aggregator.formats.packing import CODINGS, pack
from tests.unpacking import UNPACK


def feed_like(length: int) -> bytes:
    """Words of a language that has a few thousand of them, in markup."""
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(3000)]
    text = "".join(f"<p>{' '.join(chance.choices(words, k=60))}</p>\n" for _ in range(2000))
    return text.encode()[:length]


BODY = feed_like(500_000)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", [b"", b"x", BODY])
def test_what_was_packed_comes_out_again(coding, body):
    assert UNPACK[coding](pack(body, coding)) == body


@pytest.mark.parametrize("coding", CODINGS)
def test_the_same_body_gives_the_same_bytes(coding):
    assert pack(BODY, coding) == pack(BODY, coding)


def test_the_codings_are_in_the_order_of_what_they_save():
    sizes = [len(pack(BODY, coding)) for coding in ("br", "zstd", "gzip")]

    assert sizes[1] < 0.9 * sizes[2]
    assert sizes[0] < 1.02 * sizes[1]  # the two differ by a few in a hundred, either way


@pytest.mark.parametrize("coding", CODINGS)
def test_packing_takes_about_as_long_as_gzip_does_as_a_rule(coding):
    ours = min(work(lambda: pack(BODY, coding)) for _ in range(5))
    usual = min(work(lambda: zlib.compress(BODY)) for _ in range(5))

    assert ours < 8 * usual  # the best that brotli can takes a hundred times as long


def work(does: Callable[[], object]) -> float:
    began = thread_time()
    does()
    return thread_time() - began


def test_what_zstd_makes_can_be_unpacked_with_the_window_that_http_allows():
    assert UNPACK["zstd"](pack(BODY * 20, "zstd")) == BODY * 20
