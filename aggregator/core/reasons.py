"""Sentences that say why a story is, or is not, where it is."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from aggregator.core.filters import Hiding, Place
from aggregator.core.model import Story, StoryEntry
from aggregator.core.publication import Publication
from aggregator.core.select import LeftOut, day_of
from aggregator.core.stories import lives_at

Where = Callable[[Place], str]
"""A place in the configuration as people find it."""


def why_it_leads(story: Story, priorities: Mapping[str, int]) -> str:
    """Why the first entry of the story stands for it. `priorities` by the sources' keys."""
    lead = story.entries[0]
    if len(story.entries) == 1:
        return "it is the only entry of its story"
    link = lead.content.link
    if link and lives_at(lead.source.url, lead.source.info.link, link):
        return "its source lives where the link points"
    no_origin = "no source of the story lives where the link points"
    own, *others = (priorities.get(entry.source.key, 0) for entry in story.entries)
    if own > max(others):
        return f"its source has the highest priority, {own}, and {no_origin}"
    return f"it was seen first, and {no_origin}"


def why_the_date(entry: StoryEntry) -> str | None:
    """What there is to say of a date that is not what a source wrote."""
    if entry.published == entry.first_seen:
        return "its source gave no date, or one that was still to come: it is when we first saw it"
    return None


def hidden(by: Hiding, where: Where) -> str:
    if by.rule is None:
        return f"it matches none of the rules of {where(by.place)}"
    return f"hidden by {where(by.place)}: {by.rule}"


def left_out(
    story: Story, by: LeftOut, publication: Publication, where: Where, *, now: datetime
) -> str:
    """Why a publication does not show the story, its `limit` aside."""
    lead = story.entries[0]
    match by.why:
        case "sources":
            return _not_from(story)
        case "filter":
            return hidden(by.by, where) if by.by else "hidden by a filter"
        case "search":
            return f"the publication's search does not find it: {publication.search}"
        case "language":
            spoken = ", ".join(sorted(publication.languages or ()))
            its_own = f"its language is {lead.content.language}"
            return f"{its_own if lead.content.language else 'it has no language'}, not {spoken}"
        case "max_age":
            age, most = _span(now - lead.published), _span(publication.max_age or timedelta())
            return f"published {age} ago, which is more than max_age = {most}"
        case "max_per_source" | "max_per_day":
            return _crowded(story, by, publication)


def _crowded(story: Story, by: LeftOut, publication: Publication) -> str:
    if by.why == "max_per_source":
        return f"its source has {publication.max_per_source} newer ones already: max_per_source"
    most = dict(publication.max_per_day).get(story.entries[0].source.key)
    return f"its source has {most} newer ones of {day_of(story.rank_at)} already: max_per_day"


def _not_from(story: Story) -> str:
    if any(entry.listed and entry.taken_down for entry in story.entries):
        return "it was taken down"
    listed = sorted({entry.source.key for entry in story.entries if entry.listed})
    if listed:
        return f"the publication does not take from {', '.join(listed)}"
    gone = ", ".join(sorted({entry.source.key for entry in story.entries}))
    return f"no source of the configuration has it any more (it came from {gone})"


def beyond(position: int, limit: int, window: timedelta | None) -> str:
    """Of a story that passes and that newer ones leave no place for."""
    newer = f"{position - 1} that pass are newer, and its feeds show {limit}"
    return f"{newer} and the newest {_span(window)}: limit, window" if window else f"{newer}: limit"


def _span(span: timedelta) -> str:
    hours = round(span.total_seconds() / 3600)
    days, rest = divmod(hours, 24)
    return f"{days}d" if days and not rest else f"{days}d {rest}h" if days else f"{hours}h"
