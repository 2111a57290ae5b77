"""Who fetches our feeds: noted in memory, saved now and then, counted once a day.

note     a fetch, without waiting for anything       (core: recognize)
| save   who came again                              (store)
| count  for how many they stand                     (core: count_subscribers)
| prune  who has left
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from aggregator.core.subscribers import (
    COUNTED,
    FeedReader,
    count_subscribers,
    recognize,
    returned,
    rounded_down,
)
from aggregator.service.ports import Clock

MOST_NOTED = 10_000
"""Readers in memory: about 5 MB."""

MOST_KEPT = 50_000
"""Readers in the database; of several runs of ours, each with its own."""


class ReaderStore(Protocol):
    """Where it is kept who fetches our feeds. One method is one transaction."""

    async def save_readers(self, seen: Sequence[FeedReader]) -> None:
        """What is known of them now; who was there before keeps the time it was first seen."""

    async def readers(self, *, since: datetime) -> list[FeedReader]:
        """Those that were seen then or later."""

    async def forget_readers(self, *, before: datetime, keep: int) -> None:
        """Those that were not seen since, and all but about `keep` that were seen last."""


class Readership:
    """`salt` is a secret of this run: with it, clients are told apart and not found again."""

    def __init__(self, *, store: ReaderStore, clock: Clock, salt: str) -> None:
        self._store = store
        self._clock = clock
        self._salt = salt
        self._seen: dict[tuple[bytes, bytes], FeedReader] = {}
        """Who was seen longest ago comes first."""
        self._unsaved: set[tuple[bytes, bytes]] = set()
        self._subscribers = 0

    def note(self, *, document: str, address: str, agent: str) -> None:
        """A fetch of a document. Who came just once is not saved: most never come again."""
        reader = recognize(
            document=document,
            address=address,
            agent=agent,
            salt=self._salt,
            now=self._clock.now(),
        )
        key = reader.group, reader.member
        if before := self._seen.pop(key, None):
            reader = replace(reader, first_seen_at=before.first_seen_at)
        self._seen[key] = reader
        if returned(reader):
            self._unsaved.add(key)
        if len(self._seen) > MOST_NOTED:
            self._forget(next(iter(self._seen)))

    def _forget(self, key: tuple[bytes, bytes]) -> None:
        del self._seen[key]
        self._unsaved.discard(key)

    async def save(self) -> None:
        """Raises StoreError; the next time saves what this one could not."""
        self._forget_the_absent()
        keys, self._unsaved = self._unsaved, set()
        if not keys:
            return
        try:
            await self._store.save_readers([self._seen[key] for key in keys])
        except BaseException:
            self._unsaved |= keys & self._seen.keys()
            raise

    def _forget_the_absent(self) -> None:
        long_ago = self._clock.now() - COUNTED
        absent = [key for key, reader in self._seen.items() if reader.last_seen_at < long_ago]
        for key in absent:
            self._forget(key)

    def subscribers(self) -> int:
        """The number that we tell: it stays the same from one count to the next."""
        return self._subscribers

    async def count(self) -> None:
        """Counts those of today. Raises StoreError; then the number stays as it was."""
        now = self._clock.now()
        readers = await self._store.readers(since=now - COUNTED)
        self._subscribers = rounded_down(count_subscribers(readers, now=now))

    async def prune(self) -> None:
        await self._store.forget_readers(before=self._clock.now() - COUNTED, keep=MOST_KEPT)
