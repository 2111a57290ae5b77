"""Places in lists as texts for addresses: nobody has to understand them, and broken ones show.

A text is a letter for its kind and some numbers, with a check, in the alphabet of RFC 4648 §5.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta
from typing import Literal

from aggregator.core.digest import digest
from aggregator.core.positions import Position, Step
from aggregator.service.entry_lists import Bookmark

Kind = Literal["e", "c"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 2**63 - 1
"""What a database takes."""
_CHECK = 6
_VIEW = 8
"""Hexadecimal digits."""


class BrokenCursor(ValueError):
    """A text that we have not made, or not all of it."""


def list_cursor(bookmark: Bookmark) -> str:
    position = bookmark.position
    ranks = (_micros(position.rank_at), _micros(bookmark.newest))
    return _packed("e", *ranks, position.number, bookmark.count)


def read_list_cursor(cursor: str) -> Bookmark:
    rank, newest, number, count = _unpacked("e", cursor, 4)
    position = Position(_moment(rank), number)
    return Bookmark(position=position, count=count, newest=_moment(newest))


def change_cursor(step: Step, view: str) -> str:
    """`view` stands for the rules that the changes were looked at by."""
    return _packed("c", step.revision, step.number, int(view[:_VIEW], 16))


def read_change_cursor(cursor: str) -> tuple[Step, str]:
    """The step, and how the view begins."""
    revision, number, view = _unpacked("c", cursor, 3)
    return Step(revision, number), f"{view:0{_VIEW}x}"


def kind_of(cursor: str) -> Kind:
    """Whether it is a place in a list of entries, or in that of changes. Raises BrokenCursor."""
    match _text(cursor)[:1]:
        case "e":
            return "e"
        case "c":
            return "c"
        case _:
            raise BrokenCursor


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    try:
        return _EPOCH + micros * _MICROSECOND
    except OverflowError:
        raise BrokenCursor from None


def _packed(kind: Kind, *numbers: int) -> str:
    text = f"{kind}{'.'.join(map(str, numbers))}"
    return urlsafe_b64encode(f"{text}.{_check(text)}".encode()).decode().rstrip("=")


def _unpacked(kind: Kind, cursor: str, count: int) -> list[int]:
    text = _text(cursor)
    parts = text[1:].split(".")
    if text[:1] != kind or len(parts) != count:
        raise BrokenCursor
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        raise BrokenCursor from None
    if any(abs(number) > _LARGEST for number in numbers):
        raise BrokenCursor
    return numbers


def _text(cursor: str) -> str:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        text, _, check = urlsafe_b64decode(padded).decode("ascii").rpartition(".")
    except (NotBase64, UnicodeError):
        raise BrokenCursor from None
    if check != _check(text):
        raise BrokenCursor
    return text


def _check(text: str) -> str:
    return digest("cursor", text).hex()[:_CHECK]
