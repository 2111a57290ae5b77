"""The source object of `sources --json` and of the API, field by field as documented."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aggregator.core.pushes import PushHealth
from aggregator.formats.entry_json import rfc3339
from aggregator.service.ports import SourceHealth
from aggregator.service.states import state


def source_row(source: SourceHealth, tags: Sequence[str], now: datetime) -> dict[str, Any]:
    """Absent values are None. `now` is the steady clock's."""
    return {
        "key": source.key,
        "url": source.url,
        "name": source.name or source.info.title or source.key,
        "tags": list(tags),
        "state": state(source, now),
        "last_poll_at": second(source.last_poll_at),
        "last_success_at": second(source.last_success_at),
        "next_poll_at": second(source.next_poll_at) if source.enabled else None,
        "next_poll_reason": source.next_poll_reason if source.enabled else None,
        "failures": source.failures,
        "last_error": source.last_error,
        "entries": source.entries,
        "moved_to": source.moved_to,
        "suggested_url": source.suggested_url,
        **_push_columns(source.push),
    }


def _push_columns(push: PushHealth | None) -> dict[str, Any]:
    """What becomes of the hub that the source offers."""
    return {
        "hub": push.hub if push else None,
        "hub_state": push.state if push else None,
        "hub_lease_until": second(push.lease_until) if push else None,
        "hub_error": push.error if push else None,
        "last_push_at": second(push.delivered_at) if push else None,
    }


def second(moment: datetime | None) -> str | None:
    """RFC 3339 without a fraction."""
    return rfc3339(moment.replace(microsecond=0)) if moment else None
