"""Which of the dates that a source gives can be true."""

from datetime import UTC, datetime

from aggregator.core.model import Entry

OLDEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)
"""An earlier date is a fault of the source's software: there were no feeds, nor a web."""


def own_date(entry: Entry) -> datetime | None:
    """When the source says that it was published."""
    return plausible(entry.published) or plausible(entry.updated)


def plausible(date: datetime | None) -> datetime | None:
    """The date, unless it is older than any feed."""
    return date if date and date >= OLDEST_DATE else None
