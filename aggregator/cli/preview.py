"""`preview`: what a first poll of an address would store."""

from typing import Annotated

import typer

from aggregator.bootstrap import open_discoverer, source_policy
from aggregator.cli.output import print_entries, print_json
from aggregator.cli.shell import FAILED, Config, Json, address_of, finish, say, settings_or_new
from aggregator.clock import SystemClock
from aggregator.config.checks import polled_address
from aggregator.config.editing import new_key
from aggregator.config.settings import Settings, SourceSettings
from aggregator.core.model import PublishedSource
from aggregator.core.shown import Shown
from aggregator.formats.entry_json import entry_object
from aggregator.published import site
from aggregator.service.discovering import Found
from aggregator.service.previewing import previewed


def register(app: typer.Typer) -> None:
    app.command()(preview)


def preview(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Of a feed or of a web page.")],
    json: Json = False,
    config: Config = None,
) -> None:
    """Shows what a feed would bring; stores nothing."""
    _, settings = settings_or_new(context, config)
    finish(_preview(settings, address_of(url), as_json=json))


async def _preview(settings: Settings, url: str, *, as_json: bool) -> int:
    async with open_discoverer(settings) as discoverer:
        discovery = await discoverer.find(url)
    if discovery.found is None:
        say(f"no feed was found: {discovery.error}", err=True)
        return FAILED
    entries = _entries(settings, url, discovery.found)
    if as_json:
        for shown in entries:
            print_json(entry_object(shown))
        return 0
    info, total = discovery.found.feed.info, len(discovery.found.feed.entries)
    say(
        f"{discovery.found.url}: {info.title or 'no title'}, "
        f"{len(entries)} of {total} entries would be stored",
        err=True,
    )
    print_entries(entries)
    return 0


def _entries(settings: Settings, url: str, found: Found) -> list[Shown]:
    """By the settings of the source that has this address; of a new one, where none has it."""
    addresses = {polled_address(url), polled_address(found.url)}
    owners = (k for k, s in settings.sources.items() if polled_address(s.url) in addresses)
    title = found.feed.info.title
    key = next(owners, None) or new_key(title, found.url, settings.sources)
    source = settings.sources.get(key) or SourceSettings(url=found.url)
    policy = source_policy(settings, source)
    return previewed(
        found.feed,
        PublishedSource(
            key=key, name=source.name or title or key, url=found.url, info=found.feed.info
        ),
        intake=policy.intake,
        language=policy.language,
        site=site(settings),
        now=SystemClock().now().replace(microsecond=0),
    )
