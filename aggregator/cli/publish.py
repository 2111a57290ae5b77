"""`publish`: the site as files for any web server."""

from pathlib import Path
from typing import Annotated

import typer

from aggregator import log
from aggregator.bootstrap import open_service
from aggregator.cli.shell import FAILED, Config, finish, settings_of
from aggregator.config.settings import Settings
from aggregator.web.pages import Pages
from aggregator.web.publishing_out import publish as write_out
from aggregator.web.static_site import StaticSite


def register(app: typer.Typer) -> None:
    app.command()(publish)


def publish(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder; made if its parent exists.")
    ],
    config: Config = None,
) -> None:
    """Writes the site as static files.

    Only those that changed are written, and each is whole at every moment.
    """
    _, settings = settings_of(context, config)
    finish(_publish(settings, folder))


async def _publish(settings: Settings, folder: Path) -> int:
    watch = log.LogWatch()
    async with open_service(settings, watch=watch) as service:
        site = StaticSite(
            service.publisher,
            clock=service.clock,
            pages=Pages(settings.site.templates, report=watch.failed),
            report=watch.failed,
        )
        await service.publisher.catch_up()
        done = await write_out(site, folder)
    typer.echo(f"{done.written} written, {done.unchanged} unchanged, {done.removed} removed")
    return FAILED if site.failures else 0
