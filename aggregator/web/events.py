"""Changes as server-sent events (HTML Living Standard §9.2): the stream that /api/events answers.

news       the revision moved on                                    (service)
| changed  behind the listener's step, read once for all of them    (service)
| frames   an event a change; its id is the cursor to go on from
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from aggregator.core.errors import StoreError
from aggregator.core.positions import Step
from aggregator.service.entry_lists import Change, Scope
from aggregator.tasks.ends import end_all
from aggregator.web.api import answering, change_object, encoded, start_of, unavailable
from aggregator.web.clients import client_address
from aggregator.web.cursors import BrokenCursor, change_cursor
from aggregator.web.desk import Desk
from aggregator.web.ports import Lists
from aggregator.web.questions import BadQuestion, asked, scope_of

EVENT_PARAMETERS = ("publication", "source")
MOST_LISTENERS = 200
MOST_OF_ONE = 100
"""Of one client: a proxy on another machine is one, too, with all who come through it."""
MOST_REPLAYED = 500
"""Changes told again to a listener that comes back; beyond, it is sent to the lists."""

HEARTBEAT = 20.0
"""Seconds without an event until a comment shows that the connection holds."""
LONGEST = 3600.0
"""Seconds that a stream lasts: it frees the places of listeners that nobody listens to any more."""
_RETRY = 3000
"""Milliseconds until a listener comes back."""

_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",  # nginx holds back what it proxies otherwise
}

News = Callable[[], AsyncIterator[int]]
"""Yields the newest revision, and again whenever there is a newer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    frames: bytes
    until: Step
    more: bool


class Events:
    """Streams end when `stop` is set."""

    def __init__(self, desk: Desk, lists: Lists, news: News, stop: asyncio.Event) -> None:
        self._desk = desk
        self._lists = lists
        self._news = news
        self._stop = stop
        self._telling = _Telling(lists)
        self._listeners = Counter[str]()

    def routes(self) -> list[Route]:
        return [Route("/api/events", answering(self.events, self._desk.report))]

    async def events(self, request: Request) -> Response:
        parameters = asked(request, EVENT_PARAMETERS)
        scope = scope_of(parameters, self._desk.publisher)
        if request.method == "HEAD":
            return Response(headers=_HEADERS)
        step, lost = await self._start(request.headers.get("last-event-id"), scope)
        client = client_address(request)
        if self._listeners.total() >= MOST_LISTENERS or self._listeners[client] >= MOST_OF_ONE:
            return unavailable("there are too many listeners: come back later")
        listener = _Listener(
            scope=lambda: scope_of(parameters, self._desk.publisher),
            view=self._lists.view(scope),
            step=step,
            lost=lost,
        )
        self._listeners[client] += 1  # before anybody else is looked at: many may come at once
        left = partial(self._left, client)
        return _Stream(self._frames(listener), headers=_HEADERS, left=left)

    def _left(self, client: str) -> None:
        self._listeners[client] -= 1
        if not self._listeners[client]:
            del self._listeners[client]

    async def _start(self, last_id: str | None, scope: Scope) -> tuple[Step, str | None]:
        """Where a listener goes on, and what it has lost by that."""
        now = await self._lists.end()
        if not last_id:
            return now, None
        try:
            step = await start_of(last_id, scope, self._lists)
        except (BadQuestion, BrokenCursor):
            return now, ""
        far = await self._lists.is_far(step, most=MOST_REPLAYED)
        return (now, last_id) if far else (step, None)

    async def _frames(self, listener: "_Listener") -> AsyncIterator[bytes]:
        yield f"retry: {_RETRY}\n\n".encode() + listener.greeting(self._desk.publisher.site.url)
        async with aclosing(_beats(self._news(), self._stop)) as beats:
            async for revision in beats:
                if revision is None:
                    yield listener.heartbeat()
                    continue
                try:
                    async for frames in self._told(listener, revision):
                        yield frames
                except BadQuestion:  # its publication or source is not configured any more
                    return
                except StoreError as error:
                    self._desk.report("GET /api/events", error)

    async def _told(self, listener: "_Listener", revision: int) -> AsyncIterator[bytes]:
        scope = listener.scope()
        if self._lists.view(scope) != listener.view:
            listener.view, listener.step = self._lists.view(scope), await self._lists.end()
            listener.lost = ""
            yield listener.greeting(self._desk.publisher.site.url)
        more = True
        while more:
            batch = await self._telling.behind(listener.step, scope, listener.view, revision)
            listener.step, more = batch.until, batch.more
            if batch.frames:
                yield batch.frames


