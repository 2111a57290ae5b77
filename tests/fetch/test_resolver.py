import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from aggregator.fetch import resolver as module
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.resolver import Resolver
from tests.patience import PATIENCE, until

HERE = ip_address("192.0.2.1")


def failing_with(error: Exception):
    def lookup(_host):
        raise error

    return lookup


async def test_an_address_is_not_looked_up():
    resolver = Resolver(failing_with(AssertionError("looked up")))

    assert await resolver.addresses("::1") == [ip_address("::1")]


async def test_the_system_knows_localhost():
    assert all(address.is_loopback for address in await Resolver().addresses("localhost"))


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "017700000001", "127.1"])
async def test_odd_spellings_of_an_address_come_out_as_the_address(host):
    assert await Resolver().addresses(host) == [ip_address("127.0.0.1")]


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        UnicodeError("label too long"),
        OSError("no file descriptors"),
    ],
)
async def test_a_failed_lookup_is_a_dns_failure(error):
    with pytest.raises(FetchFailure, match=r"a\.example") as caught:
        await Resolver(failing_with(error)).addresses("a.example")

    assert caught.value.kind == "dns"


async def test_a_name_without_addresses_is_a_dns_failure():
    with pytest.raises(FetchFailure, match="has no address"):
        await Resolver(lambda _: []).addresses("a.example")


async def test_lookups_that_hang_end_in_time_and_hold_nobody_up():
    release = threading.Event()
    hanging = []

    def lookup(host):
        if host != "well.example":
            hanging.append(host)
            release.wait()
        return [HERE]

    async def ends(resolver):
        return await asyncio.gather(
            *(resolver.addresses(f"h{n}.example") for n in range(20)), return_exceptions=True
        )

    hasty, patient = Resolver(lookup, limit=0.1), Resolver(lookup, limit=PATIENCE)
    try:
        waiting = asyncio.ensure_future(ends(patient))
        outcomes = await ends(hasty)
        await until(lambda: len(hanging) == 40)

        assert await patient.addresses("well.example") == [HERE]
        assert not waiting.done()
    finally:
        release.set()
    assert await waiting == [[HERE]] * 20
    assert {getattr(outcome, "kind", outcome) for outcome in outcomes} == {"dns"}


async def test_what_was_found_is_known_for_a_while_and_what_was_not_is_asked_again(monkeypatch):
    asked = []

    def lookup(host):
        asked.append(host)
        return [] if host == "gone.example" else [HERE]

    monkeypatch.setattr(module, "MOST_KNOWN", 2)
    resolver = Resolver(lookup)
    for host in ("a.example", "a.example", "b.example", "c.example", "b.example", "a.example"):
        assert await resolver.addresses(host) == [HERE]
    for _ in range(2):
        with pytest.raises(FetchFailure):
            await resolver.addresses("gone.example")

    names = ["a", "b", "c", "a", "gone", "gone"]  # of three, two are kept
    assert asked == [f"{name}.example" for name in names]


async def test_what_was_found_is_not_known_for_ever():
    asked = []

    def lookup(host):
        asked.append(host)
        return [HERE]

    resolver = Resolver(lookup, keep=0)
    for _ in range(2):
        await resolver.addresses("a.example")

    assert len(asked) == 2


async def test_threads_stay_for_the_next_name_but_not_all_of_them(monkeypatch):
    workers = module._Workers()
    monkeypatch.setattr(module, "_workers", workers)
    monkeypatch.setattr(module, "MOST_IDLE", 2)
    all_are_here = threading.Barrier(5)
    threads = []

    def lookup(host):
        threads.append(threading.current_thread())
        if host.startswith("together"):
            all_are_here.wait(PATIENCE)
        return [HERE]

    def two_are_left_and_wait():
        return workers._idle == sum(thread.is_alive() for thread in set(threads)) == 2

    resolver = Resolver(lookup)
    await asyncio.gather(*(resolver.addresses(f"together{n}.example") for n in range(5)))
    await until(two_are_left_and_wait)
    for n in range(5):
        await resolver.addresses(f"apart{n}.example")
        await until(two_are_left_and_wait)

    assert len(set(threads[:5])) == 5
    assert len(set(threads[5:])) <= 2
    assert set(threads[5:]) <= set(threads[:5])
