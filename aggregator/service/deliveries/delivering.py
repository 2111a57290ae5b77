"""Deliveries: who waits for news gets them, each as soon as its own address takes them.

wake            a change, an order, or a delivery whose time has come
| marks         what there is of each topic                        (the outlet)
| claim_deliveries  who did not get that yet, leased                   (store)
| delivery          a call each, side by side, few to a domain         (the outlet)
| save_delivery     what arrived, or when to try again                 (store)

Every process of ours delivers; a lease keeps two of them from doing the same. What is under way
when one dies is done again once its lease is over: everything arrives at least once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from aggregator.core.deliveries import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Patience,
    paused_with,
)
from aggregator.core.errors import StoreError
from aggregator.core.wire import Called, Failed
from aggregator.service.changes import Changes
from aggregator.service.deliveries.ports import DeliveryStore, DeliveryWatch
from aggregator.service.ports import Clock
from aggregator.tasks.ends import end_all

CALL_TIMEOUT = 10.0
"""Seconds that one call may take."""

LEASE = timedelta(minutes=1)
"""Well above what a call and the database take; what a crash costs those under way."""

MOST_AT_ONCE = 100
"""Of one kind: strangers' addresses, however slow, hold up no hook of the operator's."""
FAILING_AT_ONCE = 25
"""Of them, those that failed last time: dead addresses hold up nobody else."""
PER_DOMAIN = 4

LOOK = 5.0
"""Seconds at most between two looks at what is due."""

LONGEST_REST = 5.0
"""Seconds. After a look there is a rest, as long as the look took: changes that come thick and
fast are told of together.
"""

GRACE = 2.0
"""Seconds that a stop waits for calls under way."""

DEFAULT_PAUSE = timedelta(minutes=1)
"""For a domain that says "too many requests" without saying for how long."""

SUCCESS = range(200, 300)
TOO_MANY = 429
UNAVAILABLE = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """It was taken, or there was nothing to tell."""

    sent: str | None
    cursor: str | None = None
    told: Mapping[int, bytes] = field(default_factory=dict)
    """Digests by the numbers of stories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """It was not taken."""

    reason: str
    pause: timedelta | None = None
    """What the server wants for its whole domain."""


