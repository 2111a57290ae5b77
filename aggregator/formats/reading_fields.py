"""The one gate for what documents say: every field gets a type and a limit here.

TEXT: one line without markup.  URL: absolute http(s).  HTML: sanitized.  INT: not negative.
A value of another type than expected counts as missing: sources may say anything.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from html import unescape
from typing import Any

from aggregator.core.model import CODE_BLOCK, Category, Enclosure, Origin, Person
from aggregator.core.stories import is_absolute_iri
from aggregator.core.text import one_line, xml_safe
from aggregator.core.urls import bare_host, web_url
from aggregator.formats.html import cleaned, paragraphs, unchanged
from aggregator.formats.html_text import plain_text

MOST_ENTRIES = 2000
"""Of one document; the first ones are read."""

LONGEST_TITLE = 1000
LONGEST_SUMMARY = 4096
LONGEST_NAME = 300
LONGEST_GUID = 4096
_MOST_CATEGORIES = 50
_MOST_ENCLOSURES = 20
_MOST_AUTHORS = 50
_LONGEST_DURATION = 100 * 24 * 3600
_LARGEST_LENGTH = 2**63 - 1

_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8})*", re.IGNORECASE | re.ASCII)
_EMAIL = re.compile(r"[^\s@<>()]{1,200}@[^\s@<>()]{1,200}")
_WORDS = re.compile(r"[\s<>()\",;]+")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,30});", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|<\s*>")
_DURATION = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,6}):)?(\d{1,9})(?:\.\d{0,9})?", re.ASCII)
_SCHEME = re.compile(r"(?:https?|tag|urn):", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}", re.ASCII)


def text(value: object, limit: int = LONGEST_TITLE) -> str:
    """A line of plain text; empty when there is none."""
    return one_line(value, limit) if isinstance(value, str) else ""


def text_of_html(value: object, limit: int = LONGEST_TITLE) -> str:
    """A line of plain text out of HTML: markup removed, entities decoded."""
    if not isinstance(value, str):
        return ""
    return one_line(plain_text(value).replace(CODE_BLOCK, " "), limit)


def name(value: object) -> str:
    """A person's or a category's: no format has markup there, and many sources escape it twice."""
    if not isinstance(value, str):
        return ""
    if "&" in value:
        value = _REFERENCE.sub(lambda found: unescape(found[0]), value)
    return text(value, LONGEST_NAME)


def guid(value: object) -> str | None:
    """The source's own text. One that is too long is cut, and a digest of the whole added."""
    if not isinstance(value, str):
        return None
    own = xml_safe(value).strip()
    if len(own) > LONGEST_GUID:
        mark = f"#sha256:{sha256(own.encode()).hexdigest()}"
        own = own[: LONGEST_GUID - len(mark)] + mark
    return own or None


def body(
    value: str,
    base: str,
    *,
    is_html: bool,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
) -> tuple[str, str]:
    """A body as sanitized HTML and as plain text; `players` and `clean` as for `cleaned`."""
    html = value if is_html else paragraphs(value)
    return cleaned(html, base, players=players, clean=clean)


def content_base(link: str | None, homes: Iterable[str | None], url: str) -> str:
    """What relative addresses in a text stand for, where the document does not say (xml:base).

    A text is written for its own page, so that is the base if it is one of the site's: `homes`
    are the pages of its feeds, `url` is the document. Link blogs link to other sites; with them
    it is the document, or the feed's page where somebody else serves the document.
    """
    sites = [home for home in homes if home]
    if link and any(same_site(link, one) for one in (url, *sites)):
        return link
    return next((home for home in sites[:1] if not same_site(home, url)), url)


def same_site(url: str, other: str) -> bool:
    return bare_host(url) == bare_host(other)


def language(*candidates: object) -> str | None:
    """The first language tag (RFC 5646), in lower case."""
    for candidate in candidates:
        if isinstance(candidate, str):
            tag = candidate.strip().replace("_", "-")
            if len(tag) <= 35 and _LANGUAGE.fullmatch(tag):  # noqa: PLR2004 RFC 5646 §4.4.1
                return tag.lower()
    return None


def person(label: object, email: object, uri: object, base: str) -> Person | None:
    """An author, or None when nothing usable is known of it."""
    own, address = name(label), text(email, LONGEST_NAME)
    if "@" in own and not address:
        own, address = _name_and_email(own)
    known = Person(
        name=own or None,
        email=address if _EMAIL.fullmatch(address) else None,
        uri=web_url(uri, base) if isinstance(uri, str) else None,
    )
    return known if known.name or known.email or known.uri else None


