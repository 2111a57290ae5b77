"""Politeness checks of what is asked, and with which headers."""

import re
from typing import Any

from benchmarks.politeness_cases import (
    SLACK,
    Check,
    Evidence,
    Source,
    Verdict,
    check,
    conditions,
    every,
    gaps,
    told,
)
from benchmarks.politeness_moves import EXTRA_SCRIPTS
from benchmarks.politeness_server import Reply, answer, ok

MODIFIED = "Mon, 02 Jan 2006 15:04:05 GMT"
ODD_DATE = "Mon, 2 Jan 2006 15:04:05 +0000"
REFUSED = 2
"""Exit status of a wrong configuration."""


@check(
    1,
    "first contact is one unconditional GET, also for a source that is added later",
    Source(key="first", host="127.0.0.11", path="/feed", script=[ok()], interval="30s"),
    Source(key="added", host="127.0.0.12", path="/feed", script=[ok()], interval="30s", later=True),
    Source(key="default", host="127.0.0.13", path="/feed", script=[ok()], interval=None),
)
def first_contact(evidence: Evidence) -> Verdict:
    hosts = {key: evidence.sources[key].host for key in ("first", "added", "default")}
    seen = {key: evidence.at(host) for key, host in hosts.items()}
    plain = all(conditions(one) == (None, None) for asked in seen.values() for one in asked)
    counts = {key: len(asked) for key, asked in seen.items()}
    return plain and set(counts.values()) == {1}, f"requests {counts}, unconditional: {plain}"


def conditional(headers: dict[str, Any]) -> list[Reply]:
    return [ok(**headers), answer(304)]


BOTH = {"ETag": 'W/"a-1:gzip"', "Last_Modified": ODD_DATE}
UNQUOTED = {"ETag": "no-quotes--gzip"}
DATED = {"Last_Modified": MODIFIED}


@check(
    2,
    "validators go back byte for byte, and none that was not sent",
    Source(key="both", host="127.0.0.14", path="/feed", script=conditional(BOTH)),
    Source(key="etag", host="127.0.0.15", path="/feed", script=conditional(UNQUOTED)),
    Source(key="dated", host="127.0.0.16", path="/feed", script=conditional(DATED)),
    Source(key="neither", host="127.0.0.17", path="/feed", script=[ok()]),
)
def verbatim(evidence: Evidence) -> Verdict:
    expected = {
        "both": ('W/"a-1:gzip"', ODD_DATE),
        "etag": ("no-quotes--gzip", None),
        "dated": (None, MODIFIED),
        "neither": (None, None),
    }
    verdicts = []
    for key, wanted in expected.items():
        sent = {conditions(one) for one in evidence.polls(key)[1:]}
        verdicts.append((sent == {wanted}, f"{key}: {sorted(map(str, sent))}"))
    return every(*verdicts)


def sent_second(evidence: Evidence, key: str, wanted: tuple[str | None, str | None]) -> Verdict:
    """The third request carries what the second answer brought."""
    polls = evidence.polls(key)
    sent = conditions(polls[2]) if len(polls) > 2 else None  # noqa: PLR2004
    return sent == wanted, f"{key}: third request {sent}"


@check(
    3,
    "a change of one validator alone is taken",
    Source(
        key="only-etag",
        host="127.0.0.18",
        path="/feed",
        script=[
            ok(ETag='"1"', Last_Modified=MODIFIED),
            ok("2", ETag='"2"', Last_Modified=MODIFIED),
        ],
    ),
    Source(
        key="only-date",
        host="127.0.0.19",
        path="/feed",
        script=[
            ok(ETag='"1"', Last_Modified=MODIFIED),
            ok("2", ETag='"1"', Last_Modified=ODD_DATE),
        ],
    ),
)
def one_validator(evidence: Evidence) -> Verdict:
    return every(
        sent_second(evidence, "only-etag", ('"2"', MODIFIED)),
        sent_second(evidence, "only-date", ('"1"', ODD_DATE)),
    )


@check(
    4,
    "a 200 with the same body and new validators: the new ones are kept",
    Source(
        key="same-body",
        host="127.0.0.20",
        path="/feed",
        script=[ok(ETag='"1"', Last_Modified=MODIFIED), ok(ETag='"2"', Last_Modified=ODD_DATE)],
    ),
)
def same_body(evidence: Evidence) -> Verdict:
    return sent_second(evidence, "same-body", ('"2"', ODD_DATE))


