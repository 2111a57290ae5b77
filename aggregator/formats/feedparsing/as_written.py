"""What our feedparser does otherwise than the one from the shelf, as mixins for its parsers."""

from typing import Any
from xml.sax.saxutils import escape as escaped

from aggregator.core.urls import web_url


class AsWritten:
    """What our feedparser does otherwise than the one from the shelf."""

    baseuri: str
    contentparams: dict[str, Any]
    elementstack: list[list[Any]]
    inauthor: int
    inimage: int
    push: Any
    _get_context: Any
    _save_contributor: Any

    # Of the texts of elements only these are made absolute: a guid is the source's own text.
    can_be_relative_uri: frozenset[str] = frozenset(("icon", "logo", "href"))
    _in_text = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespacemap = {"atom": ""}  # many use atom:link, and forget to declare it

    def pop(self, element: str, strip_whitespace: int = 1) -> Any:
        self._in_text = True
        value = super().pop(element, strip_whitespace)  # type: ignore[misc] # feedparser's
        self._in_text = False
        return value

    def resolve_uri(self, uri: str) -> str:
        """Addresses in attributes stay as they are; `base` says what they are relative to."""
        return (web_url(uri, self.baseuri) or uri) if self._in_text else uri

    def _start_link(self, attributes: dict[str, str]) -> None:
        declared = "yes" if "type" in attributes else ""  # feedparser fills in text/html
        seen = attributes | {"base": self.baseuri, "declared": declared}
        super()._start_link(seen)  # type: ignore[misc] # feedparser's

    def _start_enclosure(self, attributes: dict[str, str]) -> None:
        super()._start_enclosure(attributes | {"base": self.baseuri})  # type: ignore[misc] # dito

    # Of description, itunes:summary and media:description the second would become the entry's
    # content, and itunes:subtitle takes the place of either. They get places of their own, and
    # serve where nothing else does.
    def _start_itunes_subtitle(self, _attributes: dict[str, str]) -> None:
        self.push("itunes_subtitle", 1)

    def _end_itunes_subtitle(self) -> None:
        self.pop("itunes_subtitle")

    def _start_itunes_summary(self, _attributes: dict[str, str]) -> None:
        self.push("itunes_summary", 1)

    def _end_itunes_summary(self) -> None:
        self.pop("itunes_summary")

    def _start_media_description(self, _attributes: dict[str, str]) -> None:
        self.push("media_description", 1)

    def _end_media_description(self) -> None:
        self.pop("media_description")

    # It would keep the last of several only.
    def _end_hour(self) -> None:
        self._add("skip_hours", self.pop("hour"))

    def _end_day(self) -> None:
        self._add("skip_days", self.pop("day"))

    def _add(self, name: str, value: str) -> None:
        self._get_context().setdefault(name, []).append(value)

    # With an attribute, such as xml:base, an element that it does not know has no text.
    def _start_icon(self, _attributes: dict[str, str]) -> None:
        self.push("icon", 1)

    def _start_logo(self, _attributes: dict[str, str]) -> None:
        self.push("logo", 1)

    def _end_url(self) -> None:
        """RSS 1.0 has the feed's picture beside the channel, where feedparser keeps nothing."""
        value = self.pop("href")
        if self.inimage:
            self._get_context().setdefault("href", value)
        elif self.inauthor:
            self._save_author("href", value)
        else:
            self._save_contributor("href", value)

    def _save_author(self, key: str, value: str, prefix: str = "author") -> None:
        """Keeps a podcast's owner out of the list of its authors."""
        if prefix == "publisher":
            self._get_context().setdefault("publisher_detail", {})[key] = value
        else:
            super()._save_author(key, value, prefix)  # type: ignore[misc] # dito

    def _sync_author_detail(self, key: str = "author") -> None:
        """Keeps the text of an RSS author whole.

        feedparser's pattern for e-mail addresses knows no top-level domain of more than four
        letters, and takes time quadratic in the text.
        """
        context = self._get_context()
        people, text = context.get(f"{key}s"), context.get(key)
        if isinstance(people, list) and people and not people[-1] and isinstance(text, str):
            people[-1]["name"] = text

    def handle_data(self, text: str, escape: int = 1) -> None:
        """Does the same as feedparser's; expat calls it for each line, and for each reference."""
        if self.elementstack:
            if escape and dict.get(self.contentparams, "type") == "application/xhtml+xml":
                text = escaped(text)
            self.elementstack[-1][2].append(text)

    def handle_charref(self, ref: str) -> None:
        """A reference to no character, such as `&#xD800;`, would end the whole document."""
        super().handle_charref(ref if _names_a_character(ref) else "xfffd")  # type: ignore[misc] # dito


class Sound(AsWritten):
    """For well-formed documents, where an item inside of another's element is no further entry.

    Such are the losing versions of FeedSync, or what an atom:source wrongly holds.
    """

    inentry: int
    _inner = 0

    def _start_item(self, attributes: dict[str, str]) -> None:
        if self.inentry and self.elementstack[-1][0] != "item":
            self._inner += 1
        else:
            super()._start_item(attributes)  # type: ignore[misc] # feedparser's

    def _end_item(self) -> None:
        if self._inner:
            self._inner -= 1
        else:
            super()._end_item()  # type: ignore[misc] # dito

    _start_entry = _start_item
    _end_entry = _end_item


def _names_a_character(ref: str) -> bool:
    digits, radix = (ref[1:], 16) if ref[:1] in {"x", "X"} else (ref, 10)
    if len(digits) > 8:  # noqa: PLR2004 more than any character needs
        return False
    try:
        number = int(digits, radix)
    except ValueError:
        return False
    return 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF  # noqa: PLR2004 Unicode
