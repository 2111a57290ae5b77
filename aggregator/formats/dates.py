"""Dates as sources write them, where feedparser fails or is wrong.

is_plain:   RFC 822 or W3CDTF with a zone that feedparser knows: it reads those well
read_date:  numbers and month names of many languages, in any usual order

A date without a zone is UTC, as it is to feedparser. An offset that no place on earth has says
nothing: UTC, too.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

_LONGEST = 100
"""Characters; a longer text is no date."""

# The beginnings of month names, without accents, as `_plain` writes them.
_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "jan janv ene gen sty oca янв ιαν",
            "feb fev fevr lut sub фев φεβ",
            "mar mars mrt mae маp мар μαρ",
            "apr avr abr kwi nis апр απρ",
            "may mai mag mei maj маи мая μαι",
            "jun juin giu cze haz июн ιουν",
            "jul juil lug lip tem июл ιουλ",
            "aug aou ago sie agu авг αυγ",
            "sep set wrz eyl сен σεπ",
            "oct okt out ott paz eki окт οκτ",
            "nov noy lis kas ноя νοε",
            "dec dez dic des gru ara дек δεκ",
        ),
        start=1,
    )
    for name in names.split()
}
_CHINESE_MONTHS = {
    name: number for number, name in enumerate([*"一二三四五六七八九十", "十一", "十二"], start=1)
}

# Hours from UTC. Beyond RFC 822's own only names that mean one place to nearly everybody.
_ZONE_TABLE = (
    "utc:0 gmt:0 ut:0 z:0 wet:0 west:1 bst:1 cet:1 cest:2 met:1 mest:2 mez:1 mesz:2 eet:2"
    " eest:3 msk:3 msd:4 sast:2 trt:3 pkt:5 ist:5.5 wib:7 ict:7 sgt:8 hkt:8 jst:9 kst:9"
    " awst:8 acst:9.5 acdt:10.5 aest:10 aedt:11 nzst:12 nzdt:13 brt:-3 art:-3 nst:-3.5"
    " ndt:-2.5 ast:-4 adt:-3 est:-5 edt:-4 cst:-6 cdt:-5 mst:-7 mdt:-6 pst:-8 pdt:-7"
    " akst:-9 akdt:-8 hst:-10"
)
_ZONES: Mapping[str, float] = {
    name: float(hours) for name, hours in (pair.split(":") for pair in _ZONE_TABLE.split())
}
_EAST, _WEST = timedelta(hours=14), timedelta(hours=-12)

_COMMENT = re.compile(r"\([^()]*\)")
_TIME = re.compile(
    r"(?P<before>am|pm|上午|下午|午前|午後|오전|오후)?\s*"
    r"(?<!\d)(?P<hour>\d{1,2})\s*(?:[:h時时點点시]|\.(?=\d\d\.\d\d))\s*(?P<minute>\d{2})?"
    r"(?:\s*[:.분分m]\s*(?P<second>\d{2}))?(?:[.,]\d+)?\s*[秒초분分s]?"
    r"\s*(?P<after>am|pm|a\.m\.|p\.m\.)?(?!\d)"
)
_AFTERNOON = frozenset(("pm", "p.m.", "下午", "午後", "오후"))
_OFFSET = re.compile(r"(?:utc|gmt)?\s*(?P<sign>[+\-−])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?\s*$")
_YEAR_FIRST = re.compile(
    r"(?<!\d)(\d{4})\s*[-/.年년]\s*(\d{1,2})\s*[-/.月월]\s*(\d{1,2})\s*[日일]?(?!\d)"
)
_DAY_FIRST = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.)?[\s,/-]*(?:de\s+)?"
    r"([^\W\d]{3,}|\d{1,2}月|[一二三四五六七八九十]{1,2}月)\.?,?[\s/-]*(?:de\s+|г\s*)?(\d{4}|\d{2})(?!\d)"
)
_MONTH_FIRST = re.compile(r"([^\W\d]{3,})\.?[\s-]+(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+(\d{4})(?!\d)")
_YEAR_LAST = re.compile(r"([^\W\d]{3,})\.?\s+(\d{1,2})\s.*\s(\d{4})\s*$")
_KOREAN = re.compile("[년월일시]|오전|오후")
_EPOCH = re.compile(r"(\d{10})(?:\d{3})?")

_ENGLISH = "(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*"
_NAMES_OF_FEEDPARSER = "(?:GMT|UTC?|Z|[ECMP][SD]T)"
_RFC822 = re.compile(
    rf"(?:[A-Z]\w+,?\s+)?\d{{1,2}}\s+{_ENGLISH}\s+(?:\d\d)?\d\d\s+\d{{1,2}}:\d\d(?::\d\d)?"
    rf"\s+(?P<zone>{_NAMES_OF_FEEDPARSER}|[+-]\d{{4}})",
    re.ASCII,
)
_W3CDTF = re.compile(
    r"\d{4}(?:-\d\d?(?:-\d\d?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
    r"(?P<zone>[Zz]|[+-]\d\d:\d\d|[+-]\d\d00)?)?)?)?",
    re.ASCII,
)
_COMPACT = re.compile(r"^(\d{4})-?(\d\d)-?(\d\d)t(\d\d):?(\d\d):?(\d\d)")

_CENTURY = 70
"""Years of two digits from here on are of the last century."""


def is_plain(text: str) -> bool:
    """Whether feedparser can be trusted with it.

    Of other texts it makes dates, too: today's month of any four digits, UTC of zones that it does
    not know, and noon of midnight in the twelve-hour clock.
    """
    found = _RFC822.fullmatch(text) or _W3CDTF.fullmatch(text)
    if not found:
        return False
    zone = found["zone"]
    if not zone or zone.isalpha() or zone == "+0000":
        return True
    offset = _OFFSET.search(zone)
    return not (offset and _is_impossible(offset))


def read_date(text: str) -> datetime | None:
    """The moment in UTC, or None for what is no date."""
    plain = _plain(text)
    if len(plain) > _LONGEST:
        return None
    if epoch := _EPOCH.fullmatch(plain):
        return datetime.fromtimestamp(int(epoch[1]), UTC)
    for year, month, day in _days(plain):
        hour, minute, second, zone_at = _time(plain)
        try:
            # An hour 24 is the next day's first (ISO 8601), and a leap second the next minute's.
            local = datetime(year, month, day, tzinfo=_zone(plain, zone_at))
            moment = local + timedelta(hours=hour, minutes=minute, seconds=second)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _plain(text: str) -> str:
    """Lower case without accents, comments and typographic variants of digits and signs."""
    decomposed = unicodedata.normalize("NFKD", text[: 2 * _LONGEST].lower())
    bare = "".join(one for one in decomposed if not unicodedata.combining(one))
    composed = unicodedata.normalize("NFC", bare)  # Hangul syllables are whole again
    spaced = " ".join(_COMMENT.sub(" ", composed).split())
    return _COMPACT.sub(r"\1-\2-\3t\4:\5:\6", spaced)


def _days(plain: str) -> Iterator[tuple[int, int, int]]:
    if found := _YEAR_FIRST.search(plain):
        yield int(found[1]), int(found[2]), int(found[3])
    for pattern, order in (
        (_DAY_FIRST, (3, 2, 1)),
        (_MONTH_FIRST, (3, 1, 2)),
        (_YEAR_LAST, (3, 1, 2)),
    ):
        for found in pattern.finditer(plain):
            year, month, day = (found[group] for group in order)
            if number := _month(month):
                yield _full_year(year), number, int(day)


def _month(name: str) -> int | None:
    if name.endswith("月"):
        number = name.removesuffix("月")
        return int(number) if number.isdecimal() else _CHINESE_MONTHS.get(number)
    return _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:  # noqa: PLR2004
        return year
    return year + (1900 if year >= _CENTURY else 2000)


def _time(plain: str) -> tuple[int, int, int, int]:
    """Hour, minute, second, and where the zone may begin."""
    found = _TIME.search(plain)
    if not found:
        return 0, 0, 0, len(plain)
    hour = int(found["hour"])
    half = found["before"] or found["after"]
    if half:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    return hour, int(found["minute"] or 0), int(found["second"] or 0), found.end()


def _zone(plain: str, after: int) -> timezone:
    rest = plain[after:]
    if offset := _OFFSET.search(rest):
        return UTC if _is_impossible(offset) else timezone(_offset(offset))
    names = [word for word in re.split(r"[^a-z]+", rest) if word in _ZONES]
    return timezone(timedelta(hours=_ZONES[names[0]])) if names else _at_home(plain)


def _at_home(plain: str) -> timezone:
    """Korean dates are of Korea, also to feedparser."""
    return timezone(timedelta(hours=9)) if _KOREAN.search(plain) else UTC


def _offset(found: re.Match[str]) -> timedelta:
    span = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return span if found["sign"] == "+" else -span


def _is_impossible(found: re.Match[str]) -> bool:
    is_odd = int(found["minutes"] or 0) > 59  # noqa: PLR2004
    return is_odd or not _WEST <= _offset(found) <= _EAST
