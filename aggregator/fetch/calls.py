"""Calls to those who are no sources, through the same guard: hubs, subscribers, webhooks."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from aggregator.core.addresses import IPNetwork
from aggregator.core.urls import host_of
from aggregator.core.wire import Call, Called, Failed
from aggregator.fetch.addresses import opened_by
from aggregator.fetch.failures import failure_of
from aggregator.fetch.guard import Refused
from aggregator.fetch.headers import ACCEPT_ENCODING, first, retry_after
from aggregator.fetch.hops import Hop, first_hop
from aggregator.fetch.http import body_of
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import TransportFactory, Way, guarded_transports


class HttpCaller:
    """Signs `service.ports.Caller`.

    `allow_networks` are the private networks that calls may reach into; `now` is the wall clock.
    """

    def __init__(
        self,
        *,
        allow_networks: Sequence[IPNetwork] = (),
        now: Callable[[], datetime],
        transports: TransportFactory | None = None,
    ) -> None:
        self._networks = tuple(allow_networks)
        self._now = now
        self._make_transport = transports or guarded_transports(Resolver())
        self._transports: dict[Way, httpx.AsyncBaseTransport] = {}

    async def call(self, call: Call) -> Called | Failed:
        """One request, and the whole answer; `call.timeout` holds for all of it."""
        deadline = asyncio.timeout(call.timeout)
        seen = _Seen()
        try:
            async with deadline:
                return await self._exchange(call, seen)
        except Exception as error:  # noqa: BLE001  # every outcome is a value; failure_of judges
            if deadline.expired():
                reason = f"no whole answer within {call.timeout:g} s"
                return Failed(kind="timeout", reason=reason, status=seen.status)
            return replace(failure_of(error), status=seen.status)

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def _exchange(self, call: Call, seen: "_Seen") -> Called | Failed:
        networks = self._networks
        for url in call.named_by:
            networks = opened_by(host_of(url), networks)
        hop = first_hop(call.url, networks)
        try:
            response = await self._transport(hop).handle_async_request(
                httpx.Request(call.method, hop.url, headers=_headers(call), content=call.body)
            )
        except Refused as refused:
            reason = hop.refusal(refused.host, refused.address, refused.port)
            return Failed(kind="blocked", reason=reason)
        seen.status = response.status_code
        try:
            fields = response.headers.raw
            return Called(
                status=response.status_code,
                body=await body_of(response, call.max_body),
                location=first(fields, b"location"),
                retry_after=retry_after(first(fields, b"retry-after"), self._now()),
            )
        finally:
            await response.aclose()

    def _transport(self, hop: Hop) -> httpx.AsyncBaseTransport:
        way = Way(opened=hop.opened)
        if way not in self._transports:
            self._transports[way] = self._make_transport(way)
        return self._transports[way]


@dataclass
class _Seen:
    """What is known of an answer before it is whole: who does not read bodies needs no more."""

    status: int | None = None


def _headers(call: Call) -> list[tuple[bytes, bytes]]:
    given = (("User-Agent", call.user_agent), *call.headers)
    encoded = [(name.encode(), value.encode()) for name, value in given]
    return [*encoded, (b"Accept-Encoding", ACCEPT_ENCODING)]
