"""The feeds as they were rendered, each until something in it changes.

revision       counts changes to what is published; the same: nothing to do   (store)
| lines        stories of this one of the publication's documents             (history)
| made_of      over all of that; the same: nothing to write
| pieces       each entry in Atom, RSS or JSON Feed, written once             (pieces)
| compose      them, and what stands around them                              (formats)
| keep         also as the last good one, for when any of this fails
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.core.digest import digest
from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.joined import Joined
from aggregator.core.leaves import NEWEST, Leaf, Neighbours
from aggregator.core.model import Takedown
from aggregator.core.publication import Channel, Document, Format, Publication
from aggregator.core.shelf import Shelf
from aggregator.formats.jsonfeed_writing import compose_json_feed, json_pieces
from aggregator.formats.writing.atom import atom_pieces, compose_atom
from aggregator.formats.writing.rss import compose_rss, rss_pieces
from aggregator.formats.written import Writer, each_once
from aggregator.service.allowance import Allowance
from aggregator.service.archives.archiving import HistoryStore
from aggregator.service.archives.history import Contents, History
from aggregator.service.catalogue import Catalogue
from aggregator.service.channels import address_of, channel_of, links_of, updated_at
from aggregator.service.deltas import States, news
from aggregator.service.kept import Kept, KeptDocuments, Key
from aggregator.service.lines import Line, LineView, looks_of
from aggregator.service.pieces import Pieced, Pieces, fitting
from aggregator.service.ports import Clock, Complain, Revision
from aggregator.service.revisions import Revisions

RETRY = timedelta(seconds=30)
"""How long the last good document is served before one that cannot be written is tried again."""

LARGEST = 5_000_000
"""Bytes of a document: what the W3C's validator reads, and more than any reader wants at once. The
oldest entries of a larger one stay away."""

OLDEST = timedelta(seconds=1)
"""How old a document may be while changes come faster than they can be shown."""

SHARE, SAVED = 0.05, timedelta(seconds=0.5)
"""Of the time of a core for making documents, and how much of it is saved for changes now and then:
each of those is shown at once."""

MOST_OPENED = 20
"""Documents whose contents are in memory for their other formats."""

MOST_NEWS = 8_000_000
"""Bytes in memory of documents that show only what is new to somebody."""

WRITERS: dict[Format, Writer] = {
    "atom": Writer(pieces=atom_pieces, compose=compose_atom),
    "rss": Writer(pieces=rss_pieces, compose=compose_rss),
    "json": Writer(pieces=json_pieces, compose=compose_json_feed),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What goes into a document."""

    publication: Publication
    leaf: Leaf
    channel: Channel
    neighbours: Neighbours
    address: str
    """Below the site's."""
    content_type: str
    lines: tuple[Line, ...]
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
    lines: tuple[Line, ...]
    looks: bytes
    """See `looks_of`."""
    updated: datetime
    changed_at: datetime

    def holds(self, revision: Revision, catalogue: Catalogue, now: datetime) -> bool:
        until = self.contents.until
        same = self.revision == revision.number and self.catalogue is catalogue
        return same and (until is None or now <= until)


