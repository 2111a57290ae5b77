"""Work as it goes on: a bar on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from aggregator.cli.output import poll_row, print_json
from aggregator.core.upcoming import in_words
from aggregator.service.host_runs import HOLD
from aggregator.service.reports import PollReport

Advance = Callable[[str], None]
"""Says that one more is done, and which."""


@contextmanager
def progress(doing: str, total: int) -> Iterator[Advance]:
    """On stderr, so that results on stdout stay clean."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(doing, total=total, last="")
        yield lambda last: bar.update(task, advance=1, last=last)


class RoundWatch:
    """Collects the reports of a round of polls; prints them at once as JSON where wanted."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.advance: Advance = lambda _: None
        self.reports: list[PollReport] = []
        self.failures = 0
        self.unprinted: OSError | None = None
        """Why rows were not printed: their reader is gone, or a disk is full. The round goes on."""

    def polled(self, report: PollReport) -> None:
        self.reports.append(report)
        self.failures += report.outcome == "failed"
        if self._as_json and not self.unprinted:
            try:
                print_json(poll_row(report))
            except OSError as error:
                self.unprinted = error
        self.advance(report.source)

    def found(self, source: str, url: str) -> None:
        typer.echo(f"{source}: the lost feed seems to be at {url}", err=True)

    def waits_for(self, host: str) -> None:
        typer.echo(
            f"{host}: another process polls it; waiting until that is done, or {in_words(HOLD)} "
            "where it has died",
            err=True,
        )

    def failed(self, doing: str, error: Exception) -> None:
        self.failures += 1
        typer.echo(f"{doing}: {type(error).__name__}: {error}", err=True)
