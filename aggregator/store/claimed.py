"""What a poll has to know of its source, as it is claimed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aggregator.core.moves import Moves
from aggregator.core.pushes import PushStanding
from aggregator.core.rhythm import Habits
from aggregator.core.wire import Validators
from aggregator.service.ports import ClaimedSource, Lease
from aggregator.store.mapping import info_of, of_body_column
from aggregator.store.schema import sources

_COLUMNS = (
    *("id", "key", "url", "host", "domain", "moved_to", "moving_to", "moving_since"),
    *("etag", "last_modified", "body_digest", "ever_read", "failures", "gone_count"),
    *("throttles", "last_news_at", "last_success_at", "info", "habits"),
    *("paused_until", "next_poll_at"),
)
"""At the end what decides whether it may be asked."""
CLAIMED = [sources.c[name] for name in _COLUMNS]


def claimed_source(
    row: Sequence[Any], token: str, paused_until: datetime | None, push: PushStanding | None
) -> ClaimedSource:
    """Of a row of those columns; by their places, as each poll pays for it."""
    id, key, url, host, domain, moved_to, moving_to, moving_since, *more = row
    etag, last_modified, body, ever_read, failures, gone_count, *more = more
    throttles, last_news_at, last_success_at, info, habits, *_ = more
    body_digest, packed = of_body_column(body)
    return ClaimedSource(
        lease=Lease(source_id=id, token=token),
        key=key,
        url=url,
        host=host,
        domain=domain,
        moves=Moves(to=moved_to, pending=moving_to, pending_since=moving_since),
        validators=Validators(etag=etag, last_modified=last_modified),
        body_digest=body_digest,
        packed=packed,
        ever_read=ever_read,
        blank=last_success_at is None,
        failures=failures,
        gone_count=gone_count,
        throttles=throttles,
        paused_until=paused_until,
        last_news_at=last_news_at,
        info=info_of(info),
        push=push,
        habits=Habits.unpacked(habits) if habits else None,
    )