class Documents:
    """Renders what changed and keeps it."""

    def __init__(
        self, *, store: HistoryStore, clock: Clock, catalogue: Catalogue, complain: Complain
    ) -> None:
        self._store = store
        self.revisions = Revisions(store, clock)
        self._clock = clock
        self._complain = complain
        self._catalogue = catalogue
        self._taken_at: datetime | None = None
        self._kept = KeptDocuments()
        self.history = History(store=store, clock=clock, catalogue=catalogue, complain=complain)
        self._opened: dict[tuple[str, Leaf], _Opened] = {}
        self._states = States()
        self._news = Shelf[tuple[str, ...], bytes](MOST_NEWS, size=len)
        self._pieces = Pieces(WRITERS)
        self._rendering = asyncio.Lock()
        self._allowance = Allowance(clock, share=SHARE, most=SAVED)

    def take(self, catalogue: Catalogue) -> None:
        """Renders by another configuration from now on."""
        if catalogue != self._catalogue:
            self._taken_at = self._clock.now()
        self._catalogue = catalogue
        self.history.take(catalogue)
        self._kept.outdate()

    def since(self, changed: datetime) -> datetime:
        """When it last looked different: a changed configuration counts as well."""
        moment = max(changed, self._taken_at) if self._taken_at else changed
        return min(moment, self._clock.now())

    def current(
        self, publication: Publication, format: Format, revision: Revision | None
    ) -> Document | None:
        """The newest document in memory, if `get` would return it at this revision."""
        kept = self._kept.get((publication.at(), format))
        return kept.document if kept and self._is_good(kept, revision) else None

    def _is_good(self, kept: Kept, revision: Revision | None) -> bool:
        now = self._clock.now()
        return (revision is not None and kept.shows(revision.number, now)) or self._is_near(kept)

    def _is_near(self, kept: Kept) -> bool:
        """Whether it is as good as new, while changes come so fast that not each can be shown."""
        young = kept.made_at is not None and self._clock.steady() < kept.made_at + OLDEST
        return young and not self._allowance.is_left()

    async def get(
        self,
        publication: Publication,
        format: Format,
        leaf: Leaf = NEWEST,
        *,
        exact: bool = False,
    ) -> Document:
        """As it is now; the last good one where that cannot be found out or not be written.

        `exact` asks the database, for whoever tells others: else, while changes come thick and
        fast, it may be `OLDEST`. Raises UnknownPublication where the feed has no such document.
        """
        if publication.in_folders:  # files are kept as such, and what cannot be made is told
            made = await self._gather(publication, format, await self._store.revision(), leaf)
            made, pieces = await self._pieced(made, format, None)
            return await self._write(made, pieces, format, None)
        key = (address_of(publication, None, leaf), format)
        revision: Revision | None = None
        try:
            revision = await (self.revisions.look() if exact else self.revisions.newest())
            kept = self._kept.get(key)
            if kept and kept.shows(revision.number, self._clock.now()):
                return kept.document
            if kept and self._is_near(kept) and not exact:
                return kept.document
            async with self._rendering:
                return await self._render(publication, format, revision, leaf)
        except UnknownPublication:
            raise
        except Exception as error:  # noqa: BLE001 - subscribers have no use for any of them
            return self._last_good(key, revision, error)

    async def news(
        self, publication: Publication, format: Format, document: Document, tags: Sequence[str]
    ) -> bytes | None:
        """The document with those entries alone that the state with one of these tags had not.

        None where no such state is known, or where the whole document tells more, or no more: when
        all is new, or nothing is and something else has changed.
        """
        address = publication.at(format)
        states = self._states.of(address, tags)
        if not states:
            return None
        # Of the tags only those that we know: a client may write any number beside them.
        key = (address, document.etag, digest(*sorted({state.hex() for state in states})).hex())
        known = self._news.get(key)
        if known is None:
            try:
                async with self._rendering:
                    known = await self._write_news(publication, format, document, states)
            except Exception as error:  # noqa: BLE001 - the whole document is there
                self._complain(f"writing what is new in {document.self_url}", error)
                return None
            self._news.put(key, known)
        return known or None

    async def _write_news(
        self, publication: Publication, format: Format, document: Document, states: Sequence[bytes]
    ) -> bytes:
        """Empty where there is nothing to be gained."""
        kept = self._kept.get((publication.at(), format))
        made = await self._gather(publication, format, await self._store.revision(), NEWEST)
        if kept is None or kept.document.etag != document.etag or kept.made_of != made.digest():
            return b""  # it has moved on
        some = news(states, made.lines)
        if not 0 < len(some) < len(made.lines):
            return b""
        pieces = await self._pieces.of(some, made.view, format, made.channel.language)
        text, dropped = _composed(format, made.channel, pieces)
        return b"" if dropped else text.body

    def _last_good(self, key: Key, revision: Revision | None, error: Exception) -> Document:
        """Raises the error where there is none. One that will come again waits for a while."""
        kept = self._kept.get(key)
        if kept is None:
            raise error
        if revision is not None and not isinstance(error, StoreError):
            self._complain(f"writing {kept.document.self_url}", error)
            until = self._clock.now() + RETRY
            self._kept.put(key, replace(kept, revision=revision.number, until=until))
        return kept.document

    async def _render(
        self, publication: Publication, format: Format, revision: Revision, leaf: Leaf
    ) -> Document:
        key = (address_of(publication, None, leaf), format)
        kept, catalogue = self._kept.get(key), self._catalogue
        if kept and kept.shows(revision.number, self._clock.now()):  # while we waited for our turn
            return kept.document
        started = self._clock.steady()
        made = await self._gather(publication, format, revision, leaf)
        made_of = made.digest()
        if kept and kept.made_of == made_of:
            document, pieces = replace(kept.document, until=made.until), kept.pieces
        else:
            made, pieces = await self._pieced(made, format, kept)
            made_of = made.digest()
            document = await self._write(made, pieces, format, kept)
        self._allowance.spend(self._clock.steady() - started)
        if catalogue is self._catalogue:  # else it is another configuration's
            fresh = Kept(
                revision=revision.number,
                made_of=made_of,
                document=document,
                pieces=pieces,
                until=made.until,
                made_at=started,
            )
            self._kept.put(key, fresh)
        return document

    async def _gather(
        self, publication: Publication, format: Format, revision: Revision, leaf: Leaf
    ) -> _Made:
        catalogue = self._catalogue
        opened = await self._open(publication, revision, leaf)
        gone = opened.gone  # volumes had them, too
        names = (name for line in opened.lines for name in line.names)
        channel = replace(
            channel_of(catalogue, publication, format, names, opened.updated),
            self_url=catalogue.site.url + address_of(publication, format, leaf),
            links=links_of(catalogue.site, publication, format, leaf, opened.contents.neighbours),
        )
        if leaf != NEWEST:
            channel = replace(channel, hub=None)  # it tells of the newest document alone
        elif publication.tombstones:
            channel = replace(channel, deleted=tuple(gone[: publication.limit]))
        return _Made(
            publication=publication,
            leaf=leaf,
            channel=channel,
            neighbours=opened.contents.neighbours,
            address=address_of(publication, format, leaf),
            content_type=catalogue.content_type(format),
            lines=opened.lines,
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
            contents = await self.history.open(publication, leaf)
            gone = await self._taken_down(publication)
            known = _opened(revision, catalogue, contents, gone)
        self._opened[key] = known
        if len(self._opened) > MOST_OPENED:
            del self._opened[next(iter(self._opened))]
        return known

    async def _taken_down(self, publication: Publication) -> list[Takedown]:
        """Those of its sources, newest first."""
        takedowns = await self._store.takedowns()
        return [each for each in takedowns if each.concerns(publication.sources)]

    async def _pieced(
        self, made: _Made, format: Format, kept: Kept | None
    ) -> tuple[_Made, list[Pieced]]:
        """With the lines that the pieces are of: a story may have changed meanwhile."""
        language = made.channel.language
        before = kept.pieces if kept else ()
        pieces = await self._pieces.of(made.lines, made.view, format, language, before)
        lines = tuple([line for line, _ in pieces])
        if lines == made.lines:
            return made, pieces
        return replace(made, lines=lines, looks=looks_of(lines)), pieces

    async def _write(
        self, made: _Made, pieces: Sequence[Pieced], format: Format, kept: Kept | None
    ) -> Document:
        channel, neighbours = made.channel, made.neighbours
        text, dropped = _composed(format, channel, pieces)
        # A volume has a bound of its own, and has to keep what it has.
        while text.size > LARGEST and len(pieces) > 1 and made.leaf.volume is None:
            pieces = pieces[: fitting(pieces, LARGEST - text.size)]
            if made.leaf == NEWEST:  # its archive has what there is no room for
                opened = await self.history.open(made.publication, NEWEST, most=len(pieces))
                site, neighbours = self._catalogue.site, opened.neighbours
                links = links_of(site, made.publication, format, NEWEST, neighbours)
                channel = replace(channel, links=links)
            text, dropped = _composed(format, channel, pieces)
        if dropped:
            left_out = ValueError(f"cannot be written: {', '.join(dropped)}")
            if len(dropped) == len(pieces):
                raise left_out
            self._complain(f"writing {channel.self_url}", left_out)
        tag = text.digest.hex()
        if made.leaf == NEWEST:
            self._states.remember(made.address, tag, [line for line, _ in pieces])
        return Document(
            text=text,
            content_type=made.content_type,
            etag=f'"{tag}"',
            last_modified=self._last_modified(made, kept),
            self_url=channel.self_url,
            hub=channel.hub,
            until=made.until,
            before=neighbours.get("prev-archive", NEWEST).volume,
        )

    def _last_modified(self, made: _Made, kept: Kept | None) -> datetime:
        """Later than that of another document before: an entry may be gone, or just too old."""
        moments = (self.since(made.changed_at), self.since(made.revised_at))
        before = kept.document.last_modified if kept else None
        later = (moment for moment in moments if before is None or moment > before)
        return next(later, self._clock.now())


def _opened(
    revision: Revision, catalogue: Catalogue, contents: Contents, gone: list[Takedown]
) -> _Opened:
    lines = tuple(contents.lines)
    moments = [line.changed_at for line in lines] + [each.taken_at for each in gone]
    return _Opened(
        revision=revision.number,
        catalogue=catalogue,
        contents=contents,
        gone=gone,
        lines=lines,
        looks=looks_of(lines),
        updated=updated_at(lines, revision),
        changed_at=max(moments, default=revision.changed_at),
    )


def _composed(
    format: Format, channel: Channel, pieces: Sequence[Pieced]
) -> tuple[Joined, tuple[str, ...]]:
    """A document, and the ids of the entries that it goes without."""
    whole, places = each_once([piece for _, piece in pieces])
    dropped = tuple(pieces[place][0].id for place in places)
    return WRITERS[format].compose(channel, whole), dropped
