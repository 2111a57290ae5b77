import json

from aggregator.core.offers import Links
from aggregator.formats.reading import read_feed

URL = "https://a.example/blog/feed"
BOTH = Links(hubs=("https://hub.example/", "https://b.example/"), self_url="https://a.example/self")


def links(document: str, content_type: str = "application/xml") -> Links:
    return read_feed(document.encode(), content_type=content_type, url=URL).links


def test_b5_subscriber_102_hub_and_self_come_from_atom():
    entry = "<entry><id>1</id><link rel='hub' href='https://other.example/'/></entry>"
    assert (
        links(
            "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://a.example/'><title>t</title>"
            "<link rel='hub' href='https://hub.example/'/><link rel='self' href='self'/>"
            f"<link rel='hub' href='https://b.example/'/><link href='/'/>{entry}</feed>"
        )
        == BOTH
    )


def test_b5_subscriber_103_hub_and_self_come_from_rss():
    assert (
        links(
            "<rss version='2.0' xmlns:a='http://www.w3.org/2005/Atom'><channel><title>t</title>"
            "<a:link rel='hub' href='https://hub.example/'/><a:link rel='self' href='/self'/>"
            "<a:link rel='HUB' href='https://b.example/'/><link>https://a.example/</link>"
            "<item><guid>1</guid><a:link rel='hub' href='https://c.example/'/></item>"
            "</channel></rss>"
        )
        == BOTH
    )


def test_b5_subscriber_hub_and_self_come_from_json_feed():
    hubs = [
        {"type": "WebSub", "url": "https://hub.example/"},
        {"type": "rssCloud", "url": "https://cloud.example/"},
        {"type": "websub", "url": "https://b.example/"},
        {"type": "WebSub"},
        "x",
    ]
    document = {"items": [], "feed_url": "/self", "hubs": hubs}

    assert links(json.dumps(document), "application/feed+json") == BOTH


def test_a_document_that_offers_nothing():
    rss = "<rss version='2.0'><channel><title>t</title><item><guid>1</guid></item></channel></rss>"

    assert links(rss) == Links()
    assert links('{"items": [], "hubs": 1, "feed_url": []}') == Links()
