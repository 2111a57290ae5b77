import asyncio

import pytest

from aggregator.tasks.lots import Lots

MOST = 50


class Desk:
    """Answers words in capitals, and keeps what was asked at once."""

    def __init__(self):
        self.asked = []
        self.free = asyncio.Event()
        self.free.set()
        self.lots = Lots(self.answer, most=MOST)

    async def answer(self, words):
        self.asked.append("".join(words))
        await self.free.wait()
        if "!" in words:
            raise ValueError("!")
        return [word.upper() for word in words]

    async def ask_one(self, word):
        return await self.lots.put(word)

    async def ask(self, words):
        return await asyncio.gather(*map(self.ask_one, words), return_exceptions=True)


async def test_those_who_ask_at_once_are_answered_by_one_look():
    desk = Desk()
    assert await desk.ask("abc") == ["A", "B", "C"]
    assert await desk.ask_one("d") == "D"
    assert desk.asked == ["abc", "d"]


async def test_those_who_ask_meanwhile_are_answered_together_after_it():
    desk = Desk()
    desk.free.clear()
    first = asyncio.create_task(desk.ask_one("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(desk.ask_one(word)) for word in "bc"]
    await asyncio.sleep(0)
    desk.free.set()

    assert await asyncio.gather(first, *others) == ["A", "B", "C"]
    assert desk.asked == ["a", "bc"]


async def test_no_look_answers_more_than_it_may():
    desk = Desk()
    words = ["x"] * (MOST + 1)

    assert await desk.ask(words) == ["X"] * len(words)
    assert [len(each) for each in desk.asked] == [MOST, 1]


async def test_who_asked_for_what_fails_is_told_and_the_next_are_answered():
    desk = Desk()
    outcomes = await desk.ask("a!")

    assert [str(outcome) for outcome in outcomes] == ["!", "!"]
    assert await desk.ask_one("b") == "B"


@pytest.mark.parametrize("words", ["a", "!"])
async def test_who_is_cancelled_takes_no_other_with_it(words):
    desk = Desk()
    desk.free.clear()
    gone = asyncio.create_task(desk.ask_one(words))
    stays = asyncio.create_task(desk.ask_one("b"))
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
        asyncio.create_task(desk.ask_one("a"))  # noqa: RUF006  # the end of the loop ends it
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert desk.asked == ["a"]
