"""How long what we publish stays as it is: until a source is polled, or time itself changes it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from aggregator.core.publication import Publication
from aggregator.service.meanwhile import Meanwhile
from aggregator.service.ports import Clock, ReadStore

SHORTEST = timedelta(minutes=1)
"""A poll that is due now may take as long; and nobody should come more often."""

LONGEST = timedelta(minutes=15)
"""A poll may come sooner than planned: somebody asks for it, or a hub brings news."""

_LOOK_AGAIN = timedelta(seconds=30)
"""How long a plan is believed that another process may have changed."""

_BREATH = timedelta(seconds=1)
"""Between two looks while a source is overdue."""

_MEANWHILE = timedelta(seconds=5)
"""How long a plan by which a source is overdue is told while somebody looks for the next one. It
tells the shortest, and nobody has to wait for less than that."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """When the first source is due; believed until `stale_at`. Both by the steady clock."""

    due: datetime | None
    stale_at: datetime

    def may_wait(self, now: datetime) -> bool:
        overdue = self.due is not None and self.due <= now
        return overdue and now < self.stale_at + _MEANWHILE


class Lifetimes:
    """Plans are read from the database, so that they hold in a process that only serves, too."""

    def __init__(self, store: ReadStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._plans: dict[frozenset[str] | None, _Plan] = {}
        self._looking = Meanwhile()

    def forget(self) -> None:
        """Another configuration has other sources."""
        self._plans = {}

    async def fresh_for(
        self, publication: Publication | None = None, until: datetime | None = None
    ) -> timedelta:
        """Between SHORTEST and LONGEST; without a publication: of what shows all sources.

        `until` is when time alone changes it, by the wall clock.
        """
        keys = publication.sources if publication else None
        plan = self._known(keys) or await self._look(keys)
        return self._span(plan.due, until)

    def known_fresh_for(
        self, publication: Publication, until: datetime | None = None
    ) -> timedelta | None:
        """The same, where the plan is still believed; without waiting."""
        plan = self._known(publication.sources)
        return self._span(plan.due, until) if plan else None

    def _known(self, keys: frozenset[str] | None) -> _Plan | None:
        plan, now = self._plans.get(keys), self._clock.steady()
        if plan is None or now < plan.stale_at:
            return plan
        if not plan.may_wait(now):
            return None
        self._looking.start(keys, partial(self._look, keys))
        return plan

    def _span(self, due: datetime | None, until: datetime | None) -> timedelta:
        spans = [LONGEST]
        if due is not None:
            spans.append(due - self._clock.steady())
        if until is not None:
            spans.append(until - self._clock.now())
        return max(SHORTEST, min(spans))

    async def _look(self, keys: frozenset[str] | None) -> _Plan:
        plans, now = self._plans, self._clock.steady()
        due = await self._store.first_due(keys, now=now)
        soon = now + _LOOK_AGAIN
        stale_at = max(now + _BREATH, min(due, soon) if due else soon)
        plans[keys] = plan = _Plan(due, stale_at)
        return plan
