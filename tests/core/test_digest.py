from aggregator.core.digest import digest, digests, quick_digest, quick_number


def test_two_digests_at_once_are_those_that_are_made_one_by_one():
    for first, second in (("a", "b"), ("", ""), ("ab", ""), ("é\ud800", "\u4e2d" * 1000)):
        assert digests(first, second) == (digest(first), digest(first, second))


def test_known_bytes_are_told_from_others_and_the_same_after_a_restart():
    assert quick_digest(b"<rss/>").hex() == "f77e1aa24d6bfef28131c7a0384789d3"
    assert quick_digest(b"<rss/>") != quick_digest(b"<rss />")
    assert quick_number(b"<item/>") != quick_number(b"<item />") < 2**64