@dataclass(frozen=True, slots=True)
class Over:
    """There is nobody any more to deliver to."""

    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The outlet saved what came of it."""


Outcome = Arrived | Missed | Over | Settled


class Outlet(Protocol):
    """One kind of deliveries."""

    @property
    def kind(self) -> DeliveryKind: ...

    @property
    def patience(self) -> Patience: ...

    async def marks(self) -> Mapping[str, str]:
        """The topics that it has deliveries about, each with what there is of it now."""

    async def deliver(self, delivery: Delivery, mark: str) -> Outcome:
        """One try."""


def is_taken(answer: Called | Failed) -> bool:
    """By the status alone: what is said beside it is not read."""
    return (answer.status or 0) in SUCCESS


def missed(answer: Called | Failed) -> Missed:
    """An answer that is no success."""
    if isinstance(answer, Failed):
        return Missed(reason=answer.reason)
    pause = answer.retry_after if answer.status in {TOO_MANY, UNAVAILABLE} else None
    if answer.status == TOO_MANY:
        pause = pause or DEFAULT_PAUSE
    return Missed(reason=f"HTTP {answer.status}", pause=pause)


class Delivering:
    """Runs the deliveries of all outlets side by side."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        outlets: Sequence[Outlet],
        changes: Changes,
        clock: Clock,
        chance: Callable[[], float],
        watch: DeliveryWatch,
    ) -> None:
        self._store = store
        self._outlets = outlets
        self._changes = changes
        self._clock = clock
        self._chance = chance
        self._watch = watch
        self._due = {outlet.kind: asyncio.Event() for outlet in outlets}
        self._under_way: dict[asyncio.Task[None], Delivery] = {}

    def wake(self) -> None:
        """Asks for a look; takes no time."""
        for due in self._due.values():
            due.set()

    async def run(self) -> None:
        """Until cancelled; then calls under way get a moment, and claims are given back."""
        try:
            await asyncio.gather(self._follow(), *map(self._serve, self._outlets))
        finally:
            await self._stop()

    async def _follow(self) -> None:
        async for _ in self._changes.following():
            self.wake()

    async def _serve(self, outlet: Outlet) -> None:
        """Each outlet by itself: to render what one announces takes longer than to tell a hook."""
        due, loop = self._due[outlet.kind], asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(due.wait(), LOOK)
            due.clear()
            started = loop.time()
            await self.look(outlet)
            await asyncio.sleep(min(loop.time() - started, LONGEST_REST))

    async def sweep(self) -> None:
        """Starts what is due anywhere."""
        for outlet in self._outlets:
            await self.look(outlet)

    async def look(self, outlet: Outlet) -> None:
        """Starts what is due of a kind."""
        try:
            await self._sweep(outlet)
        except Exception as error:  # noqa: BLE001 - the next look may find all well
            self._watch.failed("looking for what is to be delivered", error)

    async def _sweep(self, outlet: Outlet) -> None:
        marks = await outlet.marks()
        alike = [each for each in self._under_way.values() if each.kind == outlet.kind]
        room = MOST_AT_ONCE - len(alike)
        if not marks or room <= 0:
            return
        now = self._clock.steady()
        failing = sum(delivery.failures > 0 for delivery in alike)
        claimed = await self._store.claim_deliveries(
            outlet.kind,
            marks,
            now=now,
            lease_until=now + LEASE,
            limit=room,
            failing=max(0, FAILING_AT_ONCE - failing),
            per_domain=PER_DOMAIN,
            under_way=Counter(delivery.domain for delivery in self._under_way.values()),
        )
        for delivery in claimed:
            task = asyncio.create_task(self._try(outlet, delivery, marks[delivery.topic]))
            self._under_way[task] = delivery
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        delivery = self._under_way.pop(task)
        self._due[delivery.kind].set()  # there may be more for its domain

    async def idle(self) -> None:
        """Waits until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _stop(self) -> None:
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=GRACE)
        given_back = [self._under_way[task] for task in late]
        await end_all(late)
        try:
            await self._store.release_deliveries(given_back)
        except StoreError as error:  # their leases will be over soon
            self._watch.failed("giving deliveries back", error)

    async def _try(self, outlet: Outlet, delivery: Delivery, mark: str) -> None:
        try:
            outcome = await self._outcome(outlet, delivery, mark)
            await self._settle(outlet, delivery, outcome)
        except Exception as error:  # noqa: BLE001 - it is tried again once its lease is over
            self._watch.failed(f"delivering ({delivery.kind}) to {delivery.domain}", error)

    async def _outcome(self, outlet: Outlet, delivery: Delivery, mark: str) -> Outcome:
        try:
            return await outlet.deliver(delivery, mark)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one delivery's fault is not the others'
            self._watch.failed(f"delivering ({delivery.kind}) to {delivery.domain}", error)
            return Missed(reason="an error of ours")

    async def _settle(self, outlet: Outlet, delivery: Delivery, outcome: Outcome) -> None:
        match outcome:
            case Arrived():
                await self._save(delivery, outcome)
            case Missed():
                await self._try_later(outlet, delivery, outcome)
            case Over():
                if await self._store.drop_delivery(delivery):
                    self._watch.say("delivery ended", **_named(delivery), why=outcome.reason)
            case Settled():
                pass

    async def _save(self, delivery: Delivery, outcome: Arrived) -> None:
        state = DeliveryState(sent=outcome.sent, cursor=outcome.cursor)
        if await self._store.save_delivery(delivery, state, outcome.told) and delivery.failures:
            self._watch.say("delivery works again", **_named(delivery))

    async def _try_later(self, outlet: Outlet, delivery: Delivery, outcome: Missed) -> None:
        now = self._clock.steady()
        failing_since = delivery.failing_since or now
        failing_for = now - failing_since
        wait = outlet.patience.next_wait(
            failures=delivery.failures + 1,
            failing_for=failing_for,
            retry_after=outcome.pause,
            chance=self._chance(),
        )
        if wait is None:
            await self._settle(outlet, delivery, Over(f"given up: {outcome.reason}"))
            return
        state = DeliveryState(
            sent=delivery.sent,
            cursor=delivery.cursor,
            next_try_at=now + wait,
            failures=delivery.failures + 1,
            failing_since=failing_since,
        )
        saved = await self._store.save_delivery(delivery, state)
        if outcome.pause:
            kinds = paused_with(delivery.kind)
            await self._store.pause_domain(delivery.domain, kinds, until=now + wait)
        if saved and (delivery.failures == 0 or outlet.patience.is_over(failing_for)):
            self._tell(delivery, outcome, wait, paused=outlet.patience.is_over(failing_for))

    def _tell(self, delivery: Delivery, outcome: Missed, wait: timedelta, *, paused: bool) -> None:
        """Of a row of failures, the first is told, and each one once it has lasted too long."""
        event = "delivery paused" if paused else "delivery failed"
        next_in = f"{round(wait.total_seconds())}s"
        self._watch.warn(event, **_named(delivery), error=outcome.reason, again_in=next_in)


def _named(delivery: Delivery) -> dict[str, str]:
    """What may be logged of it: addresses may be capabilities."""
    return {"kind": delivery.kind, "topic": delivery.topic, "to": delivery.domain}
