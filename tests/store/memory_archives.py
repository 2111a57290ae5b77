"""The archives of the store in dictionaries."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from aggregator.core.archives import Archive, Archived, Unarchived
from aggregator.core.model import Story
from aggregator.service.ports import Selection

_LAST = 2**62


class MemoryArchives:
    """What of MemoryStore signs `ArchiveStore`; it knows the stories."""

    def __init__(self) -> None:
        self._archives: dict[str, Archive] = {}
        self._archived: dict[str, dict[int, Any]] = {}
        """By path: stories by place."""

    def _all_stories(self) -> Iterable[Any]:
        raise NotImplementedError

    def _selected(self, selection: Selection) -> Collection[Any]:
        raise NotImplementedError

    def _whole_shown(self, story: Any) -> Story:
        raise NotImplementedError

    def _number(self) -> int:
        raise NotImplementedError

    async def archive(self, path: str) -> Archive | None:
        return self._archives.get(path)

    async def unarchived(
        self, archive: Archive, sources: Collection[str] | None, *, limit: int
    ) -> Unarchived:
        there = {story.id for story in self._archived.get(archive.path, {}).values()}
        wanted = {story.id for story in self._selected(Selection(sources=sources))} - there
        if archive.scanned_to is not None:
            theirs = self._selected(Selection(sources=sources))
            later = sorted(story.id for story in theirs if story.id > archive.scanned_to)
            page = later[:limit]
            return Unarchived(
                stories=[each for each in page if each in wanted],
                scanned_to=page[-1] if len(page) == limit else None,
                followed=archive.followed,
                complete=False,
            )
        marks = sorted((story.changed_in, story.id) for story in self._all_stories())
        moved = [mark for mark in marks if archive.followed < mark <= (self._number(), _LAST)]
        page_of_marks = moved[:limit]
        complete = len(page_of_marks) < limit
        return Unarchived(
            stories=sorted(id for _, id in page_of_marks if id in wanted),
            scanned_to=None,
            followed=(self._number(), _LAST) if complete else page_of_marks[-1],
            complete=complete,
        )

    async def extend_archive(
        self, before: Archive, after: Archive, stories: Sequence[int]
    ) -> Archive | None:
        if self._archives.get(before.path, before) != before:
            return None
        places = self._archived.setdefault(before.path, {})
        stored = {story.id: story for story in self._all_stories()}
        there = {story.id for story in places.values()}
        coming = [stored[each] for each in stories if each in stored and each not in there]
        places.update(enumerate(coming, before.length))
        extended = replace(after, length=before.length + len(coming))
        self._archives[before.path] = extended
        return extended

    def _places(self, path: str) -> dict[int, Any]:
        """Those whose stories are stored yet."""
        stored = {story.id for story in self._all_stories()}
        places = self._archived.get(path, {})
        return {place: story for place, story in places.items() if story.id in stored}

    async def archived(self, path: str, start: int, stop: int) -> list[Archived]:
        return [
            Archived(place=place, number=story.id, id=story.published_id)
            for place, story in sorted(self._places(path).items(), reverse=True)
            if start <= place < stop
        ]

    async def archived_beside(self, path: str, start: int, stop: int) -> tuple[int | None, ...]:
        places = self._places(path)
        return (
            max((place for place in places if place < start), default=None),
            min((place for place in places if place >= stop), default=None),
        )

    async def numbered_stories(self, numbers: Collection[int]) -> dict[int, Story]:
        shown = self._selected(Selection())
        return {story.id: self._whole_shown(story) for story in shown if story.id in numbers}
