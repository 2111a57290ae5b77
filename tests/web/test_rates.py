from aggregator.web.rates import MOST_CLIENTS, Rates
from tests.fakes import FakeClock


def test_so_many_at_once_and_as_many_again_a_minute():
    clock = FakeClock()
    rates = Rates(6, clock)

    assert [rates.wait("a") for _ in range(8)] == [0] * 6 + [10, 10]
    clock.pass_(seconds=10)
    assert [rates.wait("a") for _ in range(2)] == [0, 10]
    clock.pass_(minutes=1)
    assert [rates.wait("a") for _ in range(7)] == [0] * 6 + [10]


def test_one_client_is_not_held_up_by_another():
    rates = Rates(1, FakeClock())

    assert [rates.wait(client) for client in "aab"] == [0, 60, 0]


def test_a_step_of_the_wall_clock_changes_nothing():
    clock = FakeClock()
    rates = Rates(1, clock)
    rates.wait("a")
    clock.step_the_wall_clock(days=-9)

    assert rates.wait("a") == 60


def test_memory_is_bounded():
    rates = Rates(1, FakeClock())
    for number in range(MOST_CLIENTS + 5):
        rates.wait(str(number))

    assert len(rates._free_at) == MOST_CLIENTS
    assert rates.wait(str(MOST_CLIENTS)) == 60
