"""What a text is found by: its words, and what somebody looks for.

Both databases index the same words, so that they find the same; they are made here.

words     of scripts with spaces: letters and digits in a row, without case, accents and width
bigrams   of those without (Chinese, Japanese, Thai, Khmer …) and of Korean, whose words carry
          endings: every two characters in a row, and the last one alone
query     words that all must be there, "phrases in quotes", -without, begin*

Any text is a query, and what is no word in it counts for nothing. Whoever changes which words a
text has adds a migration that fills the index anew (`store.searching.refill`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from aggregator.core.model import Content
from aggregator.core.text import ASCII_WORDS, one_line, plainly_set

LONGEST_SEARCH = 200
"""Characters of a query."""

LONGEST_FIELD = 4096
"""Characters of one field that are looked at; as many of a text are kept."""

_LONGEST_WORD = 64
_MOST_WORDS = 64

_SHORTEST_BEGINNING = 3
"""Letters before a `*`: hundreds of words begin with any two."""

_MOST_OPEN = 4
"""Words of a query of which only the beginning is given: a database looks at all that begin so,
and anybody may ask. Further ones count as whole."""

BETWEEN_FIELDS = "\u241e"
"""A word that nobody can look for: no phrase reaches from one field into the next."""

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59"  # Thai
    "\u0e81-\u0eff"  # Lao
    "\u1000-\u1049\u1050-\u109f"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc-\u17e9"  # Khmer
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7a3"  # Hangul
)
# Vowel signs are no letters to `\w`, and yet parts of words (Devanagari to Sinhala, Tibetan).
_SIGNS = "\u0900-\u0963\u0966-\u0df3\u0f18-\u0fbc"
_EMOJI = "\u2600-\u27bf\U0001f300-\U0001faff"
_SPACED = rf"(?:[^\W_{_UNSPACED}]|[{_SIGNS}])+"
_OTHERS = rf"{_SPACED}|(?<=[a-z])(?:\+\+|#)(?!\w)|[{_EMOJI}]"
_WORD = re.compile(rf"([{_UNSPACED}]+)|{_OTHERS}")
_HAS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_SPACED_WORD = re.compile(_OTHERS)
"""The same where nothing is of a script without spaces."""

_RUNS = bytes(120 if chr(n).isalnum() else 32 for n in range(128)) + bytes(128)
_LONG_RUN = b"x" * (_LONGEST_WORD + 1)
"""What a word that is to be cut looks like among such runs."""

_BETWEEN = "\0"
"""No text has this character, so that all fields of an entry are looked at at once."""

_WORDS = _BETWEEN.encode() + ASCII_WORDS[1:]

# Accents, Hebrew points, Arabic vowel signs and the Arabic stretcher.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]"
)
# Letters that Unicode does not take apart.
_PLAIN = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ı": "i",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
}

_QUOTES = str.maketrans("“”„‟«»＂", '"""""""')
_PIECE = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


def words_of(content: Content) -> list[str]:
    """The words that an entry is found by, in their order."""
    words: list[str] = []
    for field in _fields(content):
        found = _words(field)
        if found and words:
            words.append(BETWEEN_FIELDS)
        words += found
    return words


def line_of(content: Content) -> str:
    """`words_of` in one line, with spaces between them, in less time than it takes to list them."""
    fields = [field[:LONGEST_FIELD] for field in _fields(content)]
    folded = _folded(plainly_set(_BETWEEN.join(fields)))
    plain = _plain(folded)
    if plain is None:
        plain = _BETWEEN.join([" ".join(_words_in(field)) for field in folded.split(_BETWEEN)])
    lines = [bare for line in plain.split(_BETWEEN) if (bare := line.strip())]
    return f" {BETWEEN_FIELDS} ".join(lines)


def _plain(folded: str) -> str | None:
    """The words of most texts, with spaces between them: few have `c++`, or one to be cut."""
    # One character is looked for in a twentieth of the time that two take.
    if not folded.isascii() or "#" in folded or ("+" in folded and "++" in folded):
        return None
    coded = folded.encode()
    if _LONG_RUN in coded.translate(_RUNS):
        return None
    return coded.translate(_WORDS).decode()


def _fields(content: Content) -> Iterator[str]:
    yield content.title
    yield content.text
    if content.summary not in content.text:
        yield content.summary
    yield from (person.name for person in content.authors if person.name)
    yield from content.categories


def _words(text: str) -> list[str]:
    return _words_in(_folded(plainly_set(text[:LONGEST_FIELD])))


def _words_in(folded: str) -> list[str]:
    plain = _plain(folded)
    if plain is not None:
        return plain.replace(_BETWEEN, " ").split()
    if folded.isascii() or not _HAS_UNSPACED.search(folded):
        return _cut(_SPACED_WORD.findall(folded))
    words: list[str] = []
    for found in _WORD.finditer(folded):
        run = found[1]
        if run:
            words += _pairs(run)
            words.append(run[-1])
        else:
            words.append(found[0][:_LONGEST_WORD])
    return words


def _cut(words: list[str]) -> list[str]:
    if max(map(len, words), default=0) <= _LONGEST_WORD:
        return words
    return [word[:_LONGEST_WORD] for word in words]


def _folded(text: str) -> str:
    """Without case, accents and width."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    if bare.isascii():
        return bare.lower()
    folded = unicodedata.normalize("NFC", bare).casefold()
    for letter, plain in _PLAIN.items():
        folded = folded.replace(letter, plain)
    return folded


