"""A document's bytes as UTF-8 that an XML parser takes, whatever was declared of them.

in_utf8:  byte order mark, or zero bytes → valid UTF-8 → as declared → fewest errors → a guess

Declarations are wrong often: servers declare ISO 8859-1 for everything, libraries UTF-16 for
strings that they then send as UTF-8. What is valid UTF-8 by chance is rare, and short.
"""

import codecs
import re
from collections.abc import Iterator, Sequence

from aggregator.formats.charset_guess import EAST_ASIAN, guess, plausibility

_HEAD = 1024
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']\s*([^"'>]{1,60}?)\s*["']""", re.IGNORECASE
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]{1,60})""", re.IGNORECASE)
_NON_ASCII = bytes(range(0x80, 0x100))
_LONG_SEQUENCE = re.compile(rb"[\xe0-\xf4]")

_MARKS = (
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF8, "utf-8"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0<", "utf-16-be"),
    (b"<\0", "utf-16-le"),
)
_EBCDIC = b"\x4c\x6f\xa7\x94"

# What those who declare the smaller set send is the larger one (https://encoding.spec.whatwg.org/).
_LARGER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
}
_FIRST = {"shift_jis"}
"""It has the wave dash that EUC-JP has, too; the larger set another one."""
_UNKNOWN_NAMES = {"csmacintosh": "mac-roman", "mac": "mac-roman", "x-mac-roman": "mac-roman"}
_BY_DEFAULT = {"cp1252", "iso8859-15"}
"""What is declared by those who never thought of it."""
# Python has codecs that are no charsets, and a document that begins with "<" is none of the wide.
_NO_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
_SEVEN_BITS = ("iso2022", "hz", "utf-7")

_FEWEST = 8
"""Characters; so many of two bytes each are hardly UTF-8 by chance."""
_FEW_ERRORS = 2
_BEARABLE = 0.05
"""Share of errors among what is not ASCII: some bytes are broken, the charset is right."""
_NONSENSE = 0.1
_CONVINCING = 0.35

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
_PAIR = re.compile(
    rb"&#(?:x(d[89ab][0-9a-f]{2})|(5[5-6]\d{3}));&#(?:x(d[c-f][0-9a-f]{2})|(5[6-7]\d{3}));",
    re.IGNORECASE,
)
_REFERENCE = re.compile(rb"&#(?:x([0-9a-f]{1,8})|([0-9]{1,10}));", re.IGNORECASE)
# What may be one that XML forbids (XML 1.0 §2.2): hardly any document has one.
_SUSPICIOUS = re.compile(
    rb"&#(?:0{0,9}(?:[0-8]|1[124-9]|2\d|3[01]|5[5-7]\d{3}|6553[45]);|\d{7}"
    rb"|x(?:0{0,7}(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]);|[0-9a-f]{6}))",
    re.IGNORECASE,
)
_FORBIDDEN = "\ufffe".encode(), "\uffff".encode()


def in_utf8(document: bytes, content_type: str) -> bytes:
    """The document in UTF-8, without characters and references that XML forbids (XML 1.0 §2.2)."""
    if document.startswith(_EBCDIC):
        return document
    text = _decoded(document, content_type)
    clean = document if text is None else text.encode("utf-8", "ignore")
    if _FORBIDDEN[0][:1] in clean:  # one byte is searched for in no time
        for character in _FORBIDDEN:
            clean = clean.replace(character, b"")
    return _references_mended(clean.translate(None, _CONTROLS))


def is_utf8(document: bytes, content_type: str) -> bool:
    """Whether `in_utf8` has nothing to do, however much more of valid UTF-8 there is."""
    for name in _declared(document, content_type):
        if name in EAST_ASIAN or name.startswith(_SEVEN_BITS):
            return False
    return in_utf8(document, content_type) == document


def _decoded(document: bytes, content_type: str) -> str | None:
    """The text; None where the document is that text in UTF-8 as it stands."""
    for mark, codec in _MARKS:
        if document.startswith(mark):
            return document.decode(codec, "replace").removeprefix("\ufeff")
    declared = list(_declared(document, content_type))
    if document.isascii() and not any(name.startswith(_SEVEN_BITS) for name in declared):
        return None
    try:
        document.decode()
    except UnicodeDecodeError:
        text = _surrogates_joined(document)
    else:
        if _means_utf8(document, declared):
            return None
        text = None
    return _as_declared(document, declared) if text is None else text


def _declared(document: bytes, content_type: str) -> Iterator[str]:
    """Python's names of the charsets that are named for it, the header's first (RFC 7303 §3)."""
    header = _CHARSET.search(content_type)
    prolog = _DECLARED.search(document[:_HEAD])
    for found in (header and header[1], prolog and prolog[1].decode("ascii", "replace")):
        try:
            name = codecs.lookup(_UNKNOWN_NAMES.get((found or "").lower(), found or "")).name
        except (LookupError, ValueError):
            continue
        if name not in _NO_CHARSETS and not name.startswith(("utf-16", "utf-32")):
            yield from (name, _LARGER[name]) if name in _FIRST else (_LARGER.get(name, name),)


def _means_utf8(document: bytes, declared: list[str]) -> bool:
    """Whether a document that is valid UTF-8 is so on purpose."""
    other = next((name for name in declared if name != "utf-8"), "")
    if other.startswith(_SEVEN_BITS):
        return False
    might_be_chance = (
        other in EAST_ASIAN
        and not _LONG_SEQUENCE.search(document)
        and _foreign_bytes(document) < 2 * _FEWEST
    )
    return not might_be_chance


def _surrogates_joined(document: bytes) -> str | None:
    """CESU-8, as some databases write: characters beyond U+FFFF are two surrogates in UTF-8."""
    try:
        text = document.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _as_declared(document: bytes, declared: list[str]) -> str:
    guessed = guess(document)
    bearable = max(_FEW_ERRORS, _BEARABLE * _foreign_bytes(document))
    for most in (0, bearable):
        for name in dict.fromkeys((*declared, "utf-8")):
            if _errors(document, name) <= most:
                text = document.decode(name, _STRAY if name == "utf-8" else "replace")
                return _better(document, guessed, name, text)
    return document.decode(guessed or "cp1252", "replace")


def _better(document: bytes, guessed: str | None, name: str, text: str) -> str:
    """The text in the guessed charset, where that makes sense and the declared one makes none."""
    comparable = guessed in EAST_ASIAN or name in _BY_DEFAULT
    if not guessed or not comparable or plausibility(text) >= _NONSENSE:
        return text
    other = document.decode(guessed, "replace")
    return other if plausibility(other) > _CONVINCING else text


def _foreign_bytes(document: bytes) -> int:
    return len(document) - len(document.translate(None, _NON_ASCII))


def _errors(document: bytes, name: str) -> int:
    try:
        return document.decode(name, "replace").count("\ufffd")
    except (UnicodeError, LookupError):  # codecs that know no such way
        return len(document)


def _stray(error: UnicodeError) -> tuple[str, int]:
    """A byte in UTF-8 that is none comes from Windows-1252, by way of a clipboard or a template."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_STRAY = "aggregator.stray"
