from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.joined import Frame, Joined, are_once, in_one, joined_size, piece, run_of

FRAME = Frame(head=b"<", tail=b">", between=b",")


def joined(*bodies: bytes, frame: Frame = FRAME) -> Joined:
    pieces = [piece(str(n), body) for n, body in enumerate(bodies)]
    return Joined(frame, [run_of(pieces[n : n + 2]) for n in range(0, len(pieces), 2)])


@given(st.lists(st.binary(max_size=5), max_size=5))
def test_it_is_as_long_as_its_bytes(bodies):
    document = joined(*bodies)

    assert document.size == len(document.body) == joined_size(FRAME, document.runs)


def test_pieces_stand_in_their_frame_in_the_order_given():
    assert joined(b"a", b"b").body == b"<a,b>"
    assert joined().body == b"<>"
    assert in_one(b"as it is").body == b"as it is"


def test_the_bytes_are_put_together_once():
    document = joined(b"a", b"b")

    assert document.body is document.body


def test_equal_documents_have_equal_digests_and_others_have_others():
    documents = [
        joined(),
        joined(b"a"),
        joined(b"a", b"b"),
        joined(b"b", b"a"),
        joined(b"a", frame=Frame(head=b"<<", tail=b">")),
        joined(b"a", frame=Frame(head=b"<", tail=b">>")),
    ]

    assert joined(b"a", b"b").digest == documents[2].digest
    assert all(one.digest != other.digest for one, other in combinations(documents, 2))


def test_an_id_that_stands_twice_is_found_in_whichever_runs():
    one, other = piece("1", b"a"), piece("2", b"b")

    assert are_once([run_of([one]), run_of([other])])
    assert not are_once([run_of([one, one]), run_of([other])])
    assert not are_once([run_of([one]), run_of([other, one])])
