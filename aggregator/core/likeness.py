"""When two entries of different sources tell the same, though their links differ.

Rule 1: only a long text tells anything: 48 words, or 96 characters of a script without spaces.
Rule 2: what one says the other says, too, in the same order: no word is replaced by another, and
        no number comes or goes. The longer text may add a tenth at most, or go on where the
        shorter one was cut off. Translations, releases and announcements out of one template
        differ in a word or a number.
Rule 3: the titles are the same, but for a name before or behind (`Ann: …`, `… | Site`); without
        both titles the texts must be the same.
Rule 4: the dates are near: what is told again after a week may be meant to be.
Rule 5: two links to one host are two pages. Its publisher knows better than we.

`marks_of` finds what may be alike without a look at everything: two texts of which `same_words`
holds share a mark nearly always, others nearly never.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from struct import Struct
from zlib import crc32

from aggregator.core.text import ASCII_WORDS, plainly_set
from aggregator.core.urls import canonical_link, site_of

FEWEST_UNITS = 96
"""A word counts two, a character of a script without spaces one."""

FEWEST_SHINGLES = 32
"""Different ones: what repeats itself says no more than once."""

MOST_ADDED = 0.1
NEAR = timedelta(days=7)
RELATED = 0.5
"""The share of the shorter text at which two entries that are one story stay one."""

UNRELATED = 0.05
"""The share up to which two texts tell different things."""

_CUT_WORDS = 4
"""Words at the end of a cut text that are not the text's own: `Continue reading this post`."""

_MANY = 64
"""Words among which there are enough different ones, mostly."""

_LONGEST_AFFIX = 6
_HEAD_WORDS = 32
_BANDS = 3
_ROWS = 4
_PLACES = _BANDS * _ROWS
_VALUES = 2**32
"""What a number for a shingle is below."""

_ENOUGH = 80
"""Numbers by chance of which one stands at each place, but for one time in a hundred."""

_MARKS = Struct(f">{1 + _BANDS}q")
"""Of 8 bytes each."""

_UNSPACED = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:[.,:]\d+)*")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:[.,:][0-9]+)*")
"""The same where nothing is of another script."""

_KINDS = bytes(48 if chr(n).isdigit() else 46 if chr(n) in ".,:" else 32 for n in range(128))
_KINDS += bytes(128)
_NUMBER_GOES_ON = b".0"
"""Where these kinds do not stand side by side, no word has a mark in it: a search is spared."""

_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_HAS_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an entry tells, as far as likeness goes."""

    title: str
    text: str
    link: str | None
    at: datetime

    @cached_property
    def words(self) -> tuple[str, ...]:
        return _words(self.text)

    @cached_property
    def coded(self) -> tuple[bytes, ...]:
        """The words as bytes, which most texts are taken apart as."""
        return _coded_words(self.text)

    @cached_property
    def title_words(self) -> tuple[str, ...]:
        return _words(self.title)

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        return _shingles(self.words)

    @cached_property
    def is_spaced(self) -> bool:
        """Whether no word is of a script without spaces: of most texts that is seen at once."""
        return _is_plain(self.text, self.coded) or _is_spaced(self.words)

    @cached_property
    def is_long(self) -> bool:
        units = 2 * len(self.coded) if self.is_spaced else _units(self.words)
        return units >= FEWEST_UNITS and self._says_enough()

    def _says_enough(self) -> bool:
        # Every word but the last begins a shingle: most texts have enough different ones.
        first = len(self.coded) - 1
        return (
            len(set(self.coded[: min(first, _MANY)])) >= FEWEST_SHINGLES
            or len(set(self.coded[:first])) >= FEWEST_SHINGLES
            or len(self.shingles) >= FEWEST_SHINGLES
        )


def _words(text: str) -> tuple[str, ...]:
    folded = _folded(text)
    if not folded.isascii():
        return tuple(_WORD.findall(folded))
    plain = folded.encode()
    if _NUMBER_GOES_ON in plain.translate(_KINDS):
        return tuple(_ASCII_WORD.findall(folded))
    return tuple(plain.translate(ASCII_WORDS).decode().split())


def _coded_words(text: str) -> tuple[bytes, ...]:
    """`_words` as bytes."""
    folded = _folded(text)
    if folded.isascii():
        plain = folded.encode()
        if _NUMBER_GOES_ON not in plain.translate(_KINDS):
            return tuple(plain.translate(ASCII_WORDS).split())
    return tuple("\n".join(_words(text)).encode("utf-8", "surrogatepass").splitlines())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", plainly_set(text)).casefold()


def _is_plain(text: str, coded: tuple[bytes, ...]) -> bool:
    return len(coded) > 1 and (text.isascii() or b"".join(coded).isascii())


def _units(words: tuple[str, ...]) -> int:
    if _is_spaced(words):
        return 2 * len(words)
    return sum(1 if _IS_UNSPACED.match(word) else 2 for word in words)


def _shingles(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Three words in a row, or two characters of a script without spaces."""
    if _is_spaced(words):
        return frozenset([*zip(words, words[1:], words[2:], strict=False), words[-2:]])
    return frozenset(
        words[n : n + (2 if _IS_UNSPACED.match(word) else 3)] for n, word in enumerate(words[:-1])
    )


