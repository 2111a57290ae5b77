import asyncio
from datetime import timedelta
from itertools import pairwise

from aggregator.service.turns import HostTurns


async def test_one_host_is_asked_by_one_at_a_time():
    turns = HostTurns(timedelta())
    inside: list[str] = []
    most = 0

    async def ask(name: str) -> None:
        nonlocal most
        async with turns.turn("a.example"):
            inside.append(name)
            most = max(most, len(inside))
            await asyncio.sleep(0)
            inside.remove(name)

    await asyncio.gather(*(ask(str(n)) for n in range(5)))

    assert most == 1


async def test_a_host_rests_between_two_requests():
    turns = HostTurns(timedelta(milliseconds=30))
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(3):
        async with turns.turn("a.example"):
            times.append(loop.time())

    assert all(later - earlier >= 0.03 for earlier, later in pairwise(times))


async def test_hosts_that_rested_are_forgotten_now_and_then(monkeypatch):
    monkeypatch.setattr("aggregator.service.turns.FORGET_EVERY", 0.0)
    turns = HostTurns(timedelta())
    for n in range(100):
        async with turns.turn(f"{n}.example"):
            pass

    assert len(turns._hosts) <= 1
