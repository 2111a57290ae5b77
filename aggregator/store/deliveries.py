"""Whom we deliver to: orders, the leases on them, and what came of each."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from aggregator.core.deliveries import (
    STRANGERS,
    Bounds,
    Delivery,
    DeliveryKind,
    DeliveryState,
    NewDelivery,
)
from aggregator.core.urls import host_of
from aggregator.store.column_types import UtcMicros
from aggregator.store.delivery_schema import deliveries, told
from aggregator.store.mapping import AnyRow, Columns
from aggregator.store.place import DomainOf
from aggregator.store.schema import stories
from aggregator.store.statements import chunks, insert_missing, insert_or_replace

NewToken = Callable[[], str]

_LONGEST_WAIT = timedelta(days=2)
_LONGEST_LEASE = timedelta(hours=1)
"""Nobody waits or leases for so long: it was a wrong clock."""

_IN_FLIGHT = {"lease_token": None, "lease_until": None}


def sync_deliveries(
    connection: Connection,
    kind: DeliveryKind,
    wanted: Sequence[NewDelivery],
    domain_of: DomainOf,
    *,
    now: datetime,
) -> None:
    there = set(connection.scalars(select(deliveries.c.digest).where(deliveries.c.kind == kind)))
    by_digest = {delivery.digest: delivery for delivery in wanted}
    for chunk in chunks(sorted(there - by_digest.keys())):
        connection.execute(delete(deliveries).where(deliveries.c.digest.in_(chunk)))
    added = [
        _row(delivery, domain_of, now)
        for key, delivery in sorted(by_digest.items())
        if key not in there
    ]
    if added:
        # Another process may do the same at this moment.
        connection.execute(insert_missing(connection, deliveries), added)
    kept = select(stories.c.id)
    connection.execute(delete(told).where(told.c.story_id.not_in(kept)))


def order_delivery(
    connection: Connection,
    delivery: NewDelivery,
    domain_of: DomainOf,
    bounds: Bounds,
    *,
    now: datetime,
) -> bool:
    row = _row(delivery, domain_of, now)
    if not _has_room(connection, delivery, row["domain"], bounds):
        return False
    connection.execute(insert_or_replace(connection, deliveries), [row])
    return True


def _has_room(connection: Connection, delivery: NewDelivery, domain: str, bounds: Bounds) -> bool:
    others = deliveries.c.kind.in_(sorted(STRANGERS)) & (deliveries.c.digest != delivery.digest)
    in_domain = others & (deliveries.c.domain == domain)
    unverified = in_domain & (deliveries.c.kind == "verification")
    for which, most in (
        (others, bounds.in_all),
        (in_domain, bounds.in_domain),
        (unverified, bounds.unverified_in_domain),
    ):
        count = connection.scalar(select(func.count()).select_from(deliveries).where(which))
        if (count or 0) >= most:
            return False
    return True


def _row(delivery: NewDelivery, domain_of: DomainOf, now: datetime) -> Columns:
    return {
        "digest": delivery.digest,
        "kind": delivery.kind,
        "domain": domain_of(host_of(delivery.url)),
        "topic": delivery.topic,
        "url": delivery.kept_url,
        "secret": delivery.secret,
        "mode": delivery.mode,
        "lease_seconds": None if delivery.lease is None else int(delivery.lease.total_seconds()),
        "sent": delivery.sent,
        "cursor": delivery.cursor,
        "next_try_at": now,
        "failures": 0,
        "failing_since": None,
        "expires_at": None,
        **_IN_FLIGHT,
    }


def delivery_topics(connection: Connection, kind: DeliveryKind) -> list[str]:
    topics = select(deliveries.c.topic).where(deliveries.c.kind == kind).distinct()
    return sorted(connection.scalars(topics))


def claim_deliveries(
    connection: Connection,
    new_token: NewToken,
    kind: DeliveryKind,
    marks: Mapping[str, str],
    *,
    now: datetime,
    lease_until: datetime,
    limit: int,
    failing: int,
    per_domain: int,
    under_way: Mapping[str, int],
) -> list[Delivery]:
    domains = Counter(under_way)
    rows: list[AnyRow] = []
    for condition, most in (
        (deliveries.c.failures == 0, limit),
        (deliveries.c.failures > 0, failing),
    ):
        end = min(limit, len(rows) + most)
        for topics in chunks(sorted(marks), variables=3):
            behind = _is_behind({topic: marks[topic] for topic in topics})
            due = condition & _is_due(kind, now) & behind
            rows += _choose(connection, due, domains, per_domain, end - len(rows))
    return _lease(connection, rows, new_token, lease_until)


def _is_due(kind: DeliveryKind, now: datetime) -> ColumnElement[bool]:
    def over(column: ColumnElement[Any], longest: timedelta) -> ColumnElement[bool]:
        return or_(column <= now, column > now + longest)

    return and_(
        deliveries.c.kind == kind,
        over(deliveries.c.next_try_at, _LONGEST_WAIT),
        or_(deliveries.c.lease_until.is_(None), over(deliveries.c.lease_until, _LONGEST_LEASE)),
        or_(deliveries.c.expires_at.is_(None), deliveries.c.expires_at > now),
    )


def _is_behind(marks: Mapping[str, str]) -> ColumnElement[bool]:
    """Those that did not get what there is of their topic."""
    of_topic = case(
        {topic: literal(mark, Text) for topic, mark in marks.items()}, value=deliveries.c.topic
    )
    return deliveries.c.topic.in_(list(marks)) & deliveries.c.sent.is_distinct_from(of_topic)


def _choose(
    connection: Connection,
    due: ColumnElement[bool],
    domains: Counter[str],
    per_domain: int,
    limit: int,
) -> list[AnyRow]:
    """Those that wait longest, as far as their domains have room, which is counted in `domains`."""
    chosen: list[AnyRow] = []
    while len(chosen) < limit:
        full = [domain for domain, count in domains.items() if count >= per_domain]
        taken = [row.digest for row in chosen]
        statement = (
            select(deliveries)
            .where(due, deliveries.c.domain.not_in(full), deliveries.c.digest.not_in(taken))
            .order_by(deliveries.c.next_try_at, deliveries.c.digest)
            .limit(limit - len(chosen))
            .with_for_update(skip_locked=True)
        )
        found = connection.execute(statement).all()
        fitting = []
        for row in found:
            if domains[row.domain] < per_domain:
                domains[row.domain] += 1
                fitting.append(row)
        chosen += fitting
        if len(fitting) == len(found):  # else domains are full now, and others may still be due
            break
    return chosen


def _lease(
    connection: Connection,
    rows: Sequence[AnyRow],
    new_token: NewToken,
    lease_until: datetime,
) -> list[Delivery]:
    claimed = [_delivery(row, new_token()) for row in rows]
    if claimed:
        connection.execute(
            update(deliveries).where(deliveries.c.digest == bindparam("which")),
            [
                {
                    "which": delivery.digest,
                    "lease_token": delivery.token,
                    "lease_until": lease_until,
                }
                for delivery in claimed
            ],
        )
    return claimed


def _delivery(row: AnyRow, token: str) -> Delivery:
    return Delivery(
        kind=row.kind,
        digest=row.digest,
        token=token,
        topic=row.topic,
        domain=row.domain,
        url=row.url,
        secret=row.secret,
        mode=row.mode,
        lease=None if row.lease_seconds is None else timedelta(seconds=row.lease_seconds),
        sent=row.sent,
        cursor=row.cursor,
        failures=row.failures,
        failing_since=row.failing_since,
    )


def _held(delivery: Delivery) -> ColumnElement[bool]:
    return (deliveries.c.digest == delivery.digest) & (deliveries.c.lease_token == delivery.token)


def save_delivery(
    connection: Connection, delivery: Delivery, state: DeliveryState, news: Mapping[int, bytes]
) -> bool:
    saved = connection.execute(
        update(deliveries)
        .where(_held(delivery))
        .values(
            sent=state.sent,
            cursor=state.cursor,
            next_try_at=_not_before(state.next_try_at),
            failures=state.failures,
            failing_since=state.failing_since,
            **_IN_FLIGHT,
        )
    )
    if saved.rowcount and news:
        rows = [
            {"delivery_digest": delivery.digest, "story_id": number, "digest": digest}
            for number, digest in news.items()
        ]
        connection.execute(insert_or_replace(connection, told), rows)
    return saved.rowcount > 0


def _not_before(next_try_at: datetime | None) -> ColumnElement[datetime]:
    """Its domain may have asked for a pause while it was under way."""
    standing = deliveries.c.next_try_at
    if next_try_at is None:
        return standing
    longer = standing.between(next_try_at, next_try_at + _LONGEST_WAIT)
    return case((longer, standing), else_=literal(next_try_at, UtcMicros))


def told_of(
    connection: Connection, delivery: Delivery, numbers: Collection[int]
) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for chunk in chunks(numbers):
        its_own = (told.c.delivery_digest == delivery.digest) & told.c.story_id.in_(chunk)
        rows = connection.execute(select(told.c.story_id, told.c.digest).where(its_own))
        found |= {row.story_id: row.digest for row in rows}
    return found


def pause_domain(
    connection: Connection, domain: str, kinds: Collection[DeliveryKind], until: datetime
) -> None:
    those = (deliveries.c.domain == domain) & deliveries.c.kind.in_(sorted(kinds))
    sooner = select(deliveries.c.digest).where(those, deliveries.c.next_try_at < until)
    # The order of all who lock several: else two could wait for each other.
    in_turn = sooner.order_by(deliveries.c.digest).with_for_update()
    connection.execute(
        update(deliveries).where(deliveries.c.digest.in_(in_turn)).values(next_try_at=until)
    )


def drop_delivery(connection: Connection, delivery: Delivery) -> bool:
    return connection.execute(delete(deliveries).where(_held(delivery))).rowcount > 0


def release_deliveries(connection: Connection, those: Collection[Delivery]) -> None:
    for delivery in sorted(those, key=lambda delivery: delivery.digest):
        connection.execute(update(deliveries).where(_held(delivery)).values(_IN_FLIGHT))


def confirm(
    connection: Connection,
    verified: Delivery,
    domain_of: DomainOf,
    *,
    expires_at: datetime,
    now: datetime,
) -> bool:
    if not drop_delivery(connection, verified):
        return False
    subscription = NewDelivery(
        kind="subscription",
        topic=verified.topic,
        url=verified.url or "",
        secret=verified.secret,
        sent=verified.sent,
    )
    if verified.mode == "unsubscribe":
        connection.execute(delete(deliveries).where(deliveries.c.digest == subscription.digest))
        return True
    # A delivery under way goes on, and what it had got so far it still has.
    kept = ("sent", *_IN_FLIGHT)
    row = _row(subscription, domain_of, now) | {"expires_at": expires_at}
    connection.execute(insert_or_replace(connection, deliveries, keep=kept), [row])
    return True


def drop_expired(connection: Connection, *, now: datetime) -> int:
    return connection.execute(delete(deliveries).where(deliveries.c.expires_at <= now)).rowcount
