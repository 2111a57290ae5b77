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
from aggregator.fetch.asked import raw_fields
from aggregator.fetch.failures import failure_of
from aggregator.fetch.headers import ACCEPT_ENCODING, asked_pause, fields_of, first
from aggregator.fetch.hops import first_hop
from aggregator.fetch.http import body_of
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import TransportFactory, Way, WaysOut, guarded_transports


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
        self._ways = WaysOut(transports or guarded_transports(Resolver()))

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
        await self._ways.aclose()

    async def _exchange(self, call: Call, seen: "_Seen") -> Called:
        networks = self._networks
        for url in call.named_by:
            networks = opened_by(host_of(url), networks)
        hop = first_hop(call.url, networks)
        request = httpx.Request(
            call.method, str(hop.url), headers=_headers(call), content=call.body
        )
        response = await self._ways.send(request, hop, Way(opened=hop.opened))
        seen.status = response.status_code
        try:
            fields = fields_of(raw_fields(response))
            return Called(
                status=response.status_code,
                body=(await body_of(response, fields, call.max_body)).body,
                location=first(fields, b"location"),
                retry_after=asked_pause(fields, self._now),
            )
        finally:
            await response.aclose()


@dataclass
class _Seen:
    """What is known of an answer before it is whole: who does not read bodies needs no more."""

    status: int | None = None


def _headers(call: Call) -> list[tuple[bytes, bytes]]:
    given = (("User-Agent", call.user_agent), *call.headers)
    encoded = [(name.encode(), value.encode()) for name, value in given]
    return [*encoded, (b"Accept-Encoding", ACCEPT_ENCODING)]
