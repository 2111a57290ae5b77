"""When a source has moved for good.

Publishers say 301 by mistake, and take it back; so a new address is believed when every redirect
on the way there said "permanently" at every poll for a week. It is then asked directly, as long
as it answers: one that fails again and again is given up for the configured one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.core.schedule import CONFIRMED_GONE
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified

BELIEVED_AFTER = timedelta(days=7)
GIVEN_UP_AFTER = 5
"""Failures in a row of the new address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """`to` is polled instead of the configured address; `pending` may become so."""

    to: str | None = None
    pending: str | None = None
    pending_since: datetime | None = None


def after_poll(
    moves: Moves, answer: Answer, *, configured: str, failures: int, gone_count: int, now: datetime
) -> Moves:
    """`failures` and `gone_count` include this answer. An unreadable document is a failure."""
    match answer:
        case Fetched(permanent_url=url) | NotModified(permanent_url=url):
            return _followed(moves, url, configured, now)
        case Gone() if gone_count >= CONFIRMED_GONE:
            return Moves()
        case Failed() if failures >= GIVEN_UP_AFTER:
            return replace(moves, to=None)
        case Gone() | Failed():
            return moves


def _followed(moves: Moves, url: str | None, configured: str, now: datetime) -> Moves:
    polled = moves.to or configured
    if url is None or url == polled:
        return Moves(to=moves.to)
    since = moves.pending_since
    if moves.pending != url or since is None or since > now:
        return Moves(to=moves.to, pending=url, pending_since=now)
    if now - since < BELIEVED_AFTER:
        return moves
    return Moves(to=None if url == configured else url)
