"""What goes into a feed's document, found out once for all formats.

opened         stories, and the feed's other documents, as of a revision     (history)
| gathered     the same for one format, with what stands at its head         (channels)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.core.digest import digest
from aggregator.core.leaves import NEWEST, Leaf, Neighbours
from aggregator.core.model import Takedown
from aggregator.core.publication import Channel, Format, Publication
from aggregator.service.archives.archiving import HistoryStore
from aggregator.service.archives.history import Contents, History
from aggregator.service.catalogue import Catalogue
from aggregator.service.channels import address_of, channel_of, links_of, updated_at
from aggregator.service.line_runs import LineRun, in_runs, looks_of
from aggregator.service.lines import LineView
from aggregator.service.ports import Clock, Revision

MOST_OPENED = 20
"""Documents whose contents are in memory for their other formats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What goes into a document."""

    publication: Publication
    leaf: Leaf
    channel: Channel
    neighbours: Neighbours
    address: str
    """Below the site's."""
    content_type: str
    runs: tuple[LineRun, ...]
    """Of its lines."""
    looks: bytes
    """See `looks_of`."""
    view: LineView
    until: datetime | None
    changed_at: datetime
    """Of the story that changed last, or went."""
    revised_at: datetime
    """Of anything that is published anywhere."""

    def digest(self) -> bytes:
        """Equal ones make equal documents."""
        return digest(self.content_type, repr(self.channel), self.looks.hex())


@dataclass(frozen=True, slots=True)
class _Opened:
    """What stands in a document, whatever its format."""

    revision: int
    catalogue: Catalogue
    contents: Contents
    gone: list[Takedown]
    runs: tuple[LineRun, ...]
    """Of its lines."""
    looks: bytes
    """See `looks_of`."""
    updated: datetime
    changed_at: datetime

    def holds(self, revision: Revision, catalogue: Catalogue, now: datetime) -> bool:
        until = self.contents.until
        same = self.revision == revision.number and self.catalogue is catalogue
        return same and (until is None or now <= until)


class Opening:
    """Remembers what it found last."""

    def __init__(
        self, *, store: HistoryStore, clock: Clock, catalogue: Catalogue, history: History
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalogue = catalogue
        self._history = history
        self._opened: dict[tuple[str, Leaf], _Opened] = {}

    def take(self, catalogue: Catalogue) -> None:
        """Opens by another configuration from now on."""
        self._catalogue = catalogue

    async def gather(
        self, publication: Publication, format: Format, revision: Revision, leaf: Leaf
    ) -> Made:
        catalogue = self._catalogue
        opened = await self._open(publication, revision, leaf)
        gone = opened.gone  # volumes had them, too
        names = (name for run in opened.runs for line in run.lines for name in line.names)
        channel = replace(
            channel_of(catalogue, publication, format, names, opened.updated),
            self_url=catalogue.site.url + address_of(publication, format, leaf),
            links=links_of(catalogue.site, publication, format, leaf, opened.contents.neighbours),
        )
        if leaf != NEWEST:
            channel = replace(channel, hub=None)  # it tells of the newest document alone
        elif publication.tombstones:
            channel = replace(channel, deleted=tuple(gone[: publication.limit]))
        return Made(
            publication=publication,
            leaf=leaf,
            channel=channel,
            neighbours=opened.contents.neighbours,
            address=address_of(publication, format, leaf),
            content_type=catalogue.content_type(format),
            runs=opened.runs,
            looks=opened.looks,
            view=opened.contents.view,
            until=opened.contents.until,
            changed_at=opened.changed_at,
            revised_at=revision.changed_at,
        )

    async def _open(self, publication: Publication, revision: Revision, leaf: Leaf) -> _Opened:
        """What a document shows, found out once for all formats."""
        key, catalogue = (publication.at(), leaf), self._catalogue
        known = self._opened.pop(key, None)
        if known is None or not known.holds(revision, catalogue, self._clock.now()):
            contents = await self._history.open(publication, leaf)
            gone = await self._taken_down(publication)
            before = known.runs if known else ()
            known = _opened(revision, catalogue, contents, gone, before)
        self._opened[key] = known
        if len(self._opened) > MOST_OPENED:
            del self._opened[next(iter(self._opened))]
        return known

    async def _taken_down(self, publication: Publication) -> list[Takedown]:
        """Those of its sources, newest first."""
        takedowns = await self._store.takedowns()
        return [each for each in takedowns if each.concerns(publication.sources)]


def _opened(
    revision: Revision,
    catalogue: Catalogue,
    contents: Contents,
    gone: list[Takedown],
    before: Sequence[LineRun],
) -> _Opened:
    """`before` are the runs of the same document as it was last."""
    runs = in_runs(contents.lines, before)
    moments = [run.changed_at for run in runs] + [each.taken_at for each in gone]
    return _Opened(
        revision=revision.number,
        catalogue=catalogue,
        contents=contents,
        gone=gone,
        runs=runs,
        looks=looks_of(runs),
        updated=updated_at(runs, revision),
        changed_at=max(moments, default=revision.changed_at),
    )
