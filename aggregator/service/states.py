"""A source's state in one word."""

from datetime import datetime
from typing import Literal

from aggregator.core.schedule import CONFIRMED_GONE
from aggregator.service.ports import SourceHealth

State = Literal["active", "failing", "gone", "moved", "throttled", "disabled"]


def state(source: SourceHealth, now: datetime) -> State:
    """`now` is the steady clock's."""
    if not source.enabled:
        return "disabled"
    if source.gone_count >= CONFIRMED_GONE:
        return "gone"
    if source.throttles or (source.paused_until and source.paused_until > now):
        return "throttled"
    if source.failures:
        return "failing"
    return "moved" if source.moved_to else "active"
