"""Where subscribers ask our own hub to be told of changes (https://www.w3.org/TR/websub/ §5)."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.service.ports import Clock
from aggregator.web.clients import client_address
from aggregator.web.ports import Subscribing
from aggregator.web.rates import Rates
from aggregator.web.responses import plain

FORM = "application/x-www-form-urlencoded"

LARGEST_REQUEST = 16 * 1024
"""Bytes: two addresses of 4096 characters, encoded, fit in."""
MOST_FIELDS = 50

PER_MINUTE = 60
"""Requests of one client: who reads all feeds of a large site subscribes to many at once."""

HELP = f"""This is a WebSub hub (https://www.w3.org/TR/websub/) for the feeds of this site.

POST to it, as {FORM}:
  hub.mode           subscribe or unsubscribe
  hub.topic          the address that the feed names as rel=self
  hub.callback       where the feed is to be delivered
  hub.lease_seconds  for how long; optional
  hub.secret         for signatures, less than 200 bytes; optional
"""


class HubDoor:
    """Answers without knowing whether a request was meant: that is asked later."""

    def __init__(self, hub: Subscribing, clock: Clock) -> None:
        self._hub = hub
        self._rates = Rates(PER_MINUTE, clock)

    def routes(self) -> list[Route]:
        return [Route("/hub", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        if not self._hub.is_open:
            raise HTTPException(404)
        if request.method != "POST":
            return _with(plain(HELP, 405), Allow="POST")
        wait = self._rates.wait(client_address(request))
        if wait:
            told = f"too many requests; the next one is answered in {wait} seconds\n"
            return _with(plain(told, 429), **{"Retry-After": str(wait)})
        return await self._take(request)

    async def _take(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            return plain(f"the request must be {FORM}\n", 415)
        body = await _body(request)
        if body is None:
            return _with(plain("the request is too large\n", 413), Connection="close")
        form = _fields(body)
        if form is None:
            return plain("the request's fields cannot be read: they must be encoded UTF-8\n", 400)
        refusal = await self._hub.accept(form)
        if refusal:
            return plain(f"{refusal.reason}\n", refusal.status)
        return plain("accepted; the callback will be asked whether it meant it\n", 202)


async def _body(request: Request) -> bytes | None:
    """None where it is larger than any request need be; the rest is not read then."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_REQUEST:
            return None
    return body


def _fields(body: bytes) -> dict[str, str] | None:
    """The first of each name counts."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:  # what is no UTF-8, too
        return None
    return dict(reversed(pairs))


def _with(response: Response, **headers: str) -> Response:
    response.headers.update(headers)
    return response
