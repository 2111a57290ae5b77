"""What hubs tell us: that a subscription is meant, and that a source has news (WebSub §5.3, §7).

find           the subscription behind the address that was called
| verify       a hub asks whether we meant it
| deliver      a push, answered before it is looked into
  | is_signed  by the secret that we gave the hub: taken in, else no more than a hint
  | take       TakeIn, as with a poll's document                       taking_in.py
  | hint       a poll, at once
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.core.errors import StoreError
from aggregator.core.pushes import (
    DENIED,
    Callback,
    Push,
    PushRecord,
    is_signed,
    lease_of,
    renewal,
    retry_after,
)
from aggregator.core.wire import Fetched, Validators
from aggregator.service.policies import SourcePolicy
from aggregator.service.ports import ClaimedSource, Clock
from aggregator.service.pushes.ports import PushStore
from aggregator.service.pushes.subscribing import HubWatch
from aggregator.service.taking_in import TakeIn
from aggregator.tasks.ends import end_all

MOST_WAITING = 200
MOST_OF_A_SOURCE = 8
MOST_BYTES = 64 * 1024 * 1024
"""Of all pushes that are being received or wait to be taken in."""

HINTS_APART = timedelta(minutes=1)
"""At least, between two polls that a hub asked for."""

LEASE = timedelta(minutes=2)
"""How long a push that is taken in holds its source, should its process die."""

AGAIN = 5.0
MOST_TRIES = 12
"""Seconds, and how many of such waits, until the database answers again."""

GRACE = 5.0
"""Seconds that a stop waits for what was pushed to be taken in."""

PATIENCE = 60
PAUSE = 0.5
"""Tries, and the seconds between them, to get a source that is being polled."""

MORE_THAN_A_CHALLENGE = 2000
"""Characters."""


class TooMuch(Exception):
    """The body is larger than a document of the source may be."""


class Busy(Exception):
    """There is more to take in already than we can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A subscription and its source."""

    callback: Callback
    push: Push

    @property
    def is_over(self) -> bool:
        return self.callback.state in {"ending", "ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pushed:
    found: Found
    body: bytes
    content_type: str
    policy: SourcePolicy


class Receiver:
    """Hears the hubs. `poll_now` asks for a look at what is due, `changed` tells of new entries."""

    def __init__(
        self,
        *,
        store: PushStore,
        take_in: TakeIn,
        clock: Clock,
        watch: HubWatch,
        policies: Callable[[], Mapping[str, SourcePolicy]],
        poll_now: Callable[[], None],
        changed: Callable[[], None],
        chance: Callable[[], float],
    ) -> None:
        self._store = store
        self._take_in = take_in
        self._clock = clock
        self._watch = watch
        self._policies = policies
        self._poll_now = poll_now
        self._changed = changed
        self._chance = chance
        self._waiting: dict[int, deque[_Pushed]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """Those that take in what waits, by source."""
        self._of_source: Counter[int] = Counter()
        self._bytes = 0
        self._stopping = False
        self._hinted: dict[int, datetime] = {}
        """When each source is polled, or was, as a hub asked for it."""

    async def find(self, token: str) -> Found | None:
        found = await self._store.callback(token)
        return found and Found(callback=found[0], push=found[1])

    async def verify(self, found: Found, said: Mapping[str, str]) -> str | None:
        """The answer to a hub's question; None where it asks for what we do not want."""
        if said.get("hub.topic") != found.callback.topic:
            return None
        mode, challenge = said.get("hub.mode"), said.get("hub.challenge", "")
        if mode == "denied" and not found.is_over:
            await self._denied(found, said.get("hub.reason", ""))
            return ""
        if not challenge or len(challenge) > MORE_THAN_A_CHALLENGE:
            return None
        if mode == "subscribe" and not found.is_over:
            agreed = await self._confirm(found, said.get("hub.lease_seconds"))
        else:
            agreed = mode == "unsubscribe" and found.is_over
        return challenge if agreed else None

    async def _confirm(self, found: Found, lease_seconds: str | None) -> bool:
        now, lease = self._clock.steady(), lease_of(lease_seconds)
        confirmed = replace(
            found.callback,
            state="active",
            verified_at=found.callback.verified_at or now,
            renew_at=now + renewal(lease, self._chance()),
            lease_until=now + lease,
        )
        agreed = await self._store.confirm(confirmed)
        if agreed and found.callback.state == "pending":
            self._watch.subscribed(found.push.key, found.callback.hub, lease)
        return agreed

    async def _denied(self, found: Found, reason: str) -> None:
        now, push = self._clock.steady(), found.push
        said = " ".join(reason.split())[:200]
        told = f"the hub denied it{f': {said}' if said else ''}"
        over = replace(found.callback, state="ended", lease_until=now + DENIED)
        others = len(push.offer.hubs) > 1
        await self._store.save_push(
            PushRecord(
                source_id=push.source_id,
                due_at=now + (retry_after(push.failures + 1) if others else DENIED),
                put=(over,),
                failures=push.failures + 1,
                error=told,
            )
        )
        self._watch.refused(push.key, found.callback.hub, told)
        if policy := self._policies().get(push.key):
            await self._store.hasten(
                {push.key: policy.pace.longest}, now=now, reason="its hub denies the subscription"
            )

    async def deliver(
        self,
        found: Found,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str,
        signature: str | None,
    ) -> None:
        """Receives a push. Raises TooMuch, or Busy when it is to come again later."""
        source_id, secret = found.push.source_id, found.callback.secret
        policy = self._policies().get(found.push.key)
        if policy is None or self._is_full(source_id):
            raise Busy
        self._of_source[source_id] += 1
        queued = False
        body = b""
        try:
            body = await self._received(chunks, policy.max_body)
            if secret is None:
                await self._hint(source_id)
            # WebSub §7.1.2: whatever is not signed rightly is dropped, and nobody is told.
            elif is_signed(body, signature, secret):
                self._put(_Pushed(found=found, body=body, content_type=content_type, policy=policy))
                queued = True
        finally:
            if not queued:
                self._bytes -= len(body)
                self._leave(source_id)

    def _is_full(self, source_id: int) -> bool:
        return (
            self._stopping
            or self._of_source.total() >= MOST_WAITING
            or self._of_source[source_id] >= MOST_OF_A_SOURCE
            or self._bytes >= MOST_BYTES
        )

    def _leave(self, source_id: int) -> None:
        self._of_source[source_id] -= 1
        if not self._of_source[source_id]:
            del self._of_source[source_id]

    async def _received(self, chunks: AsyncIterator[bytes], limit: int) -> bytes:
        """The whole body, which counts against what we hold."""
        parts: list[bytes] = []
        length = 0
        whole = False
        try:
            async for chunk in chunks:
                parts.append(chunk)
                length += len(chunk)
                self._bytes += len(chunk)
                if length > limit:
                    raise TooMuch
                if self._bytes > MOST_BYTES:
                    raise Busy
            whole = True
        finally:
            if not whole:
                self._bytes -= length
        return b"".join(parts)

    def _put(self, pushed: _Pushed) -> None:
        """One at a time for a source, in their order; no source waits for another."""
        source_id = pushed.found.push.source_id
        self._waiting.setdefault(source_id, deque()).append(pushed)
        if source_id not in self._tasks:
            self._tasks[source_id] = asyncio.create_task(self._take_all(source_id))

    async def _take_all(self, source_id: int) -> None:
        waiting = self._waiting[source_id]
        while waiting:
            pushed = waiting.popleft()
            try:
                await self._take(pushed)
            except Exception as error:  # noqa: BLE001  # one push must not end the others
                key = pushed.found.push.key
                self._watch.failed(f"taking in what was pushed for {key}", error)
            finally:
                self._bytes -= len(pushed.body)
                self._leave(source_id)
        del self._waiting[source_id], self._tasks[source_id]

    async def idle(self) -> None:
        """Waits until everything is taken in."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def finish(self) -> None:
        """What was acknowledged is taken in, if that takes no long time, and nothing more comes."""
        self._stopping = True
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        await end_all(tasks)

    async def _take(self, pushed: _Pushed) -> None:
        """Its hub will not bring it again, so that it waits for a database that is out of reach."""
        for _ in range(MOST_TRIES):
            try:
                if not await self._taken_in(pushed):
                    await self._hint(pushed.found.push.source_id)
            except StoreError as error:
                self._watch.failed(f"taking in what was pushed for {pushed.found.push.key}", error)
                await asyncio.sleep(AGAIN)
            else:
                return

    async def _taken_in(self, pushed: _Pushed) -> bool:
        """False where a poll has to tell what is there."""
        source = await self._claim(pushed.found.push.source_id)
        if source is None:
            return False
        saved = False
        try:
            # The first document says where a source's past ends, and a push may be but a part.
            if source.ever_read and source.url == pushed.policy.shown_url:
                saved = await self._save(source, pushed)
        finally:
            if not saved:
                await self._store.release([source.lease])
        return saved

    async def _save(self, source: ClaimedSource, pushed: _Pushed) -> bool:
        document = Fetched(
            url=pushed.policy.base_of(pushed.found.callback.topic),
            status=200,
            body=pushed.body,
            content_type=pushed.content_type,
            validators=Validators(),
        )
        taken = await self._take_in(source, pushed.policy, document)
        if not taken.succeeded:
            return False
        saved = await self._store.save_pushed(
            source.lease,
            taken.changes,
            came_at=self._clock.now(),
            heard_at=self._clock.steady(),
        )
        if saved:
            new, updated = len(taken.changes.new), len(taken.changes.edited)
            self._watch.pushed(source.key, new=new, updated=updated)
            self._changed()
        return saved

    async def _claim(self, source_id: int) -> ClaimedSource | None:
        """The source, once a poll that is under way has ended."""
        for _ in range(PATIENCE):
            now = self._clock.steady()
            source = await self._store.claim_pushed(source_id, now=now, lease_until=now + LEASE)
            if source is not None:
                return source
            await asyncio.sleep(PAUSE)
        return None

    async def _hint(self, source_id: int) -> None:
        """A poll at once, or a while after the last one that a hub asked for."""
        now = self._clock.steady()
        self._hinted = {id: at for id, at in self._hinted.items() if at > now - HINTS_APART}
        last = self._hinted.get(source_id)
        if last is not None and last > now:
            return  # it will be polled, and that poll brings this news, too
        at = now if last is None else last + HINTS_APART
        self._hinted[source_id] = at
        await self._store.poll_soon(source_id, at=at, heard_at=now)
        self._poll_now()
