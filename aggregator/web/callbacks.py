"""Where hubs call us: one address a subscription, which only its hub knows (WebSub §5.3, §7)."""

from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.service.pushes.receiving import Busy, Found, Receiver, TooMuch
from aggregator.web.responses import plain

PATH = "websub/"
"""Below the site's address; a token follows."""

_RETRY_AFTER = "60"
_DRAINED = 10_000_000
"""Bytes of a body that are read although they are not wanted."""

_ROOM_FOR_TOKENS = 200
"""Characters."""


class Callbacks:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def routes(self) -> list[Route]:
        path = f"/{PATH}{{token}}"
        return [
            Route(path, self.verify, methods=["GET"]),
            Route(path, self.deliver, methods=["POST"]),
        ]

    async def verify(self, request: Request) -> Response:
        """A hub's question, which is answered with its challenge."""
        found = await self._find(request)
        answer = await self._receiver.verify(found, request.query_params)
        if answer is None:
            raise HTTPException(404)
        return plain(answer)

    async def deliver(self, request: Request) -> Response:
        """A push: its receipt is all that is confirmed."""
        found = await self._find(request)
        if found.is_over:
            raise HTTPException(410)  # WebSub §7: the hub may end the subscription for it
        body = request.stream()
        try:
            await self._receiver.deliver(
                found,
                body,
                content_type=request.headers.get("content-type", ""),
                signature=request.headers.get("x-hub-signature"),
            )
        except TooMuch:
            await _drain(body)
            raise HTTPException(413, headers={"connection": "close"}) from None
        except Busy:
            await _drain(body)
            busy = {"retry-after": _RETRY_AFTER, "connection": "close"}
            raise HTTPException(503, headers=busy) from None
        return plain("", 202)

    async def _find(self, request: Request) -> Found:
        token: str = request.path_params["token"]
        found = None
        if len(token) <= _ROOM_FOR_TOKENS and token.isascii() and token.isprintable():
            found = await self._receiver.find(token)
        if found is None:
            raise HTTPException(404)
        return found


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Lets most clients send what they are about to: else they never come to read the answer."""
    length = 0
    async for chunk in body:
        length += len(chunk)
        if length > _DRAINED:
            break
