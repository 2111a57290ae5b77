"""What the output formats allow: characters, addresses, language tags, media types, dates."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from aggregator.core.urls import web_url

# What XML 1.0 §2.2 forbids, and beyond it DEL, the C1 controls and U+FFFD: those are legal, show
# nothing, and stand for a broken encoding somewhere on the way to us.
_UNFIT = re.compile("[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff]")

_URL_MARKS = "!#$%&'()*+,/:;=?@"
"""What RFC 3986 §2 allows beside letters, digits and `-._~`, which `quote` keeps by itself."""

_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_BRACKETED_HOST = re.compile(r"[A-Za-z]+://[^/?#\[\]]*\[[0-9A-Fa-f:.]+\]")

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(-[A-Za-z0-9]{1,8})*")
_TWO_LETTERS = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu
    cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi
    ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv ka kg ki kj kk kl km kn
    ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb
    nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se
    sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty
    ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
"""ISO 639-1, and codes that it had once. Of three letters there are thousands: all may be one."""
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w!#$&^.+-]*/[A-Za-z0-9][\w!#$&^.+-]*", re.ASCII)

# Not `mimetypes`: it reads files of the machine, and the same entries would give other bytes there.
_MEDIA_TYPES = {
    ".aac": "audio/aac",
    ".avif": "image/avif",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".torrent": "application/x-bittorrent",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".zip": "application/zip",
}


def fit_text(text: str) -> str:
    """The text without characters that no document should hold."""
    return _UNFIT.sub("", text)


def fit_line(text: str) -> str:
    """One line of plain text: single-spaced and trimmed."""
    return " ".join(fit_text(text).split())


def fit_url(url: str) -> str:
    """The address as a URI: what RFC 3986 does not allow is encoded (RFC 3987 §3.1)."""
    sound = _STRAY_PERCENT.sub("%25", fit_text(url))
    host = _BRACKETED_HOST.match(sound)  # the only place for square brackets (§3.2.2)
    start = host.end() if host else 0
    return sound[:start] + quote(sound[start:], safe=_URL_MARKS)


def fit_address(url: str | None) -> str | None:
    """The address as a URI where it is an absolute one of the web; else None."""
    absolute = web_url(fit_text(url or ""))
    return fit_url(absolute) if absolute else None


def fit_language(tag: str | None) -> str | None:
    """The tag where it can be one of RFC 5646; "en_US" becomes "en-US"."""
    hyphened = (tag or "").strip().replace("_", "-")
    found = _LANGUAGE.fullmatch(hyphened)
    known = found and (len(found[1]) > len("en") or found[1].lower() in _TWO_LETTERS.split())
    return hyphened if known else None


def fit_media_type(declared: str | None, url: str) -> str | None:
    """The declared media type without parameters where it is one; else what the name's end says."""
    essence = (declared or "").partition(";")[0].strip()
    if _MEDIA_TYPE.fullmatch(essence):
        return essence
    return _MEDIA_TYPES.get(PurePosixPath(urlsplit(url).path).suffix.lower())


def rfc822(moment: datetime) -> str:
    """Such as Sun, 01 Mar 2026 12:00:00 GMT; English whatever the locale, whole seconds."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
