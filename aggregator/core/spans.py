"""Spans of time as people write them: a number and a unit."""

from datetime import timedelta

UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
LONGEST_SPAN = timedelta(days=36_500)
"""Far beyond any use, and small enough that no date arithmetic overflows."""

_WHOLE_DIGITS = 15
_MORE_DIGITS = 9


def span_of(text: str) -> timedelta | None:
    """Of "250ms", "90s", "15m", "1.5h" or "2d"; None where the text is no such thing."""
    number = text.rstrip("smhd")
    whole, point, more = number.partition(".")
    unit = UNITS.get(text[len(number) :])
    sound = _is_number(whole, _WHOLE_DIGITS) and (not point or _is_number(more, _MORE_DIGITS))
    if unit is None or not sound:
        return None
    try:
        return float(number) * unit
    except OverflowError:
        return timedelta.max


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits
