"""Somebody else's hub is told of each document that changed (https://www.w3.org/TR/websub/ §6)."""

from collections.abc import Mapping
from urllib.parse import urlencode

from aggregator.core.deliveries import Delivery, DeliveryKind, NewDelivery, Patience
from aggregator.core.wire import Call
from aggregator.service.deliveries.delivering import (
    CALL_TIMEOUT,
    Arrived,
    Outcome,
    Over,
    is_taken,
    missed,
)
from aggregator.service.deliveries.ports import DeliveryStore
from aggregator.service.deliveries.topics import Topics
from aggregator.service.ports import Caller, Clock

_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


class Pinging:
    """What was last announced of each document is kept: a restart announces only what changed."""

    kind: DeliveryKind = "ping"
    patience = Patience()

    def __init__(
        self, *, store: DeliveryStore, topics: Topics, caller: Caller, clock: Clock, user_agent: str
    ) -> None:
        self._store = store
        self._topics = topics
        self._caller = caller
        self._clock = clock
        self._user_agent = user_agent
        self._hub: str | None = None

    async def take(self, hub: str | None) -> None:
        """The hub to tell from now on; another one is told of every document once."""
        self._hub = hub
        topics = self._topics.published() if hub else []
        wanted = [NewDelivery(kind=self.kind, topic=topic, url=hub or "") for topic in topics]
        await self._store.sync_deliveries(self.kind, wanted, now=self._clock.steady())

    async def marks(self) -> Mapping[str, str]:
        return await self._topics.marks(self._topics.published()) if self._hub else {}

    async def deliver(self, delivery: Delivery, mark: str) -> Outcome:  # noqa: ARG002 - what is announced is as it is now
        document = await self._topics.document(delivery.topic)
        if document is None:
            return Over("there is no such feed here any more")
        if document.etag == delivery.sent:  # another process was quicker than our look
            return Arrived(sent=document.etag)
        # hub.url is what PubSubHubbub 0.4 had; some hubs want the word of WebSub.
        fields = {"hub.mode": "publish", "hub.url": delivery.topic, "hub.topic": delivery.topic}
        answer = await self._caller.call(
            Call(
                method="POST",
                url=self._hub or "",
                headers=_FORM,
                body=urlencode(fields).encode(),
                timeout=CALL_TIMEOUT,
                user_agent=self._user_agent,
            )
        )
        return Arrived(sent=document.etag) if is_taken(answer) else missed(answer)
