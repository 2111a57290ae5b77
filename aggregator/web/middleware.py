"""What holds for every answer: safe headers, open feeds, and no failure that nobody hears of."""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.web.callbacks import PATH as CALLBACKS
from aggregator.web.ports import Report

_SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src https: http: data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# Feeds are public: a reader that runs in a browser may load them, and see what it needs to ask
# for them conditionally.
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, IM, Last-Modified, Link, Retry-After",
}

_UNLISTED = {"X-Robots-Tag": "noindex"}

_PREFLIGHT = {
    "Allow": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "A-IM, If-None-Match, If-Modified-Since, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}


class Edge:
    """The outermost layer. `failure` makes the answer with a given status; while `noindex` says
    so, search engines are asked to leave everything alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        report: Report,
        failure: Callable[[int], Response],
        noindex: Callable[[], bool],
    ) -> None:
        self._app = app
        self._noindex = noindex
        self._report = report
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        outgoing = _Outgoing(send, self._headers(scope))
        try:
            await self._inner(scope)(scope, receive, outgoing)
        except ClientDisconnect:
            pass  # nobody is there any more, and it is no fault of ours
        except Exception as error:  # noqa: BLE001 - the last place that can answer at all
            self._report(asked_for(scope), error)
            if not outgoing.started:
                await self._failure(500)(scope, receive, outgoing)

    def _headers(self, scope: Scope) -> dict[str, str]:
        headers = _SAFE | _OPEN if _is_open(scope) else _SAFE
        return headers | _UNLISTED if self._noindex() else headers

    def _inner(self, scope: Scope) -> ASGIApp:
        if _is_ambiguous(scope):
            return _closing(self._failure(400))
        if scope["method"] == "OPTIONS" and _is_open(scope):
            return Response(status_code=204, headers=_PREFLIGHT)
        return self._app


def asked_for(scope: Scope) -> str:
    """A request as it may be logged: the address that a hub calls is its secret with us."""
    path: str = scope["path"]
    if path.startswith(f"/{CALLBACKS}"):
        path = f"/{CALLBACKS}\N{HORIZONTAL ELLIPSIS}"
    return f"{scope['method']} {path}"


class _Outgoing:
    """Sends, with more headers."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            MutableHeaders(scope=message).update(self._headers)
        await self._send(message)


def _is_open(scope: Scope) -> bool:
    path: str = scope["path"]
    is_feed = path.endswith((".atom", ".rss", ".json"))
    return is_feed or path == "/opml.xml" or path.startswith("/api/")


def _is_ambiguous(scope: Scope) -> bool:
    """Whether the body's end can be read in two ways: request smuggling (RFC 9112 §6.1)."""
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers and "content-length" in headers


def _closing(response: Response) -> Response:
    response.headers["connection"] = "close"
    return response
