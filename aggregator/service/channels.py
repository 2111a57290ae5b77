"""What stands at the head of a document, before its entries."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.core.dates import OLDEST_DATE
from aggregator.core.leaves import NEWEST, Leaf, Links, Neighbours
from aggregator.core.publication import Channel, Format, Publication, Site
from aggregator.service.catalogue import Catalogue, titled
from aggregator.service.line_runs import LineRun
from aggregator.service.ports import Revision


def channel_of(
    catalogue: Catalogue,
    publication: Publication,
    format: Format,
    names: Iterable[tuple[str, str]],
    updated: datetime,
) -> Channel:
    """`names` are those of the sources that it shows, by key."""
    site = catalogue.site
    page_url = site.url + replace(publication, in_folders=False).at()
    return Channel(
        title=titled(publication, names).title,
        id=page_url,
        self_url=site.url + publication.at(format),
        page_url=page_url,
        updated=updated,
        subtitle=publication.description or site.description or site.tagline,
        language=site.language,
        author=site.author or site.title,
        icon=site.icon,
        hub=catalogue.hub_of(publication),
    )


def address_of(publication: Publication, format: Format | None, leaf: Leaf) -> str:
    return publication.at(format, page=leaf.page, volume=leaf.volume)


def links_of(
    site: Site, publication: Publication, format: Format, leaf: Leaf, neighbours: Neighbours
) -> Links:
    """Of one of the feed's documents to the others."""
    return Links(
        current=None if leaf == NEWEST else site.url + publication.at(format),
        in_archive=leaf.volume is not None,
        related=tuple(
            (rel, site.url + address_of(publication, format, to))
            for rel, to in neighbours.items()
            if not publication.in_folders or rel.endswith("archive")
        ),
    )


def updated_at(runs: Sequence[LineRun], revision: Revision) -> datetime:
    """When a document with these was updated, as its channel tells it."""
    newest = max([run.updated for run in runs], default=_whole(revision.changed_at))
    return max(OLDEST_DATE, newest)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
