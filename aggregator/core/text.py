"""Characters that may stand in what we keep and publish."""

import re

# XML 1.0 §2.2 allows tab, newline, return, U+0020-D7FF, U+E000-FFFD and U+10000-10FFFF.
# Lone surrogates are outside of it, too: neither a database nor a UTF-8 writer takes them.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Overrides and isolates of the bidirectional algorithm (UAX #9): in one line of text, such as
# a title, they let a source reorder what stands around it.
_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")

_SHORT = 200
"""Characters; to ask each of them costs less than to look at all in other ways."""

_CONTROLS = bytes([*range(0x20), 0x7F])

ASCII_WORDS = bytes(n if chr(n).isalnum() else 32 for n in range(128)) + bytes(128)
"""To translate ASCII by: spaces for all that is no letter and no digit. To split a text then takes
half the time of a search for its words."""

_TYPOGRAPHY = "\u2019\u201c\u201d\u2018\u2013\u2014\u2026\xa0"
"""Quotation marks, dashes and the like: all that many English texts have beside ASCII."""


def plainly_set(text: str) -> str:
    """With spaces for typography; it has the same words, and what is ASCII is looked at quicker."""
    if text.isascii():
        return text
    for sign in _TYPOGRAPHY:
        text = text.replace(sign, " ")
    return text


def xml_safe(text: str) -> str:
    """The text without characters that no XML document may hold."""
    # What can be printed is none of them, and to ask for that takes a tenth of the search's time.
    if _is_printable(_spaced(text)):
        return text
    return _NOT_XML.sub("", text)


def one_line(text: str, limit: int) -> str:
    """A line of plain text: single-spaced, trimmed, at most `limit` characters."""
    if len(text) < _SHORT and text.isprintable() and "  " not in text:
        return text.strip()[:limit].rstrip()
    spaced = _spaced(text)
    if _is_printable(spaced):  # no other white space, nor what has to go
        pieces = spaced.split("  ")  # seldom many, and words are
        if len(pieces) > 1:
            spaced = " ".join([bare for piece in pieces if (bare := piece.strip())])
        return spaced.strip()[:limit].rstrip()
    safe = xml_safe(text)
    text = safe if safe.isascii() else _BIDI_CONTROLS.sub("", safe)
    return " ".join(text.split())[:limit].rstrip()


def _is_printable(text: str) -> bool:
    if not text.isascii():
        return text.isprintable()
    encoded = text.encode()  # Python asks for each character; so does this, in a fifth of the time
    return len(encoded.translate(None, _CONTROLS)) == len(encoded)


def _spaced(text: str) -> str:
    """The usual white space as spaces: what is left then can be printed, mostly."""
    return text.replace("\n", " ").replace("\r", " ").replace("\t", " ").replace("\xa0", " ")
