"""Which edits are taken, and which of them bring an entry to the top.

Rule 1: an entry takes `MOST_EDITS` edits, and one more for every `RECOVERY` without one: what
        changes at every poll (a counter, an advertisement) is no endless stream of edits.
Rule 2: an edit is significant when the title's words change, or when the text gains more than
        `FEW_LETTERS` letters, or a quarter of a short text, in words that it did not have.
        Markup, white space, punctuation, links, numbers in the text and what is only left out do
        not count.
Rule 3: an entry that was edited often lately is not brought to the top any more.
Rule 4: when nearly all of a document is edited in one poll, its template changed: that is no news.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.core.model import Content, EditedEntry, EntryChanges, KnownEntry, RecalledEntry

MOST_EDITS = 24
"""As lemon24/reader has it (`HASH_CHANGED_LIMIT`)."""

RECOVERY = timedelta(hours=6)

FEW_LETTERS = 50
"""As Feedbin has it."""

SMALL_SHARE = 0.25

FEW_EDITS = 3
"""What is edited more often lately is not brought to the top for it."""

_LETTERS_OF_AN_IDEOGRAPH = 3
"""A word of five letters is one or two of them."""

FEWEST_OF_A_TEMPLATE = 3
_SHARE_OF_A_TEMPLATE = 0.9

_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}]+")
_ONE_IDEOGRAPH = re.compile(f"[{_IDEOGRAPH}]")
_NUMBER = re.compile(r"\d+")


def edits_after(before: KnownEntry, now: datetime) -> int | None:
    """How many edits count against the entry after one more now; None when that is too many."""
    rested = (now - before.edited_at) // RECOVERY if before.edited_at else 0
    made = max(0, before.edits - max(0, rested)) + 1
    return made if made <= MOST_EDITS else None


def raised(
    changes: EntryChanges, before: Iterable[RecalledEntry], *, of: int, now: datetime
) -> EntryChanges:
    """The changes with significant edits ranked as of now. `of` are the document's entries."""
    edits = changes.edited
    if len(edits) >= FEWEST_OF_A_TEMPLATE and len(edits) >= _SHARE_OF_A_TEMPLATE * of:
        return changes
    known = {one.known.id: one for one in before}
    edited = tuple(replace(edit, rank_at=now) if _is_news(edit, known) else edit for edit in edits)
    return replace(changes, edited=edited)


def _is_news(edit: EditedEntry, known: Mapping[int, RecalledEntry]) -> bool:
    before = known.get(edit.id)
    if before is None or edit.edits > FEW_EDITS:
        return False
    return is_significant(before.title, before.text, edit.entry.content)


def is_significant(title: str, text: str, now: Content) -> bool:
    if _words(title) != _words(now.title):
        return True
    said = Counter(_words(_NUMBER.sub("", now.text)))
    gained = said - Counter(_words(_NUMBER.sub("", text)))
    return _letters(gained) > min(FEW_LETTERS, SMALL_SHARE * _letters(said))


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def _letters(words: Mapping[str, int]) -> int:
    return sum(_weight(word) * times for word, times in words.items())


def _weight(word: str) -> int:
    return _LETTERS_OF_AN_IDEOGRAPH if _ONE_IDEOGRAPH.match(word) else len(word)
