"""Addresses at which something was once: it has moved, or it is gone."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from aggregator.core.errors import PublicationGone, UnknownPublication
from aggregator.core.publication import Format, Publication
from aggregator.service.catalogue import Kind
from aggregator.web.desk import Desk

Reading = tuple[str, Format | None]
"""What an address may mean: a name, and the format of its feed or None for its page."""


async def moved_or_gone(
    desk: Desk, request: Request, kind: Kind, readings: Sequence[Reading]
) -> Response:
    """The way to where it is now. Raises PublicationGone, or UnknownPublication if it never was."""
    for name, format in readings:
        if publication := desk.publisher.moved(kind, name):
            return await _moved(desk, request, publication, format)
    for name, _ in readings:
        if await desk.publisher.was_served(kind, name):
            raise PublicationGone(f"{kind}/{name} is published no more")
    raise UnknownPublication(f"nothing was ever published under {kind}/{readings[0][0]}")


async def _moved(
    desk: Desk, request: Request, publication: Publication, format: Format | None
) -> Response:
    """For good, with what stands behind the question mark; caches ask again after a while."""
    query = f"?{request.url.query}" if request.url.query else ""
    headers = {
        "location": desk.publisher.site.url + publication.at(format) + query,
        "cache-control": await desk.cached(publication),
    }
    return Response(status_code=301, headers=headers)
