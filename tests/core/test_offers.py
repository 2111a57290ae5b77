import pytest

from aggregator.core.offers import MOST_HUBS, Links, Offer, links_from, offer_of

HUB = "https://hub.example/"
FEED = "https://a.example/feed"


def last_two_labels(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def offered(*, header: Links | None = None, document: Links | None = None, polled: str = FEED):
    both = header or Links(), document or Links()
    return offer_of(*both, polled=polled, domain_of=last_two_labels)


def test_b5_subscriber_104_the_header_comes_before_the_document():
    header = Links(hubs=("https://header.example/",), self_url="https://a.example/h")
    document = Links(hubs=(HUB,), self_url="https://a.example/d")

    assert offered(header=header, document=document) == Offer(
        hubs=("https://header.example/",), topic="https://a.example/h"
    )


def test_without_a_hub_nothing_is_offered():
    assert offered(document=Links(self_url=FEED)) == Offer()


def test_b5_subscriber_200_the_topic_is_what_the_source_calls_itself():
    assert offered(document=Links(hubs=(HUB,), self_url="https://www.a.example/x")).topic == (
        "https://www.a.example/x"
    )


def test_without_a_self_the_topic_is_the_address_polled():
    assert offered(header=Links(hubs=(HUB,))).topic == FEED


def test_a_hub_in_the_header_goes_with_the_self_of_the_document_where_that_is_all_there_is():
    header, document = Links(hubs=(HUB,)), Links(self_url="https://a.example/d")

    assert offered(header=header, document=document).topic == "https://a.example/d"


@pytest.mark.parametrize(
    "foreign", ["https://b.example.org/feed", "https://a.example.com/feed", "http://127.0.0.1/"]
)
def test_b5_subscriber_a_topic_of_somebody_elses_domain_is_not_followed(foreign):
    assert offered(document=Links(hubs=(HUB,), self_url=foreign)).topic == FEED


@pytest.mark.parametrize("hub", ["http://127.0.0.1/", "http://10.0.0.1/", "http://router.lan/"])
def test_b5_subscriber_no_public_document_names_a_private_hub(hub):
    assert links_from([hub], None, FEED).hubs == ()
    assert links_from([hub], None, "http://192.168.0.1/feed").hubs == (hub,)


def test_links_become_absolute_once_each_and_few():
    links = links_from(
        ["/hub", "https://a.example/hub", "javascript:x", None, "ftp://x/"], "x", FEED
    )

    assert links == Links(hubs=("https://a.example/hub",), self_url="https://a.example/x")
    assert len(links_from([f"/{n}" for n in range(50)], None, FEED).hubs) == MOST_HUBS
