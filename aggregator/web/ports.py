"""What the web needs of the services."""

from typing import Protocol

from aggregator.core.publication import Document, Format, Publication, Site
from aggregator.service.catalogue import Kind
from aggregator.service.paging import Page
from aggregator.service.ports import PastPoll, SourceHealth


class Publications(Protocol):
    """What is published. Every method that reads the database may raise StoreError."""

    @property
    def site(self) -> Site: ...

    def publications(self) -> tuple[Publication, ...]:
        """The configured ones, `latest` first."""

    def find(self, kind: Kind, name: str) -> Publication:
        """Raises UnknownPublication."""

    async def document(self, publication: Publication, format: Format) -> Document: ...

    async def page(self, publication: Publication, number: int) -> Page:
        """Raises UnknownPublication beyond the last page."""

    async def sources(self) -> list[SourceHealth]: ...

    async def source(self, key: str) -> tuple[SourceHealth, list[PastPoll]]:
        """A source and its last polls, newest first. Raises UnknownPublication."""

    async def opml(self) -> bytes: ...


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
