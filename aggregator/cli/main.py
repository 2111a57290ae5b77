"""The commands. Each loads the configuration, opens the service, prints, and says how it went.

Exit status: 0 good; 1 some part failed; 2 usage or configuration.
"""

import os
from collections.abc import Collection
from typing import Annotated, Literal

import typer

from aggregator import __version__, daemon, log
from aggregator.bootstrap import open_service
from aggregator.cli import check, copying, explain, hide, preview, publish, subscriptions
from aggregator.cli.output import (
    past_poll_row,
    print_entries,
    print_json,
    print_polls,
    print_source,
    print_sources,
)
from aggregator.cli.progress import RoundWatch, progress
from aggregator.cli.shell import (
    FAILED,
    Commands,
    Config,
    Json,
    finish,
    known,
    open_standard_streams,
    settings_of,
    speak_utf8,
)
from aggregator.clock import SystemClock
from aggregator.config.load import load
from aggregator.config.settings import Settings
from aggregator.demo.samples import sample_configuration
from aggregator.formats.entry_json import entry_object
from aggregator.service.once import Round
from aggregator.service.ports import Selection
from aggregator.service.source_rows import source_row

app = typer.Typer(
    name="aggregator",
    cls=Commands,
    help="Polls RSS, Atom and JSON feeds and publishes them merged.",
    no_args_is_help=True,
    rich_markup_mode=None,  # else "[retention]" in a help text is taken for markup
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aggregator {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    config: Config = None,
    version: Annotated[  # noqa: ARG001  # its callback does the work
        bool,
        typer.Option(
            "--version", help="Print it and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    open_standard_streams()
    speak_utf8()
    context.obj = config


@app.command()
def run(
    context: typer.Context,
    only: Annotated[
        Literal["poll", "web"] | None, typer.Option(help="Run one half of the daemon.")
    ] = None,
    config: Config = None,
) -> None:
    """The daemon: polls on schedule and serves.

    It stops cleanly on SIGTERM or SIGINT.
    """
    path, settings = settings_of(context, config)
    finish(daemon.run(path, os.environ, settings, only=only))


@app.command()
def fetch(
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY")] = None,
    all: Annotated[bool, typer.Option("--all", help="Every source, due or not.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even during a server's pause.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Polls once what is due, then exits.

    Sources that are named, or all with --all, are polled whether they are due or not.
    """
    _, settings = settings_of(context, config)
    known(keys or (), settings.sources, "source")
    wanted = None if all else (keys or [])
    finish(_fetch(settings, wanted, due=not (all or keys), force=force, as_json=json))


async def _fetch(
    settings: Settings, keys: list[str] | None, *, due: bool, force: bool, as_json: bool
) -> int:
    watch = RoundWatch(as_json=as_json)
    async with open_service(settings, watch=watch) as service:
        once = Round(
            store=service.store, dispatcher=service.dispatcher, clock=service.clock, watch=watch
        )
        if due:
            hosts = await once.due()
            with progress("Polling", sum(len(one.sources) for one in hosts)) as watch.advance:
                await once.poll_due(hosts)
        else:
            claimed = await once.claim(keys, force=force)
            with progress("Polling", len(claimed)) as watch.advance:
                await once.poll(claimed, force=force)
    if watch.unprinted:
        raise watch.unprinted
    if watch.reports and not as_json:
        print_polls(watch.reports)
    if not watch.reports:
        typer.echo("nothing is due; --all polls all the same", err=True)
    return FAILED if watch.failures else 0


@app.command()
def sources(
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Every source with its health.

    Sources that are named come with their last polls, too.
    """
    _, settings = settings_of(context, config)
    known(keys or (), settings.sources, "source")
    finish(_sources(settings, set(keys or ()), as_json=json))


async def _sources(settings: Settings, named: Collection[str], *, as_json: bool) -> None:
    async with open_service(settings, watch=log.LogWatch()) as service:
        now = service.clock.steady()
        rows = [
            source_row(source, settings.sources[source.key].tags, now)
            for source in await service.store.sources(named or None)
        ]
        for row in rows if named else ():
            past = await service.store.past_polls(row["key"])
            row["polls"] = [past_poll_row(poll) for poll in past]
    if as_json:
        for row in rows:
            print_json(row)
    elif named:
        for row in rows:
            print_source(row)
    else:
        print_sources(rows)


@app.command()
def entries(
    context: typer.Context,
    publication: Annotated[
        str | None, typer.Option(metavar="SLUG", help="As this publication shows them.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only the stories that this source has.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='Words that all must be there, "phrase", begin*, -not.'),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 100,
    json: Json = False,
    config: Config = None,
) -> None:
    """Entries as published, newest first."""
    _, settings = settings_of(context, config)
    known([source] if source else (), settings.sources, "source")
    known([publication] if publication else (), settings.publications, "publication")
    selection = Selection(sources={source} if source else None, search=search)
    finish(_entries(settings, publication, selection, limit, as_json=json))


async def _entries(
    settings: Settings, slug: str | None, selection: Selection, limit: int, *, as_json: bool
) -> None:
    async with open_service(settings, watch=log.LogWatch()) as service:
        publisher = service.publisher
        publication = publisher.find("publications", slug) if slug else None
        shown = await publisher.entries(publication, selection, limit=limit)
    if as_json:
        for one in shown:
            print_json(entry_object(one))
    else:
        print_entries(shown)


@app.command()
def prune(context: typer.Context, config: Config = None) -> None:
    """Drops entries that [retention] does not keep."""
    _, settings = settings_of(context, config)
    finish(_prune(settings))


async def _prune(settings: Settings) -> None:
    async with open_service(settings, watch=log.LogWatch()) as service:
        dropped = await service.prune(settings)
    typer.echo(f"{dropped} entries dropped")


@app.command()
def migrate(context: typer.Context, config: Config = None) -> None:
    """Brings the database to this version's schema.

    `run` does so by itself.
    """
    _, settings = settings_of(context, config)
    finish(_migrate(settings))


async def _migrate(settings: Settings) -> None:
    async with open_service(settings, watch=log.LogWatch()):
        typer.echo("the database is up to date")


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to serve.")] = 8000,
) -> None:
    """A daemon with sample sources, offline.

    They are served on loopback; no network is needed, and no configuration.
    """
    with sample_configuration(port, SystemClock().now()) as path:
        finish(daemon.run(path, {}, load(path, {})))


check.register(app)
subscriptions.register(app)
preview.register(app)
explain.register(app)
hide.register(app)
publish.register(app)
copying.register(app)
