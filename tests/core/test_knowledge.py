from aggregator.core.knowledge import Knowledge
from aggregator.core.model import KnownEntry
from tests.builders import NOON


def entry_with(digest: bytes) -> KnownEntry:
    return KnownEntry(
        id=1,
        digest=digest,
        link_digest=None,
        fingerprint=b"f",
        published=NOON,
        updated=NOON,
        first_seen=NOON,
    )


A, B = entry_with(b"a"), entry_with(b"b")


def test_of_what_was_asked_for_together_each_part_can_be_had_alone():
    both = Knowledge(
        by_digest={b"a": A, b"b": B}, by_link={b"l": A}, tombstones=frozenset([b"c", b"d"])
    )

    part = both.of({b"a", b"c", b"x"})

    assert part == Knowledge(by_digest={b"a": A}, by_link={b"l": A}, tombstones=frozenset([b"c"]))
    assert part.with_forms(both.of({b"b", b"d"})) == both


def test_an_entry_under_its_own_guid_goes_before_one_under_another_form():
    own = Knowledge(by_digest={b"a": A}, by_link={}, tombstones=frozenset())
    other = Knowledge(by_digest={b"a": B}, by_link={}, tombstones=frozenset())

    assert own.with_forms(other).by_digest == {b"a": A}
