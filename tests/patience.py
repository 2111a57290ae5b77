"""Waiting for what has to come.

A machine may be slow, and stand still at any line: no test passes or fails by how long something
takes. Where nothing comes it is given up, so that a fault does not hang.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 120.0
"""Seconds until something is given up that takes a moment."""


async def until(condition: Callable[[], object]) -> None:
    """Waits for what the event loop, a thread or another process brings about. Turn by turn at
    first, so that little else has happened by then.
    """
    end, turn = time.monotonic() + PATIENCE, 0
    while not condition():
        assert time.monotonic() < end, "it never came to it"
        turn += 1
        await asyncio.sleep(0 if turn < 1000 else 0.005)


def wait_until(condition: Callable[[], object]) -> None:
    """The same for what another thread or process brings about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to it"
        time.sleep(0.02)


async def turns(number: int = 200) -> None:
    """Lets everything that needs no clock, thread or wire come as far as it can."""
    for _ in range(number):
        await asyncio.sleep(0)


async def at_some_pace(attempt: Callable[[float], Awaitable[None]], *paces: float) -> None:
    """For what only time brings about: it has to come true with one of these spans, in seconds.

    The first is short, so that the test is; a machine that stands still meanwhile gets longer
    ones.
    """
    *shorter, last = paces
    for pace in shorter:
        try:
            return await attempt(pace)
        except (AssertionError, EOFError, OSError):
            pass
    return await attempt(last)
