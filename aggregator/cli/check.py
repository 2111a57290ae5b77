"""check: whether the configuration is good, and what its rules do to what is stored."""

from collections.abc import Sequence
from typing import Annotated

import typer

from aggregator.bootstrap import open_looker, tally_rules
from aggregator.cli.output import look_row, print_json, print_looks
from aggregator.cli.progress import progress
from aggregator.cli.shell import FAILED, Config, Json, finish, settings_of
from aggregator.config.settings import Settings
from aggregator.core.errors import StoreError
from aggregator.service.counting import Tally
from aggregator.web.trial import template_faults


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(
    context: typer.Context,
    online: Annotated[
        bool, typer.Option("--online", help="Also poll each source once; nothing is stored.")
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Validates the configuration.

    Its templates are tried, too, and its rules on what is stored, if anything is.
    """
    path, settings = settings_of(context, config)
    faults = template_faults(settings.site.templates)
    for line in (*settings.doubts, *faults):
        typer.echo(line, err=True)
    state = "its templates are to be mended" if faults else "good"
    counts = (
        f"{len(settings.sources)} source(s)",
        f"{len(settings.publications)} publication(s)",
    )
    typer.echo(f"{path}: {state}; {', '.join(counts)}", err=json)
    finish(_check(settings, online=online, as_json=json, failed=bool(faults)))


async def _check(settings: Settings, *, online: bool, as_json: bool, failed: bool) -> int:
    if settings.rule_places:
        await _try_rules(settings, as_json=as_json)
    looked = await _look(settings, as_json=as_json) if online else 0
    return FAILED if failed else looked


async def _try_rules(settings: Settings, *, as_json: bool) -> None:
    """The database is no part of the configuration: without it the check is good all the same."""
    try:
        tallies = await tally_rules(settings)
    except StoreError as error:
        typer.echo(f"the rules were not tried: {error}", err=True)
        return
    if tallies is None:
        typer.echo("the rules were not tried: there is no database of this version yet", err=True)
    for line in _said(settings, tallies or ()):
        typer.echo(line, err=as_json)


def _said(settings: Settings, tallies: Sequence[Tally]) -> list[str]:
    return [
        f"{settings.where(place)}: {sentence}"
        for tally in tallies
        for place, sentence in tally.said()
    ]


async def _look(settings: Settings, *, as_json: bool) -> int:
    looks = []
    async with open_looker(settings) as looker:
        with progress("Looking", len(settings.sources)) as advance:
            async for look in looker.look_at_all():
                advance(look.source)
                looks.append(look)
                if as_json:
                    print_json(look_row(look))
    if not as_json:
        print_looks(looks)
    return FAILED if any(look.error for look in looks) else 0
