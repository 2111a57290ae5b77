"""What archives need of the database."""

from collections.abc import Collection, Sequence
from typing import Protocol

from aggregator.core.archives import Archive, Archived, Unarchived
from aggregator.core.model import Story


class ArchiveStore(Protocol):
    """One method is one transaction."""

    async def archive(self, path: str) -> Archive | None: ...

    async def unarchived(
        self, archive: Archive, sources: Collection[str] | None, *, limit: int
    ) -> Unarchived:
        """Of at most `limit` stories those of listed sources among these that are not in it.

        First all that are stored, the oldest first; then those that have changed since.
        """

    async def extend_archive(
        self, before: Archive, after: Archive, stories: Sequence[int]
    ) -> Archive | None:
        """Adds these at the end, those that still are stored and not in it. None and nothing done
        where the archive is not as it was `before`: another process was faster.
        """

    async def archived(self, path: str, start: int, stop: int) -> list[Archived]:
        """The stories at the places from `start` to before `stop`, as far as they are stored yet;
        the newest first.
        """

    async def archived_beside(self, path: str, start: int, stop: int) -> tuple[int | None, ...]:
        """The nearest places before `start`, and from `stop` on, whose stories are stored yet."""

    async def numbered_stories(self, numbers: Collection[int]) -> dict[int, Story]:
        """Those of listed sources, each with all its entries of such."""
