import contextlib
import socket
from ipaddress import ip_address, ip_network

import httpcore
import httpx
import pytest

from aggregator.core.errors import GuardMissing
from aggregator.fetch.guard import (
    GuardedBackend,
    Refused,
    prove_guard,
)
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import Way, guarded_transports
from tests.fetch.server import reply, serving

LOOPBACK = (ip_network("127.0.0.0/8"),)


def knowing(*addresses: str) -> Resolver:
    """Finds these addresses for every name."""
    return Resolver(lambda _: [ip_address(text) for text in addresses])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.5", "169.254.169.254"])
async def test_a_name_of_a_private_address_is_refused(address):
    with pytest.raises(Refused) as caught:
        await GuardedBackend(knowing(address)).connect_tcp("a.example", 80)

    assert caught.value.address == ip_address(address)


async def test_nothing_is_dialled_before_it_is_refused():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)
        with pytest.raises(Refused):
            await GuardedBackend(Resolver()).connect_tcp("localhost", listening.getsockname()[1])

        with pytest.raises(BlockingIOError):
            listening.accept()


async def test_of_several_addresses_those_that_are_open_are_dialled():
    async with serving({}) as server:
        backend = GuardedBackend(knowing("10.0.0.5", "127.0.0.1", "::1"), LOOPBACK)

        stream = await backend.connect_tcp("nas.local", server.port)

        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        await stream.aclose()


async def test_a_dead_address_is_followed_by_the_next():
    async with serving({}) as server:
        backend = GuardedBackend(knowing("127.0.0.2", "127.0.0.1"), LOOPBACK)

        stream = await backend.connect_tcp("nas.local", server.port)

        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        await stream.aclose()


async def test_a_name_is_looked_up_once_for_a_connection():
    asked = []

    def lookup(host):
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.5")]

    async with serving({}) as server:
        backend = GuardedBackend(Resolver(lookup, keep=0), LOOPBACK)
        stream = await backend.connect_tcp("nas.local", server.port)
        await stream.aclose()

        assert asked == ["nas.local"]
        with pytest.raises(Refused):
            await backend.connect_tcp("nas.local", server.port)


@pytest.mark.parametrize("port", [22, 25, 6379])
async def test_a_port_of_another_service_is_refused(port):
    with pytest.raises(Refused) as caught:
        await GuardedBackend(Resolver(), LOOPBACK).connect_tcp("127.0.0.1", port)

    assert caught.value.address is None


async def test_a_unix_socket_is_refused():
    with pytest.raises(Refused):
        await GuardedBackend(Resolver()).connect_unix_socket("/run/x.sock")


async def test_the_self_test_is_content_with_the_guard():
    transport = guarded_transports(Resolver())(Way())

    await prove_guard(transport)

    await transport.aclose()


async def test_the_self_test_fails_without_the_guard():
    async with httpx.AsyncHTTPTransport(trust_env=False) as unguarded:
        with pytest.raises(GuardMissing):
            await prove_guard(unguarded)


async def test_the_self_test_fails_where_something_answers():
    answering = httpx.MockTransport(lambda _: httpx.Response(200))

    with pytest.raises(GuardMissing):
        await prove_guard(answering)


async def test_a_connection_is_used_again():
    async with serving({"/": reply(body=b"x")}) as server:
        transport = guarded_transports(Resolver())(Way(LOOPBACK))
        for _ in range(2):
            response = await transport.handle_async_request(httpx.Request("GET", server.url("/")))
            assert await response.aread() == b"x"
        await transport.aclose()

        assert server.connections == 1


async def test_a_refused_connection_is_an_error_of_httpcore():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(httpcore.ConnectError):
        await GuardedBackend(Resolver(), LOOPBACK).connect_tcp("127.0.0.1", port)
