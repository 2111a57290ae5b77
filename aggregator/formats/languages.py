"""The language of entries that do not say theirs, where the extra `languages` is installed.

A wrong language is worse than none: it hides an entry from who filters by language. So the text
has to be long, and the detector nearly sure.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from aggregator.core.model import CODE_BLOCK, ReadEntry, ReadFeed

FEWEST_BYTES = 150
"""Of UTF-8, so that 50 Chinese characters count as much as 150 Latin letters."""

SUREST = 0.95

Detector = Callable[[str], tuple[str, float]]
"""A text to a language and how sure that is, 0 to 1."""


def with_languages(feed: ReadFeed) -> ReadFeed:
    """The feed, its entries without a language with the one that their text is written in."""
    if all(entry.content.language for entry in feed.entries):
        return feed
    detector = detector_at_hand()
    if detector is None:
        return feed
    return replace(feed, entries=tuple(_with_language(entry, detector) for entry in feed.entries))


def _with_language(entry: ReadEntry, detector: Detector) -> ReadEntry:
    content = entry.content
    if content.language:
        return entry
    language = language_of(f"{content.title} {content.text}", detector)
    return replace(entry, content=replace(content, language=language))


def language_of(text: str, detector: Detector) -> str | None:
    words = " ".join(word for word in text.replace(CODE_BLOCK, " ").split() if "://" not in word)
    if len(words.encode()) < FEWEST_BYTES:
        return None
    language, sureness = detector(words)
    return language if sureness >= SUREST else None


@lru_cache(maxsize=1)
def detector_at_hand() -> Detector | None:
    """None without the extra. Takes a second the first time, and writes a file: call it once
    before a process is confined.
    """
    try:
        from py3langid.langid import (  # noqa: PLC0415 optional, and takes its time to load
            MODEL_FILE,
            LanguageIdentifier,
        )

        identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except (ImportError, OSError):  # not installed, or no place to unpack its model
        return None

    def detect(text: str) -> tuple[str, float]:
        language, sureness = identifier.classify(text)
        return str(language), float(sureness)

    return detect
