import pytest

from aggregator.core.offers import Links
from aggregator.fetch.headers import fields_of
from aggregator.fetch.links import links_of

BASE = "https://a.example/blog/feed"
HUB = "https://hub.example/"


def read(*values: str) -> Links:
    return links_of(fields_of((b"Link", value.encode("latin-1")) for value in values), BASE)


BOTH = Links(hubs=(HUB,), self_url=BASE)


@pytest.mark.parametrize(
    "values",
    [
        (f'<{HUB}>; rel="hub"', f'<{BASE}>; rel="self"'),
        (f"<{HUB}>; rel=hub, <{BASE}>; rel=self",),
        (f'<{HUB}>;rel="HUB",<{BASE}>;title="a, b; c";rel="x self"',),
        (f'< {HUB} > ; foo ; rel = "hub"', "<feed>; rel=self"),
        (f'<x>; rel="a\\"b", <{HUB}>; rel=hub; rel=self', f"<{BASE}>; rel=self"),
        (f"rubbish, <{HUB}>; rel=hub", f"<{BASE}>; rel=self"),
    ],
)
def test_b5_subscriber_100_hub_and_self_come_from_the_header(values):
    assert read(*values) == BOTH


def test_b5_subscriber_several_hubs_keep_their_order():
    assert read("<https://b.example/>; rel=hub, <https://a.example/>; rel=hub").hubs == (
        "https://b.example/",
        "https://a.example/",
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "<",
        "<" * 20_000,
        f"<{HUB}>",
        f"{HUB}; rel=hub",
        f"<{HUB}>; rel=hubs",
        f'<{HUB}>; rel=hub; anchor="/other"',
        "<javascript:alert(1)>; rel=hub",
        ";" * 20_000,
        '<x>;a="' * 4000,
    ],
)
def test_what_names_no_hub_is_passed_over(value):
    assert read(value) == Links()
