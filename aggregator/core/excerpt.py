"""The plain-text excerpt of an entry."""

from collections.abc import Sequence

from aggregator.core.model import CODE_BLOCK

_CHINESE_SHARE = 0.3
"""A text with this share of Han characters, and no kana, is Chinese whatever it declares."""


def excerpt(
    text: str, *, language: str | None, length: int, placeholders: Sequence[tuple[str, str]]
) -> str:
    """The first `length` characters exactly as they stand, then "..."; a shorter text stands whole.

    `text` is single-spaced and has `CODE_BLOCK` where a block of code was; `placeholders` maps
    language prefixes to what stands for it, "" matching all.
    """
    whole = text
    if CODE_BLOCK in text:
        spoken = "zh" if looks_chinese(text) else (language or "")
        mark = next((shown for prefix, shown in placeholders if spoken.startswith(prefix)), "")
        whole = text.replace(CODE_BLOCK, mark)
    return whole if len(whole) <= length else whole[:length] + "..."


def looks_chinese(text: str) -> bool:
    """Whether Han characters make up much of the text, without the kana that Japanese has."""
    letters = [character for character in text if character.isalpha()]
    han = sum("\u4e00" <= character <= "\u9fff" for character in letters)
    kana = any("\u3040" <= character <= "\u30ff" for character in letters)
    return bool(letters) and not kana and han >= _CHINESE_SHARE * len(letters)
