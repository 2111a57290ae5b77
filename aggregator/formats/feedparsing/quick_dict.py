"""feedparser's dictionary, whose keys have aliases, without the search where a key has none."""

from typing import Any

from feedparser.util import FeedParserDict

ALIASED = frozenset(FeedParserDict.keymap) | {
    "category",
    "enclosures",
    "license",
    "updated",
    "updated_parsed",
}
_get, _contains, _set = dict.get, dict.__contains__, dict.__setitem__


class QuickDict(FeedParserDict):  # type: ignore[misc] # untyped
    """The same answers as FeedParserDict's."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key, default) if key in ALIASED else _get(self, key, default)

    def __contains__(self, key: object) -> bool:
        found: bool = super().__contains__(key) if key in ALIASED else _contains(self, key)
        return found

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if key in ALIASED else dict.__getitem__(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in ALIASED:
            super().__setitem__(key, value)
        else:
            _set(self, key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key in ALIASED:
            return super().setdefault(key, default)
        return dict.setdefault(self, key, default)
