"""The stylesheet and the icon."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.web.pages import ICON, STYLE_VERSION, STYLESHEET
from aggregator.web.responses import ASSET_CACHE, CSS, FOREVER, SVG, fixed, respond


def routes() -> list[Route]:
    return [
        Route("/static/style.css", _stylesheet),
        Route("/static/icon.svg", _icon),
        Route("/favicon.ico", _icon),
    ]


async def _stylesheet(request: Request) -> Response:
    current = request.query_params.get("v") == STYLE_VERSION
    caching = FOREVER if current else ASSET_CACHE
    return respond(request, fixed(STYLESHEET, content_type=CSS, cache_control=caching))


async def _icon(request: Request) -> Response:
    return respond(request, fixed(ICON, content_type=SVG, cache_control=ASSET_CACHE))