async def _beats(news: AsyncIterator[int], stop: asyncio.Event) -> AsyncGenerator[int | None]:
    """Each news, and None when there was none for a while; until the stop, or long enough."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST
    stopped = asyncio.ensure_future(stop.wait())
    coming = asyncio.ensure_future(anext(news))
    try:
        while loop.time() < end:
            await asyncio.wait(
                [stopped, coming], timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED
            )
            if stopped.done():
                return
            if not coming.done():
                yield None
                continue
            revision = coming.result()
            coming = asyncio.ensure_future(anext(news))
            yield revision
    finally:
        await end_all([stopped, coming])


@dataclass(slots=True, kw_only=True)
class _Listener:
    """Who listens to what, and how far it has been told."""

    scope: Callable[[], Scope]
    """As configured now. Raises BadQuestion."""
    view: str
    step: Step
    lost: str | None
    """The cursor from which on it has to ask the lists; "" where it has to begin anew."""

    def greeting(self, site_url: str) -> bytes:
        cursor = change_cursor(self.step, self.view)
        if self.lost is None:
            return f"id: {cursor}\n\n".encode()
        since = f"?changed_since={self.lost}" if self.lost else ""
        told = encoded({"entries": f"{site_url}api/entries{since}"}).decode()
        self.lost = None
        return _frame(cursor, "reset", told)

    def heartbeat(self) -> bytes:
        """Moves the listener on past changes that were not for it."""
        return f":\nid: {change_cursor(self.step, self.view)}\n\n".encode()


class _Telling:
    """What is told behind a step. Listeners stand at few steps, so that one look serves many."""

    _BATCH = 100
    _MOST_KEPT = 10

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._revision = -1
        self._known: dict[tuple[str, Scope, Step], _Batch] = {}
        self._turn = asyncio.Lock()

    async def behind(self, step: Step, scope: Scope, view: str, revision: int) -> _Batch:
        """As of that revision or a later one."""
        async with self._turn:
            if revision != self._revision:
                self._revision = revision
                self._known.clear()
            key = (view, scope, step)
            if key not in self._known:
                while len(self._known) >= self._MOST_KEPT:
                    del self._known[next(iter(self._known))]
                self._known[key] = await self._look(scope, step, view)
            return self._known[key]

    async def _look(self, scope: Scope, step: Step, view: str) -> _Batch:
        found = await self._lists.changed(scope, step, limit=self._BATCH)
        frames = b"".join(_told_frame(change, view) for change in found.changes)
        return _Batch(frames=frames, until=found.until, more=found.more)


def _told_frame(change: Change, view: str) -> bytes:
    kind = "delete" if change.shown is None else "entry" if change.new else "edit"
    told = encoded(change_object(change)).decode("utf-8")
    return _frame(change_cursor(change.step, view), kind, told)


def _frame(id: str, event: str, data: str) -> bytes:
    """One event; JSON on one line has no line breaks that would end its data."""
    return f"id: {id}\nevent: {event}\ndata: {data}\n\n".encode()


class _Stream(StreamingResponse):
    """Its source ends with it, also when a client leaves in the middle; then it says so."""

    def __init__(
        self, source: AsyncIterator[bytes], *, headers: Mapping[str, str], left: Callable[[], None]
    ) -> None:
        super().__init__(source, headers=headers)
        self._left = left

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().stream_response(send)
