"""`copy-database`: from SQLite to PostgreSQL, or back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aggregator.cli.shell import finish, refuse
from aggregator.config.values import database_url, placed
from aggregator.store.copying import copy_database

_FROM = "As in [database] url; a relative path starts here."
_TO = "Likewise; a new database, or an empty one."


def register(app: typer.Typer) -> None:
    app.command(name="copy-database")(copy)


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help=_FROM)],
    target: Annotated[str, typer.Argument(metavar="TO", help=_TO)],
) -> None:
    """Copies a database into another, of either kind.

    Stop the daemon first.
    """
    urls = [_address(source), _address(target)]
    if urls[0] == urls[1]:
        refuse(["FROM and TO are the same database"])
    finish(_copy(*urls))


def _address(text: str) -> str:
    try:
        return placed(database_url(text), Path.cwd())
    except ValueError as error:
        refuse([f"{text.rpartition('@')[2]}: {error}"])  # without a password


async def _copy(source: str, target: str) -> None:
    with _status() as tell:
        copied = await copy_database(source, target, tell)
    typer.echo(
        f"copied: sources {copied['sources']}, entries {copied['entries']}; "
        "now let [database] url name the new database"
    )


@contextmanager
def _status() -> Iterator[Callable[[str, int], None]]:
    """A line that moves, on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    with console.status("copying") as status:
        yield lambda table, rows: status.update(f"copying {table}: {rows or ''}")
