"""Subscriptions at the hubs of sources (WebSub, https://www.w3.org/TR/websub/). Times are the
steady clock's.

Rule 1: each subscription has a callback of its own, which nobody can guess. It is renewed before
        its lease ends, under another callback; the old one ends when the new one is verified.
Rule 2: a hub that fails is asked again later and later, the next one of the source in its turn.
Rule 3: a push is believed when it is signed with the secret that we gave the hub. Any other is a
        hint that a poll may be worth it.
Rule 4: pushes stand in for polls only as long as they come: not before the first one, and not
        for a while after a poll has found news that no push brought.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from aggregator.core.offers import Offer
from aggregator.core.schedule import backoff

LEASE = timedelta(days=10)
"""What we ask for."""

LONGEST_LEASE = timedelta(days=30)
"""What a hub says beyond it is not counted on."""

SHORTEST_RENEWAL = timedelta(minutes=1)
"""A hub with shorter leases pushes with gaps: it is not asked more often."""

RENEWAL = 0.7, 0.9
"""Of a lease, when it is renewed: spread, as many begin together."""

VERIFYING = timedelta(hours=1)
"""How long a hub may take to verify a request."""

FIRST_RETRY = timedelta(minutes=5)
DENIED = timedelta(days=7)
"""How long a hub's refusal is respected."""

SETTLING = timedelta(hours=6)
"""A subscription so young stays, whatever the source offers now: some name themselves anew each
time."""

GRACE = timedelta(minutes=15)
"""A push so late after a poll, or so long before it, brought the same news."""

DISTRUST = timedelta(days=7)

_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512"})

State = Literal["pending", "active", "ending", "ended"]
"""Asked for; verified; no longer wanted; over, as the hub was told or lets it lapse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One subscription, seen from the address that its hub calls."""

    token: str = field(repr=False)
    url: str = field(repr=False)
    hub: str
    topic: str
    secret: str | None = field(default=None, repr=False)
    """Signs what the hub pushes; None where it would have been sent in the clear."""
    state: State = "pending"
    asked_at: datetime
    verified_at: datetime | None = None
    renew_at: datetime | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a source offers, and what has become of it."""

    source_id: int
    key: str
    url: str
    """The source's address, as it may be shown."""
    polled: bool
    """Whether the source is listed and enabled."""
    offer: Offer
    callbacks: tuple[Callback, ...] = ()
    failures: int = 0
    """Requests in a row that came to nothing."""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRecord:
    """What is written of a source's subscriptions, in one transaction."""

    source_id: int
    due_at: datetime | None
    """When to look at them next; None: when the source offers something else."""
    put: tuple[Callback, ...] = ()
    drop: tuple[Callback, ...] = ()
    """To be forgotten, where their state is the same yet."""
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushStanding:
    """What is known of the pushes of a source with a verified subscription."""

    verified_at: datetime
    lease_until: datetime
    delivered_at: datetime | None = None
    missed_at: datetime | None = None
    """When a poll last found news that no push had brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushHealth:
    """A source's hub, as `sources` shows it."""

    hub: str
    state: Literal["offered", "pending", "active"]
    lease_until: datetime | None = None
    delivered_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done about a source's subscriptions now."""

    ask: str | None = None
    """The hub to subscribe at."""
    end: tuple[Callback, ...] = ()
    """The hub is to be told that they end."""
    drop: tuple[Callback, ...] = ()
    lapsed: str | None = None
    """The hub that did not verify a request in time."""
    due_at: datetime | None = None
    """When something is to be done next, if nothing is asked."""


def plan(push: Push, hubs: tuple[str, ...], *, base: str, now: datetime) -> Plan:
    """`hubs` are those of the offer that can reach us at `base`; none where nothing is wanted."""
    over = tuple(one for one in push.callbacks if _is_over(one, now))
    live = [one for one in push.callbacks if one not in over]
    held = [one for one in live if one.state in {"pending", "active"}]
    ending = tuple(one for one in live if one.state == "ending")
    if not hubs:
        leases = [one.lease_until for one in live if one.lease_until]
        return Plan(end=(*ending, *held), drop=over, due_at=min(leases, default=None))
    waits = [_next(one) for one in held if _fits(one, push.offer, hubs, base)]
    if not waits:
        here = (one for one in held if one.url.startswith(base))
        waits = [one.verified_at + SETTLING for one in here if one.verified_at]
    return Plan(
        ask=hubs[push.failures % len(hubs)] if all(at <= now for at in waits) else None,
        end=ending,
        drop=over,
        lapsed=next((one.hub for one in over if one.state == "pending" and one.hub in hubs), None),
        due_at=max(waits, default=None),
    )


def _is_over(one: Callback, now: datetime) -> bool:
    match one.state:
        case "pending":
            return one.asked_at + VERIFYING <= now
        case "active" | "ending" | "ended":
            return (one.lease_until or one.asked_at) <= now


def _fits(one: Callback, offer: Offer, hubs: Iterable[str], base: str) -> bool:
    return one.hub in hubs and one.topic == offer.topic and one.url.startswith(base)


def _next(one: Callback) -> datetime:
    return one.asked_at + VERIFYING if one.state == "pending" else one.renew_at or one.asked_at


def retry_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return backoff(FIRST_RETRY, failures)


def lease_of(written: str | None) -> timedelta:
    """The lease that a hub names in seconds; ours where it names none."""
    text = (written or "").strip()
    if not (text.isascii() and text.isdigit()):
        return LEASE
    return min(timedelta(seconds=int(text[:10])), LONGEST_LEASE)


def renewal(lease: timedelta, chance: float) -> timedelta:
    """How long after its verification to renew it; `chance` is in [0, 1)."""
    first, last = RENEWAL
    return max(lease * (first + (last - first) * chance), SHORTEST_RENEWAL)


def is_signed(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether `X-Hub-Signature` is that of the body (WebSub §7.1)."""
    method, _, written = (signature or "").strip().partition("=")
    if method.lower() not in _DIGESTS:
        return False
    made = hmac.new(secret.encode(), body, method.lower()).hexdigest()
    # As bytes, since text beyond ASCII is refused.
    return hmac.compare_digest(made.encode(), written.strip().lower().encode())


def is_pushed(standing: PushStanding | None, now: datetime) -> bool:
    """Whether pushes may stand in for polls."""
    if standing is None or standing.delivered_at is None or standing.lease_until <= now:
        return False
    if standing.missed_at is None:
        return True
    return standing.delivered_at > standing.missed_at and now - standing.missed_at >= DISTRUST


def has_missed(standing: PushStanding | None, news: Iterable[datetime], now: datetime) -> bool:
    """Whether a poll found what should have been pushed. `news`: when it was published."""
    if standing is None or standing.delivered_at is None or standing.lease_until <= now:
        return False
    silent = now - standing.delivered_at > GRACE
    return silent and any(at > standing.verified_at for at in news)
