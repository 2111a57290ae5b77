"""The feed behind an address: the address itself, what its page names, or a well-known path.

Feeds are read before they are believed. One request follows the other, and requests to one host
keep the pause that polls keep.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadFeed
from aggregator.core.schedule import TOO_MANY_REQUESTS
from aggregator.core.urls import host_of, is_private_host, origin_of
from aggregator.core.wire import Answer, Failed, Fetched, FetchRequest
from aggregator.formats.discovery import Candidate, discover
from aggregator.service.ports import Document, Fetcher, Reader
from aggregator.service.turns import HostTurns

WELL_KNOWN = ("/feed", "/feed.xml", "/rss.xml", "/atom.xml", "/index.xml", "/feed.json")
"""Where software puts feeds; asked for only when a page names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A feed that was read. `url` is what to poll: where a permanent redirect led."""

    url: str
    feed: ReadFeed


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What stands behind an address. Without `found`, `error` says why."""

    found: Found | None = None
    candidates: tuple[Candidate, ...] = ()
    """What the page names, in its order; empty when the address is a feed itself."""
    error: str | None = None


def _no_players(_url: str) -> bool:
    return False


class Discoverer:
    """Finds feeds. `request` makes an address a request; `players` says whether frames of players
    stay in the feed that is there.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        reader: Reader,
        request: Callable[[str], FetchRequest],
        turns: HostTurns,
        players: Callable[[str], bool] = _no_players,
    ) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._request = request
        self._turns = turns
        self._players = players

    async def find(self, url: str, *, by_operator: bool = True) -> Discovery:
        """The first feed that can be read, in the order of the page.

        An address that the operator named may lead into a private network, and where its page
        names no feed well-known paths are asked for.
        """
        answer = await self._fetch(url)
        if not isinstance(answer, Fetched):
            return Discovery(error=f"{url}: {_reason(answer)}")
        try:
            return Discovery(found=await self._read(url, answer))
        except UnreadableFeed as error:
            why = str(error)
        named = discover(answer.body, answer.content_type, answer.url)
        candidates = tuple(each for each in named if _may_name(answer.url, each.url, by_operator))
        if candidates:
            found, refused = await self._first(each.url for each in candidates)
            return Discovery(found=found, candidates=candidates, error=refused)
        if not by_operator:
            return Discovery(error=f"{url}: {why}; it names no feed")
        found, _ = await self._first(urljoin(answer.url, path) for path in WELL_KNOWN)
        none = f"{url}: {why}; it names no feed, and none is at {', '.join(WELL_KNOWN)}"
        return Discovery(found=found, error=None if found else none)

    async def _first(self, urls: Iterable[str]) -> tuple[Found | None, str | None]:
        """The first that is a feed; without one, what was wrong with each."""
        reasons = []
        for url in urls:
            answer = await self._fetch(url)
            if isinstance(answer, Fetched):
                try:
                    return await self._read(url, answer), None
                except UnreadableFeed as error:
                    reasons.append(f"{url}: {error}")
                    continue
            reasons.append(f"{url}: {_reason(answer)}")
            if _is_unwelcome(answer):
                break
        return None, "; ".join(reasons)

    async def _fetch(self, url: str) -> Answer:
        async with self._turns.turn(host_of(url)):
            return await self._fetcher.fetch(self._request(url))

    async def _read(self, url: str, fetched: Fetched) -> Found:
        document = Document(
            body=fetched.body,
            content_type=fetched.content_type,
            url=fetched.url,
            players=self._players(url),
        )
        feed = await self._reader.read(document)
        return Found(url=fetched.permanent_url or url, feed=feed)


def _may_name(page: str, url: str, by_operator: bool) -> bool:
    """A page outside does not send us into a private network, opened or not."""
    if not is_private_host(host_of(url)):
        return True
    return is_private_host(host_of(page)) if by_operator else origin_of(url) == origin_of(page)


def _reason(answer: Answer) -> str:
    return answer.reason if isinstance(answer, Failed) else f"HTTP {answer.status}"


def _is_unwelcome(answer: Answer) -> bool:
    """True when the server asked for a pause (RFC 9110 §10.2.3, RFC 6585 §4)."""
    return isinstance(answer, Failed) and (
        answer.retry_after is not None or answer.status == TOO_MANY_REQUESTS
    )
