"""What all handlers have at hand."""

from dataclasses import dataclass, field
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aggregator.core.publication import CONTENT_TYPES, Format, Publication
from aggregator.service.ports import Clock
from aggregator.web.pages import Pages, Place
from aggregator.web.ports import Audience, Publications, Readiness, Report
from aggregator.web.responses import Resource, Responder, cached

_LONGEST_PAGE_NUMBER = 9
"""Digits. More than anybody has pages, and small enough for any database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The services behind the addresses. `report` hears of failures, `audience` of feed fetches."""

    publisher: Publications
    health: Readiness
    clock: Clock
    report: Report
    audience: Audience
    pages: Pages
    responder: Responder = field(default_factory=Responder)

    def place(self, path: str) -> Place:
        """Where a page stands."""
        publisher = self.publisher
        return Place(
            site=publisher.site,
            path=path,
            navigation=publisher.publications(),
            tags=publisher.tags(),
        )

    async def respond(self, request: Request, resource: Resource) -> Response:
        return await self.responder.respond(request, resource)

    async def cached(
        self, publication: Publication | None = None, until: datetime | None = None
    ) -> str:
        """The header Cache-Control of what shows a publication, or all sources (None)."""
        return cached(await self.publisher.fresh_for(publication, until))


def format_of(ending: str) -> Format | None:
    """The format that an address's ending names."""
    return next((format for format in CONTENT_TYPES if format == ending), None)


def page_number(request: Request) -> int:
    """What `page` says, 1 without it. Raises HTTPException where it is no number of a page."""
    written = request.query_params.get("page", "1")
    if not (written.isascii() and written.isdigit()) or not written.strip("0"):
        raise HTTPException(400)
    if len(written) > _LONGEST_PAGE_NUMBER:
        raise HTTPException(404)
    return int(written)
