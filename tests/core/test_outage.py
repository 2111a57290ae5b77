import pytest

from aggregator.core.outage import Sighting, is_unreachable, network_is_down, sighting
from aggregator.core.wire import Failed, Gone, NotModified, Validators
from tests.builders import NOON, ago


def seen(host: str, *, reached: bool = False, at=NOON) -> Sighting:
    return Sighting(at=at, host=host, reached=reached)


def test_several_hosts_out_of_reach_and_none_within_is_our_own_network():
    assert network_is_down([seen("a"), seen("b"), seen("c")], now=NOON)


def test_two_hosts_may_be_down_themselves():
    assert not network_is_down([seen("a"), seen("b"), seen("b"), seen("a")], now=NOON)


def test_one_host_that_answers_tells_that_the_network_works():
    others = [seen("a"), seen("b"), seen("c")]

    assert not network_is_down([*others, seen("d", reached=True)], now=NOON)


def test_what_was_seen_a_while_ago_counts_no_more():
    long_ago = ago(minutes=2)
    old_success = seen("d", reached=True, at=long_ago)

    assert network_is_down([old_success, seen("a"), seen("b"), seen("c")], now=NOON)
    assert not network_is_down([seen(host, at=long_ago) for host in "abc"], now=NOON)


@pytest.mark.parametrize(
    ("answer", "reached"),
    [
        (Failed(kind="dns", reason=""), False),
        (Failed(kind="connect", reason=""), False),
        (Failed(kind="http", reason="", status=500), True),
        (NotModified(validators=Validators()), True),
        (Gone(), True),
        (Failed(kind="timeout", reason=""), None),
        (Failed(kind="blocked", reason=""), None),
    ],
)
def test_what_an_answer_tells_of_the_network(answer, reached):
    told = sighting(answer, host="a", at=NOON)

    assert (told and told.reached) == reached
    assert is_unreachable(answer) == (reached is False)
