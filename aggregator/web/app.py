"""The addresses that we answer at.

Edge               safe headers, preflights, failures      (middleware)
| route            Browsing, Searching, Feeds, Machines, assets, HubDoor, Callbacks
| Publications     what is asked for                       (service)
| Pages            HTML, where it is a page                (pages)
| respond          304, or the form that is preferred      (responses)
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from aggregator.core.errors import PublicationGone, StoreError, UnknownPublication
from aggregator.service.ports import Clock
from aggregator.service.pushes.receiving import Receiver
from aggregator.web.api import Api, failure
from aggregator.web.assets import Assets
from aggregator.web.browsing import Browsing
from aggregator.web.callbacks import Callbacks
from aggregator.web.desk import Desk
from aggregator.web.events import Events, News
from aggregator.web.feeds import Feeds
from aggregator.web.hub import HubDoor
from aggregator.web.machines import Machines
from aggregator.web.middleware import Edge, asked_for
from aggregator.web.pages import Pages
from aggregator.web.ports import Audience, Lists, Publications, Readiness, Report, Subscribing
from aggregator.web.responses import HTML
from aggregator.web.searching import Searching

_RETRY_AFTER = "30"
"""Seconds until a database that was out of reach is worth another try."""


def create_app(
    publisher: Publications,
    health: Readiness,
    *,
    clock: Clock,
    report: Report,
    audience: Audience,
    lists: Lists,
    news: News,
    stop: asyncio.Event,
    pages: Pages | None = None,
    receiver: Receiver | None = None,
    hub: Subscribing | None = None,
) -> Starlette:
    """The whole site. `report` hears of every failure that is ours, `audience` of feed fetches.

    Streams tell of `news` and end when `stop` is set. Without `pages` they are made of our own
    templates. Hubs can call us where there is a `receiver`.
    """
    desk = Desk(
        publisher=publisher,
        health=health,
        clock=clock,
        report=report,
        audience=audience,
        pages=pages or Pages(),
    )
    publisher.prepare_with(desk.responder.prepare)
    feeds, failures = Feeds(desk), _Failures(desk)
    app = Starlette(
        routes=[
            *feeds.routes(),
            *Searching(desk, feeds).routes(),
            *Browsing(desk, feeds).routes(),
            *Machines(desk).routes(),
            *Events(desk, lists, news, stop).routes(),
            *Api(desk, lists).routes(),
            *(HubDoor(hub, clock).routes() if hub else ()),
            *Assets(desk).routes(),
            *(Callbacks(receiver).routes() if receiver else ()),
        ],
        middleware=[
            Middleware(
                Edge,
                report=report,
                failure=failures.page,
                noindex=lambda: publisher.site.noindex,
            )
        ],
        exception_handlers={
            HTTPException: failures.on_refusal,
            UnknownPublication: failures.on_unknown,
            PublicationGone: failures.on_gone,
            StoreError: failures.on_store_error,
        },
    )
    # It would build addresses from the Host header, which is the client's to choose.
    app.router.redirect_slashes = False
    return app


class _Failures:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def on_refusal(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        if request.url.path.startswith("/api/"):
            return failure(status, HTTPStatus(status).phrase.lower(), headers)
        return self.page(status, headers)

    async def on_unknown(self, _: Request, __: Exception) -> Response:
        return self.page(404)

    async def on_gone(self, _: Request, __: Exception) -> Response:
        return self.page(410)

    async def on_store_error(self, request: Request, error: Exception) -> Response:
        self._desk.report(asked_for(request.scope), error)
        return self.page(503, {"Retry-After": _RETRY_AFTER})

    def page(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """A page that says what is wrong, and nothing of what was asked or what we are."""
        return Response(
            self._desk.pages.failure(self._desk.place(""), status),
            status,
            headers={**(headers or {}), "content-type": HTML, "cache-control": "no-store"},
        )
