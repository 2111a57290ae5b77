"""Keeps the archives of feeds up to date: a step at a time, by whoever comes first.

archive        how far it has come; a new one, or one about other stories, starts anew   (store)
| unarchived   the next stories of its sources: all once, then what changed              (store)
| judge        what the feed's own conditions let through                                (core)
| extend       they get the next places; nothing where another process was faster        (store)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from aggregator.core.archives import Archive
from aggregator.core.digest import digest
from aggregator.core.errors import StoreError
from aggregator.core.filters import Filter, Filters
from aggregator.core.publication import Publication
from aggregator.core.select import LeftOut, Selector, narrows
from aggregator.service.archives.ports import ArchiveStore
from aggregator.service.catalogue import Catalogue
from aggregator.service.lines import OutlineStore
from aggregator.service.ports import Clock, Complain

LOOK = 500
"""Stories that may be looked at while a reader waits."""

STEPS = 3
"""Steps meanwhile: the end of the look at all, and what changed since."""

BATCH = 2000
"""Stories looked at in one step when nobody waits."""

_JUDGED = 200
"""Stories in memory to be judged."""

_MOST_BEHIND = 1000
"""Feeds that are remembered to have been asked for."""


class HistoryStore(ArchiveStore, OutlineStore, Protocol):
    """What feeds and their archives need of the database."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The first of the stories that time alone may let in, and when."""

    at: datetime
    number: int


class Archiving:
    """Every document of a feed tells the truth only while its archive is up to date."""

    def __init__(
        self, *, store: HistoryStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self._clock = clock
        self._complain = complain
        self._behind: dict[str, Publication] = {}
        self.take(catalogue)

    def take(self, catalogue: Catalogue) -> None:
        """Works by another configuration from now on."""
        self._catalogue = catalogue
        self._behind.clear()

    async def current(self, publication: Publication) -> Archive | None:
        """The feed's archive, up to date; None while it is not, as far as a reader can wait."""
        try:
            archive = await self._advance(publication, limit=LOOK, steps=STEPS)
        except StoreError as error:  # its documents can be read yet
            self._complain(f"extending the archive of /{publication.path}", error)
            return None
        if archive is None and len(self._behind) < _MOST_BEHIND:
            self._behind[publication.path] = publication
        return archive

    async def catch_up(self) -> None:
        """Goes on until the configured feeds' archives are up to date, and those asked for."""
        catalogue = self._catalogue
        for publication in [*catalogue.publications, *self._behind.values()]:
            while await self._advance(publication, limit=BATCH, steps=1) is None:
                if catalogue is not self._catalogue:
                    return
            self._behind.pop(publication.path, None)

    async def _advance(self, publication: Publication, *, limit: int, steps: int) -> Archive | None:
        """At most so many steps; the archive when it is up to date."""
        stored = await self._store.archive(publication.path)
        archive = await self._begun(publication, stored)
        for _ in range(steps):
            found = await self._store.unarchived(archive, publication.sources, limit=limit)
            fitting, waiting = await self._fitting(publication, found.stories)
            after = replace(archive, scanned_to=found.scanned_to, followed=found.followed)
            if found.complete and not fitting and not waiting and archive == stored:
                return archive  # where it stands need not be written down for this
            after = _with(after, waiting)
            extended = await self._store.extend_archive(stored or archive, after, fitting)
            if extended is None:
                return None
            if found.complete:
                return extended
            stored = archive = extended
        return None

    async def _begun(self, publication: Publication, stored: Archive | None) -> Archive:
        """As it goes on from here."""
        definition = _definition(publication, self._catalogue.filters)
        if stored is None:
            revision = await self._store.revision()
            return Archive(
                path=publication.path,
                definition=definition,
                scanned_to=0,
                followed=(revision.number, 0),
            )
        if stored.definition != definition:
            return replace(
                stored, definition=definition, scanned_to=0, again_at=None, again_from=None
            )
        if stored.again_at is not None and stored.again_at < self._clock.now():
            before = (stored.again_from or 1) - 1
            scanned_to = before if stored.scanned_to is None else min(before, stored.scanned_to)
            return replace(stored, scanned_to=scanned_to, again_at=None, again_from=None)
        return stored

    async def _fitting(
        self, publication: Publication, numbers: Sequence[int]
    ) -> tuple[list[int], _Waiting | None]:
        """Those that the feed's own conditions let through."""
        lasting, filters = lastingly(publication), self._catalogue.filters
        if lasting.search is None and not narrows(lasting, filters):
            return list(numbers), None
        fitting: list[int] = []
        turns: list[tuple[datetime, int]] = []
        now = self._clock.now()
        for start in range(0, len(numbers), _JUDGED):
            some = numbers[start : start + _JUDGED]
            stories = await self._store.numbered_stories(some)
            for number in some:
                if (story := stories.get(number)) is None:
                    continue
                selector = Selector(lasting, filters, now=now)
                if not isinstance(selector.judge(story), LeftOut):
                    fitting.append(number)
                elif selector.until is not None:
                    turns.append((selector.until, number))
        if not turns:
            return fitting, None
        return fitting, _Waiting(min(at for at, _ in turns), min(number for _, number in turns))


def lastingly(publication: Publication) -> Publication:
    """Without the conditions that let go of what they once let through."""
    return replace(publication, max_age=None, max_per_source=None, max_per_day=())


def _with(archive: Archive, waiting: _Waiting | None) -> Archive:
    if waiting is None:
        return archive
    at, number = archive.again_at or waiting.at, archive.again_from or waiting.number
    return replace(archive, again_at=min(at, waiting.at), again_from=min(number, waiting.number))


def _definition(publication: Publication, filters: Filters) -> bytes:
    """Over all that says which stories belong to the feed."""
    keys, languages = publication.sources, publication.languages
    search = [publication.search] if publication.search else []
    of_sources = [
        (key, _written(each))
        for key, each in sorted(filters.of_sources.items())
        if keys is None or key in keys
    ]
    return digest(
        repr(None if keys is None else sorted(keys)),
        repr(None if languages is None else sorted(languages)),
        repr([_written(filters.everywhere), _written(publication.filter), of_sources]),
        *search,
    )


def _written(its_own: Filter) -> list[list[str]]:
    return [[rule.written for rule in rules] for rules in (its_own.include, its_own.exclude)]
