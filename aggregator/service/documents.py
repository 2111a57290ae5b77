"""The feeds as they were rendered, each until something in it changes.

revision       counts changes to what is published; the same: nothing to do   (store)
| lines        stories of this one of the publication's documents             (history)
| made_of      over all of that; the same: nothing to write
| pieces       each entry in Atom, RSS or JSON Feed, written once             (pieces)
| compose      them, and what stands around them                              (formats)
| keep         also as the last good one, for when any of this fails
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aggregator.core.digest import digest
from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.joined import Joined
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.publication import Channel, Document, Format, Publication
from aggregator.core.shelf import Shelf
from aggregator.formats.jsonfeed_writing import compose_json_feed, json_pieces
from aggregator.formats.writing.atom import atom_pieces, compose_atom
from aggregator.formats.writing.rss import compose_rss, rss_pieces
from aggregator.formats.written import Writer
from aggregator.service.ahead import Ahead
from aggregator.service.archives.archiving import HistoryStore
from aggregator.service.archives.history import History
from aggregator.service.catalogue import Catalogue
from aggregator.service.channels import address_of, links_of
from aggregator.service.deltas import States, news
from aggregator.service.kept import Kept, KeptDocuments, Key
from aggregator.service.line_runs import in_runs, lines_of, looks_of
from aggregator.service.opening import Made, Opening
from aggregator.service.pieces import PiecedRun, Pieces, fitting, writable
from aggregator.service.ports import Clock, Complain, Revision
from aggregator.service.revisions import Revisions

RETRY = timedelta(seconds=30)
"""How long the last good document is served before one that cannot be written is tried again."""

LARGEST = 5_000_000
"""Bytes of a document: what the W3C's validator reads, and more than any reader wants at once. The
oldest entries of a larger one stay away."""

MOST_NEWS = 8_000_000
"""Bytes in memory of documents that show only what is new to somebody."""

WRITERS: dict[Format, Writer] = {
    "atom": Writer(pieces=atom_pieces, compose=compose_atom),
    "rss": Writer(pieces=rss_pieces, compose=compose_rss),
    "json": Writer(pieces=json_pieces, compose=compose_json_feed),
}


Prepare = Callable[[Document, Document], Awaitable[None]]
"""Called with a document and the one that is about to take its place."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The newest revision at a moment of the steady clock."""

    revision: Revision
    at: datetime