def _is_spaced(words: tuple[str, ...]) -> bool:
    """Whether none is of a script without spaces: of most texts, which are looked at at once."""
    if len(words) <= 1:
        return False
    joined = "".join(words)
    return joined.isascii() or not _IS_UNSPACED.search(joined)


def is_same_story(one: Told, other: Told) -> bool:
    """Rules 2 to 5; `same_words` has said the first."""
    return (
        same_words(one, other)
        and abs(one.at - other.at) <= NEAR
        and _same_title(one, other)
        and not _two_pages(one.link, other.link)
    )


def same_words(one: Told, other: Told) -> bool:
    if not (one.is_long and other.is_long):
        return False
    shorter, longer = sorted((one, other), key=lambda told: len(told.words))
    return (
        shorter.words == longer.words or _adds_little(shorter, longer) or _is_cut(shorter, longer)
    )


def _adds_little(shorter: Told, longer: Told) -> bool:
    shared = len(shorter.shingles & longer.shingles)
    if shared < (1 - MOST_ADDED) * len(shorter.shingles | longer.shingles):
        return False
    rest = list(longer.words)
    ordered = iter(rest)
    if not all(word in ordered for word in shorter.words):  # a subsequence
        return False
    return _numbers(shorter.words) == _numbers(longer.words)


def _is_cut(shorter: Told, longer: Told) -> bool:
    """The beginning of a text, perhaps with a few words that invite to read on."""
    for extra in range(_CUT_WORDS + 1):
        own = shorter.words[: len(shorter.words) - extra]
        if longer.words[: len(own)] == own:
            return _units(own) >= FEWEST_UNITS and not _numbers(shorter.words[len(own) :])
    return False


def _numbers(words: tuple[str, ...]) -> list[str]:
    return [word for word in words if _HAS_DIGIT.search(word)]


def _same_title(one: Told, other: Told) -> bool:
    if not (one.title_words and other.title_words):
        return one.words == other.words
    shorter, longer = sorted((one, other), key=lambda told: len(told.title_words))
    if shorter.title_words == longer.title_words:
        return True
    added = len(longer.title_words) - len(shorter.title_words)
    if not 0 < added <= _LONGEST_AFFIX:
        return False
    before = re.match(r"(.+?)[:|»]\s+(.+)", longer.title)
    behind = re.match(r"(.+)\s[|–—«·-]\s+(.+)", longer.title)
    pairs = [before.group(2, 1)] if before else []
    pairs += [behind.group(1, 2)] if behind else []
    return any(
        _words(title) == shorter.title_words and not _HAS_DIGIT.search(name)
        for title, name in pairs
    )


def _two_pages(one: str | None, other: str | None) -> bool:
    if one is None or other is None or site_of(one) != site_of(other):
        return False
    pages = canonical_link(one), canonical_link(other)
    return None not in pages and pages[0] != pages[1]


def is_related(one: Told, other: Told) -> bool:
    """Whether two entries that were one story may stay one after an edit."""
    if one.is_long and other.is_long:
        return _share(one, other) >= RELATED
    return one.title_words == other.title_words


def is_unrelated(one: Told, other: Told) -> bool:
    """Whether two long texts have nothing in common, whatever page both point to."""
    return one.is_long and other.is_long and _share(one, other) <= UNRELATED


def _share(one: Told, other: Told) -> float:
    shared = len(one.shingles & other.shingles)
    return shared / min(len(one.shingles), len(other.shingles))


def marks_of(told: Told) -> tuple[int, ...]:
    """Numbers of 64 bits under which the text is found again; none for a short one.

    One for its beginning, and one for each band of a MinHash of its shingles. Its formula may
    change: then entries stored before and after do not find each other.
    """
    if not told.is_long:
        return ()
    by_place = _lowest(_shingle_values(told))
    lowest = [b"%d" % by_place[n] if n in by_place else b"" for n in range(_PLACES)]
    bands = [[b"%d" % n, *lowest[n::_BANDS]] for n in range(_BANDS)]
    said = [[b"head", *told.coded[:_HEAD_WORDS]], *bands]
    return _MARKS.unpack(b"".join(map(_hash, said)))


def _lowest(values: Sequence[int]) -> dict[int, int]:
    """The lowest value at each place that has one."""
    bound = _VALUES * _ENOUGH // len(values)  # nearly always there is one at each below it
    lowest: dict[int, int] = {}
    for some in ([value for value in values if value < bound], values):
        for value in sorted(some):
            if (place := value % _PLACES) not in lowest:
                lowest[place] = value
                if len(lowest) == _PLACES:
                    return lowest
    return lowest


def _shingle_values(told: Told) -> list[int]:
    """A number for each shingle, the same wherever it is made; `_shingles` says which there are."""
    texts = told.coded
    triples = _sums(texts, texts[1:], texts[2:])
    if told.is_spaced:
        return [*triples, *_sums(texts[-2:-1], texts[-1:])]
    pairs = _sums(texts, texts[1:])
    return [
        pair if _IS_UNSPACED.match(word) or n >= len(triples) else triples[n]
        for n, (word, pair) in enumerate(zip(told.words, pairs, strict=False))
    ]


def _sums(*rows: Sequence[bytes]) -> list[int]:
    """One of what stands at each place, side by side."""
    return list(map(crc32, map(b"".join, zip(*rows, strict=False))))


def _hash(parts: Sequence[bytes]) -> bytes:
    return blake2b(b"\0".join(parts), digest_size=8).digest()
