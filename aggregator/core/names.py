"""Whether a text is the name of a story: its published id, or a guid or a link of its entries."""

from collections.abc import Iterable

from aggregator.core.model import Story, Takedown
from aggregator.core.urls import canonical_text


def names_story(text: str, story: Story) -> bool:
    """Whether it is its name, rather than a part of one."""
    guids = (entry.guid for entry in story.entries)
    return _is_one_of(text, [story.id, *guids], [entry.content.link for entry in story.entries])


def names_takedown(text: str, takedown: Takedown) -> bool:
    """The same of a story that may be stored no more."""
    guids = (guid for _, guid in takedown.entries)
    return _is_one_of(text, [takedown.id, *guids], [takedown.link])


def _is_one_of(text: str, names: Iterable[str], links: Iterable[str | None]) -> bool:
    known = [link for link in links if link]
    wanted = canonical_text(text)
    same_page = wanted is not None and wanted in map(canonical_text, known)
    return same_page or text in {*names, *known}
