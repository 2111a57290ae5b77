from dataclasses import replace

from aggregator.core.pushes import PushHealth
from aggregator.service.source_rows import source_row
from tests.builders import NOON
from tests.web.fakes import health

HUB_FIELDS = ("hub", "hub_state", "hub_lease_until", "hub_error", "last_push_at")


def test_a_source_without_a_hub_has_its_fields_empty():
    row = source_row(health(), [], NOON)

    assert {row[name] for name in HUB_FIELDS} == {None}


def test_a_row_tells_what_the_hub_does():
    push = PushHealth(
        hub="https://hub.example/",
        state="active",
        lease_until=NOON,
        delivered_at=NOON,
        error="the hub answered 500",
    )

    row = source_row(replace(health(), push=push), [], NOON)

    assert [row[name] for name in HUB_FIELDS] == [
        "https://hub.example/",
        "active",
        "2026-03-01T12:00:00Z",
        "the hub answered 500",
        "2026-03-01T12:00:00Z",
    ]
