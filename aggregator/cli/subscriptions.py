"""Commands that change or carry the list of sources: add, remove, import, export."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from aggregator.bootstrap import open_discoverer
from aggregator.cli.shell import (
    FAILED,
    Config,
    address_of,
    finish,
    known,
    refuse,
    say,
    settings_of,
    settings_or_new,
)
from aggregator.config import values
from aggregator.config.checks import polled_address
from aggregator.config.editing import (
    NewSource,
    add_sources,
    new_key,
    remove_source,
)
from aggregator.config.importing import plan_import
from aggregator.config.settings import Settings
from aggregator.core.errors import ConfigError, UnreadableFeed
from aggregator.core.model import FeedInfo
from aggregator.core.text import one_line
from aggregator.formats.opml import write_opml
from aggregator.formats.opml_reading import LONGEST_LABEL, Subscriptions, read_opml
from aggregator.service.discovering import Discovery

Address = Annotated[str, typer.Argument(metavar="URL", help="Of a feed or of a web page.")]


def register(app: typer.Typer) -> None:
    app.command()(add)
    app.command()(remove)
    app.command("import")(import_)
    app.command()(export)


def add(
    context: typer.Context,
    url: Address,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Default: by its title.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="For several, write it again.")
    ] = None,
    config: Config = None,
) -> None:
    """Adds the feed behind an address as a source.

    The comments of the configuration are kept.
    """
    path, settings = settings_or_new(context, config)
    address = address_of(url)
    if key is not None:
        _checked("--key", key, values.key)
    if key in settings.sources:
        refuse([f'there is a source "{key}" already; name another with --key'])
    for each in tag or ():
        _checked("--tag", each, values.tag)
    finish(_add(path, settings, address, key, tuple(tag or ())))


def _checked(option: str, text: str, check: Callable[[object], str]) -> None:
    try:
        check(text)
    except ValueError as error:
        refuse([f"{option} {text}: {error}"])


async def _add(
    path: Path, settings: Settings, url: str, key: str | None, tags: tuple[str, ...]
) -> int:
    if owner := _owner(settings, url):
        return _already(owner, url)
    async with open_discoverer(settings) as discoverer:
        discovery = await discoverer.find(url)
    _show_candidates(discovery)
    if discovery.found is None:
        say(f"no feed was found: {discovery.error}", err=True)
        return FAILED
    found = discovery.found
    if owner := _owner(settings, found.url):
        return _already(owner, found.url)
    title = one_line(found.feed.info.title, LONGEST_LABEL)
    source = NewSource(
        key=key or new_key(title, found.url, settings.sources),
        url=found.url,
        name=title or None,
        tags=tags,
    )
    _write(path, [source])
    count = len(found.feed.entries)
    say(f"added {source.key}: {source.url} ({title or 'no title'}, {count} entries)")
    return 0


def _show_candidates(discovery: Discovery) -> None:
    if len(discovery.candidates) < 2:  # noqa: PLR2004  # one is no choice
        return
    for number, candidate in enumerate(discovery.candidates, 1):
        about = f" {candidate.title}" if candidate.title else ""
        say(f"{number}. {candidate.url} ({candidate.type}){about}")


def _already(owner: str, url: str) -> int:
    typer.echo(f"{url} is configured already, as {owner}", err=True)
    return FAILED


def _owner(settings: Settings, url: str) -> str | None:
    """The key of the source that has this address."""
    address = polled_address(url)
    owners = (k for k, each in settings.sources.items() if polled_address(each.url) == address)
    return next(owners, None)


def remove(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY")],
    config: Config = None,
) -> None:
    """Takes a source out of the configuration.

    Nothing shows its entries any more. They stay stored until retention drops them.
    """
    path, settings = settings_of(context, config)
    known([key], settings.sources, "source")
    try:
        remove_source(path, os.environ, key)
    except ConfigError as error:
        refuse(error.mistakes)
    except OSError as error:
        refuse([f"{path}: cannot be written ({error.strerror})"])
    typer.echo(f"removed {key}")


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.opml", help="- reads from stdin.")],
    config: Config = None,
) -> None:
    """Adds the subscriptions of an OPML file.

    Those that are sources already stay as they are. Groups become tags.
    """
    path, settings = settings_or_new(context, config)
    subscriptions = _read(file)
    plan = plan_import(subscriptions.listed, settings)
    if plan.new:
        _write(path, plan.new)
    skipped = (*subscriptions.skipped, *plan.skipped)
    for reason in skipped:
        say(f"skipped: {reason}", err=True)
    if subscriptions.mended:
        typer.echo(f"{file} is not well-formed; it was read as far as it goes", err=True)
    typer.echo(f"{len(plan.new)} added, {plan.had} there already, {len(skipped)} skipped")
    raise typer.Exit(FAILED if skipped else 0)


def _read(file: Path) -> Subscriptions:
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return read_opml(body)
    except OSError as error:
        refuse([f"{file}: cannot be read ({error.strerror}); name an OPML file"])
    except UnreadableFeed as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(FAILED) from None


def _write(path: Path, new: Sequence[NewSource]) -> None:
    try:
        add_sources(path, os.environ, new)
    except ConfigError as error:
        refuse(error.mistakes)
    except OSError as error:
        refuse([f"{path}: cannot be written ({error.strerror})"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exported:
    key: str
    url: str
    name: str | None
    info: FeedInfo = field(default_factory=FeedInfo)


def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: stdout.")] = None,
    config: Config = None,
) -> None:
    """Writes the sources as OPML 2.0.

    Tags become categories.
    """
    _, settings = settings_of(context, config)
    listed = [
        _Exported(key=key, url=source.url, name=source.name)
        for key, source in settings.sources.items()
    ]
    tags = {key: source.tags for key, source in settings.sources.items()}
    body = write_opml(settings.site.title, listed, tags=tags)
    if file is None:
        typer.echo(body, nl=False)
        return
    try:
        file.write_bytes(body)
    except OSError as error:
        refuse([f"{file}: cannot be written ({error.strerror})"])
