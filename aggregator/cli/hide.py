"""hide and unhide: stories that are taken down, and put back."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from aggregator import log
from aggregator.bootstrap import open_service
from aggregator.cli.output import print_json
from aggregator.cli.shell import FAILED, Config, Json, finish, refuse, say, settings_of
from aggregator.config.settings import Settings
from aggregator.core.model import Story, Takedown
from aggregator.formats.entry_json import rfc3339
from aggregator.service.taking_down import Hid, PutBack, TakingDown

_WHOLE = "a name is a whole id, guid or link, as in `aggregator"

Entry = Annotated[
    str, typer.Argument(metavar="ENTRY", help="Its published id, its guid or its link.")
]


def register(app: typer.Typer) -> None:
    app.command()(hide)
    app.command()(unhide)


def hide(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(metavar="ENTRY", help="Its published id, its guid or its link."),
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="For `explain` and --list.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="What is taken down.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Takes a story down for good.

    No page, feed or API shows it again.
    """
    _, settings = settings_of(context, config)
    wanted = (text or "").strip()
    if bool(wanted) == list_:
        refuse(["name a story by its published id, its guid or its link; or ask for --list"])
    finish(_list(settings, as_json=json) if list_ else _hide(settings, wanted, reason, json))


def unhide(context: typer.Context, text: Entry, config: Config = None) -> None:
    """Puts a story back that was taken down."""
    _, settings = settings_of(context, config)
    wanted = text.strip()
    if not wanted:
        refuse(["name a story by its published id, its guid or its link"])
    finish(_unhide(settings, wanted))


async def _hide(settings: Settings, text: str, reason: str, as_json: bool) -> int:
    async with open_service(settings, watch=log.LogWatch()) as service:
        done = await TakingDown(service.store, service.clock).hide(text, reason=reason)
        takedowns = await service.store.takedowns()
    if not isinstance(done, Hid):
        told = _told(text, exact=done.exact)
        return _refused(told, done.stories, f"{_WHOLE} entries --json`")
    if as_json:
        print_json(next(_row(each) for each in takedowns if each.id == done.story.id))
    else:
        title = done.story.entries[0].content.title or "(no title)"
        say(f"taken down: {title}")
        say(f"  id {done.story.id}")
    return 0


async def _unhide(settings: Settings, text: str) -> int:
    async with open_service(settings, watch=log.LogWatch()) as service:
        done = await TakingDown(service.store, service.clock).unhide(text)
    if not isinstance(done, PutBack):
        told = _told(text, exact=done.exact, kind=" that is taken down")
        return _refused(told, done.stories, f"{_WHOLE} hide --list`")
    say(f"put back: {done.takedown.title or '(no title)'}")
    say(f"  id {done.takedown.id}")
    return 0


def _told(text: str, *, exact: bool, kind: str = "") -> str:
    return (
        f"several stories bear the name {text}" if exact else f"no story{kind} has the name {text}"
    )


def _refused(told: str, stories: Sequence[Story | Takedown], where: str) -> int:
    """Names those that may have been meant, else where names are found."""
    hint = "name one by its id:" if stories else where
    say(f"nothing was done: {told}; {hint}", err=True)
    for story in stories:
        say(f"  {story.id}  {_title(story) or '(no title)'}", err=True)
    return FAILED


def _title(story: Story | Takedown) -> str:
    return story.title if isinstance(story, Takedown) else story.entries[0].content.title


async def _list(settings: Settings, *, as_json: bool) -> None:
    async with open_service(settings, watch=log.LogWatch()) as service:
        takedowns = await service.store.takedowns()
    for takedown in takedowns:
        row = _row(takedown)
        if as_json:
            print_json(row)
            continue
        say(f"{row['taken_at']}  {row['title'] or '(no title)'}")
        for name in ("id", "link", "reason"):
            if row[name]:
                say(f"  {name} {row[name]}")


def _row(takedown: Takedown) -> dict[str, Any]:
    return {
        "id": takedown.id,
        "taken_at": rfc3339(takedown.taken_at.replace(microsecond=0)),
        "reason": takedown.reason or None,
        "title": takedown.title,
        "link": takedown.link,
        "sources": sorted({key for key, _ in takedown.entries}),
    }
