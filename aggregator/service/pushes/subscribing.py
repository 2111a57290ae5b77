"""Subscriptions at the hubs of our sources, kept by asking the hubs.

tend           what is due, each on its own, beside the polls
| take_push    the source's offer and its subscriptions; nobody else has them meanwhile
| plan         subscribe, renew, end, or wait                          core/pushes.py
| save_push    before the request: a hub may verify it at once
| call         one POST to the hub, its redirects followed
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from aggregator.core.addresses import literal_address
from aggregator.core.pushes import (
    LEASE,
    VERIFYING,
    Callback,
    Plan,
    Push,
    PushRecord,
    plan,
    retry_after,
)
from aggregator.core.urls import host_of, is_private_host, web_url
from aggregator.core.wire import Call, Called, Failed
from aggregator.service.policies import SourcePolicy
from aggregator.service.ports import Caller, Clock
from aggregator.service.pushes.ports import PushStore
from aggregator.service.turns import HostTurns
from aggregator.tasks.ends import end_all

AT_ONCE = 50
"""Sources whose hubs are asked side by side."""

HANDLING = timedelta(minutes=10)
"""After it what a process that died had taken is taken again."""

MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 307, 308})
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


class HubWatch(Protocol):
    """Who is told what hubs do."""

    def subscribed(self, source: str, hub: str, lease: timedelta) -> None: ...

    def refused(self, source: str, hub: str, reason: str) -> None:
        """The hub does not serve us, or could not be reached."""

    def pushed(self, source: str, *, new: int, updated: int) -> None:
        """Entries came by push."""

    def failed(self, doing: str, error: Exception) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where hubs find us. `base` is the address below which callbacks are."""

    base: str
    user_agent: Callable[[], str]

    @property
    def is_private(self) -> bool:
        """Whether only hubs of our own network can."""
        return is_private_host(host_of(self.base))


