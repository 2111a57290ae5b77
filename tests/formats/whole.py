"""Whole documents out of entries that are all at hand, by the writers that feeds are made with."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from aggregator.core.dates import OLDEST_DATE
from aggregator.core.joined import Joined, run_of
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from aggregator.formats.item import item_of
from aggregator.formats.written import Writer, left_out
from aggregator.service.documents import WRITERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A document, and the entries that it had to go without."""

    text: Joined
    dropped: tuple[str, ...] = ()
    """Ids of entries that could not be written or whose id stands in the document already."""

    @property
    def body(self) -> bytes:
        return self.text.body


def write(writer: Writer, channel: Channel, entries: Sequence[Shown]) -> Written:
    """The entries in the order given."""
    pieces = writer.pieces(entries, channel.language)
    places = left_out(pieces)
    kept = [piece for n, piece in enumerate(pieces) if piece and n not in places]
    channel = replace(channel, updated=newest(entries, channel.updated))
    dropped = tuple(entries[place].entry.id for place in places)
    return Written(text=writer.compose(channel, [run_of(kept)]), dropped=dropped)


def newest(entries: Sequence[Shown], channel: datetime) -> datetime:
    """When a document was last updated: with its channel or an entry."""
    dates = [channel, OLDEST_DATE]
    for entry in entries:
        with suppress(ValueError):  # such an entry is not written
            dates.append(item_of(entry).updated)
    return max(dates)


write_atom = partial(write, WRITERS["atom"])
write_rss = partial(write, WRITERS["rss"])
write_json_feed = partial(write, WRITERS["json"])