def _name_and_email(label: str) -> tuple[str, str]:
    """What RSS authors write in one: `mail (name)`, `name <mail>`, `name (mail)`, `mail`."""
    words = [word.removeprefix("mailto:") for word in _WORDS.split(label)]
    email = next((word for word in words if _EMAIL.fullmatch(word)), "")
    if not email:
        return label, ""
    name = _EMPTY_BRACKETS.sub("", label.replace("mailto:", "").replace(email, "")).strip()
    bracketed = name.startswith("(") and name.endswith(")")
    return (name[1:-1].strip() if bracketed else name).strip('" '), email


def people(found: Iterable[Person | None]) -> tuple[Person, ...]:
    """Each author once; the same name without details is not another one."""
    unique: dict[str, Person] = {}
    for one in found:
        if one is None:
            continue
        key = (one.name or one.email or one.uri or "").casefold()
        known = unique.get(key)
        if known is None or not (known.email or known.uri):
            unique[key] = one if one.email or one.uri or known is None else known
    return tuple(unique.values())[:_MOST_AUTHORS]


def categories(found: Iterable[object]) -> tuple[str, ...]:
    names = filter(None, map(name, found))
    return tuple(dict.fromkeys(names))[:_MOST_CATEGORIES]


def category(term: object, scheme: object, label: object) -> Category | None:
    """A category that says more than its name; None for one that does not."""
    if not (scheme or label):
        return None
    own = text(term, LONGEST_NAME)
    shown = text(label, LONGEST_NAME)
    kind = text(scheme, LONGEST_TITLE)
    known = Category(
        term=own,
        scheme=kind if _SCHEME.match(kind) and is_absolute_iri(kind) else None,
        label=shown if shown != own and shown else None,
    )
    return known if own and (known.scheme or known.label) else None


def terms(found: Iterable[Category | None], names: Collection[str]) -> tuple[Category, ...]:
    """One for each name at most."""
    by_name: dict[str, Category] = {}
    for one in found:
        if one is not None and one.name in names:
            by_name.setdefault(one.name, one)
    return tuple(by_name.values())


def origin(
    *, title: str, id: object, link: str | None, url: str | None, rights: str
) -> Origin | None:
    """The feed that an entry is from; None where nothing says which one."""
    known = Origin(title=title, id=guid(id), link=link, url=url, rights=rights)
    return known if known.id or link or url else None


def duration(value: object) -> int | None:
    """Seconds out of `3723`, `62:03` or `1:02:03`; None for what is no time to play."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    return total if 0 < total <= _LONGEST_DURATION else None


def enclosure(
    url: object, type_: object, length: object, base: str, lasts: object = None
) -> Enclosure | None:
    """A file of an entry, or None when its address cannot be used."""
    address = web_url(url, base) if isinstance(url, str) else None
    if address is None:
        return None
    kind = type_.strip().lower() if isinstance(type_, str) else ""
    return Enclosure(
        url=address,
        type=kind if _MEDIA_TYPE.fullmatch(kind) else None,
        length=size(length),
        duration=duration(lasts),
    )


def enclosures(found: Iterable[Enclosure | None]) -> tuple[Enclosure, ...]:
    """Each file once, with what is said of it anywhere."""
    unique: dict[str, Enclosure] = {}
    for one in found:
        if one is not None:
            known = unique.get(one.url, one)
            unique[one.url] = Enclosure(
                url=one.url,
                type=known.type or one.type,
                length=known.length or one.length,
                duration=known.duration or one.duration,
            )
    return tuple(unique.values())[:_MOST_ENCLOSURES]


def timed(files: tuple[Enclosure, ...], lasts: int | None) -> tuple[Enclosure, ...]:
    """The duration that an item has as a whole is that of the first file that plays."""
    for place, file in enumerate(files):
        if (file.type or "audio/").startswith(("audio/", "video/")):
            played = replace(file, duration=file.duration or lasts)
            return (*files[:place], played, *files[place + 1 :])
    return files


def size(value: object) -> int | None:
    """A count of bytes; None for anything that is none."""
    digits = value.strip() if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 19:  # noqa: PLR2004 of 2**63
        return None
    return number if (number := int(digits)) <= _LARGEST_LENGTH else None


def first_url(candidates: Iterable[object], base: str) -> str | None:
    """The first that can be an absolute http(s) address."""
    for one in candidates:
        if isinstance(one, str) and (url := web_url(one, base)):
            return url
    return None


def dicts(value: object) -> list[dict[str, Any]]:
    """The dictionaries of a list; empty for anything else."""
    if not isinstance(value, list):
        return []
    return [one if type(one) is dict else dict(one) for one in value if isinstance(one, dict)]


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without feedparser's aliases of keys, which make each look-up three times as dear."""
    return fields if type(fields) is dict else dict(fields)
