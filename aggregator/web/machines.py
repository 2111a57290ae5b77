"""Liveness and readiness, for whatever keeps the process running."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.web.desk import Desk
from aggregator.web.responses import plain


class Machines:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [Route("/healthz", self.alive), Route("/readyz", self.ready)]

    async def alive(self, _: Request) -> Response:
        return plain("ok\n")

    async def ready(self, _: Request) -> Response:
        problems = await self._desk.health.problems()
        if problems:
            return plain("".join(f"{problem}\n" for problem in problems), 503)
        return plain("ok\n")
