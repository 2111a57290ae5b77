"""The files and pictures of an entry: enclosures, Media RSS and what podcasts say of them."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from aggregator.core.model import Enclosure
from aggregator.core.urls import web_url
from aggregator.formats import reading_fields as fields
from aggregator.formats.fitting import fit_media_type

_Fields = Mapping[str, Any]

_AVATARS = ("gravatar.com/avatar/", "gravatar.com/blavatar/")
"""WordPress gives the author's as if it were the entry's picture."""

_FILES = {"application", "audio", "document", "video"}
_UNPLAYABLE = {"application/x-shockwave-flash", "application/xhtml+xml", "text/html"}


def read_enclosures(
    entry: _Fields, base: str, *, html: str, image: str | None
) -> tuple[Enclosure, ...]:
    """All files, each once. Pictures that the entry shows anyway are no files of their own: those
    in its text, `html`, and `image`.
    """
    shown = f"{html} {escape(image or '')}"
    found = fields.enclosures([*_enclosures(entry, base), *_media(entry, base, shown)])
    return fields.timed(found, fields.duration(entry.get("itunes_duration")))


def read_images(entry: _Fields) -> Iterator[object]:
    """What may be the entry's picture, the likeliest first."""
    thumbnails = fields.dicts(entry.get("media_thumbnail"))
    pictures = [one for one in fields.dicts(entry.get("media_content")) if _medium(one) == "image"]
    found = [
        *(one.get("url") for one in thumbnails),
        *hrefs([entry.get("image")]),
        *(one.get("url") for one in pictures),
    ]
    return (url for url in found if not any(avatar in str(url) for avatar in _AVATARS))


def hrefs(owners: Iterable[object]) -> list[object]:
    return [one.get("href") for one in fields.dicts(list(owners))]


def _enclosures(entry: _Fields, base: str) -> Iterator[Enclosure | None]:
    for link in fields.dicts(entry.get("links")):
        if link.get("rel") == "enclosure":
            own_base = fields.first_url([link.get("base")], base) or base
            yield fields.enclosure(link.get("href"), link.get("type"), link.get("length"), own_base)


def _media(entry: _Fields, base: str, shown: str) -> Iterator[Enclosure | None]:
    media = fields.dicts(entry.get("media_content"))
    media.sort(key=lambda one: str(one.get("isdefault")).lower() != "true")
    for one in media:
        if _is_file(one) or _is_picture_apart(one, base, shown):
            yield fields.enclosure(
                one.get("url"), one.get("type"), one.get("filesize"), base, one.get("duration")
            )


def _is_file(media: _Fields) -> bool:
    """Pages with a player are none, and what Flash played nobody plays any more."""
    kind = str(media.get("type") or "").strip().lower()
    return kind not in _UNPLAYABLE and _medium(media) in _FILES


def _is_picture_apart(media: _Fields, base: str, shown: str) -> bool:
    """True for a picture that is a file of its own: thumbnails come without a type."""
    url = fields.first_url([media.get("url")], base)
    typed = str(media.get("type") or "").lower().startswith("image/")
    return typed and url is not None and escape(url) not in shown


def _medium(media: _Fields) -> str:
    """Media RSS: `medium`, else the first half of `type`, else what the name's end says."""
    said = media.get("medium") or media.get("type")
    url = web_url(str(media.get("url") or ""), "https://a.invalid/")
    guessed = fit_media_type(None, url) if url and not said else None
    return str(said or guessed or "").partition("/")[0].strip().lower()
