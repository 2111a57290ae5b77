"""A file and the environment to Settings, or to every mistake at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from aggregator.config.checks import (
    fit_mistakes,
    missing_folders,
    rule_doubts,
    rules_of,
)
from aggregator.config.environment import expand, without_secrets
from aggregator.config.lines import Lines, Location
from aggregator.config.mistakes import Mistake, dotted, shape_mistakes
from aggregator.config.reading import read
from aggregator.config.settings import (
    LATEST,
    ConfigFile,
    DatabaseSettings,
    PublicationSettings,
    Settings,
    SiteSettings,
)
from aggregator.config.values import placed
from aggregator.core.errors import ConfigError


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Raises ConfigError with every mistake that was found, in the order of the file."""
    tables, lines = read(path)
    expansion = expand(tables, environ)
    file, shape = _checked(expansion.tables)
    fit = fit_mistakes(expansion.tables, expansion.locations)
    folder = path.absolute().parent
    missing = missing_folders(file, folder) if file else []
    mistakes = _written((*expansion.mistakes, *shape, *fit, *missing), path, lines)
    if mistakes or file is None:
        raise ConfigError(mistakes)
    return Settings(
        site=_beside(file.site, folder),
        database=_placed(file.database, folder),
        server=file.server,
        fetch=file.fetch,
        retention=file.retention,
        engine=file.engine,
        websub=file.websub,
        filters=file.filters,
        publish=file.publish.model_copy(
            update={"dir": file.publish.dir and folder / file.publish.dir}
        ),
        sources=MappingProxyType(file.sources),
        publications=MappingProxyType(_titled(file)),
        shown_urls=MappingProxyType(_shown_urls(file, tables, environ)),
        doubts=_written(rule_doubts(file), path, lines),
        rule_places=MappingProxyType(_rule_places(file, path, lines)),
    )


def _checked(tables: dict[str, Any]) -> tuple[ConfigFile | None, list[Mistake]]:
    try:
        return ConfigFile.model_validate(tables), []
    except ValidationError as error:
        return None, shape_mistakes(error)


def _written(mistakes: Iterable[Mistake], path: Path, lines: Lines) -> tuple[str, ...]:
    """One line for each key, with what was found first: the rest often follows from it."""
    first: dict[Location, str] = {}
    for location, sentence in mistakes:
        first.setdefault(location, sentence)
    placed = [(lines.of(location), location) for location in first]
    return tuple(
        f"{path}:{line}: {dotted(location)}: {first[location]}"
        for line, location in sorted(placed, key=lambda place: place[0])
    )


def _shown_urls(
    file: ConfigFile, tables: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, str]:
    return {
        key: without_secrets(tables["sources"][key]["url"], environ) or source.url
        for key, source in file.sources.items()
    }


def _rule_places(file: ConfigFile, path: Path, lines: Lines) -> dict[Location, str]:
    return {
        place: f"{path}:{lines.of(place)}: {dotted(place)}"
        for listed, rules in rules_of(file)
        for place in (listed[:-1], listed, *((*listed, index) for index in range(len(rules))))
    }


def _placed(database: DatabaseSettings, folder: Path) -> DatabaseSettings:
    return database.model_copy(update={"url": placed(database.url, folder)})


def _beside(site: SiteSettings, folder: Path) -> SiteSettings:
    templates = site.templates and folder / site.templates
    return site.model_copy(update={"templates": templates})


def _titled(file: ConfigFile) -> dict[str, PublicationSettings]:
    publications = {LATEST: PublicationSettings()} | file.publications
    return {
        slug: publication
        if publication.title
        else publication.model_copy(
            update={"title": file.site.title if slug == LATEST else slug},
        )
        for slug, publication in publications.items()
    }
