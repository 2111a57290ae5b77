"""The stylesheet and the icon."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.web.pages import Pages
from aggregator.web.responses import ASSET_CACHE, CSS, FOREVER, SVG, fixed, respond


class Assets:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def routes(self) -> list[Route]:
        return [
            Route("/static/style.css", self.stylesheet),
            Route("/static/icon.svg", self.icon),
            Route("/favicon.ico", self.icon),
        ]

    async def stylesheet(self, request: Request) -> Response:
        pages = self._pages
        current = request.query_params.get("v") == pages.style_version
        caching = FOREVER if current else ASSET_CACHE
        return respond(request, fixed(pages.stylesheet, content_type=CSS, cache_control=caching))

    async def icon(self, request: Request) -> Response:
        icon = fixed(self._pages.icon, content_type=SVG, cache_control=ASSET_CACHE)
        return respond(request, icon)
