"""What an RSS document asks of those who poll it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aggregator.core.model import Wishes

_LONGEST_TTL = timedelta(days=366)

# http://web.resource.org/rss/1.0/modules/syndication/
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DAY = 24
"""Hours."""
_MOST_DIGITS = 9
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def read_wishes(feed: Mapping[str, Any]) -> Wishes:
    """From feedparser's dictionary of the feed; what cannot be is left out."""
    hours = {_number(hour) for hour in _texts(feed.get("skip_hours"))}
    days = {day.strip().lower() for day in _texts(feed.get("skip_days"))}
    return Wishes(
        ttl=_ttl(feed) or _period(feed),
        # RSS 0.91 counts from 1 to 24, RSS 2.0 from 0 to 23.
        skip_hours=tuple(sorted({hour % _DAY for hour in hours if hour is not None})),
        skip_days=tuple(number for number, day in enumerate(_DAYS) if day in days),
    )


def _ttl(feed: Mapping[str, Any]) -> timedelta | None:
    minutes = _number(feed.get("ttl"))
    return min(timedelta(minutes=minutes), _LONGEST_TTL) if minutes else None


def _period(feed: Mapping[str, Any]) -> timedelta | None:
    period = _PERIODS.get(str(feed.get("sy_updateperiod") or "").strip().lower())
    return period / (_number(feed.get("sy_updatefrequency")) or 1) if period else None


def _number(value: object) -> int | None:
    text = str(value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
