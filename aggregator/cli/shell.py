"""What every command does: finding the configuration, refusing wrong names, exit statuses."""

import asyncio
import contextlib
import ctypes
import difflib
import gc
import io
import os
import signal
import sys
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from aggregator import log
from aggregator.config import values
from aggregator.config.editing import settings_to_extend
from aggregator.config.load import load
from aggregator.config.settings import Settings
from aggregator.core.errors import AggregatorError, ConfigError

FAILED = 1
USAGE = 2

MOST_UNSEEN = 20_000
"""New objects after which the collector looks for cycles among them; some megabytes."""

HEAPS = 2
_M_ARENA_MAX = -8
"""mallopt(3)"""

Config = Annotated[
    Path | None,
    typer.Option("--config", help="Default: $AGGREGATOR_CONFIG, else config.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines: one object a line.")]


def config_path(context: typer.Context, config: Path | None) -> Path:
    named = config or context.find_root().obj or os.environ.get("AGGREGATOR_CONFIG")
    return Path(named or "config.toml")


def settings_of(context: typer.Context, config: Path | None) -> tuple[Path, Settings]:
    """Where the configuration is, and what it says; exits with 2 when it cannot be used."""
    path = config_path(context, config)
    try:
        return path, load(path, os.environ)
    except ConfigError as error:
        refuse(error.mistakes)


def settings_or_new(context: typer.Context, config: Path | None) -> tuple[Path, Settings]:
    """The same, for commands that need no source yet: a file without one will do, or none."""
    path = config_path(context, config)
    try:
        return path, settings_to_extend(path, os.environ)
    except ConfigError as error:
        refuse(error.mistakes)


def address_of(text: str) -> str:
    """A web address that a source may have; `https://` may be left out. Exits with 2 otherwise."""
    try:
        return values.source_url(text if "://" in text else f"https://{text}")
    except ValueError as error:
        refuse([f'"{text}": {error}'])


def refuse(mistakes: Sequence[str]) -> NoReturn:
    """Exits with 2 for what the configuration, or the user, has to mend."""
    for mistake in mistakes:
        typer.echo(mistake, err=True)
    raise typer.Exit(USAGE)


def say(line: str, *, err: bool = False) -> None:
    """A line that may hold what a source sent: nothing in it moves a terminal's cursor."""
    typer.echo("".join(character for character in line if character.isprintable()), err=err)


def known(names: Iterable[str], there: Iterable[str], what: str) -> None:
    """Exits with 2 when the configuration does not have one of the names."""
    for name in set(names) - set(there):
        near = difflib.get_close_matches(name, list(there), n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        refuse([f'there is no {what} "{name}" in the configuration{hint}'])


def finish(work: Coroutine[Any, Any, int | None]) -> NoReturn:
    """Runs a command to its exit status."""
    log.configure()
    _collect_seldom()
    _share_heaps()
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            status = runner.run(_interruptible(work))
    except ConfigError as error:
        refuse(error.mistakes)
    except AggregatorError as error:
        typer.echo(f"aggregator: {error}", err=True)
        raise typer.Exit(FAILED) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(FAILED) from None
    raise typer.Exit(status or 0)


def _collect_seldom() -> None:
    """What is there by now stays: to walk over it for cycles again and again found none. Few are
    made later, so that they may wait until they are worth the walk.
    """
    gc.freeze()
    gc.set_threshold(MOST_UNSEEN, 20, 20)


def _share_heaps() -> None:
    """Keeps our threads from having a heap each: that is how glibc has it, up to eight for each
    processor, and every heap has holes. With two in all the daemon takes less, and stops growing
    sooner (docs/performance.md). Other systems' libraries do not know the call, and who sets
    MALLOC_ARENA_MAX has a reason.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS)


def _new_loop() -> asyncio.AbstractEventLoop:
    """That of uvloop where it is made for: not on Windows, nor for PyPy."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _interruptible(work: Coroutine[Any, Any, int | None]) -> int | None:
    """SIGTERM ends the work as Ctrl-C does: what it holds is given back."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


class Commands(TyperGroup):
    """What cannot be written is a failure that is told in a line: a full disk, as the first."""

    def invoke(self, ctx: Any) -> Any:  # typer's own context has no public type
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever reads has enough, and needs no words
        except OSError as error:
            _drop_what_is_unwritten()
            typer.echo(f"aggregator: {error}", err=True)
            raise typer.Exit(FAILED) from None


def _drop_what_is_unwritten() -> None:
    """Else Python tries once more as it ends, and has words and a status of its own.
    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    with contextlib.suppress(OSError, ValueError):  # a stream without a number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_standard_streams() -> None:
    """What the caller closed leads nowhere. Else the next file or socket would take its number, and
    what is printed would go there; uvloop aborts when it closes one.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def speak_utf8() -> None:
    """Entries come in every script; a terminal or a pipe that is set to less gets them too."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
