"""From the model to rows, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row

from aggregator.core.model import (
    Category,
    Content,
    EditedEntry,
    Enclosure,
    Entry,
    FeedInfo,
    JoinedBy,
    KnownEntry,
    NewEntry,
    Origin,
    Person,
    PublishedEntry,
    PublishedSource,
    Story,
    StoryEntry,
    Wishes,
)
from aggregator.core.pushes import PushHealth
from aggregator.core.text import xml_safe
from aggregator.core.wire import PackedForm, Validators
from aggregator.service.ports import PastPoll, PollRecord, SourceHealth

Columns = dict[str, Any]
_MILLISECOND = timedelta(milliseconds=1)
_DIGEST = 16
"""Bytes of a document's digest."""

AnyRow = Row[*tuple[Any, ...]]


def info_columns(info: FeedInfo) -> Columns:
    present = {name: value for name, value in _facts(info).items() if value}
    present["authors"] = [_facts(author) for author in info.authors]
    if info.updated:
        present["updated"] = info.updated.isoformat()
    present["wishes"] = _wishes_columns(info.wishes)
    return {name: value for name, value in present.items() if value}


def _wishes_columns(wishes: Wishes) -> Columns:
    ttl = wishes.ttl.total_seconds() if wishes.ttl else None
    present = {"ttl": ttl, "skip_hours": wishes.skip_hours, "skip_days": wishes.skip_days}
    return {name: value for name, value in present.items() if value}


def info_of(columns: Mapping[str, Any]) -> FeedInfo:
    updated = columns.get("updated")
    return FeedInfo(
        **{
            **columns,
            "updated": datetime.fromisoformat(updated) if updated else None,
            "authors": _people(columns.get("authors", ())),
            "wishes": _wishes(columns.get("wishes", {})),
        }
    )


def _wishes(columns: Mapping[str, Any]) -> Wishes:
    ttl = columns.get("ttl")
    return Wishes(
        ttl=timedelta(seconds=ttl) if ttl else None,
        skip_hours=tuple(columns.get("skip_hours", ())),
        skip_days=tuple(columns.get("skip_days", ())),
    )


def schedule_columns(record: PollRecord, before: AnyRow) -> Columns:
    """What every poll changes of its source."""
    poll = record.poll
    return {
        "source_id": before.id,
        "lease_token": None,
        "lease_until": None,
        "next_poll_at": record.next_poll_at,
        "next_poll_reason": record.next_poll_reason,
        "not_before": record.not_before,
        "last_poll_at": poll.polled_at,
        "last_success_at": poll.polled_at if record.succeeded else before.last_success_at,
        "last_status": poll.status,
        "poll_count": before.poll_count + 1,
    }


def facts_columns(record: PollRecord, before: AnyRow) -> Columns:
    """What a poll tells of its source beside its schedule, and beside what its document says."""
    poll = record.poll
    return {
        "etag": record.validators.etag,
        "last_modified": record.validators.last_modified,
        "body_digest": _body_column(record.body_digest, record.packed),
        "failures": record.failures,
        "gone_count": record.gone_count,
        "throttles": record.throttles,
        "paused_until": record.paused_until,
        "domain_paused_until": record.domain_paused_until,
        "last_error": _safe(poll.error),
        "moved_to": record.moves.to,
        "moving_to": record.moves.pending,
        "moving_since": record.moves.pending_since,
        "suggested_url": None if record.succeeded else before.suggested_url,
        "last_news_at": poll.polled_at if poll.outcome == "new" else before.last_news_at,
        "habits": _habits_column(record, before.habits),
    }


def _body_column(digest: bytes | None, packed: PackedForm | None) -> bytes | None:
    """Both in one column: they are of one document, and each poll reads and writes them together.
    The packed form's stands behind the other, then how long it is unpacked.
    """
    if digest is None or packed is None:
        return digest
    return digest + packed.digest + packed.length.to_bytes(8, "big")


