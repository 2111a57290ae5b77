from aggregator.core.shelf import Shelf


def test_what_was_put_there_is_there():
    shelf = Shelf[str, bytes](10_000, size=len)
    shelf.put("a", b"one")
    shelf.put("a", b"two")

    assert (shelf.get("a"), shelf.get("b")) == (b"two", None)


def test_what_was_not_asked_for_the_longest_makes_room():
    shelf = Shelf[str, bytes](3 * 1203, size=len)
    for key in "abc":
        shelf.put(key, b"x" * 1000)
    shelf.get("a")
    shelf.put("d", b"x" * 1000)

    assert [key for key in "abcd" if shelf.get(key)] == ["a", "c", "d"]


def test_what_is_put_again_takes_its_room_once():
    shelf = Shelf[str, bytes](3 * 1203, size=len)
    for key in "abcabcccc":
        shelf.put(key, b"x" * 1000)

    assert [key for key in "abc" if shelf.get(key)] == ["a", "b", "c"]


def test_what_is_larger_than_all_the_room_drives_nothing_out():
    shelf = Shelf[str, bytes](2000, size=len)
    shelf.put("a", b"x" * 1000)
    shelf.put("b", b"x" * 2000)

    assert (shelf.get("a"), shelf.get("b")) == (b"x" * 1000, None)


def test_many_small_things_are_bounded_as_well():
    shelf = Shelf[int, bytes](100_000, size=len)
    for number in range(10_000):
        shelf.put(number, b"")

    assert len(shelf._values) <= 500


def test_a_long_key_counts_with_its_length():
    shelf = Shelf[str, bytes](10_000, size=len)
    for number in range(100):
        shelf.put(f"{number}" + "x" * 2000, b"")

    assert len(shelf._values) <= 5


def test_what_is_dropped_gives_its_room_back():
    shelf = Shelf[str, bytes](2 * 1203, size=len)
    shelf.put("a", b"x" * 1000)
    shelf.put("b", b"x" * 1000)
    shelf.drop("b")
    shelf.drop("nowhere")
    shelf.put("c", b"x" * 1000)

    assert [key for key in "abc" if shelf.get(key)] == ["a", "c"]


def test_what_a_key_takes_can_be_told_in_another_way():
    shelf = Shelf[str, bytes](2 * 210, size=len, key_size=lambda _: 10)
    for key in ("x" * 2000, "y" * 2000, "z" * 2000):
        shelf.put(key, b"")

    assert [key[0] for key in shelf._values] == ["y", "z"]