codecs.register_error(_STRAY, _stray)


def _references_mended(document: bytes) -> bytes:
    """Of references to characters those that are none: one would end the document for expat."""
    if not _SUSPICIOUS.search(document):
        return document
    return _REFERENCE.sub(_mended, _PAIR.sub(_joined, document))


def _joined(pair: re.Match[bytes]) -> bytes:
    high = int(pair[1], 16) if pair[1] else int(pair[2])
    low = int(pair[3], 16) if pair[3] else int(pair[4])
    units = high.to_bytes(2, "big") + low.to_bytes(2, "big")
    try:
        return units.decode("utf-16-be").encode()
    except UnicodeDecodeError:  # decimal numbers around those of surrogates
        return pair[0]


def _mended(reference: re.Match[bytes]) -> bytes:
    return reference[0] if _is_allowed(reference.groups()) else b"&#xFFFD;"


def _is_allowed(digits: Sequence[bytes | None]) -> bool:
    """Of a reference in hexadecimal or in decimal digits: surrogates are none either."""
    in_hexadecimal, in_decimal = digits
    number = int(in_hexadecimal, 16) if in_hexadecimal else int(in_decimal or b"0")
    return (
        number in {9, 10, 13}
        or 0x20 <= number <= 0xD7FF  # noqa: PLR2004 XML 1.0 §2.2
        or 0xE000 <= number <= 0xFFFD  # noqa: PLR2004 dito
        or 0x10000 <= number <= 0x10FFFF  # noqa: PLR2004 dito
    )
