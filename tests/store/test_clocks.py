from datetime import timedelta

from aggregator.clock import SystemClock


async def test_a_server_has_a_clock_of_its_own(store, any_url):
    told = await store.time()

    if any_url is None or any_url.startswith("sqlite"):
        assert told is None
    else:
        assert abs(told - SystemClock().now()) < timedelta(minutes=10)
