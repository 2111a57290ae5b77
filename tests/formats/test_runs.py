import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.joined import Frame, Joined, in_one, piece, run_of
from aggregator.formats.runs import deflated, gzipped, runs_of

FRAME = Frame(head=b"<feed>", tail=b"</feed>", between=b",")


def joined(bodies, frame: Frame = FRAME) -> Joined:
    """Each body ends a run that ends in 7."""
    pieces = [piece(str(n), body) for n, body in enumerate(bodies)]
    ends = [n for n, body in enumerate(bodies, 1) if body.endswith(b"7")]
    parts = zip([0, *ends], [*ends, len(pieces)], strict=True)
    return Joined(frame, [run_of(pieces[a:b]) for a, b in parts if a < b])


def packed(text: Joined) -> bytes:
    runs = runs_of(text)
    return gzipped(runs, [deflated(run) for run in runs])


@given(st.lists(st.binary(max_size=50), max_size=60))
def test_what_is_packed_in_runs_is_the_document(bodies):
    text = joined(bodies)

    assert gzip.decompress(packed(text)) == text.body


@pytest.mark.parametrize("text", [joined([b"a" * 100] * 50), joined([]), in_one(b"whole")])
def test_it_is_one_member_as_every_client_reads_it(text):
    """Many stop at the end of the first (zlib.decompressobj, browsers)."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    assert unpacker.decompress(packed(text)) == text.body
    assert unpacker.eof
    assert unpacker.unused_data == b""


def test_runs_are_the_document_in_order():
    text = joined([f"entry {n}".encode() for n in range(100)])

    assert b"".join(part for run in runs_of(text) for part in run.body) == text.body
    assert 5 < len(runs_of(text)) < 50


def test_what_comes_in_front_leaves_the_later_runs_alone():
    bodies = [f"entry {n}".encode() for n in range(100)]
    before, after = runs_of(joined(bodies)), runs_of(joined([b"new", *bodies[:-1]]))

    assert len({run.key for run in after} - {run.key for run in before}) <= 3


def test_equal_keys_are_of_equal_bytes():
    bodies = [f"entry {n}".encode() for n in range(100)]
    runs = [run for n in range(20) for run in runs_of(joined(bodies[n:]))]

    assert len({run.key for run in runs}) == len({(run.key, b"".join(run.body)) for run in runs})
    assert len(runs) > 3 * len({run.key for run in runs})


def test_the_same_document_is_packed_into_the_same_bytes():
    bodies = [f"entry {n}".encode() for n in range(100)]

    assert packed(joined(bodies)) == packed(joined(list(bodies)))
