"""The log: one event a line on stderr, for people on a terminal, as key=value elsewhere."""

import logging
import sys
from datetime import datetime, timedelta
from typing import Any

import structlog

from aggregator.core.errors import AggregatorError
from aggregator.core.upcoming import in_words
from aggregator.service.reports import PollReport


def configure() -> None:
    """To be called once, before anything is logged."""
    terminal = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer(pad_event_to=12)
        if terminal
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,  # else it is put together for each line
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")


class LogWatch:
    """Signs `service.dispatch.Watch` and `service.pushes.subscribing.HubWatch`."""

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    def polled(self, report: PollReport) -> None:
        line = self._log.warning if report.outcome in {"failed", "gone"} else self._log.info
        line(
            "polled",
            source=report.source,
            outcome=report.outcome,
            status=report.status,
            new=report.entries_new,
            updated=report.entries_updated,
            bytes=report.bytes,
            ms=round(report.elapsed.total_seconds() * 1000),
            next=_seconds(report.next_poll_at),
            why=report.next_poll_reason,
            **({"error": report.error} if report.error else {}),
        )
        if report.moved_to:
            self._log.warning(
                "moved",
                source=report.source,
                to=report.moved_to,
                hint=f'polled there from now on; set url = "{report.moved_to}" in its section',
            )

    def found(self, source: str, url: str) -> None:
        self._log.warning(
            "found elsewhere",
            source=source,
            at=url,
            hint=f'if it is the same feed, set url = "{url}" in its section',
        )

    def subscribed(self, source: str, hub: str, lease: timedelta) -> None:
        self._log.info("subscribed", source=source, hub=hub, lease=in_words(lease))

    def refused(self, source: str, hub: str, reason: str) -> None:
        self._log.warning("not subscribed", source=source, hub=hub, error=reason)

    def pushed(self, source: str, *, new: int, updated: int) -> None:
        self._log.info("pushed", source=source, new=new, updated=updated)

    def failed(self, doing: str, error: Exception) -> None:
        expected = isinstance(error, AggregatorError)
        self._log.error(
            "failed", doing=doing, error=str(error), **({} if expected else {"exc_info": error})
        )

    def say(self, event: str, **facts: Any) -> None:
        """Anything else worth a line."""
        self._log.info(event, **facts)

    def warn(self, event: str, **facts: Any) -> None:
        """Something that the operator should look at."""
        self._log.warning(event, **facts)


def _seconds(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
