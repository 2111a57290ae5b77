"""When a source is polled next, and why: what the rules of scheduling return."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPoll:
    """When, and why in words for people."""

    at: datetime
    reason: str
    paused_until: datetime | None = None
    """The end of a pause that the server asked for: a poll by hand heeds it, too."""
    not_before: datetime | None = None
    """What the source asks for in any way: a shorter interval does not go below it."""


def in_words(span: timedelta) -> str:
    """Such as 1h, 2h 30m, 1m 30s or 0.5s: the two largest units."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds:g}s"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
    return " ".join(parts[:2])