async def _nothing(_before: Document, _after: Document) -> None: ...


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
        self._opening = Opening(store=store, clock=clock, catalogue=catalogue, history=self.history)
        self._states = States()
        self._news = Shelf[tuple[str, ...], bytes](MOST_NEWS, size=len)
        self._pieces = Pieces(WRITERS)
        self._rendering = asyncio.Lock()
        self.ahead = Ahead(clock)
        self._prepare: Prepare = _nothing

    def take(self, catalogue: Catalogue) -> None:
        """Renders by another configuration from now on."""
        if catalogue != self._catalogue:
            self._taken_at = self._clock.now()
        self._catalogue = catalogue
        self.history.take(catalogue)
        self._opening.take(catalogue)
        self._kept.outdate()

    def prepare_with(self, prepare: Prepare) -> None:
        """No document takes the place of another before that is done. It must not raise."""
        self._prepare = prepare

    def since(self, changed: datetime) -> datetime:
        """When it last looked different: a changed configuration counts as well."""
        moment = max(changed, self._taken_at) if self._taken_at else changed
        return min(moment, self._clock.now())

    def current(
        self, publication: Publication, format: Format, revision: Revision | None
    ) -> Document | None:
        """The newest document in memory, if `get` would return it at this revision."""
        kept = self._kept.get((publication.at(), format))
        if kept is None:
            return None
        if revision is not None and kept.shows(revision.number, self._clock.now()):
            return kept.document
        return self._young(kept, publication, format, NEWEST)

    def _young(
        self, kept: Kept, publication: Publication, format: Format, leaf: Leaf
    ) -> Document | None:
        """The same document, where it is as good as new; the next one is made in time."""
        if not self.ahead.allows(kept.true_at):
            return None
        key = (address_of(publication, None, leaf), format)
        work = partial(self._newest, publication, format, leaf, exact=True)
        self.ahead.renew(key, kept.true_at, work)
        return kept.document

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
        fast, it may be `ahead.OLDEST`. Raises UnknownPublication where there is no such document.
        """
        if publication.in_folders:  # files are kept as such, and what cannot be made is told
            revision = await self._store.revision()
            made = await self._opening.gather(publication, format, revision, leaf)
            made, pieces = await self._pieced(made, format, None)
            return await self._write(made, pieces, format, None)
        if exact:
            return await self._newest(publication, format, leaf, exact=True)
        key = (address_of(publication, None, leaf), format)
        kept = self._kept.get(key)
        if kept and not self.ahead.allows(kept.true_at):
            await self.ahead.wait(key)
            kept = self._kept.get(key)
        if kept and (young := self._young(kept, publication, format, leaf)):
            return young
        return await self._newest(publication, format, leaf, exact=False)

    async def _newest(
        self, publication: Publication, format: Format, leaf: Leaf, *, exact: bool
    ) -> Document:
        key = (address_of(publication, None, leaf), format)
        revision: Revision | None = None
        begun = self._clock.steady()
        try:
            revision = await (self.revisions.look() if exact else self.revisions.newest())
            seen = _Seen(revision, begun)
            kept = self._kept.get(key)
            if kept and kept.shows(revision.number, self._clock.now()):
                if exact:
                    self._kept.confirm(key, begun)
                return kept.document
            async with self._rendering:
                kept = self._kept.get(key)  # as others left it while we waited for our turn
                if kept and not exact and self.ahead.allows(kept.true_at):
                    return kept.document
                return await self._render(publication, format, seen, leaf)
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
        made = await self._opening.gather(publication, format, await self._store.revision(), NEWEST)
        if kept is None or kept.document.etag != document.etag or kept.made_of != made.digest():
            return b""  # it has moved on
        lines = lines_of(made.runs)
        some = news(states, lines)
        if not 0 < len(some) < len(lines):
            return b""
        runs, language = in_runs(some), made.channel.language
        pieces = await self._pieces.of(runs, made.view, format, language)
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
        self, publication: Publication, format: Format, seen: _Seen, leaf: Leaf
    ) -> Document:
        key, revision = (address_of(publication, None, leaf), format), seen.revision
        kept, catalogue = self._kept.get(key), self._catalogue
        if kept and kept.shows(revision.number, self._clock.now()):
            return kept.document
        started = self._clock.steady()
        made = await self._opening.gather(publication, format, revision, leaf)
        made_of = made.digest()
        if kept and kept.made_of == made_of:
            document, pieces = kept.document, kept.pieces
            if document.until != made.until:
                document = replace(document, until=made.until)
        else:
            asked = made
            made, pieces = await self._pieced(made, format, kept)
            made_of = made_of if made is asked else made.digest()
            document = await self._write(made, pieces, format, kept)
        if kept:
            self.ahead.spend(started)
            await self._prepare(kept.document, document)
        if catalogue is self._catalogue:  # else it is another configuration's
            fresh = Kept(
                revision=revision.number,
                made_of=made_of,
                document=document,
                pieces=pieces,
                until=made.until,
                true_at=seen.at,
            )
            self._kept.put(key, fresh)
        return document

    async def _pieced(
        self, made: Made, format: Format, kept: Kept | None
    ) -> tuple[Made, list[PiecedRun]]:
        """With the lines that the pieces are of: a story may have changed meanwhile."""
        language = made.channel.language
        before = kept.pieces if kept else ()
        pieces = await self._pieces.of(made.runs, made.view, format, language, before)
        runs = tuple([each.of for each in pieces])
        if runs == made.runs:
            return made, pieces
        return replace(made, runs=runs, looks=looks_of(runs)), pieces

    async def _write(
        self, made: Made, pieces: Sequence[PiecedRun], format: Format, kept: Kept | None
    ) -> Document:
        channel, neighbours = made.channel, made.neighbours
        text, dropped = _composed(format, channel, pieces)
        # A volume has a bound of its own, and has to keep what it has.
        while text.size > LARGEST and _count(pieces) > 1 and made.leaf.volume is None:
            pieces = fitting(pieces, LARGEST - text.size)
            if made.leaf == NEWEST:  # its archive has what there is no room for
                opened = await self.history.open(made.publication, NEWEST, most=_count(pieces))
                site, neighbours = self._catalogue.site, opened.neighbours
                links = links_of(site, made.publication, format, NEWEST, neighbours)
                channel = replace(channel, links=links)
            text, dropped = _composed(format, channel, pieces)
        if dropped:
            left_out = ValueError(f"cannot be written: {', '.join(dropped)}")
            if len(dropped) == _count(pieces):
                raise left_out
            self._complain(f"writing {channel.self_url}", left_out)
        tag = text.digest.hex()
        if made.leaf == NEWEST:
            self._states.remember(made.address, tag, [each.of for each in pieces])
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

    def _last_modified(self, made: Made, kept: Kept | None) -> datetime:
        """Later than that of another document before: an entry may be gone, or just too old."""
        moments = (self.since(made.changed_at), self.since(made.revised_at))
        before = kept.document.last_modified if kept else None
        later = (moment for moment in moments if before is None or moment > before)
        return next(later, self._clock.now())


def _composed(
    format: Format, channel: Channel, pieces: Sequence[PiecedRun]
) -> tuple[Joined, tuple[str, ...]]:
    """A document, and the ids of the entries that it goes without."""
    runs, dropped = writable(pieces)
    return WRITERS[format].compose(channel, runs), dropped


def _count(pieces: Sequence[PiecedRun]) -> int:
    """Of entries."""
    return sum(len(each.pieces) for each in pieces)
