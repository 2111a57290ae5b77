import asyncio

import pytest

from aggregator.store import looks
from aggregator.store.looks import Looks


class Desk:
    """Answers words in capitals, and keeps what was asked at once."""

    def __init__(self):
        self.asked = []
        self.free = asyncio.Event()
        self.free.set()
        self.looks = Looks(self.answer)

    async def answer(self, words):
        self.asked.append("".join(words))
        await self.free.wait()
        if "!" in words:
            raise ValueError("!")
        return [word.upper() for word in words]

    async def ask(self, words):
        return await asyncio.gather(*map(self.looks.ask, words), return_exceptions=True)


async def test_those_who_ask_at_once_are_answered_by_one_look():
    desk = Desk()
    assert await desk.ask("abc") == ["A", "B", "C"]
    assert await desk.looks.ask("d") == "D"
    assert desk.asked == ["abc", "d"]


async def test_those_who_ask_meanwhile_are_answered_together_after_it():
    desk = Desk()
    desk.free.clear()
    first = asyncio.create_task(desk.looks.ask("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(desk.looks.ask(word)) for word in "bc"]
    await asyncio.sleep(0)
    desk.free.set()

    assert await asyncio.gather(first, *others) == ["A", "B", "C"]
    assert desk.asked == ["a", "bc"]


async def test_no_look_answers_more_than_it_may():
    desk = Desk()
    words = ["x"] * (looks.MOST + 1)

    assert await desk.ask(words) == ["X"] * len(words)
    assert [len(each) for each in desk.asked] == [looks.MOST, 1]


async def test_who_asked_for_what_fails_is_told_and_the_next_are_answered():
    desk = Desk()
    outcomes = await desk.ask("a!")

    assert [str(outcome) for outcome in outcomes] == ["!", "!"]
    assert await desk.looks.ask("b") == "B"


@pytest.mark.parametrize("words", ["a", "!"])
async def test_who_is_cancelled_takes_no_other_with_it(words):
    desk = Desk()
    desk.free.clear()
    gone = asyncio.create_task(desk.looks.ask(words))
    stays = asyncio.create_task(desk.looks.ask("b"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    desk.free.set()

    outcomes = await asyncio.gather(stays, return_exceptions=True)
    assert gone.cancelled()
    assert str(outcomes[0]) == ("B" if words == "a" else "!")


def test_the_end_of_the_loop_ends_those_who_wait():
    desk = Desk()

    async def leave():
        desk.free.clear()
        asyncio.create_task(desk.looks.ask("a"))  # noqa: RUF006  # the end of the loop ends it
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert desk.asked == ["a"]
