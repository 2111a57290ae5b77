"""The politeness check of redirects: what moves, and what only seems to."""

from typing import Any

from benchmarks.politeness_cases import PACE, Evidence, Source, Verdict, check, every, gaps
from benchmarks.politeness_server import Reply, Script, answer, ok

MOST_REDIRECTS = 5
FEW = 3
HSTS: dict[str, Any] = {"Strict_Transport_Security": "max-age=31536000", "Upgrade": "h2c"}
MOVED, LENT, LOGIN = "127.0.0.24", "127.0.0.25", "127.0.0.27"
PAGE = Reply(headers=(("Content-Type", "text/html"),), body=b"<!doctype html><title>Log in</title>")
EXTRA_SCRIPTS: dict[tuple[str, str], Script] = {
    (MOVED, "/between"): [answer(308, Location="/new")],
    (MOVED, "/new"): [ok(ETag='"1"'), answer(304)],
    (LENT, "/elsewhere"): [ok(ETag='"1"'), answer(304)],
    (LOGIN, "/login"): [PAGE],
}


@check(
    14,
    "http stays http; a 301 that lasts a week is followed for good, a 302 never; loops end; no"
    " page is kept",
    Source(key="hsts", host="127.0.0.28", path="/feed", script=[ok(ETag='"1"', **HSTS)]),
    Source(
        key="moved",
        host=MOVED,
        path="/old",
        script=[answer(301, Location="/between")],
        interval="250ms",
        in_a_week=True,
    ),
    Source(
        key="lent",
        host=LENT,
        path="/feed",
        script=[answer(302, Location="/elsewhere")],
        interval="250ms",
        in_a_week=True,
    ),
    Source(key="loop", host="127.0.0.26", path="/feed", script=[answer(301, Location="/feed")]),
    Source(
        key="login",
        host=LOGIN,
        path="/feed",
        script=[answer(301, Location="/login")],
        interval="250ms",
        in_a_week=True,
    ),
)
def redirects(evidence: Evidence) -> Verdict:
    loop = evidence.polls("loop")
    runs = sum(gap > PACE * 0.75 for gap in gaps(loop)) + 1
    tls = [one for one in evidence.at("127.0.0.28") if one.path == "(TLS)"]
    return every(
        (not tls and len(evidence.polls("hsts")) > FEW, f"{len(tls)} TLS attempts"),
        (
            0 < len(loop) <= runs * (MOST_REDIRECTS + 1),
            f"loop: {len(loop)} requests in {runs} polls",
        ),
        move(evidence),
        *(
            followed(evidence, key, target, act)
            for key, target in (("lent", "/elsewhere"), ("login", "/login"))
            for act in ("run", "in a week")
        ),
        (not evidence.rewritten, f"rewritten: {evidence.rewritten}"),
    )


def move(evidence: Evidence) -> Verdict:
    """Followed at each poll of the first week, then gone to straight, and reported."""
    at_first = followed(evidence, "moved", "/new", "run")
    old = evidence.polls("moved", "in a week")
    new = asked(evidence, "moved", "/new", "in a week")
    state = evidence.rows_in_a_week.get("moved", {}).get("state")
    taken = 1 <= len(old) <= FEW and len(new) > len(old) + FEW and state == "moved"
    text = f"301: a week later old asked {len(old)}, new {len(new)} times, reported {state}"
    return every(at_first, (taken, text))


def asked(evidence: Evidence, key: str, path: str, act: str) -> list[Any]:
    host = evidence.sources[key].host
    return [one for one in evidence.at(host, act) if one.path == path]


def followed(evidence: Evidence, key: str, target: str, act: str) -> Verdict:
    """Each request to the target comes by way of the configured address."""
    old, new = evidence.polls(key, act), asked(evidence, key, target, act)
    # The last one may be cut short; what has failed for long is asked once.
    good = 0 <= len(old) - len(new) <= 1 and bool(new)
    return good, f"{key}, {act}: old asked {len(old)}, target {len(new)} times"


CHECKS = (redirects,)
