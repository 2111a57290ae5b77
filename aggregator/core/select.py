"""Which stories of a window a publication shows. Order is the store's: newest first by rank."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from aggregator.core.model import PublishedEntry
from aggregator.core.publication import Publication


def narrows(publication: Publication) -> bool:
    """Whether the publication drops stories of its sources, so that they have to be looked at."""
    return bool(publication.languages or publication.max_age or publication.max_per_source)


def select(
    stories: Iterable[PublishedEntry], publication: Publication, *, now: datetime
) -> Iterator[PublishedEntry]:
    """The stories that the publication's own conditions let through, its `limit` aside."""
    shown: Counter[str] = Counter()
    for story in stories:
        if not _fits(story, publication, now):
            continue
        shown[story.source.key] += 1
        if not publication.max_per_source or shown[story.source.key] <= publication.max_per_source:
            yield story


def _fits(story: PublishedEntry, publication: Publication, now: datetime) -> bool:
    young = publication.max_age is None or story.published >= now - publication.max_age
    language = (story.content.language or "").lower()
    spoken = publication.languages is None or any(
        language == wanted or language.startswith(f"{wanted}-") for wanted in publication.languages
    )
    return young and spoken
