from aggregator.core.digest import digest, digests


def test_two_digests_at_once_are_those_that_are_made_one_by_one():
    for first, second in (("a", "b"), ("", ""), ("ab", ""), ("é\ud800", "\u4e2d" * 1000)):
        assert digests(first, second) == (digest(first), digest(first, second))
