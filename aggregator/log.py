"""The log: one event a line on stderr, for people on a terminal, as key=value elsewhere."""

import logging
import re
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
    renderer: Any = structlog.dev.ConsoleRenderer(pad_event_to=12) if terminal else logfmt
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,  # else it is put together for each line
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")


_HEAD = ("timestamp", "level", "event")
_MARKED = re.compile(r'[ ="\n]')


def logfmt(_logger: object, _method: str, facts: structlog.typing.EventDict) -> str:
    """As structlog's LogfmtRenderer writes texts and numbers, in half of its time: that one looks
    at each letter of each key, and ours are names of arguments.
    """
    head = [(key, facts.pop(key, None)) for key in _HEAD]
    return " ".join([f"{key}={_value(fact)}" for key, fact in (*head, *facts.items())])


def _value(fact: object) -> str:
    if type(fact) is int:
        return str(fact)
    text = "" if fact is None else str(fact)
    if not _MARKED.search(text):
        return text
    is_quoted = " " in text or "=" in text or '"' in text
    if is_quoted:
        text = text.replace("\\", "\\\\")
    text = text.replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"' if is_quoted else text


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

    def waits_for(self, host: str) -> None:
        self._log.info("waiting", host=host, why="another process polls it")

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
