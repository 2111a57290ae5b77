"""Webhooks: an operator's own addresses are told of a publication's new entries.

changed_stories  what changed since the hook was told last              (store)
| judge          whether the publication shows it                       (core)
| told_of        whether the hook knows it, and in which words          (store)
| message        new ones and edited ones, as the API shows entries     (formats)
| call           signed                                                 (fetch)
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from aggregator.core.deliveries import Delivery, DeliveryKind, NewDelivery, Patience
from aggregator.core.digest import body_digest
from aggregator.core.model import Story
from aggregator.core.positions import ChangedStory, Step
from aggregator.core.publication import Publication
from aggregator.core.select import LeftOut, Selector
from aggregator.core.wire import Call, Called, Failed
from aggregator.formats.entry_json import entry_object
from aggregator.service.catalogue import Catalogue
from aggregator.service.deliveries.delivering import (
    CALL_TIMEOUT,
    Arrived,
    Outcome,
    Over,
    is_taken,
    missed,
)
from aggregator.service.deliveries.ports import DeliveryStore
from aggregator.service.ports import Caller, Clock, ReadStore

LOOKED_AT = 200
"""Stories in one go."""

MOST_IN_MESSAGE = 50
LARGEST_MESSAGE = 1_000_000
"""Bytes of entries, beyond the first."""

_TOGETHER = timedelta(seconds=1)
"""Entries that came together stand below each other, each a little (`reconcile`)."""

SIGNATURE = "X-Aggregator-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """An address that is told of a publication, by its slug."""

    publication: str
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """How far a hook has come: it is told of stories that opened after the revision `since`."""

    since: int
    step: Step

    def __str__(self) -> str:
        return f"{self.since} {self.step.revision} {self.step.number}"

    @classmethod
    def read(cls, text: str | None) -> "_Cursor":
        since, revision, number = map(int, (text or "0 0 0").split())
        return cls(since, Step(revision, number))


@dataclass(slots=True)
class _Message:
    """What is told in one call, and what of it is remembered."""

    entries: list[bytes] = field(default_factory=list)
    updated: list[bytes] = field(default_factory=list)
    told: dict[int, bytes] = field(default_factory=dict)
    size: int = 0

    def add(self, number: int, entry: bytes, *, known: bool) -> None:
        (self.updated if known else self.entries).append(entry)
        self.told[number] = body_digest(entry)
        self.size += len(entry)

    @property
    def is_full(self) -> bool:
        return len(self.told) >= MOST_IN_MESSAGE or self.size >= LARGEST_MESSAGE

    def body(self, publication: str) -> bytes:
        head = b'{"publication":' + _encoded(publication)
        entries, updated = b",".join(self.entries), b",".join(self.updated)
        return head + b',"entries":[' + entries + b'],"updated":[' + updated + b"]}"


class Webhooks:
    """Each hook has a cursor of its own. One that fails for days is tried once a day."""

    kind: DeliveryKind = "webhook"
    patience = Patience(ends_after=timedelta(days=3), at_last=timedelta(days=1))

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        store: ReadStore,
        catalogue: Catalogue,
        caller: Caller,
        clock: Clock,
        user_agent: str,
    ) -> None:
        self._deliveries = deliveries
        self._store = store
        self._catalogue = catalogue
        self._caller = caller
        self._clock = clock
        self._user_agent = user_agent
        self._hooks: dict[bytes, Hook] = {}

    async def take(self, hooks: Sequence[Hook], catalogue: Catalogue) -> None:
        """These hooks from now on; a new one is told of what comes later. Raises StoreError."""
        self._catalogue = catalogue
        revision = await self._store.revision()
        cursor = str(_Cursor(revision.number, revision.end))
        by_delivery = {
            NewDelivery(kind=self.kind, topic=hook.publication, url=hook.url, cursor=cursor): hook
            for hook in hooks
        }
        self._hooks = {delivery.digest: hook for delivery, hook in by_delivery.items()}
        await self._deliveries.sync_deliveries(
            self.kind, list(by_delivery), now=self._clock.steady()
        )

    async def marks(self) -> Mapping[str, str]:
        """Each revision is looked at once."""
        if not self._hooks:
            return {}
        number = str((await self._store.revision()).number)
        return {hook.publication: number for hook in self._hooks.values()}

    async def deliver(self, delivery: Delivery, mark: str) -> Outcome:
        hook = self._hooks.get(delivery.digest)
        if hook is None:
            return Over("it is not configured any more")
        publication = self._catalogue.find("publications", hook.publication)
        cursor = _Cursor.read(delivery.cursor)
        changed = await self._store.changed_stories(cursor.step, limit=LOOKED_AT)
        message, reached = await self._message(delivery, publication, cursor, changed)
        if message.told:
            answer = await self._send(hook, message.body(hook.publication))
            if not is_taken(answer):
                return missed(answer)
        is_all = len(changed) < LOOKED_AT and (not changed or reached == changed[-1].changed)
        return Arrived(
            sent=mark if is_all else delivery.sent,
            cursor=str(_Cursor(cursor.since, reached)),
            told=message.told,
        )

    async def _message(
        self,
        delivery: Delivery,
        publication: Publication,
        cursor: _Cursor,
        changed: Sequence[ChangedStory],
    ) -> tuple[_Message, Step]:
        """With the step up to which everything is in it."""
        known = await self._deliveries.told_of(delivery, [each.story.number for each in changed])
        # What a source may have in a window, or on a day, is a matter of lists.
        every = replace(publication, max_per_source=None, max_per_day=())
        selector = Selector(every, self._catalogue.filters, now=self._clock.now())
        message, reached = _Message(), cursor.step
        for each in changed:
            if message.is_full:
                break
            reached = each.changed
            before = known.get(each.story.number)
            if before is None and not _is_news(each, cursor.since):
                continue
            entry = self._shown(selector, each.story)
            if entry is not None and body_digest(entry) != before:
                message.add(each.story.number, entry, known=before is not None)
        return message, reached

    def _shown(self, selector: Selector, story: Story) -> bytes | None:
        judged = selector.judge(story)
        if isinstance(judged, LeftOut):
            return None
        return _encoded(entry_object(self._catalogue.show(judged)))

    async def _send(self, hook: Hook, body: bytes) -> Called | Failed:
        headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
        if hook.secret:
            made = hmac.digest(hook.secret.encode(), body, "sha256").hex()
            headers = (*headers, (SIGNATURE, f"sha256={made}"))
        call = Call(
            method="POST",
            url=hook.url,
            headers=headers,
            body=body,
            timeout=CALL_TIMEOUT,
            user_agent=self._user_agent,
        )
        return await self._caller.call(call)


def _is_news(each: ChangedStory, since: int) -> bool:
    """A source's past ranks by its own dates, before it was seen, and is no news."""
    story = each.story
    first_seen = min(entry.first_seen for entry in story.entries)
    return each.opened.revision > since and story.rank_at + _TOGETHER >= first_seen


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
