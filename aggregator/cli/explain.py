"""explain: why an entry is, or is not, where it is."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from aggregator import log
from aggregator.bootstrap import explainer, open_service
from aggregator.cli.output import print_json
from aggregator.cli.shell import FAILED, Config, Json, finish, refuse, say, settings_of
from aggregator.config.settings import Settings
from aggregator.core.filters import Hiding
from aggregator.core.model import StoryEntry, Takedown
from aggregator.core.reasons import Where, hidden, why_the_date
from aggregator.formats.entry_json import rfc3339
from aggregator.service.explaining import MOST_FOUND, Explained, Explanation, Standing
from aggregator.service.ports import SourceHealth, Tombstone

Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    app.command()(explain)


def explain(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="URL-or-ID", help="A link, guid or published id; or a part.")
    ],
    json: Json = False,
    config: Config = None,
) -> None:
    """Why an entry is, or is not, where it is.

    Tells its source, dates, duplicates, filters and publications.
    """
    _, settings = settings_of(context, config)
    wanted = text.strip()
    if not wanted:
        refuse(["name a link, a guid or a published id, or a part of one"])
    finish(_explain(settings, wanted, as_json=json))


async def _explain(settings: Settings, text: str, *, as_json: bool) -> int:
    async with open_service(settings, watch=log.LogWatch()) as service:
        explanation = await explainer(service, settings).explain(text)
    rows = [
        {"query": text, "found": True, "exact": explanation.exact, **_row(each, settings.where)}
        for each in explanation.stories
    ]
    for row in rows or [_lost_row(text, explanation)]:
        if as_json:
            print_json(row)
        else:
            for line in _lines(row):
                say(line)
    if len(rows) == MOST_FOUND:
        say(f"these are the newest {MOST_FOUND}; to see others name more of them", err=True)
    return 0 if rows else FAILED


def _row(explained: Explained, where: Where) -> Row:
    story, shown = explained.story, explained.shown
    lead = story.entries[0]
    front = shown or lead
    return {
        "id": story.id,
        "guid": front.guid,
        "link": front.content.link,
        "title": front.content.title,
        "source": shown.source.key if shown else None,
        "also_in": [source.key for source in shown.also_in] if shown else [],
        "published": _time(front.published),
        "updated": _time(front.updated),
        "first_seen": _time(front.first_seen),
        "rank": _time(story.rank_at),
        "lead": {"source": lead.source.key, "reason": explained.lead},
        "entries": [
            _entry_row(entry, by, where)
            for entry, by in zip(story.entries, explained.hidden_by, strict=True)
        ],
        "publications": [_standing_row(each) for each in explained.standings],
        "taken_down": [_takedown_row(each) for each in explained.takedowns],
    }


def _entry_row(entry: StoryEntry, by: Hiding | None, where: Where) -> Row:
    return {
        "source": entry.source.key,
        "configured": entry.listed,
        "guid": entry.guid,
        "link": entry.content.link,
        "title": entry.content.title,
        "language": entry.content.language,
        "published": _time(entry.published),
        "updated": _time(entry.updated),
        "first_seen": _time(entry.first_seen),
        "joined_by": entry.joined_by,
        "date": why_the_date(entry),
        "hidden_by": {"where": where(by.place), "rule": by.rule} if by else None,
        "hidden": hidden(by, where) if by else None,
    }


def _standing_row(standing: Standing) -> Row:
    return {
        "publication": standing.slug,
        "shown": standing.shown,
        "position": standing.position,
        "reason": standing.reason,
    }


def _takedown_row(takedown: Takedown) -> Row:
    return {
        "id": takedown.id,
        "at": _time(takedown.taken_at),
        "reason": takedown.reason or None,
    }


def _lost_row(text: str, explanation: Explanation) -> Row:
    reasons = [
        *map(_taken_down, map(_takedown_row, explanation.takedowns)),
        *map(_buried, explanation.tombstones),
        *map(_polled, explanation.neighbours),
    ]
    return {
        "query": text,
        "found": False,
        "reason": "; ".join(reasons) or "never seen, and no source is on its host",
        "tombstones": [
            {"source": each.source, "pruned_at": _time(each.pruned_at)}
            for each in explanation.tombstones
        ],
        "sources": [
            {
                "key": each.key,
                "url": each.url,
                "enabled": each.enabled,
                "last_poll_at": _time(each.last_poll_at),
                "last_success_at": _time(each.last_success_at),
                "last_error": each.last_error,
            }
            for each in explanation.neighbours
        ],
        "taken_down": [_takedown_row(each) for each in explanation.takedowns],
    }


def _taken_down(row: Row) -> str:
    why = f": {row['reason']}" if row["reason"] else ""
    return f"taken down {row['at']} with `aggregator hide`{why}"


def _buried(tombstone: Tombstone) -> str:
    if tombstone.pruned_at:
        return f"{tombstone.source} had it; [retention] dropped it {_time(tombstone.pruned_at)}"
    return f"left out by backfill when {tombstone.source} was new"


def _polled(source: SourceHealth) -> str:
    when = f"last polled {_time(source.last_poll_at)}" if source.last_poll_at else "never polled"
    error = f" ({source.last_error})" if source.last_error else ""
    off = "" if source.enabled else ", not enabled"
    return f"never seen; {source.key} is on its host, {when}{error}{off}"


def _lines(row: Row) -> Iterator[str]:
    if not row["found"]:
        yield f"{row['query']}: {row['reason']}"
        return
    yield row["title"] or "(no title)"
    also = f"; also in {', '.join(row['also_in'])}" if row["also_in"] else ""
    yield _line("id", row["id"])
    yield _line("link", row["link"] or "none")
    yield _line("source", f"{row['source']}{also}" if row["source"] else "hidden everywhere")
    for takedown in row["taken_down"]:
        told = _taken_down(takedown)
        yield _line("", told if takedown["id"] == row["id"] else f"{told} (as {takedown['id']})")
    yield _line("rank", row["rank"])
    yield _line("lead", f"{row['lead']['source']}: {row['lead']['reason']}")
    for entry in row["entries"]:
        yield from _entry_lines(entry)
    for standing in row["publications"]:
        number = f"number {standing['position']}"
        told = number if standing["shown"] else f"not shown: {standing['reason']}"
        yield _line("publication", f"{standing['publication']}: {told}")


_JOINED = {
    "link": "in this story as it has the same link",
    "text": "in this story as it tells the same under another link",
}


def _entry_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    away = "" if entry["configured"] else " (not in the configuration any more)"
    yield _line("entry", f"{entry['source']}{away}: {entry['title'] or '(no title)'}")
    yield _line("", f"guid {entry['guid']}")
    if entry["link"]:
        yield _line("", f"link {entry['link']}")
    dates = ("published", "updated", "first_seen")
    yield _line("", ", ".join(f"{date.replace('_', ' ')} {entry[date]}" for date in dates))
    joined = _JOINED.get(entry["joined_by"])
    for remark in filter(None, (joined, entry["date"], entry["hidden"])):
        yield _line("", remark)


def _line(name: str, told: str) -> str:
    return f"  {name:<13}{told}"


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment.replace(microsecond=0)) if moment else None
