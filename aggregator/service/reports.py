"""What one poll came to, for people and for scripts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.core.upcoming import in_words
from aggregator.service.ports import ClaimedSource, Outcome, PollRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one poll came to."""

    source: str
    outcome: Outcome
    status: int | None = None
    entries_new: int = 0
    entries_updated: int = 0
    bytes: int = 0
    elapsed: timedelta = timedelta()
    next_poll_at: datetime | None
    next_poll_reason: str
    moved_to: str | None = None
    """Set once: when the source has turned out to have moved for good."""
    error: str | None = None


def throttled(source: str, until: datetime, *, now: datetime) -> PollReport:
    """Of a source that was not asked, as its server wants no request until then."""
    left = in_words(max(until - now, timedelta()))
    return PollReport(
        source=source,
        outcome="throttled",
        next_poll_at=until,
        next_poll_reason="the server asked for a pause",
        error=f"not asked: the server wants no request for another {left}; --force asks anyway",
    )


def report_of(source: ClaimedSource, record: PollRecord) -> PollReport:
    """Of a poll that was saved."""
    moved = record.moves.to != source.moves.to
    return PollReport(
        source=source.key,
        outcome=record.poll.outcome,
        status=record.poll.status,
        entries_new=len(record.changes.new),
        entries_updated=len(record.changes.edited),
        bytes=record.poll.bytes,
        elapsed=record.poll.elapsed,
        next_poll_at=record.next_poll_at,
        next_poll_reason=record.next_poll_reason,
        moved_to=record.moves.to if moved else None,
        error=record.poll.error,
    )


def report_of_lost(source: ClaimedSource, record: PollRecord) -> PollReport:
    """Of a poll of which nothing was saved, as the source has another holder by now."""
    return replace(
        report_of(source, record),
        outcome="unchanged",
        entries_new=0,
        entries_updated=0,
        moved_to=None,
        error="another process, or another configuration, took this source over meanwhile",
    )