def _pairs(run: str) -> Iterator[str]:
    return (one + other for one, other in pairwise(run))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Words in a row. Of the last one of an `open` phrase only the beginning is given."""

    words: tuple[str, ...]
    open: bool = False

    def is_in(self, words: Sequence[str]) -> bool:
        first, length = self.words[0], len(self.words)
        if length == 1 and not self.open:
            return first in words
        return any(self._stands_at(words[n : n + length]) for n in range(len(words) - length + 1))

    def _stands_at(self, there: Sequence[str]) -> bool:
        *before, last = self.words
        if list(there[:-1]) != before:
            return False
        return there[-1].startswith(last) if self.open else there[-1] == last


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """All of `wanted` must be there, and nothing of `unwanted`."""

    wanted: tuple[Phrase, ...]
    unwanted: tuple[Phrase, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to look for; nothing is found without."""
        return bool(self.wanted or self.unwanted)

    def finds(self, content: Content) -> bool:
        words = words_of(content)
        return (
            bool(self)
            and all(phrase.is_in(words) for phrase in self.wanted)
            and not any(phrase.is_in(words) for phrase in self.unwanted)
        )


def parse_query(text: str) -> Query:
    """Never fails; what is no word counts for nothing."""
    wanted: list[Phrase] = []
    unwanted: list[Phrase] = []
    room, openings = _MOST_WORDS, _MOST_OPEN
    for minus, quoted, bare in _PIECE.findall(text.translate(_QUOTES)):
        words, is_open = _looked_for(quoted or bare)
        if words and len(words) <= room:
            room -= len(words)
            is_open |= bare.endswith("*") and len(words[-1]) >= _SHORTEST_BEGINNING
            phrase = Phrase(words=words, open=is_open and openings > 0)
            openings -= phrase.open
            (unwanted if minus else wanted).append(phrase)
    return Query(wanted=tuple(wanted), unwanted=tuple(unwanted))


def _looked_for(text: str) -> tuple[tuple[str, ...], bool]:
    """The words, and whether the last one may go on.

    A run at the end may be a part of a longer one, as these scripts have no spaces. One that
    something follows ends there.
    """
    found = list(_WORD.finditer(_folded(text)))
    words: list[str] = []
    for number, each in enumerate(found, start=1):
        run = each[1]
        if not run:
            words.append(each[0][:_LONGEST_WORD])
            continue
        words += _pairs(run)
        if number < len(found) or len(run) == 1:
            words.append(run[-1])
    last = found[-1][1] if found else None
    return tuple(words), last is not None and len(last) == 1


def search_line(text: str) -> str:
    """What somebody wrote into a search field, in the one form that addresses carry."""
    return one_line(text, LONGEST_SEARCH)


def together(searches: Iterable[str | None]) -> str | None:
    """A query for what several queries find, all of them; None without any."""
    written = [search for search in searches if search]
    return " ".join(map(_closed, written)) or None


def _closed(search: str) -> str:
    """With its last quotation mark, so that nothing behind it is drawn into a phrase."""
    plain = search.translate(_QUOTES)
    return f'{plain}"' if plain.count('"') % 2 else plain
