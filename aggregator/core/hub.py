"""What a hub and its subscribers say to each other (https://www.w3.org/TR/websub/). Pure."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, cast
from urllib.parse import unquote, urlencode, urlsplit

from aggregator.core.deliveries import Mode
from aggregator.core.urls import web_url

LEASE = timedelta(days=10)
"""Of a subscription that asks for none."""
SHORTEST_LEASE = timedelta(hours=1)
LONGEST_LEASE = timedelta(days=30)

LONGEST_SECRET = 199
"""Bytes (§5.1: "less than 200 bytes")."""

Status = Literal[400, 404, 503]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRequest:
    """What a subscriber asks for, checked as far as it can be without asking anybody."""

    mode: Mode
    callback: str = field(repr=False)
    topic: str
    lease: timedelta
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken, for the one who wrote the subscriber."""

    reason: str
    status: Status = 400


def read_request(form: Mapping[str, str]) -> SubscriptionRequest | Refusal:
    """`form` holds the fields of a request; those that we do not know are passed over (§5.1)."""
    mode = form.get("hub.mode", "")
    if mode not in {"subscribe", "unsubscribe"}:
        return Refusal('hub.mode must be "subscribe" or "unsubscribe"')
    callback = _callback(form.get("hub.callback"))
    if callback is None:
        return Refusal(
            "hub.callback must be the http or https address that is to be called, "
            "without user, password and fragment"
        )
    topic = form.get("hub.topic")
    if topic is None or web_url(topic) != topic:  # it is kept and logged
        return Refusal("hub.topic must be the address that the feed names as rel=self")
    lease = _lease(form.get("hub.lease_seconds", ""))
    if lease is None and mode == "subscribe":
        return Refusal("hub.lease_seconds must be a whole number of seconds, more than 0")
    secret = form.get("hub.secret") or None
    if len((secret or "").encode()) > LONGEST_SECRET:
        return Refusal("hub.secret must be less than 200 bytes long")
    return SubscriptionRequest(
        mode=cast("Mode", mode),
        callback=callback,
        topic=topic,
        lease=lease or LEASE,
        secret=secret,
    )


def _callback(written: str | None) -> str | None:
    url = web_url(written)
    if url is None or "#" in url or "@" in urlsplit(url).netloc or "\\" in url:
        return None
    return url


def _lease(written: str) -> timedelta | None:
    """None where it is no number of seconds; as long as we grant it."""
    if not written:
        return LEASE
    if not (written.isascii() and written.isdigit()) or not written.strip("0"):
        return None
    seconds = int(written) if len(written) <= 9 else LONGEST_LEASE.total_seconds()  # noqa: PLR2004 - decades
    return min(max(timedelta(seconds=seconds), SHORTEST_LEASE), LONGEST_LEASE)


def topic_path(topic: str, site_url: str) -> tuple[str, ...] | None:
    """The decoded segments of a topic's path below the site; None where it is not ours."""
    if not topic.startswith(site_url) or "?" in topic or "#" in topic:
        return None
    return tuple(unquote(segment) for segment in topic.removeprefix(site_url).split("/"))


def verification_url(callback: str, *, mode: Mode, topic: str, challenge: str, lease: int) -> str:
    """Where we ask whether a request was meant (§5.3). `lease` is in seconds."""
    asked = {"hub.mode": mode, "hub.topic": topic, "hub.challenge": challenge}
    return _with(callback, asked | {"hub.lease_seconds": str(lease)})


def denial_url(callback: str, *, topic: str, reason: str) -> str:
    """Where we tell that a subscription is no more (§5.2)."""
    return _with(callback, {"hub.mode": "denied", "hub.topic": topic, "hub.reason": reason})


def _with(callback: str, fields: Mapping[str, str]) -> str:
    """The callback's own query stays as it is, in front."""
    joint = "&" if "?" in callback else "?"
    return f"{callback}{joint}{urlencode(fields)}"


def content_headers(
    body: bytes, *, content_type: str, topic: str, hub: str, secret: str | None
) -> tuple[tuple[str, str], ...]:
    """What goes with a document to a subscriber (§7)."""
    headers = (
        ("Content-Type", content_type),
        ("Link", f'<{hub}>; rel="hub", <{topic}>; rel="self"'),
    )
    return (*headers, ("X-Hub-Signature", signature(body, secret))) if secret else headers


def signature(body: bytes, secret: str) -> str:
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
