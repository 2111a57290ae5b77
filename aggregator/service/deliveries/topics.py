"""The documents that somebody can wait for: topics, by the address that each gives itself."""

from collections.abc import Collection
from datetime import datetime, timedelta

from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.hub import topic_path
from aggregator.core.publication import CONTENT_TYPES, Document, Format, Publication
from aggregator.service.catalogue import Kind
from aggregator.service.ports import Clock, Complain, ReadStore
from aggregator.service.publishing import Publisher

GONE = ""
"""The mark of a topic that is none of ours any more."""

_TIME_TELLS = timedelta(minutes=1)
"""Entries grow too old for a publication without a change in the database."""

_KINDS: dict[str, Kind] = {"publications": "publications", "sources": "sources", "tags": "tags"}


class Topics:
    """What there is of each topic; rendered when something changed, and not for every look."""

    def __init__(
        self, publisher: Publisher, store: ReadStore, clock: Clock, complain: Complain
    ) -> None:
        self._publisher = publisher
        self._store = store
        self._clock = clock
        self._complain = complain
        self._marks: dict[str, str] = {}
        self._seen: tuple[int, datetime] | None = None

    def forget(self) -> None:
        """The configuration changed."""
        self._seen = None

    def published(self) -> list[str]:
        """Those of the configured publications, in every format."""
        site = self._publisher.site.url
        formats = list(CONTENT_TYPES)
        return [site + each.at(f) for each in self._publisher.publications() for f in formats]

    def find(self, topic: str) -> tuple[Publication, Format] | None:
        """What is served at the address; None unless a document there gives itself as its own."""
        path = topic_path(topic, self._publisher.site.url)
        if path is None:
            return None
        *folder, name = path
        stem, _, ending = name.rpartition(".")
        format = next((each for each in CONTENT_TYPES if each == ending), None)
        publication = self._publication(folder, stem)
        if publication is None or format is None:
            return None
        own = self._publisher.site.url + publication.at(format)
        return (publication, format) if topic_path(own, self._publisher.site.url) == path else None

    def _publication(self, folder: list[str], stem: str) -> Publication | None:
        match folder:
            case [] if stem == "feed":
                return self._publisher.publications()[0]
            case [name] if name in _KINDS:
                try:
                    return self._publisher.find(_KINDS[name], stem)
                except UnknownPublication:
                    return None
            case _:
                return None

    async def document(self, topic: str) -> Document | None:
        found = self.find(topic)
        return await self._publisher.document(*found, exact=True) if found else None

    async def marks(self, topics: Collection[str]) -> dict[str, str]:
        """The ETag of each, which is over its bytes. One that cannot be made is left out, and told.

        Raises StoreError.
        """
        number, now = (await self._store.revision()).number, self._clock.steady()
        if self._seen is None or self._seen[0] != number or now - self._seen[1] >= _TIME_TELLS:
            self._marks, self._seen = {}, (number, now)
        marks = self._marks  # a later look begins others, and takes nothing of this one
        for topic in topics:
            if topic not in marks:
                await self._look(topic, marks)
        return {topic: marks[topic] for topic in topics if topic in marks}

    async def _look(self, topic: str, marks: dict[str, str]) -> None:
        try:
            document = await self.document(topic)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one document's fault is not the others'
            self._complain(f"writing {topic}", error)
        else:
            marks[topic] = document.etag if document else GONE