def of_body_column(column: bytes | None) -> tuple[bytes | None, PackedForm | None]:
    if column is None or len(column) <= _DIGEST:
        return column, None
    length = int.from_bytes(column[2 * _DIGEST :], "big")
    return column[:_DIGEST], PackedForm(column[_DIGEST : 2 * _DIGEST], length)


def _habits_column(record: PollRecord, before: bytes | None) -> bytes | None:
    if record.habits is not None:
        return record.habits.packed()
    return None if record.changes.new else before


def past_poll_columns(poll: PastPoll) -> Columns:
    return {
        "polled_at": poll.polled_at,
        "outcome": poll.outcome,
        "status": poll.status,
        "bytes": poll.bytes,
        "elapsed_ms": round(poll.elapsed / _MILLISECOND),
        "error": _safe(poll.error),
        "sent_etag": _safe(poll.sent.etag),
        "sent_last_modified": _safe(poll.sent.last_modified),
        "etag": _safe(poll.received.etag),
        "last_modified": _safe(poll.received.last_modified),
    }


def past_poll(row: AnyRow) -> PastPoll:
    return PastPoll(
        polled_at=row.polled_at,
        outcome=row.outcome,
        status=row.status,
        bytes=row.bytes,
        elapsed=row.elapsed_ms * _MILLISECOND,
        error=row.error,
        sent=Validators(etag=row.sent_etag, last_modified=row.sent_last_modified),
        received=Validators(etag=row.etag, last_modified=row.last_modified),
    )


def _safe(text: str | None) -> str | None:
    """It quotes what came from outside, which must not cost us the rest of the record."""
    return None if text is None else xml_safe(text)


def new_columns(
    item: NewEntry, *, id: int, source_id: int, story_id: int, joined_by: JoinedBy
) -> Columns:
    return {
        "id": id,
        "source_id": source_id,
        "story_id": story_id,
        "joined_by": joined_by,
        "guid": item.entry.guid,
        "digest": item.entry.digest,
        "published_at": item.published,
        "updated_at": item.updated,
        "first_seen_at": item.first_seen,
        **_said_columns(item.entry),
    }


def edited_columns(edit: EditedEntry) -> Columns:
    return {"updated_at": edit.updated, **_said_columns(edit.entry)}


def _said_columns(entry: Entry) -> Columns:
    return {
        "link_digest": entry.link_digest,
        "fingerprint": entry.fingerprint,
        "taken_from": list(entry.taken_from),
        **_content_columns(entry.content),
    }


def _content_columns(content: Content) -> Columns:
    return {
        "link": content.link,
        "language": content.language,
        "image": content.image,
        "authors": [_said(author) for author in content.authors],
        "categories": list(content.categories),
        "enclosures": [_said(enclosure) for enclosure in content.enclosures],
        "more": _more_columns(content),
        "title": content.title,
        "summary": content.summary,
        "text": content.text,
        "content_html": content.content_html,
    }


def _more_columns(content: Content) -> Columns:
    """What few entries have; absent where they do not."""
    origin = content.origin
    found: Columns = {
        "contributors": [_said(person) for person in content.contributors],
        "terms": [_said(category) for category in content.terms],
        "comments": content.comments,
        "origin": {name: fact for name, fact in _facts(origin).items() if fact} if origin else None,
    }
    return {name: value for name, value in found.items() if value}


def _said(value: Person | Enclosure | Category) -> Columns:
    return {name: fact for name, fact in _facts(value).items() if fact is not None}


