"""What the web needs of the services."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from aggregator.core.hub import Refusal
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.positions import Step
from aggregator.core.publication import Document, Format, Publication, Site
from aggregator.service.catalogue import Kind
from aggregator.service.documents import Prepare
from aggregator.service.entry_lists import Bookmark, Changed, Part, Scope
from aggregator.service.paging import Page
from aggregator.service.ports import PastPoll, SourceHealth
from aggregator.service.source_pages import SourcePage


class Publications(Protocol):
    """What is published. Every method that reads the database may raise StoreError."""

    @property
    def site(self) -> Site: ...

    def publications(self) -> tuple[Publication, ...]:
        """The configured ones, `latest` first."""

    def tags(self) -> Mapping[str, frozenset[str]]:
        """Tags to the keys of their sources."""

    def find(self, kind: Kind, name: str) -> Publication:
        """Raises UnknownPublication."""

    def searching(self, text: str) -> Publication:
        """What a search finds; `text` in the form of `search_line`."""

    def moved(self, kind: Kind, name: str) -> Publication | None:
        """The publication that had this slug before it was renamed."""

    async def was_served(self, kind: Kind, name: str) -> bool:
        """Whether there ever was something under that name."""

    async def document(
        self, publication: Publication, format: Format, leaf: Leaf = NEWEST
    ) -> Document:
        """Raises UnknownPublication where the feed has no such document."""

    def prepare_with(self, prepare: Prepare) -> None:
        """What is done with a document before it takes the place of another."""

    async def news(
        self, publication: Publication, format: Format, document: Document, tags: Sequence[str]
    ) -> bytes | None:
        """Of the document the entries that are new or changed since it had one of these tags.

        None where that is not known, or no less than the whole. Raises nothing.
        """

    async def fresh_for(
        self, publication: Publication | None = None, until: datetime | None = None
    ) -> timedelta:
        """How long it stays as it is, as far as can be told; None: what shows all sources.

        `until` is when time alone changes it. Raises nothing.
        """

    async def page(self, publication: Publication, number: int) -> Page:
        """Raises UnknownPublication beyond the last page."""

    async def sources(self, number: int) -> SourcePage:
        """A page of all of them. Raises UnknownPublication beyond the last one."""

    async def source(self, key: str) -> tuple[SourceHealth, list[PastPoll]]:
        """A source and its last polls, newest first. Raises UnknownPublication."""

    async def opml(self) -> bytes: ...


class InMemory(Protocol):
    """What of that is known without waiting for anything."""

    @property
    def edition(self) -> object:
        """Another one whenever the configuration publishes something else."""

    def document_in_memory(self, publication: Publication, format: Format) -> Document | None:
        """What `document` would return at once; the same one until something in it changes."""

    def known_fresh_for(
        self, publication: Publication, until: datetime | None = None
    ) -> timedelta | None:
        """What `fresh_for` would return at once."""


class Lists(Protocol):
    """Lists of entries for programs. Every coroutine may raise StoreError."""

    async def part(self, scope: Scope, *, after: Bookmark | None = None, limit: int) -> Part: ...

    async def changed(self, scope: Scope, since: Step, *, limit: int) -> Changed: ...

    async def is_far(self, since: Step, *, most: int) -> bool:
        """Whether more than so many stories changed since."""

    async def end(self) -> Step:
        """The step behind which only what is yet to come stands."""

    async def since(self, moment: datetime) -> Step: ...

    async def sources(self) -> list[dict[str, Any]]: ...

    def view(self, scope: Scope) -> str:
        """Another one when the configuration shows something else of the scope."""


class Subscribing(Protocol):
    """Our own hub."""

    @property
    def is_open(self) -> bool:
        """Whether the operator wants one."""

    async def accept(self, form: Mapping[str, str]) -> Refusal | None:
        """None: the request is taken, and will be verified. Raises StoreError."""


class Readiness(Protocol):
    async def problems(self) -> tuple[str, ...]:
        """Sentences that say what keeps us from working; empty when all is well."""


class Audience(Protocol):
    """Where it is noted who fetches our feeds."""

    def note(self, *, document: str, address: str, agent: str) -> None:
        """A client at `address` that calls itself `agent` was given the document. Takes no time."""


class Report(Protocol):
    """Where a request's failure goes, so that somebody hears of it."""

    def __call__(self, request: str, error: Exception, /) -> None:
        """`request` is its method and path."""
