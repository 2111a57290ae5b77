"""Where a lost feed may have gone: what the page in its place names, or its site's page.

It is proposed to the operator, and never polled before the configuration says so.
"""

from aggregator.core.urls import host_of, is_private_host
from aggregator.core.wire import Answer, Failed, Gone
from aggregator.service.discovering import Discoverer
from aggregator.service.ports import ClaimedSource

FIRST_LOOK = 3
"""Failures in a row before we look; a hiccup needs no search."""

LOOK_EVERY = 10
"""Failures between two looks. By then a source fails daily, so that is a look in ten days."""

LOST = frozenset({404, 410})


class Recovery:
    """Looks for the feeds of sources that are lost."""

    def __init__(self, discoverer: Discoverer) -> None:
        self._discoverer = discoverer

    async def find(self, source: ClaimedSource, answer: Answer, *, failed: int) -> str | None:
        """Another address where a feed was read; None mostly. `failed` includes this answer."""
        if not _is_lost(answer) or failed % LOOK_EVERY != FIRST_LOOK:
            return None
        polled = source.moves.to or source.url
        for page in _pages(source, answer):
            discovery = await self._discoverer.find(page, guess=False)
            if discovery.found and discovery.found.url != polled:
                return discovery.found.url
        return None


def _pages(source: ClaimedSource, answer: Answer) -> list[str]:
    """What may name the feed. A stranger's document does not send us into a private network."""
    in_its_place = (
        [source.url] if isinstance(answer, Failed) and answer.kind == "unreadable" else []
    )
    site = source.info.link
    if site is None or (is_private_host(host_of(site)) and host_of(site) != source.host):
        return in_its_place
    return [*in_its_place, site]


def _is_lost(answer: Answer) -> bool:
    """Whether the server, or a page in the feed's place, says that there is no feed any more."""
    match answer:
        case Gone():
            return True
        case Failed(kind=kind, status=status):
            return kind in {"unreadable", "dns"} or status in LOST
        case _:
            return False