def _facts(value: Any) -> Columns:
    """`asdict` without its copies, which take ten times as long."""
    kind: Any = type(value)
    return {name: getattr(value, name) for name in _names_of(kind)}


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _content(row: AnyRow) -> Content:
    more = row.more
    origin = more.get("origin")
    return Content(
        link=row.link,
        language=row.language,
        image=row.image,
        authors=_people(row.authors),
        categories=tuple(row.categories),
        enclosures=tuple(Enclosure(**enclosure) for enclosure in row.enclosures),
        title=row.title,
        summary=row.summary,
        text=row.text,
        content_html=row.content_html,
        contributors=_people(more.get("contributors", ())),
        terms=tuple(Category(**category) for category in more.get("terms", ())),
        comments=more.get("comments"),
        origin=Origin(**origin) if origin else None,
    )


def words_content(row: AnyRow) -> Content:
    """An entry's content as far as it is searched."""
    return Content(
        authors=_people(row.authors),
        categories=tuple(row.categories),
        title=row.title,
        summary=row.summary,
        text=row.text,
    )


def _people(columns: Iterable[Mapping[str, Any]]) -> tuple[Person, ...]:
    return tuple(Person(**person) for person in columns)


def known_entry(row: AnyRow) -> KnownEntry:
    return KnownEntry(
        id=row.id,
        digest=row.digest,
        link_digest=row.link_digest,
        fingerprint=row.fingerprint,
        published=row.published_at,
        updated=row.updated_at,
        first_seen=row.first_seen_at,
        edits=row.edits or 0,
        edited_at=row.edited_at,
    )


def source_health(
    row: AnyRow, entries: int, paused_until: datetime | None, push: PushHealth | None
) -> SourceHealth:
    """`paused_until` is the end of its own pause or of its domain's."""
    waits = paused_until is not None and paused_until > row.next_poll_at
    return SourceHealth(
        key=row.key,
        url=row.url,
        name=row.name,
        info=info_of(row.info),
        enabled=row.enabled,
        last_poll_at=row.last_poll_at,
        last_success_at=row.last_success_at,
        next_poll_at=paused_until if waits else row.next_poll_at,
        next_poll_reason="a server of its domain asks for a pause"
        if waits
        else row.next_poll_reason,
        paused_until=paused_until,
        failures=row.failures,
        gone_count=row.gone_count,
        throttles=row.throttles,
        last_status=row.last_status,
        last_error=row.last_error,
        moved_to=row.moved_to,
        suggested_url=row.suggested_url,
        entries=entries,
        push=push,
    )


def published_source(row: AnyRow) -> PublishedSource:
    return published_source_of(row.key, row.name, row.url, row.info)


def published_source_of(
    key: str, name: str | None, url: str, columns: Mapping[str, Any]
) -> PublishedSource:
    info = info_of(columns)
    return PublishedSource(key=key, name=name or info.title or key, url=url, info=info)


def published_entry(
    story: AnyRow, lead: AnyRow, source: PublishedSource, also_in: Iterable[PublishedSource]
) -> PublishedEntry:
    # Edits of who does not lead the story move nothing of it, but what is shown instead of it.
    own = (lead.updated_at,) if lead.id != story.lead_entry_id else ()
    return PublishedEntry(
        id=story.published_id,
        guid=lead.guid,
        source=source,
        also_in=tuple(also_in),
        published=lead.published_at,
        updated=lead.updated_at,
        first_seen=lead.first_seen_at,
        changed_at=max((story.changed_at, *own)),
        content=_content(lead),
    )


def whole_story(story: AnyRow, its_entries: Sequence[StoryEntry]) -> Story:
    return Story(
        id=story.published_id,
        number=story.id,
        rank_at=story.rank_at,
        changed_at=story.changed_at,
        entries=tuple(its_entries),
    )


def story_entry(entry: AnyRow, source: AnyRow, taken_down: str | None = None) -> StoryEntry:
    return StoryEntry(
        source=published_source(source),
        listed=source.listed,
        guid=entry.guid,
        published=entry.published_at,
        updated=entry.updated_at,
        first_seen=entry.first_seen_at,
        joined_by=entry.joined_by,
        taken_down=taken_down,
        content=_content(entry),
    )
