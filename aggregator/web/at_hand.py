"""Feeds that nobody has changed, answered from memory: what most readers ask for, most of the time.

The application's answer is remembered as it went out, by all of the request that it depends on.
The next such request gets the same, as long as the document is still the one that is in memory and
known to be good. Only the time in it moves on: `max-age` and `Date`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.core.publication import Document, Format, Publication
from aggregator.web.clients import Peer
from aggregator.web.exchange import Fields, head, lines
from aggregator.web.ports import Audience, InMemory
from aggregator.web.responses import cached

_MOST_FEEDS = 100
_MOST_ANSWERS = 100
"""For each of them: codings, and validators that readers hold."""

_DECIDING: Mapping[bytes, int] = {
    b"accept-encoding": 0,
    b"if-none-match": 1,
    b"if-modified-since": 2,
    b"user-agent": 3,
    b"x-forwarded-for": 4,
}
_DECIDING_THE_ANSWER = 3
"""The rest only tells who asks."""

_UNUSUAL = frozenset((b"a-im", b"content-length", b"expect", b"transfer-encoding"))
"""Requests with such a field are the application's."""


@dataclass(frozen=True, slots=True)
class Newest:
    """A publication's newest document in a format.

    A handler that shows one says so in `newest` of the request's state.
    """

    publication: Publication
    format: Format
    document: Document

    @property
    def name(self) -> str:
        """As readers of it are counted."""
        return f"{self.publication.path}.{self.format}"


class _Question(NamedTuple):
    """All of a request that an answer depends on."""

    method: str
    fields: tuple[bytes | None, ...]


class _Answer(NamedTuple):
    before: bytes
    """What stands before the value of Cache-Control."""
    behind: bytes
    body: bytes


@dataclass(slots=True)
class _Feed:
    shown: Newest
    name: str
    answers: dict[_Question, _Answer] = field(default_factory=dict)


class Remembering:
    """The application, and what it said."""

    def __init__(self, app: ASGIApp, publisher: InMemory, audience: Audience) -> None:
        self._app = app
        self._publisher = publisher
        self._audience = audience
        self._edition: object = None
        self._feeds: dict[bytes, _Feed] = {}

    def at_hand(
        self, method: str, target: bytes, fields: Fields, peer: Peer
    ) -> tuple[bytes, bytes] | None:
        """An answer's head without the empty line, and its body; None where it is not known."""
        feed = self._feeds.get(target)
        told = _told(fields)
        if feed is None or told is None:
            return None
        shown = feed.shown
        answer = feed.answers.get(_Question(method, tuple(told[:_DECIDING_THE_ANSWER])))
        if answer is None or not self._is_current(shown):
            return None
        fresh_for = self._publisher.known_fresh_for(shown.publication, shown.document.until)
        if fresh_for is None:
            return None
        agent, forwarded = (told[place] or b"" for place in range(_DECIDING_THE_ANSWER, len(told)))
        self._audience.note(
            document=feed.name,
            address=peer.address(forwarded.decode("latin-1")),
            agent=agent.decode("latin-1"),
        )
        return answer.before + cached(fresh_for).encode() + answer.behind, answer.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Listens to what the application says."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        edition, said, state = self._publisher.edition, _Said(send), scope.setdefault("state", {})
        await self._app(scope, receive, said)
        shown, told = state.get("newest"), _told(scope["headers"])
        if shown and told and not scope["query_string"] and edition is self._publisher.edition:
            question = _Question(scope["method"], tuple(told[:_DECIDING_THE_ANSWER]))
            self._remember(scope["raw_path"], shown, question, said.answer())

    def _is_current(self, shown: Newest) -> bool:
        publisher = self._publisher
        if publisher.edition is not self._edition:
            return False
        return publisher.document_in_memory(shown.publication, shown.format) is shown.document

    def _remember(
        self, target: bytes, shown: Newest, question: _Question, answer: _Answer | None
    ) -> None:
        if self._edition is not self._publisher.edition:
            self._edition = self._publisher.edition
            self._feeds.clear()
        if answer is None or not self._is_current(shown):
            return
        feed = self._feeds.pop(target, None)
        if feed is None or feed.shown.document is not shown.document:
            feed = _Feed(shown, shown.name)
        feed.answers[question] = answer
        _shorten(feed.answers, _MOST_ANSWERS)
        self._feeds[target] = feed
        _shorten(self._feeds, _MOST_FEEDS)


class _Said:
    """Sends, and keeps what was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._fields: Fields = []
        self._body: bytes | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._fields = message["status"], list(message["headers"])
        elif message.get("more_body"):
            self._status = 0  # a stream
        elif self._status in {200, 304}:
            self._body = message.get("body", b"")
        await self._send(message)

    def answer(self) -> _Answer | None:
        """None of something else than a cacheable answer in one piece."""
        names = [name for name, _ in self._fields]
        if self._body is None or names.count(b"cache-control") != 1:
            return None
        place = names.index(b"cache-control")
        before, behind = self._fields[:place], self._fields[place + 1 :]
        return _Answer(
            before=head(self._status, before) + b"cache-control: ",
            behind=b"\r\n" + lines(behind),
            body=self._body,
        )


def _told(fields: Fields) -> list[bytes | None] | None:
    """What counts of them, in the order of _DECIDING; None of an unusual request."""
    told: list[bytes | None] = [None] * len(_DECIDING)
    for name, value in fields:
        place = _DECIDING.get(name)
        if place is None:
            if name in _UNUSUAL:
                return None
        elif told[place] is None:
            told[place] = value
        else:
            return None
    return told


def _shorten(kept: dict[Any, Any], most: int) -> None:
    """What was put in first makes room."""
    while len(kept) > most:
        del kept[next(iter(kept))]
