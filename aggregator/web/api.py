"""What programs ask for: entries, how they change, and the sources, as JSON.

question   parameters to a scope and a place      (questions, cursors)
| lists    what is told of it                     (service)
| objects  entry by entry                         (formats)
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator import __version__
from aggregator.core.errors import StoreError
from aggregator.core.positions import Step
from aggregator.formats.entry_json import entry_object
from aggregator.service.entry_lists import Bookmark, Change, Scope
from aggregator.service.remade import Remade
from aggregator.web.cursors import (
    BrokenCursor,
    change_cursor,
    kind_of,
    list_cursor,
    read_change_cursor,
    read_list_cursor,
)
from aggregator.web.desk import Desk
from aggregator.web.ports import Lists, Report
from aggregator.web.questions import BadQuestion, asked, limit_of, moment_of, scope_of
from aggregator.web.responses import fixed

JSON = "application/json"
API_CACHE = "public, max-age=10"
PARAMETERS = ("cursor", "limit", "publication", "source", "q", "changed_since")

RETRY_AFTER = "30"
"""Seconds."""

_OPENAPI: dict[str, Any] = json.loads(
    (files("aggregator.web") / "static/openapi.json").read_bytes()
)

_NO_CURSOR = (
    "this is no cursor of ours, or not all of it: send one as an answer had it; "
    "changed_since also takes a time such as 2026-03-01T12:00:00Z"
)

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    def __init__(self, desk: Desk, lists: Lists) -> None:
        self._desk = desk
        self._lists = lists
        self._sources = Remade(desk.clock, self._encoded_sources)

    def routes(self) -> list[Route]:
        addresses = {
            "/api/entries": self.entries,
            "/api/sources": self.sources,
            "/api/openapi.json": self.openapi,
            "/api/{rest:path}": self.nothing,
        }
        return [
            Route(path, answering(handler, self._desk.report))
            for path, handler in addresses.items()
        ]

    async def entries(self, request: Request) -> Response:
        parameters = asked(request, PARAMETERS)
        scope, limit = scope_of(parameters, self._desk.publisher), limit_of(parameters)
        cursor, since = parameters.get("cursor"), parameters.get("changed_since")
        if cursor and kind_of(cursor) == "c":
            return await self._changes(request, scope, cursor, limit)
        if since:
            if cursor:
                raise BadQuestion(400, "send changed_since or the cursor of a list, not both")
            return await self._changes(request, scope, since, limit)
        return await self._part(request, scope, read_list_cursor(cursor) if cursor else None, limit)

    async def _part(
        self, request: Request, scope: Scope, after: Bookmark | None, limit: int
    ) -> Response:
        end = await self._lists.end()  # first: what changes meanwhile is told once more
        part = await self._lists.part(scope, after=after, limit=limit)
        return await self._json(
            request,
            {
                "entries": [entry_object(shown) for shown in part.entries],
                "next_cursor": list_cursor(part.rest) if part.rest else None,
                "changes_cursor": change_cursor(end, self._lists.view(scope)),
            },
        )

    async def _changes(self, request: Request, scope: Scope, since: str, limit: int) -> Response:
        if scope.search:
            raise BadQuestion(400, "changes cannot be searched: leave out q")
        step = await start_of(since, scope, self._lists)
        found = await self._lists.changed(scope, step, limit=limit)
        cursor = change_cursor(found.until, self._lists.view(scope))
        return await self._json(
            request,
            {
                "entries": [change_object(change) for change in found.changes],
                "next_cursor": cursor if found.more else None,
                "changes_cursor": cursor,
            },
        )

    async def sources(self, request: Request) -> Response:
        asked(request, ())
        return await self._sent(request, await self._sources.get())

    async def _encoded_sources(self) -> bytes:
        rows = await self._lists.sources()
        return await asyncio.to_thread(encoded, {"sources": rows})  # they may be very many

    async def openapi(self, request: Request) -> Response:
        return await self._json(request, openapi(self._desk.publisher.site.url))

    async def nothing(self, _: Request) -> Response:
        raise BadQuestion(404, "there is nothing here: /api/openapi.json lists what there is")

    async def _json(self, request: Request, content: dict[str, Any]) -> Response:
        return await self._sent(request, encoded(content))

    async def _sent(self, request: Request, body: bytes) -> Response:
        resource = fixed(body, content_type=JSON, cache_control=API_CACHE)
        return await self._desk.respond(request, resource)


def answering(handler: Handler, report: Report) -> Handler:
    """The same handler, with failures told as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except BadQuestion as error:
            return failure(error.status, str(error))
        except BrokenCursor:
            return failure(400, _NO_CURSOR)
        except StoreError as error:
            report(f"{request.method} {request.url.path}", error)
            return unavailable("the entries cannot be read right now: try again in a minute")
        except Exception as error:  # noqa: BLE001 - programs are told as JSON, whatever it was
            report(f"{request.method} {request.url.path}", error)
            return failure(500, "something went wrong here, and it has been noted")

    return answer


async def start_of(since: str, scope: Scope, lists: Lists) -> Step:
    """The step that a cursor or a time stands for. Raises BadQuestion and BrokenCursor."""
    if moment := moment_of(since):
        return await lists.since(moment)
    if kind_of(since) != "c":
        raise BadQuestion(400, "this cursor goes on in a list: changes have their own")
    step, view = read_change_cursor(since)
    if step > await lists.end() or not lists.view(scope).startswith(view):
        raise BadQuestion(
            410,
            "since this cursor the configuration has changed what is shown, or the database is "
            "another: take all entries anew, and go on from there",
        )
    return step


def change_object(change: Change) -> dict[str, Any]:
    if change.shown is None:
        return {"id": change.id, "deleted": True}
    return entry_object(change.shown)


def openapi(site_url: str) -> dict[str, Any]:
    """The document, as of this version and at this address."""
    info = {**_OPENAPI["info"], "version": __version__}
    return {**_OPENAPI, "info": info, "servers": [{"url": site_url.rstrip("/")}]}


def encoded(content: dict[str, Any]) -> bytes:
    """As JSON; a character that UTF-8 cannot hold is escaped."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def unavailable(sentence: str) -> Response:
    return failure(503, sentence, {"retry-after": RETRY_AFTER})


def failure(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    own = {"content-type": JSON, "cache-control": "no-store"}
    return Response(encoded({"error": sentence}), status, headers={**(headers or {}), **own})
