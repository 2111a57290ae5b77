import asyncio

from aggregator.service.places import Places


async def taken(places: Places) -> bool:
    """Whether a place is to be had at once."""
    try:
        async with asyncio.timeout(0.05):
            await places.take()
    except TimeoutError:
        return False
    return True


async def test_there_are_so_many_places_and_no_more():
    places = Places(2)

    assert [await taken(places) for _ in range(3)] == [True, True, False]


async def test_a_released_place_is_to_be_had_again():
    places = Places(1)
    (await places.take()).release()

    assert await taken(places)


async def test_a_slow_poll_makes_room_for_as_many_again():
    places = Places(2, patience=0.0)
    held = []
    for _ in range(4):
        held.append(await places.take())
        await asyncio.sleep(0.001)

    assert places.slow == 2
    assert not await taken(places)
    held[0].release()
    await asyncio.sleep(0.001)
    assert places.slow == 1


async def test_a_place_released_in_time_does_not_become_slow():
    places = Places(1, patience=0.001)
    (await places.take()).release()
    await asyncio.sleep(0.01)

    assert places.slow == 0
    assert await taken(places)
