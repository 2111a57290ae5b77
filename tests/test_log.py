import io
import sys
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from aggregator.log import LogWatch, configure, logfmt
from aggregator.service.reports import PollReport

HEAD = ["timestamp", "level", "event"]
FACTS = st.dictionaries(
    st.sampled_from([*HEAD, "source", "why", "error", "bytes"]),
    st.one_of(st.none(), st.integers(), st.text(' ="\\\n\tab\xe4')),
)


@pytest.fixture
def written(monkeypatch):
    """The log, from now on; what is set up for it ends with the test."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure()
    yield stream
    structlog.reset_defaults()


@given(FACTS)
def test_a_line_is_what_structlog_would_write(facts):
    theirs = structlog.processors.LogfmtRenderer(key_order=HEAD)

    assert logfmt(None, "", dict(facts)) == theirs(None, "", dict(facts))


def test_a_poll_is_one_line(written):
    report = PollReport(
        source="a",
        outcome="not_modified",
        status=304,
        elapsed=timedelta(seconds=0.25),
        next_poll_at=datetime(2026, 1, 1, tzinfo=UTC),
        next_poll_reason="every 1h",
    )

    LogWatch().polled(report)

    (line,) = written.getvalue().splitlines()
    assert line.partition(" ")[2] == (
        "level=info event=polled source=a outcome=not_modified status=304 new=0 updated=0 bytes=0 "
        'ms=250 next=2026-01-01T00:00:00+00:00 why="every 1h"'
    )
