"""Our own hub (https://www.w3.org/TR/websub/): subscribers ask, are asked back, and are told.

accept      a request, checked as far as it can be; kept             (core: hub)
| Verifying asks the callback whether it was meant                   (§5.3)
| Distributing the whole document, signed, each time that it changed   (§7)
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from aggregator.core.addresses import IPNetwork
from aggregator.core.deliveries import Bounds, Delivery, DeliveryKind, NewDelivery, Patience
from aggregator.core.hub import (
    Refusal,
    SubscriptionRequest,
    content_headers,
    denial_url,
    read_request,
    verification_url,
)
from aggregator.core.urls import host_of, is_private_host
from aggregator.core.wire import Call, Called, Failed
from aggregator.service.deliveries.delivering import (
    CALL_TIMEOUT,
    Arrived,
    Missed,
    Outcome,
    Over,
    Settled,
    is_taken,
    missed,
)
from aggregator.service.deliveries.ports import DeliveryStore, DeliveryWatch
from aggregator.service.deliveries.topics import GONE, Topics
from aggregator.service.ports import Caller, Clock

BOUNDS = Bounds(in_all=10_000, in_domain=1_000, unverified_in_domain=100)

_ASKED = "asked"
"""The mark of a request: no document has it."""

_GONE_STATUS = 410
_BUSY = frozenset({408, 429})
_SERVER_FAULT = 500

_LONGEST_ECHO = 1_000
"""Bytes that a callback may answer with: a challenge is far shorter."""


class Hub:
    """Takes requests. It is open while the configuration says so."""

    def __init__(
        self, *, store: DeliveryStore, topics: Topics, clock: Clock, private: Sequence[IPNetwork]
    ) -> None:
        self._store = store
        self._topics = topics
        self._clock = clock
        self._private = bool(private)
        self.ordered: Callable[[], None] = lambda: None
        """Called when there is somebody to be asked."""
        self.is_open = False

    async def accept(self, form: Mapping[str, str]) -> Refusal | None:
        """None: it is taken, and will be verified. Raises StoreError."""
        request = read_request(form)
        if isinstance(request, Refusal):
            return request
        if is_private_host(host_of(request.callback)) and not self._private:
            return Refusal("hub.callback is in a private network, which this hub does not call")
        document = await self._topics.document(request.topic)
        if document is None and request.mode == "subscribe":
            return Refusal(
                "hub.topic is none of this hub's; take the address that the feed names as rel=self",
                404,
            )
        etag = document.etag if document else GONE
        order = _order(request, document.self_url if document else request.topic, etag)
        if not await self._store.order_delivery(order, BOUNDS, now=self._clock.steady()):
            return Refusal("this hub has as many subscriptions as it takes; try again later", 503)
        self.ordered()
        return None


def _order(request: SubscriptionRequest, topic: str, etag: str) -> NewDelivery:
    return NewDelivery(
        kind="verification",
        topic=topic,
        url=request.callback,
        secret=request.secret,
        mode=request.mode,
        lease=request.lease,
        sent=etag,  # what changes from now on is news to it
    )


class Verifying:
    """Asks callbacks whether they meant it. One that cannot answer now is asked twice more."""

    kind: DeliveryKind = "verification"
    patience = Patience(ends_after=timedelta(seconds=30))

    def __init__(
        self,
        *,
        hub: Hub,
        store: DeliveryStore,
        caller: Caller,
        clock: Clock,
        challenge: Callable[[], str],
        user_agent: str,
        watch: DeliveryWatch,
    ) -> None:
        self._hub = hub
        self._store = store
        self._caller = caller
        self._clock = clock
        self._challenge = challenge
        self._user_agent = user_agent
        self._watch = watch

    async def marks(self) -> Mapping[str, str]:
        if not self._hub.is_open:
            return {}
        return dict.fromkeys(await self._store.delivery_topics(self.kind), _ASKED)

    async def deliver(self, delivery: Delivery, mark: str) -> Outcome:  # noqa: ARG002 - it asks of no document
        mode, lease = delivery.mode or "subscribe", delivery.lease or timedelta()
        challenge, asked_at = self._challenge(), self._clock.steady()
        seconds = int(lease.total_seconds())
        url = verification_url(
            delivery.url or "", mode=mode, topic=delivery.topic, challenge=challenge, lease=seconds
        )
        answer = await self._caller.call(
            Call(
                method="GET",
                url=url,
                timeout=CALL_TIMEOUT,
                max_body=_LONGEST_ECHO,
                user_agent=self._user_agent,
            )
        )
        if not isinstance(answer, Called) or not answer.accepted:
            return _refused(answer)
        if not hmac.compare_digest(answer.body, challenge.encode()):
            return Over(f"{mode}: the callback did not repeat the challenge")
        expires_at = asked_at + lease
        if await self._store.confirm_subscription(
            delivery, expires_at=expires_at, now=self._clock.steady()
        ):
            facts = {"topic": delivery.topic, "to": delivery.domain}
            self._watch.say(f"{mode}d", **facts, **({"lease": seconds} if delivery.lease else {}))
        return Settled()


def _refused(answer: Called | Failed) -> Outcome:
    """A callback that is out of order may be asked again; any other answer is a no."""
    status = answer.status or 0
    if isinstance(answer, Failed):
        if answer.kind == "blocked":
            return Over(_closed())
        if answer.kind != "too_large":  # else it said too much, be it a no or a yes
            return missed(answer)
    if status in _BUSY or status >= _SERVER_FAULT:
        return missed(answer)
    return Over(f"the callback did not confirm (HTTP {status})")


def _closed() -> str:
    return (
        "the callback may not be called: its address is private or reserved, or its port not for "
        "the web; [websub] allow_networks opens networks"
    )


class Distributing:
    """Brings subscribers the documents that changed."""

    kind: DeliveryKind = "subscription"
    patience = Patience(ends_after=timedelta(days=1))

    def __init__(
        self,
        *,
        hub: Hub,
        store: DeliveryStore,
        topics: Topics,
        caller: Caller,
        clock: Clock,
        user_agent: str,
    ) -> None:
        self._hub = hub
        self._store = store
        self._topics = topics
        self._caller = caller
        self._clock = clock
        self._user_agent = user_agent

    async def marks(self) -> Mapping[str, str]:
        if not self._hub.is_open:
            return {}
        await self._store.drop_expired(now=self._clock.steady())
        topics = await self._store.delivery_topics(self.kind)
        return await self._topics.marks(topics) if topics else {}

    async def deliver(self, delivery: Delivery, mark: str) -> Outcome:  # noqa: ARG002 - what is sent is as it is now
        document = await self._topics.document(delivery.topic)
        if document is None:
            return await self._deny(delivery)
        if document.etag == delivery.sent:  # another process was quicker than our look
            return Arrived(sent=document.etag)
        answer = await self._caller.call(
            Call(
                method="POST",
                url=delivery.url or "",
                headers=content_headers(
                    document.body,
                    content_type=document.content_type,
                    topic=document.self_url,
                    hub=document.hub or "",
                    secret=delivery.secret,
                ),
                body=document.body,
                timeout=CALL_TIMEOUT,
                user_agent=self._user_agent,
            )
        )
        return _delivered(answer, document.etag)

    async def _deny(self, delivery: Delivery) -> Outcome:
        reason = "there is no such feed here any more"
        url = denial_url(delivery.url or "", topic=delivery.topic, reason=reason)
        call = Call(method="GET", url=url, timeout=CALL_TIMEOUT, user_agent=self._user_agent)
        await self._caller.call(call)  # whatever it says to that
        return Over(reason)


def _delivered(answer: Called | Failed, etag: str) -> Outcome:
    if is_taken(answer):
        return Arrived(sent=etag)
    if answer.status == _GONE_STATUS:
        return Over("the callback is gone (HTTP 410)")
    if isinstance(answer, Failed) and answer.kind == "blocked":
        return Missed(reason=_closed())
    return missed(answer)
