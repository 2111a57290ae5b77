"""Feeds that nobody has changed, answered from memory: what most readers ask for, most of the time.

The application's answer is remembered as it went out, by all of the request that it depends on.
The next such request gets the same, as long as the document is still the one that is in memory and
known to be good. Only the time in it moves on: `max-age` and `Date`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.core.publication import Document, Format, Publication
from aggregator.web.clients import Peer
from aggregator.web.exchange import Fields, head, lines
from aggregator.web.ports import Audience, InMemory
from aggregator.web.responses import cached

_MOST_FEEDS = 100
_MOST_ANSWERS = 100
"""For each of them: codings, and validators that readers hold."""
_LONGEST_QUESTION = 1_000
"""Bytes: a reader that lists a hundred tags is rare."""
_MOST_BYTES = 64_000_000
"""Of bodies. One feed is kept in any case."""

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

    def is_long(self) -> bool:
        return sum(len(value) for value in self.fields if value) > _LONGEST_QUESTION


class _Answer(NamedTuple):
    before: bytes
    """What stands before the value of Cache-Control."""
    behind: bytes
    body: bytes
    tag: bytes
    """Equal ones mean equal bodies."""


@dataclass(slots=True)
class _Feed:
    newest: Newest
    name: str
    answers: dict[_Question, _Answer] = field(default_factory=dict)
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    """By their tags: whatever readers hold, they are given the same few."""

    def put(self, question: _Question, answer: _Answer) -> None:
        if answer.body:
            answer = answer._replace(body=self.bodies.setdefault(answer.tag, answer.body))
        self.answers[question] = answer
        if len(self.answers) > _MOST_ANSWERS:
            del self.answers[next(iter(self.answers))]

    def size(self) -> int:
        return sum(map(len, self.bodies.values()))


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
        newest = feed.newest
        answer = feed.answers.get(_Question(method, tuple(told[:_DECIDING_THE_ANSWER])))
        if answer is None or not self._is_current(newest):
            return None
        fresh_for = self._publisher.known_fresh_for(newest.publication, newest.document.until)
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
        newest, told = state.get("newest"), _told(scope["headers"])
        if newest and told and not scope["query_string"] and edition is self._publisher.edition:
            question = _Question(scope["method"], tuple(told[:_DECIDING_THE_ANSWER]))
            self._remember(scope["raw_path"], newest, question, said.answer())

    def _is_current(self, newest: Newest) -> bool:
        publisher = self._publisher
        if publisher.edition is not self._edition:
            return False
        return publisher.document_in_memory(newest.publication, newest.format) is newest.document

    def _remember(
        self, target: bytes, newest: Newest, question: _Question, answer: _Answer | None
    ) -> None:
        if self._edition is not self._publisher.edition:
            self._edition = self._publisher.edition
            self._feeds.clear()
        if answer is None or question.is_long() or not self._is_current(newest):
            return
        feed = self._feeds.pop(target, None)
        if feed is None or feed.newest.document is not newest.document:
            feed = _Feed(newest, newest.name)
        feed.put(question, answer)
        self._feeds[target] = feed
        self._make_room()

    def _make_room(self) -> None:
        """Those go of which nothing new was asked for the longest."""
        size = sum(feed.size() for feed in self._feeds.values())
        while len(self._feeds) > 1 and (len(self._feeds) > _MOST_FEEDS or size > _MOST_BYTES):
            size -= self._feeds.pop(next(iter(self._feeds))).size()


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
            tag=dict(self._fields).get(b"etag", b""),
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
