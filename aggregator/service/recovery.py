"""Where a lost feed may have gone: what the page in its place names, or its site's page.

It is proposed to the operator, and never polled before the configuration says so.
"""

import asyncio

from aggregator.core.urls import is_private_host, origin_of
from aggregator.core.wire import Answer, Failed, Gone, Validators
from aggregator.service.discovering import Discoverer
from aggregator.service.policies import SourcePolicy
from aggregator.service.ports import ClaimedSource, Fetcher, Reader
from aggregator.service.turns import HostTurns

FIRST_LOOK = 3
"""Failures in a row before we look; a hiccup needs no search."""

LOOK_EVERY = 10
"""Failures between two looks. By then a source fails daily, so that is a look in ten days."""

AT_ONCE = 4
"""Searches; they are in no hurry."""

LOST = frozenset({404, 410})


class Recovery:
    """Looks for the feeds of sources that are lost."""

    def __init__(self, *, fetcher: Fetcher, reader: Reader, turns: HostTurns) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._turns = turns
        self._places = asyncio.Semaphore(AT_ONCE)

    async def find(
        self, source: ClaimedSource, policy: SourcePolicy, answer: Answer, *, failed: int
    ) -> str | None:
        """Another address where a feed was read; None mostly. `failed` includes this answer.

        It is asked for as the source is polled: through its proxy, with its secrets to its own
        origin alone.
        """
        if not _is_lost(answer) or failed % LOOK_EVERY != FIRST_LOOK or policy.hides:
            return None
        discoverer = Discoverer(
            fetcher=self._fetcher,
            reader=self._reader,
            request=lambda url: policy.request(url, Validators()),
            turns=self._turns,
        )
        polled = source.moves.to or policy.url
        async with self._places:
            for page in _pages(source, polled, answer):
                discovery = await discoverer.find(page, by_operator=False)
                if discovery.found and discovery.found.url != polled:
                    return discovery.found.url
        return None


def _pages(source: ClaimedSource, polled: str, answer: Answer) -> list[str]:
    """What may name the feed. A document does not send us into a private network, unless it is
    where it came from itself.
    """
    in_its_place = [polled] if isinstance(answer, Failed) and answer.kind == "unreadable" else []
    site = source.info.link
    if site is None or "@" in site:
        return in_its_place
    _, host, _ = origin_of(site)
    if is_private_host(host) and origin_of(site) != origin_of(polled):
        return in_its_place
    return [*in_its_place, site]


def _is_lost(answer: Answer) -> bool:
    """Whether the server, or a page in the feed's place, says that there is no feed any more."""
    match answer:
        case Gone():
            return True
        case Failed(retry_after=None, kind=kind, status=status):
            return kind in {"unreadable", "dns"} or status in LOST
        case _:
            return False
