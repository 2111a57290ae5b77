"""The bodies of polls: one that comes packed as the last one did is not unpacked."""

from dataclasses import dataclass

from aggregator.core.digest import quick_digest
from aggregator.core.wire import PackedForm
from aggregator.fetch.inflate import BoundedBody, Encoding

MOST_HELD = 65_536
"""Packed bytes that wait for their end, to be compared. What is larger is unpacked as it comes."""


@dataclass(frozen=True, slots=True)
class Received:
    """A body that is here; empty where it `is_known`."""

    body: bytes
    packed: PackedForm | None = None
    is_known: bool = False


class PolledBody:
    """Collects a body as `BoundedBody` does. `known` is how the last one came."""

    def __init__(self, encoding: Encoding | None, limit: int, known: PackedForm | None) -> None:
        self._body = BoundedBody(encoding, limit)
        self._encoding = encoding
        self._limit = limit
        self._known = known
        self._held = bytearray()
        self._is_held = encoding is not None

    def feed(self, chunk: bytes) -> None:
        """Takes what came over the wire. Raises FetchFailure."""
        if not self._is_held:
            self._body.feed(chunk)
            return
        self._held += chunk
        if len(self._held) > min(MOST_HELD, self._limit):
            self._is_held = False
            self._body.feed(bytes(self._held))
            self._held.clear()

    def finish(self) -> Received:
        """The whole body. Raises FetchFailure."""
        if not (self._is_held and self._encoding):
            return Received(self._body.finish())
        held, known = bytes(self._held), self._known
        digest = quick_digest(self._encoding.encode() + held)
        if known and known.digest == digest and known.length <= self._limit:
            return Received(b"", known, is_known=True)
        self._body.feed(held)
        body = self._body.finish()
        return Received(body, PackedForm(digest, len(body)))
