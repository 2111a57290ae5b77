"""Settings to what is published: the part of the configuration that feeds and pages show."""

from collections import defaultdict

from aggregator.config.settings import PublicationSettings, Settings
from aggregator.core.filters import Filter, Filters
from aggregator.core.publication import Publication, Site
from aggregator.service.catalogue import Catalogue, side_by_side


def catalogue(settings: Settings) -> Catalogue:
    """What is published, in which form."""
    tagged: defaultdict[str, set[str]] = defaultdict(set)
    for key, source in settings.sources.items():
        for tag in source.tags:
            tagged[tag].add(key)
    max_per_day = _max_per_day(settings)
    latest_first = sorted(settings.publications.items(), key=lambda item: item[0] != "latest")
    return Catalogue(
        site=site(settings),
        publications=tuple(
            _publication(settings, slug, made, max_per_day) for slug, made in latest_first
        ),
        names={key: source.name or key for key, source in sorted(settings.sources.items())},
        tags={tag: frozenset(keys) for tag, keys in tagged.items()},
        tags_of={key: source.tags for key, source in settings.sources.items()},
        filters=filters(settings),
        formerly={
            old: slug for slug, made in settings.publications.items() for old in made.formerly
        },
        xml_content_type=settings.server.xml_content_type,
        content={
            key: source.content
            for key, source in settings.sources.items()
            if source.content != "full"
        },
        hub=settings.websub.hub,
        max_per_day=max_per_day,
    )


def _max_per_day(settings: Settings) -> dict[str, int]:
    return {key: most for key, its in settings.sources.items() if (most := its.max_per_day)}


def filters(settings: Settings) -> Filters:
    """The rules that hold in every publication."""
    of_sources = {
        key: Filter(place=("sources", key), include=source.include, exclude=source.exclude)
        for key, source in settings.sources.items()
    }
    return Filters(
        everywhere=Filter(
            place=("filters",),
            include=settings.filters.include,
            exclude=settings.filters.exclude,
        ),
        of_sources={key: its_own for key, its_own in of_sources.items() if its_own},
    )


def site(settings: Settings) -> Site:
    return Site(**settings.site.model_dump(exclude={"templates"}))


def _publication(
    settings: Settings, slug: str, made: PublicationSettings, max_per_day: dict[str, int]
) -> Publication:
    keys = settings.keys_of(made)
    return Publication(
        slug=slug,
        title=made.title,
        path="" if slug == "latest" else f"publications/{slug}",
        description=made.description,
        sources=keys,
        filter=Filter(place=("publications", slug), include=made.include, exclude=made.exclude),
        languages=frozenset(language.lower() for language in made.languages) or None,
        limit=made.limit,
        window=made.shown_for,
        search=made.search,
        max_per_source=made.max_per_source,
        max_per_day=side_by_side(max_per_day, keys or settings.sources),
        max_age=made.max_age,
        tombstones=made.tombstones,
    )
