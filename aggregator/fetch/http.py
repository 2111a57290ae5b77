"""One poll over HTTP.

Of httpx this uses addresses, requests, answers and the place for a transport, not its client:
that reads the bodies of redirects, keeps cookies, unpacks without a bound, and logs addresses with
their secrets.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import cast

import httpx

from aggregator.core.addresses import IPNetwork
from aggregator.core.wire import (
    Answer,
    Failed,
    Fetched,
    FetchRequest,
    Gone,
    NotModified,
    PackedForm,
    Validators,
)
from aggregator.fetch.asked import Asked, raw_fields
from aggregator.fetch.bodies import PolledBody, Received
from aggregator.fetch.failures import FetchFailure, failure_of
from aggregator.fetch.guard import prove_guard
from aggregator.fetch.headers import (
    Fields,
    announced_length,
    asked_pause,
    encoding_of,
    fields_of,
    first,
    fresh_for,
    request_headers,
    validators_of,
)
from aggregator.fetch.hops import REDIRECTS, Hop, first_hop, password_in
from aggregator.fetch.links import links_of
from aggregator.fetch.proxy import read_proxy
from aggregator.fetch.resolver import Resolver
from aggregator.fetch.ways import TransportFactory, Way, WaysOut, guarded_transports

BREATH = 200
"""Chunks of a body after which other tasks, and the deadline, get their turn: a server may send
a byte at a time, and what is already here is taken without waiting."""


class HttpFetcher:
    """Signs `service.ports.Fetcher`.

    `allow_networks` are private networks that sources may live in. `now` is the wall clock, for
    a Retry-After that names a date.
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

    async def fetch(self, request: FetchRequest) -> Answer:
        """One conditional GET with its redirects; `request.timeout` holds for all of it."""
        deadline = asyncio.timeout(request.timeout)
        try:
            async with deadline:
                return await self._poll(request)
        except Exception as error:  # noqa: BLE001  # every outcome is a value; failure_of judges
            if deadline.expired():
                through = f", through {read_proxy(request.proxy)}" if request.proxy else ""
                reason = f"no answer within {request.timeout:g} s{through}"
                return Failed(kind="timeout", reason=reason)
            return failure_of(error)

    async def prove_guard(self) -> None:
        """Raises GuardMissing when private addresses are not refused; ask it at start."""
        for http2 in (False, True):
            await prove_guard(self._ways.transport(Way(http2=http2)))

    async def aclose(self) -> None:
        await self._ways.aclose()

    async def _poll(self, request: FetchRequest) -> Answer:
        hop = first_hop(request.url, self._networks)
        while True:
            response = await self._send(request, hop)
            try:
                if response.status_code not in REDIRECTS:
                    return await self._answer(request, hop, response)
                location = first(fields_of(raw_fields(response)), b"location") or ""
                hop = hop.follow(response.status_code, _as_text(location))
            finally:
                await _stream(response).aclose()

    async def _send(self, request: FetchRequest, hop: Hop) -> httpx.Response:
        auth = request.auth or password_in(request.url)
        headers = [
            (b"Host", hop.url.netloc),
            *request_headers(request, auth, own=hop.own),
        ]
        way = Way(opened=hop.opened, http2=request.http2, proxy=request.proxy)
        return await self._ways.send(Asked("GET", hop.url, headers), hop, way)

    async def _answer(self, request: FetchRequest, hop: Hop, response: httpx.Response) -> Answer:
        fields = fields_of(raw_fields(response))
        wait = asked_pause(fields, self._now)
        match response.status_code:
            # 203 is a 200 that a proxy touched. Other successes are no whole document.
            case HTTPStatus.OK | HTTPStatus.NON_AUTHORITATIVE_INFORMATION as status:
                received = await body_of(response, fields, request.max_body, request.known)
                return Fetched(
                    url=str(hop.url),
                    status=status,
                    body=received.body,
                    content_type=first(fields, b"content-type") or "",
                    validators=validators_of(fields),
                    fresh_for=fresh_for(fields),
                    retry_after=wait,
                    permanent_url=hop.permanent_url,
                    links=links_of(fields, str(hop.url)),
                    packed=received.packed,
                    is_known=received.is_known,
                )
            case HTTPStatus.NOT_MODIFIED if request.validators != Validators():
                await _finish(response)
                return NotModified(
                    validators=validators_of(fields),
                    fresh_for=fresh_for(fields),
                    retry_after=wait,
                    permanent_url=hop.permanent_url,
                    links=links_of(fields, str(hop.url)),
                )
            case HTTPStatus.GONE:
                return Gone(retry_after=wait)
            case status:
                return Failed(
                    kind="http",
                    reason=_status_line(status) + _whose(fields),
                    status=status,
                    retry_after=wait,
                )


async def body_of(
    response: httpx.Response, fields: Fields, limit: int, known: PackedForm | None = None
) -> Received:
    """The body, decompressed, of at most `limit` bytes. Raises FetchFailure."""
    body = PolledBody(encoding_of(fields), limit, known)
    if announced_length(fields) > limit:
        raise FetchFailure("too_large", f"the body is larger than {limit} bytes")
    count = 0
    async for chunk in _stream(response):
        body.feed(chunk)
        count += 1
        if count % BREATH == 0:
            await asyncio.sleep(0)
    return body.finish()


async def _finish(response: httpx.Response) -> None:
    """Reads a 304 to its end: it has no body, and its connection can be used again."""
    async for _ in _stream(response):
        pass


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    """The bytes as they come; httpx would count them, and put them through two generators."""
    return cast("httpx.AsyncByteStream", response.stream)


def _as_text(location: str) -> str:
    """Location as most servers mean it that do not keep to ASCII: UTF-8."""
    raw = location.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return location


def _whose(fields: Fields) -> str:
    """A refusal by the guard in front of a site, which its owner may know nothing of.

    https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/
    """
    if first(fields, b"cf-mitigated") != "challenge":
        return ""
    return "; Cloudflare wants to see a browser: ask the site's owner to let feeds pass"


def _status_line(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
