import asyncio
import gzip
import threading

from aggregator.core.joined import Frame, Joined, in_one, piece, run_of
from aggregator.formats.runs import deflated, runs_of
from aggregator.web import packed
from aggregator.web.packed import Packed

LONG = b"a long body " * 10_000


def long() -> Joined:
    return in_one(LONG)


def counting(monkeypatch) -> list[str]:
    """The threads in which something was packed."""
    threads: list[str] = []

    def pack(body: bytes, _: str) -> bytes:
        threads.append(threading.current_thread().name)
        return gzip.compress(body)

    monkeypatch.setattr(packed, "pack", pack)
    return threads


async def test_a_body_is_packed_once(monkeypatch):
    threads = counting(monkeypatch)
    bodies = Packed()

    one, other = await bodies.get('"a.gz"', long, "gzip"), await bodies.get('"a.gz"', long, "gzip")

    assert one is other
    assert len(threads) == 1


async def test_a_body_that_is_packed_is_not_made_again():
    made = 0

    def body() -> Joined:
        nonlocal made
        made += 1
        return in_one(LONG)

    bodies = Packed()
    for _ in range(3):
        await bodies.get('"a.gz"', body, "gzip")

    assert made == 1


async def test_all_who_ask_at_once_share_the_work(monkeypatch):
    threads = counting(monkeypatch)
    bodies = Packed()

    got = await asyncio.gather(*(bodies.get('"a.gz"', long, "gzip") for _ in range(20)))

    assert {gzip.decompress(each) for each in got} == {LONG}
    assert len(threads) == 1


async def test_a_long_body_is_packed_in_another_thread(monkeypatch):
    threads = counting(monkeypatch)

    await Packed().get('"a.gz"', long, "gzip")
    await Packed().get('"b.gz"', lambda: in_one(b"short"), "gzip")

    assert [name == threading.main_thread().name for name in threads] == [False, True]


async def test_who_leaves_takes_the_work_from_nobody_else():
    bodies = Packed()
    leaving = asyncio.create_task(bodies.get('"a.gz"', long, "gzip"))
    staying = asyncio.create_task(bodies.get('"a.gz"', long, "gzip"))
    await asyncio.sleep(0)
    leaving.cancel()

    assert gzip.decompress(await staying) == LONG


async def test_what_nobody_asks_for_makes_room(monkeypatch):
    threads = counting(monkeypatch)
    bodies = Packed(most=2 * (len(gzip.compress(LONG)) + 230))

    for tag in ("a", "b", "c", "c", "b", "a"):
        await bodies.get(f'"{tag}.gz"', long, "gzip")

    assert len(threads) == 4  # a, b, c, and a once more


async def test_what_is_larger_than_all_room_is_packed_all_the_same():
    assert gzip.decompress(await Packed(most=10).get('"a.gz"', long, "gzip")) == LONG


def a_feed(*numbers: int) -> Joined:
    frame = Frame(head=b"[", tail=b"]", between=b",")
    return Joined(frame, [run_of([piece(str(n), f"entry {n} ".encode() * 200)]) for n in numbers])


async def test_of_a_feed_only_what_is_new_is_packed_again(monkeypatch):
    runs = []

    def counted(run):
        runs.append(run)
        return deflated(run)

    monkeypatch.setattr(packed, "deflated", counted)
    bodies, first, second = Packed(), a_feed(*range(1, 200)), a_feed(*range(199))
    one = await bodies.get('"1.gz"', lambda: first, "gzip")
    all_runs, runs[:] = len(runs), []
    other = await bodies.get('"2.gz"', lambda: second, "gzip")

    assert (gzip.decompress(one), gzip.decompress(other)) == (first.body, second.body)
    assert len(runs) <= 3 < all_runs


async def test_what_takes_the_place_of_a_packed_text_is_packed_before_somebody_asks(monkeypatch):
    threads = counting(monkeypatch)
    bodies = Packed()
    await bodies.get('"a.br"', long, "br")
    await bodies.follow('"a.br"', '"b.br"', in_one(LONG + b"!"), "br")
    packings = len(threads)
    new = await bodies.get('"b.br"', long, "br")
    await bodies.get('"a.br"', long, "br")

    assert gzip.decompress(new) == LONG + b"!"
    assert (packings, len(threads)) == (2, 3)  # nobody is going to ask for the other one


async def test_what_nobody_asked_for_is_not_packed_beforehand(monkeypatch):
    threads = counting(monkeypatch)
    await Packed().follow('"a.br"', '"b.br"', long(), "br")

    assert not threads


async def test_a_text_that_stays_as_it_is_stays_packed(monkeypatch):
    threads = counting(monkeypatch)
    bodies = Packed()
    await bodies.get('"a.br"', long, "br")
    await bodies.follow('"a.br"', '"a.br"', long(), "br")
    await bodies.get('"a.br"', long, "br")

    assert len(threads) == 1


async def test_feeds_that_take_each_others_place_take_no_more_room_than_one():
    bodies, version = Packed(), a_feed(*range(100))
    await bodies.get('"0.gz"', lambda: version, "gzip")
    for number in range(1, 300):
        version = a_feed(*range(-number, 100 - number))
        await bodies.follow(f'"{number - 1}.gz"', f'"{number}.gz"', version, "gzip")

    assert len(bodies._runs._values) == len(runs_of(version))
    assert gzip.decompress(await bodies.get('"299.gz"', long, "gzip")) == version.body
