"""The entry object of `entries --json` and of the API, field by field as documented."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aggregator.core.shown import Shown


def entry_object(shown: Shown) -> dict[str, Any]:
    """Absent values are None or empty lists; times are RFC 3339 in UTC."""
    entry = shown.entry
    content = entry.content
    return {
        "id": entry.id,
        "guid": entry.guid,
        "source": entry.source.key,
        "also_in": [source.key for source in entry.also_in],
        "link": content.link,
        "title": content.title,
        "authors": [asdict(author) for author in content.authors],
        "published": rfc3339(entry.published),
        "updated": rfc3339(entry.updated),
        "first_seen": rfc3339(entry.first_seen),
        "language": content.language,
        "summary": (content.summary or None) if shown.content != "title" else None,
        "content_html": (content.content_html or None) if shown.content == "full" else None,
        "excerpt": shown.excerpt if shown.content != "title" else "",
        "categories": list(content.categories),
        "enclosures": [
            {"url": file.url, "type": file.type, "length": file.length}
            for file in content.enclosures
        ],
        "image": content.image,
    }


def rfc3339(moment: datetime) -> str:
    """Such as 2026-03-01T12:00:00Z (RFC 3339 §5.6); a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