class Subscriber:
    """Keeps the subscriptions. `reach` is None where no hub can call us, or none is to."""

    def __init__(
        self,
        *,
        store: PushStore,
        caller: Caller,
        clock: Clock,
        watch: HubWatch,
        turns: HostTurns,
        policies: Callable[[], Mapping[str, SourcePolicy]],
        new_secret: Callable[[], str],
        reach: Reach | None,
    ) -> None:
        self._store = store
        self._caller = caller
        self._clock = clock
        self._watch = watch
        self._turns = turns
        self._policies = policies
        self._new_secret = new_secret
        self._reach = reach
        self._wake = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def take(self, reach: Reach | None) -> None:
        """Works by another address from now on; what does not fit it is looked at."""
        self._reach = reach
        await self._store.review_pushes(reach.base if reach else None)

    async def catch_up(self) -> None:
        """At start: hubs may have pushed while we were down, so that polls are due as usual."""
        policies = self._policies()
        pushed = await self._store.pushed_keys()
        intervals = {key: policies[key].pace.longest for key in pushed if key in policies}
        await self._store.hasten(
            intervals, now=self._clock.steady(), reason="its hub may have pushed while we were down"
        )

    def wake(self) -> None:
        """Asks for a look at what is due."""
        self._wake.set()

    async def run(self) -> None:
        """Tends whenever woken, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.tend()

    async def tend(self) -> None:
        """Starts with what is due and is not under way."""
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return
        try:
            due = await self._store.due_pushes(now=self._clock.steady(), limit=room)
        except Exception as error:  # noqa: BLE001 - the next look may find all well
            self._watch.failed("looking for subscriptions to keep", error)
            return
        for source_id in due:
            if source_id not in self._tasks:
                self._tasks[source_id] = asyncio.create_task(self._keep(source_id))

    async def settle(self) -> None:
        """Waits for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def stop(self) -> None:
        await end_all(self._tasks.values())

    async def _keep(self, source_id: int) -> None:
        now = self._clock.steady()
        try:
            push = await self._store.take_push(source_id, now=now, until=now + HANDLING)
            if push is not None:
                await self._carry_out(push, plan(push, self._hubs(push), base=self._base, now=now))
        except Exception as error:  # noqa: BLE001  # one source's trouble must not end the others
            self._watch.failed("keeping a subscription", error)
        finally:
            del self._tasks[source_id]

    @property
    def _base(self) -> str:
        return self._reach.base if self._reach else ""

    def _hubs(self, push: Push) -> tuple[str, ...]:
        """Those of the source that can call us, safe ones first."""
        policy = self._policies().get(push.key)
        if self._reach is None or policy is None or not push.polled or not policy.may_be_pushed:
            return ()
        open_to_us = [
            hub
            for hub in push.offer.hubs
            if not self._reach.is_private or is_private_host(host_of(hub))
        ]
        return tuple(sorted(open_to_us, key=lambda hub: not _is_safe(hub)))

    async def _carry_out(self, push: Push, todo: Plan) -> None:
        ended = tuple(replace(one, state="ended") for one in todo.end)
        record = PushRecord(
            source_id=push.source_id,
            due_at=todo.due_at,
            put=ended,
            drop=todo.drop,
            failures=push.failures,
            error=push.error if push.offer.hubs else None,
        )
        hub = todo.ask
        if todo.lapsed is not None:
            await self._fail(record, push, todo.lapsed, "the hub never came to verify it")
        elif hub is None or self._reach is None:
            await self._store.save_push(record)
        else:
            callback = self._callback(hub, push, self._reach)
            due_at = callback.asked_at + VERIFYING
            await self._store.save_push(replace(record, due_at=due_at, put=(*ended, callback)))
            refusal = await self._ask(push, callback, "subscribe")
            if refusal:
                again = replace(record, put=(), drop=(callback,))
                await self._fail(again, push, hub, refusal)
        await self._poll_as_before(push, without=todo.end)
        for one in todo.end:
            await self._ask(push, one, "unsubscribe")  # if it fails, the callback says 410

    async def _fail(self, record: PushRecord, push: Push, hub: str, reason: str) -> None:
        failures = push.failures + 1
        due_at = self._clock.steady() + retry_after(failures)
        await self._store.save_push(replace(record, failures=failures, error=reason, due_at=due_at))
        self._watch.refused(push.key, hub, reason)

    async def _poll_as_before(self, push: Push, *, without: tuple[Callback, ...]) -> None:
        """A source whose pushes are over does not wait for its next look as one that is pushed."""
        now, policy = self._clock.steady(), self._policies().get(push.key)
        active = [one for one in push.callbacks if one.state == "active"]
        live = (one for one in active if one not in without and (one.lease_until or now) > now)
        if policy is not None and active and not any(live):
            await self._store.hasten(
                {push.key: policy.pace.longest}, now=now, reason="its hub does not push any more"
            )

    def _callback(self, hub: str, push: Push, reach: Reach) -> Callback:
        token = self._new_secret()
        return Callback(
            token=token,
            url=f"{reach.base}{token}",
            hub=hub,
            topic=push.offer.topic,
            # WebSub §5.1: a secret should be sent over HTTPS only.
            secret=self._new_secret() if _is_safe(hub) else None,
            asked_at=self._clock.steady(),
        )

    async def _ask(self, push: Push, callback: Callback, mode: str) -> str | None:
        """One request to the hub; None when it took it, else why not."""
        form = {
            "hub.callback": callback.url,
            "hub.mode": mode,
            "hub.topic": callback.topic,
        }
        if mode == "subscribe":
            form["hub.lease_seconds"] = f"{LEASE.total_seconds():.0f}"
        if mode == "subscribe" and callback.secret:
            form["hub.secret"] = callback.secret
        return await self._post(callback.hub, urlencode(form).encode(), (push.url,))

    async def _post(self, hub: str, body: bytes, named_by: tuple[str, ...]) -> str | None:
        """WebSub §5.1.2: a hub may send us to another one, where the request is repeated."""
        for _ in range(MOST_REDIRECTS + 1):
            call = Call(
                method="POST",
                url=hub,
                named_by=named_by,
                headers=(_FORM,),
                body=body,
                user_agent=self._reach.user_agent() if self._reach else "aggregator",
            )
            async with self._turns.turn(host_of(hub)):
                answer = await self._caller.call(call)
            if not isinstance(answer, Called) or answer.status not in _REDIRECTS:
                return _refusal(answer)
            target = web_url(urljoin(hub, answer.location or ""))
            if target is None or (_is_safe(hub) and not _is_safe(target)):
                return "the hub redirects to where we do not go"
            named_by, hub = (*named_by, hub), target
        return f"the hub redirects more than {MOST_REDIRECTS} times"


def _refusal(answer: Called | Failed) -> str | None:
    if isinstance(answer, Failed):
        return f"the hub could not be asked: {answer.reason}"
    if answer.accepted:
        return None
    said = " ".join(answer.body[:500].decode("utf-8", "replace").split())[:200]
    return f"the hub answered {answer.status}{f': {said}' if said else ''}"


def _is_safe(url: str) -> bool:
    """Whether nobody between us and the hub can read what we send."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = literal_address(host)
    here = host == "localhost" if address is None else address.is_loopback
    return parts.scheme == "https" or here