@check(
    5,
    "validators that the server drops are sent no more",
    Source(
        key="dropped",
        host="127.0.0.21",
        path="/feed",
        script=[ok(ETag='"1"', Last_Modified=MODIFIED), ok("2"), ok("3")],
    ),
    Source(
        key="dropped-same",
        host="127.0.0.22",
        path="/feed",
        script=[ok(ETag='"1"', Last_Modified=MODIFIED), ok()],
    ),
)
def dropped(evidence: Evidence) -> Verdict:
    given = {
        conditions(evidence.polls(key)[1])
        for key in ("dropped", "dropped-same")
        if len(evidence.polls(key)) > 1
    }
    return every(
        (given == {('"1"', MODIFIED)}, f"second requests {given}"),
        sent_second(evidence, "dropped", (None, None)),
        sent_second(evidence, "dropped-same", (None, None)),
    )


@check(
    6,
    "what a 304 brings is taken: a new ETag, and Cache-Control",
    Source(
        key="news-304",
        host="127.0.0.23",
        path="/feed",
        script=[ok(ETag='"1"'), answer(304, ETag='"2"', Cache_Control="max-age=3")],
    ),
)
def news_of_304(evidence: Evidence) -> Verdict:
    waits = gaps(evidence.polls("news-304"))
    waited = len(waits) > 1 and all(wait >= 3 - SLACK for wait in waits[1:])
    return every(sent_second(evidence, "news-304", ('"2"', None)), (waited, f"waits {told(waits)}"))


@check(12, "no cookies, no Referer, no made-up address, no query of our own")
def nothing_extra(evidence: Evidence) -> Verdict:
    known = {(source.host, source.path) for source in evidence.sources.values()}
    known |= EXTRA_SCRIPTS.keys()
    strange = {one.path for one in evidence.log if (one.host, one.path) not in known}
    strange -= {"(TLS)"}
    private = {"cookie", "referer", "from", "x-forwarded-for"}
    headers = {name.lower() for one in evidence.log for name, _ in one.headers} & private
    good = bool(evidence.log) and not strange and not headers
    text = f"{len(evidence.log)} requests; other addresses {sorted(strange)[:3]}"
    return good, f"{text}, headers {sorted(headers)}"


AGENT = re.compile(r"[\w-]+/[\w.+-]+ \(\+https?://[^\s;()]+(?:; \d+ subscribers?)?\)")


@check(13, "one User-Agent: Name/version (+https://…), and N subscribers where they are known")
def agent(evidence: Evidence) -> Verdict:
    agents = {one.header("user-agent") for one in evidence.log if one.path != "(TLS)"}
    good = len(agents) == 1 and all(AGENT.fullmatch(one or "") for one in agents)
    return good, f"{sorted(map(str, agents))[:3]}"


@check(16, "Accept-Encoding offers gzip and br, Accept lists feed types")
def negotiation(evidence: Evidence) -> Verdict:
    asked = [one for one in evidence.log if one.path != "(TLS)"]
    encodings = {one.header("accept-encoding") or "" for one in asked}
    accepts = {one.header("accept") or "" for one in asked}
    types = ("application/atom+xml", "application/rss+xml")
    return every(
        (bool(asked) and all("gzip" in one and "br" in one for one in encodings), f"{encodings}"),
        (all(type in one for one in accepts for type in types), f"{[one[:60] for one in accepts]}"),
    )


@check(
    18,
    "a fragment is not sent, and an address that is listed twice is asked once",
    Source(key="fragment", host="127.0.0.29", path="/feed", script=[ok()], suffix="#part"),
    Source(key="twin-a", host="127.0.0.30", path="/feed", script=[ok()], file="alone"),
    Source(key="twin-b", host="127.0.0.30", path="/feed", script=[ok()], file="alone", suffix="#x"),
)
def twins(evidence: Evidence) -> Verdict:
    fragments = [one for one in evidence.at("127.0.0.29") if "#" in one.path]
    asked = evidence.at("127.0.0.30", "twins")
    code = evidence.codes["twins"]
    refused = code == REFUSED and not asked  # a configuration error that names both will do
    return every(
        (not fragments and bool(evidence.polls("fragment")), f"{len(fragments)} fragments sent"),
        (len(asked) == 1 or refused, f"{len(asked)} requests for the twins, exit {code}"),
    )


CHECKS: tuple[Check, ...] = (
    first_contact,
    verbatim,
    one_validator,
    same_body,
    dropped,
    news_of_304,
    nothing_extra,
    agent,
    negotiation,
    twins,
)
