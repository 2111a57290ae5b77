"""What sources offer by way of pushes, and our subscriptions at their hubs."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from aggregator.core.offers import Offer
from aggregator.core.pushes import (
    GRACE,
    Callback,
    Push,
    PushHealth,
    PushRecord,
    PushStanding,
)
from aggregator.core.text import xml_safe
from aggregator.store.column_types import UtcMicros
from aggregator.store.mapping import AnyRow
from aggregator.store.one_of import one_of
from aggregator.store.quick import fetch
from aggregator.store.schema import callbacks, pushes, sources
from aggregator.store.statements import chunks, insert_missing, insert_or_replace

_LONG_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
"""Due at once, whatever the clock says."""

_HELD = callbacks.c.state.in_(["pending", "active"])

# Put together once: every poll asks.
_OFFERED = select(pushes.c.source_id, pushes.c.hubs, pushes.c.topic).where(
    one_of(pushes.c.source_id, "ids")
)


def keep_offers(connection: Connection, offers: Mapping[int, Offer]) -> None:
    """What these sources offer now; anything new is to be acted upon."""
    before: dict[int, Offer] = {}
    for chunk in chunks(offers):
        for row in fetch(connection, _OFFERED, {"ids": chunk}):
            before[row.source_id] = Offer(hubs=tuple(row.hubs), topic=row.topic)
    for source_id, offer in offers.items():
        if offer != before.get(source_id, Offer()):
            _keep_offer(connection, source_id, offer)


def _keep_offer(connection: Connection, source_id: int, offer: Offer) -> None:
    row = {
        "source_id": source_id,
        "hubs": [],
        "topic": "",
        "due_at": None,
        "failures": 0,
        "error": None,
        "delivered_at": None,
        "missed_at": None,
    }
    connection.execute(insert_missing(connection, pushes), [row])
    changed = {"hubs": list(offer.hubs), "topic": offer.topic, "failures": 0, "error": None}
    _update(connection, source_id, {**changed, "due_at": _LONG_SINCE})


def _update(connection: Connection, source_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(pushes).where(pushes.c.source_id == source_id).values(values))


def note_missed(connection: Connection, source_id: int, at: datetime) -> None:
    _update(connection, source_id, {"missed_at": at})


def note_heard(connection: Connection, source_id: int, at: datetime) -> None:
    """A push came; what a poll found just before was not missed."""
    _update(connection, source_id, {"delivered_at": at})
    found = pushes.c.missed_at > at - GRACE
    connection.execute(
        update(pushes).where(pushes.c.source_id == source_id, found).values(missed_at=None)
    )


def sources_changed(connection: Connection, source_ids: Collection[int]) -> None:
    """The configuration changed them: their subscriptions want a look."""
    for chunk in chunks(source_ids):
        connection.execute(
            update(pushes).where(pushes.c.source_id.in_(chunk)).values(due_at=_LONG_SINCE)
        )


def withdraw_offers(connection: Connection, source_ids: Collection[int]) -> None:
    """Other addresses: nothing that was offered holds."""
    nothing = {"hubs": [], "topic": "", "failures": 0, "error": None}
    for chunk in chunks(source_ids):
        connection.execute(
            update(pushes)
            .where(pushes.c.source_id.in_(chunk))
            .values(due_at=_LONG_SINCE, delivered_at=None, missed_at=None, **nothing)
        )


def due_pushes(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    due = select(pushes.c.source_id).where(pushes.c.due_at <= now)
    return list(connection.scalars(due.order_by(pushes.c.due_at).limit(limit)))


def take_push(
    connection: Connection, source_id: int, *, now: datetime, until: datetime
) -> Push | None:
    due = (pushes.c.source_id == source_id) & (pushes.c.due_at <= now)
    taken = select(pushes.c.source_id).where(due).with_for_update(skip_locked=True)
    if connection.scalar(taken) is None:
        return None
    _update(connection, source_id, {"due_at": until})
    return _push(connection, source_id)


def _push(connection: Connection, source_id: int) -> Push | None:
    found = (
        select(pushes, sources.c.key, sources.c.url, sources.c.listed, sources.c.enabled)
        .join(sources, sources.c.id == pushes.c.source_id)
        .where(pushes.c.source_id == source_id)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    its = select(callbacks).where(callbacks.c.source_id == source_id)
    ordered = its.order_by(callbacks.c.asked_at, callbacks.c.token)
    return Push(
        source_id=row.source_id,
        key=row.key,
        url=row.url,
        polled=row.listed and row.enabled,
        offer=Offer(hubs=tuple(row.hubs), topic=row.topic),
        callbacks=tuple(map(_callback, connection.execute(ordered))),
        failures=row.failures,
        error=row.error,
    )


def _callback(row: AnyRow) -> Callback:
    return Callback(**{name: value for name, value in row._asdict().items() if name != "source_id"})


def save_push(connection: Connection, record: PushRecord) -> None:
    for one in record.drop:
        same = (callbacks.c.token == one.token) & (callbacks.c.state == one.state)
        connection.execute(delete(callbacks).where(same))
    rows = [{**asdict(one), "source_id": record.source_id} for one in record.put]
    if rows:
        connection.execute(insert_or_replace(connection, callbacks), rows)
    error = None if record.error is None else xml_safe(record.error)
    told = {"due_at": record.due_at, "failures": record.failures, "error": error}
    _update(connection, record.source_id, told)


def review_pushes(connection: Connection, base: str | None) -> None:
    its = callbacks.c.source_id == pushes.c.source_id
    if base is None:
        wanting: ColumnElement[bool] = exists().where(its, _HELD)
    else:
        here = func.substr(callbacks.c.url, 1, len(base)) == base
        held_here = exists().where(its, _HELD, here)
        held_elsewhere = exists().where(its, _HELD, ~here)
        untried = and_(pushes.c.failures == 0, pushes.c.topic != "", ~held_here)
        wanting = or_(untried, held_elsewhere)
    connection.execute(update(pushes).where(wanting).values(due_at=_LONG_SINCE))


def pushed_keys(connection: Connection) -> list[str]:
    active = select(callbacks.c.source_id).where(callbacks.c.state == "active")
    found = select(sources.c.key).where(sources.c.listed, sources.c.id.in_(active))
    return sorted(connection.scalars(found))


def find_callback(connection: Connection, token: str) -> tuple[Callback, Push] | None:
    found = select(callbacks).where(callbacks.c.token == token)
    row = connection.execute(found).one_or_none()
    push = _push(connection, row.source_id) if row else None
    return (_callback(row), push) if row and push else None


def confirm(connection: Connection, callback: Callback) -> bool:
    its = callbacks.c.token == callback.token
    held = select(callbacks.c.source_id).where(its, _HELD).with_for_update()
    source_id = connection.scalar(held)
    if source_id is None:
        return False
    others = and_(callbacks.c.source_id == source_id, ~its, callbacks.c.state == "active")
    replaced = connection.execute(update(callbacks).where(others).values(state="ending"))
    connection.execute(update(callbacks).where(its).values(asdict(callback)))
    due_at = _LONG_SINCE if replaced.rowcount else callback.renew_at
    settled = {"failures": 0, "error": None, "due_at": due_at}
    _update(connection, source_id, settled)
    return True


_STANDINGS = (  # put together once: every claim asks
    select(
        pushes.c.source_id,
        pushes.c.delivered_at,
        pushes.c.missed_at,
        func.min(callbacks.c.verified_at, type_=UtcMicros).label("verified_at"),
        func.max(callbacks.c.lease_until, type_=UtcMicros).label("lease_until"),
    )
    .join(callbacks, callbacks.c.source_id == pushes.c.source_id)
    .where(one_of(pushes.c.source_id, "ids"), callbacks.c.state == "active")
    .group_by(pushes.c.source_id, pushes.c.delivered_at, pushes.c.missed_at)
)


IS_PUSHED = (
    exists()
    .where(callbacks.c.source_id == sources.c.id, callbacks.c.state == "active")
    .correlate(sources)
    .label("is_pushed")
)
"""Whether a source has a standing."""


def standings(connection: Connection, source_ids: Collection[int]) -> dict[int, PushStanding]:
    """Of the sources with a verified subscription."""
    found: dict[int, PushStanding] = {}
    for chunk in chunks(source_ids):
        for row in connection.execute(_STANDINGS, {"ids": chunk}):
            found[row.source_id] = PushStanding(
                verified_at=row.verified_at,
                lease_until=row.lease_until,
                delivered_at=row.delivered_at,
                missed_at=row.missed_at,
            )
    return found


def push_healths(connection: Connection, source_ids: Collection[int]) -> dict[int, PushHealth]:
    """Of the sources that offer a hub."""
    found: dict[int, PushHealth] = {}
    for chunk in chunks(source_ids):
        offered = select(pushes).where(pushes.c.source_id.in_(chunk))
        for row in connection.execute(offered):
            if row.hubs:
                found[row.source_id] = PushHealth(
                    hub=row.hubs[0],
                    state="offered",
                    delivered_at=row.delivered_at,
                    error=row.error,
                )
        held = select(callbacks).where(callbacks.c.source_id.in_(chunk), _HELD)
        # An active one comes last, and counts.
        for row in connection.execute(held.order_by(callbacks.c.state.desc())):
            if health := found.get(row.source_id):
                found[row.source_id] = replace(
                    health, hub=row.hub, state=row.state, lease_until=row.lease_until
                )
    return found
