import pytest

from aggregator.core.knowledge import Knowledge
from aggregator.core.memory import Memory, called, casts_doubt, remember, unsettled
from aggregator.core.model import EntryChanges, ReadFeed, Sketch, Sliced
from aggregator.core.normalize import names_of, normalize
from tests.builders import entry, known, read_entry, read_feed

NOTHING = Knowledge(by_digest={}, by_link={}, tombstones=frozenset())
READING = b"reading1"


def sliced(*read: str, resting: tuple[str, ...] = ()) -> Sliced:
    return Sliced(
        head=1, read=tuple(map(sketch, read)), resting=tuple(sketch(name) for name in resting)
    )


def sketch(name: str) -> Sketch:
    return int.from_bytes(name.encode()), 2**64 - 1, len(name)


def document(*names: str, **changes) -> ReadFeed:
    """All of its items were read."""
    feed = read_feed(*(read_entry(name, **changes) for name in names))
    items = sliced(*names)
    return ReadFeed(format=feed.format, info=feed.info, entries=feed.entries, sliced=items)


def memory(*names: str) -> Memory:
    feed = document(*names)
    made = remember(feed, names_of(feed.entries, ()), None, reading=READING, unsettled=())
    assert made is not None
    return made


def test_a_memory_reads_back_as_it_was_packed():
    made = memory("one", "two")

    assert Memory.unpacked(made.packed()) == made
    assert len(made.packed()) == 16 + 2 * 36


def test_a_memory_without_items_reads_back_too():
    made = Memory(reading=READING, head=2**64 - 1)

    assert Memory.unpacked(made.packed()) == made


def test_what_was_not_read_again_is_remembered_as_before():
    before = memory("one", "two")
    feed = ReadFeed(
        format="rss20",
        info=read_feed().info,
        entries=(read_entry("zero"),),
        sliced=sliced("zero", resting=("one", "two")),
    )

    after = remember(feed, names_of(feed.entries, ()), before, reading=READING, unsettled=())

    assert after is not None
    assert after.items == memory("zero").items + before.items


def test_what_left_the_document_is_forgotten():
    before = memory("one", "two")
    items = sliced(resting=("two",))
    feed = ReadFeed(format="rss20", info=read_feed().info, entries=(), sliced=items)

    after = remember(feed, (), before, reading=READING, unsettled=())

    assert after is not None
    assert after.items == memory("two").items


def test_a_document_that_was_not_sliced_is_not_remembered():
    feed = read_feed(read_entry("one"))

    assert remember(feed, names_of(feed.entries, ()), None, reading=READING, unsettled=()) is None


def test_an_entry_whose_edit_was_not_taken_is_read_again():
    feed = document("one", "two")
    (waiting,) = names_of([read_entry("one")], ())

    after = remember(
        feed, names_of(feed.entries, ()), None, reading=READING, unsettled=[waiting.alone]
    )

    assert after is not None
    assert after.items == memory("two").items


def test_an_edit_that_was_left_is_unsettled():
    before, now = entry("one"), entry("one", title="Another")
    knowledge = Knowledge(
        by_digest={before.digest: known(before)}, by_link={}, tombstones=frozenset()
    )

    assert unsettled([now], knowledge, EntryChanges()) == {now.alone}
    assert unsettled([before], knowledge, EntryChanges()) == frozenset()


def doubts(new, *resting: str, knowledge: Knowledge = NOTHING) -> bool:
    items = sliced("new", resting=resting)
    return casts_doubt(normalize([new]), knowledge, memory(*resting), items)


def test_a_new_entry_beside_others_casts_no_doubt():
    assert not doubts(read_entry("new"), "one", "two")


@pytest.mark.parametrize(
    "changes",
    [
        {"guid": "guid-one"},
        {"link": "https://a.example/one"},
        {"link": "https://a.example/one?utm_source=feed"},
    ],
    ids=["guid", "link", "link but for trackers"],
)
def test_what_an_unread_item_bears_too_casts_doubt(changes):
    assert doubts(read_entry("new", **changes), "one", "two")


def test_another_form_of_an_unread_items_guid_casts_doubt():
    items = sliced("new", resting=("one",))
    (name,) = names_of([read_entry("one", guid="https://a.example/x/")], ())
    before = Memory.of({sketch("one"): called(name)}, reading=READING, head=1)
    new = normalize([read_entry("new", guid="http://a.example/x")])

    assert casts_doubt(new, NOTHING, before, items)


def test_a_stranger_with_a_link_that_we_know_casts_doubt():
    """Its guid may have changed, and perhaps that of all."""
    stored = entry("old", link="https://a.example/new")
    assert stored.link_digest
    knowledge = Knowledge(
        by_digest={}, by_link={stored.link_digest: known(stored)}, tombstones=frozenset()
    )

    assert doubts(read_entry("new"), "one", "two", knowledge=knowledge)


def test_an_edit_casts_no_doubt():
    before = entry("new")
    assert before.link_digest
    stored = known(before)
    knowledge = Knowledge(
        by_digest={before.digest: stored},
        by_link={before.link_digest: stored},
        tombstones=frozenset(),
    )

    assert not doubts(read_entry("new", title="Edited"), "one", "two", knowledge=knowledge)
