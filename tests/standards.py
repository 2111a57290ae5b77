"""The standards that we publish by, line by line, each with the tests that prove it.

A test belongs to a line by its name (`test_b7_02_…` to b7.02), or is named here. `python -m
tests.standards` writes the table with the tests.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent

ATOM = {
    "b1.01": "feed and entries have exactly one id, title and updated",
    "b1.02": "the feed links to itself where it is served",
    "b1.03": "feed and entries have an author",
    "b1.04": "one alternate link of a kind",
    "b1.05": "without content there is an alternate link; no element stands twice",
    "b1.06": "ids are absolute IRIs that never change",
    "b1.07": "an id stands once",
    "b1.08": "order means nothing; newest first all the same",
    "b1.09": "updated need not move; two may be the same",
    "b1.10": "dates are RFC 3339, and can be true",
    "b1.11": "text says whether it is HTML",
    "b1.12": "source with id, title, updated; one that is there is kept",
    "b1.13": "a source takes nothing of another's by its ids",
    "b1.14": "no signature is passed on",
    "b1.15": "the feed is as new as its newest entry",
    "b1.16": "no xml:base, no relative reference",
    "b1.17": "xml:lang where the language is another",
    "b1.18": "icon, generator with uri and version, categories with scheme",
    "b1.19": "enclosures with type, and length where it is known",
    "b1.20": "via and related",
    "b1.21": "no title is blank",
    "b1.22": "every entry has text",
    "b1.23": "tombstones on demand only, each once",
}

RSS = {
    "b2.01": "channel with title, link and description",
    "b2.02": "items come last; each has a title or a description",
    "b2.03": "atom:link to itself",
    "b2.04": "a guid each, a permalink where it is the link",
    "b2.05": "dates of RFC 822, English, four digits, the right day",
    "b2.06": "lastBuildDate is when the content changed",
    "b2.07": "dc:creator, and no author",
    "b2.08": "description before content:encoded",
    "b2.09": "one enclosure with url, length and type; others as media:content",
    "b2.10": "source with url, and no atom:source",
    "b2.11": "markup characters in plain text are hexadecimal",
    "b2.12": "no ttl or cloud that nobody keeps",
    "b2.13": "the image says what the channel says",
    "b2.14": "docs and generator",
    "b2.15": "no update period that nobody keeps",
    "b2.16": "no relative references, nothing active",
    "b2.17": "nothing of iTunes",
    "b2.18": "no characters that no document should hold",
}

JSON_FEED = {
    "b3.01": "version, title, items",
    "b3.02": "home_page_url and feed_url",
    "b3.03": "ids are strings that stand once",
    "b3.04": "content_html or content_text",
    "b3.05": "title and summary are plain text",
    "b3.06": "dates are RFC 3339",
    "b3.07": "authors is a list of objects",
    "b3.08": "languages of feed and items",
    "b3.09": "url and external_url",
    "b3.10": "tags and image",
    "b3.11": "attachments with url and mime_type",
    "b3.12": "next_url is another document and never loops",
    "b3.13": "hubs are of WebSub",
    "b3.14": "icon and favicon",
    "b3.15": "extensions begin with _ and have no dots",
    "b3.16": "UTF-8",
    "b3.17": "below 250 KB",
    "b3.18": "expired only when a feed ends",
    "b3.19": "nothing active: no validator looks at JSON",
}

ARCHIVES = {
    "b4.01": "complete: no document claims to be",
    "b4.02": "pages: first, last, previous, next; never prev",
    "b4.03": "archives: prev-archive, archive, current; what stands in one stays",
    "b4.04": "volumes in first-seen order; late entries go into the open one",
    "b4.05": "nothing is lost, whichever reader goes back",
}

WEBSUB = {
    "b5.01": "publisher: Link headers of hub and self on GET, HEAD and 304",
    "b5.02": "publisher: the same in every document; each format is a topic",
    "b5.03": "publisher: told of changed bytes only, again after a failure, blocking nobody",
    "b5.04": "subscriber: the header first, then the document",
    "b5.05": "subscriber: callbacks of their own, unguessable; secrets over https",
    "b5.06": "subscriber: verifies what it asked for, 404 else",
    "b5.07": "subscriber: checks signatures, drops what is not signed rightly",
    "b5.08": "subscriber: renews, ends, denies, keeps polling",
    "b5.09": "hub: 202 to a valid request",
    "b5.10": "hub: verifies intent, keeps the callback's query",
    "b5.11": "hub: leases end; a renewal takes over when it is verified",
    "b5.12": "hub: delivers all with type, links and signature",
    "b5.13": "hub: tries again, ends on 410, follows nothing, stays below the site",
}

OPML = {
    "b6.01": "one head, one body, an outline",
    "b6.02": "every outline has text",
    "b6.03": "subscriptions are of type rss, with text, title and xmlUrl",
    "b6.04": "dates of RFC 822",
    "b6.05": "elements of the head stand once",
    "b6.06": "groups and categories",
    "b6.07": "pages link to it",
    "b6.08": "no docs, no version of an outline",
    "b6.09": "what others write is read",
}

SERVING = {
    "b7.01": "content types",
    "b7.02": "strong ETags for each form",
    "b7.03": "Last-Modified is when it last changed",
    "b7.04": "Cache-Control is the time to the next poll",
    "b7.05": "Vary",
    "b7.06": "codings, lengths, HEAD",
    "b7.07": "CORS, on errors and 304 too",
    "b7.08": "a 304 costs no rendering",
    "b7.09": "the last good bytes when an update fails",
    "b7.10": "410, 301, unknown parameters",
    "b7.11": "safe headers",
    "b7.12": "the prolog with its encoding and nothing before",
    "b7.13": "no document that validators do not read",
}

DELTAS = {
    "b8.01": "only what is new is sent",
    "b8.02": "226, IM, no-store",
    "b8.03": "a new ETag",
    "b8.04": "changed entries are new again",
    "b8.05": "unknown tag: everything",
    "b8.06": "no change: 304",
    "b8.07": "for who asks for it, and with GET",
    "b8.08": "a part is a valid document",
}

EXTRAS = {
    "b9.01": "pages and their headers link to the feeds, the preferred one first",
    "b9.02": "no XSLT",
    "b9.03": "pages are h-feeds",
    "b9.04": "ActivityPub: not served; what is back-dated is not announced as new",
    "b9.05": "icon in every format",
    "b9.06": "Media RSS: one thumbnail",
    "b9.07": "noindex where the site wants it, canonical on every page",
}

SECTIONS = {
    "Atom (RFC 4287)": ATOM,
    "RSS 2.0 and the profile of its Advisory Board": RSS,
    "JSON Feed 1.1": JSON_FEED,
    "Feed paging and archiving (RFC 5005)": ARCHIVES,
    "WebSub": WEBSUB,
    "OPML 2.0": OPML,
    "Serving over HTTP": SERVING,
    "Delta encoding (RFC 3229) with A-IM: feed": DELTAS,
    "Discovery and extras": EXTRAS,
}

LINES = {line: told for section in SECTIONS.values() for line, told in section.items()}

ALSO: dict[str, tuple[str, ...]] = {
    "b1.13": (
        "test_a_source_cannot_touch_another_ones_entry",
        "test_two_sources_with_one_guid_are_published_under_two_ids",
        "test_a_source_that_repeats_anothers_id_and_text_stands_beside_it",
    ),
    "b3.12": ("test_b3_next_*",),
    "b4.01": ("test_b4_no_document_claims_*",),
    "b4.02": ("test_b4_pages_*",),
    "b4.03": (
        "test_b4_a_subscription_document_*",
        "test_b4_an_archive_document_*",
        "test_b4_the_links_*",
        "test_b4_the_rules_*",
        "test_b4_our_documents_*",
        "test_b4_what_a_named_part_*",
        "test_b4_the_oldest_volume_*",
        "test_b4_a_feed_without_*",
        "test_b4_volumes_may_be_kept_*",
    ),
    "b4.04": ("test_b4_volumes_are_in_*", "test_b4_a_back_dated_*"),
    "b4.05": (
        "test_b4_the_newest_document_*",
        "test_b4_nothing_is_lost_*",
        "test_b4_what_is_dropped_*",
        "test_b4_what_a_document_has_no_room_*",
    ),
    "b5.01": ("test_b5_a_feed_links_*",),
    "b5.02": (
        "test_b5_publisher_a_feed_that_names_*",
        "test_b5_publisher_every_format_*",
        "test_b5_publisher_a_document_names_*",
        "test_b5_publisher_what_a_search_*",
    ),
    "b5.03": (
        "test_b5_publisher_a_changed_*",
        "test_b5_publisher_every_publication_*",
        "test_b5_publisher_what_did_not_*",
        "test_b5_publisher_a_restart_*",
        "test_b5_publisher_an_announcement_*",
        "test_b5_publisher_a_hub_that_is_down_*",
        "test_b5_publisher_publishing_*",
    ),
    "b5.04": (
        "test_b5_subscriber_100_*",
        "test_b5_subscriber_102_*",
        "test_b5_subscriber_103_*",
        "test_b5_subscriber_104_*",
        "test_b5_subscriber_hub_and_self_*",
        "test_b5_subscriber_several_hubs_*",
        "test_b5_subscriber_the_hub_of_a_304_*",
        "test_b5_subscriber_a_304_*",
        "test_b5_subscriber_200_*",
        "test_b5_subscriber_201_*",
        "test_b5_subscriber_203_*",
        "test_b5_subscriber_the_topic_*",
        "test_b5_subscriber_a_topic_*",
    ),
    "b5.05": (
        "test_b5_subscriber_each_subscription_*",
        "test_b5_subscriber_a_secret_*",
        "test_b5_subscriber_where_nobody_*",
        "test_b5_subscriber_an_unknown_callback_*",
        "test_b5_subscriber_a_callback_of_*",
    ),
    "b5.06": (
        "test_b5_subscriber_205_*",
        "test_b5_subscriber_the_answer_*",
        "test_b5_subscriber_1xx_a_request_*",
        "test_b5_subscriber_nobody_can_*",
    ),
    "b5.07": (
        "test_b5_subscriber_300_*",
        "test_b5_subscriber_301_*",
        "test_b5_subscriber_1xx_a_signed_*",
        "test_b5_subscriber_1xx_every_method_*",
        "test_b5_subscriber_an_unsigned_*",
    ),
    "b5.08": (
        "test_b5_subscriber_1xx_a_subscription_*",
        "test_b5_subscriber_a_source_*",
        "test_b5_subscriber_a_subscription_*",
        "test_b5_subscriber_another_hub_*",
        "test_b5_subscriber_renewals_*",
        "test_b5_subscriber_the_source_*",
        "test_b5_subscriber_where_nothing_*",
    ),
    "b5.09": (
        "test_b5_hub_a_valid_*",
        "test_b5_hub_a_refusal_*",
        "test_b5_hub_what_is_no_form_*",
        "test_b5_hub_a_request_needs_*",
        "test_b5_hub_a_faulty_*",
        "test_b5_hub_only_our_own_*",
        "test_b5_hub_a_secret_*",
    ),
    "b5.10": (
        "test_b5_hub_intent_*",
        "test_b5_hub_only_the_challenge_*",
        "test_b5_hub_unsubscribing_*",
        "test_b5_hub_the_callbacks_own_*",
        "test_b5_hub_a_denial_*",
    ),
    "b5.11": (
        "test_b5_hub_leases_*",
        "test_b5_hub_a_lease_*",
        "test_b5_hub_a_renewal_*",
    ),
    "b5.12": (
        "test_b5_hub_the_whole_*",
        "test_b5_hub_what_is_delivered_*",
        "test_b5_hub_nothing_is_delivered_*",
        "test_b5_hub_every_feed_*",
        "test_b5_hub_content_*",
        "test_b5_hub_an_entry_that_is_stored_*",
    ),
    "b5.13": (
        "test_b5_hub_a_failed_*",
        "test_b5_hub_who_fails_*",
        "test_b5_hub_a_410_*",
        "test_b5_hub_a_redirect_*",
        "test_b5_hub_what_a_subscriber_says_*",
        "test_b5_hub_a_topic_that_is_no_more_*",
        "test_b5_hub_topics_*",
    ),
    "b8.06": ("test_b8_09_*",),
    "b8.07": ("test_b8_10_*", "test_b8_11_*", "test_b8_12_*"),
    "b9.01": ("test_b9_1_*",),
    "b9.02": ("test_no_document_has_a_stylesheet",),
    "b9.03": ("test_an_entry_of_the_page_is_one_of_the_feed",),
    "b9.04": ("test_b4_a_back_dated_*",),
    "b9.05": (
        "test_b1_18_the_generator_*",
        "test_b2_13_the_image_*",
        "test_b3_14_an_icon_*",
    ),
    "b9.06": ("test_feedparser_finds_it_all",),
    "b9.07": ("test_search_engines_are_asked_where_the_site_wants_it",),
}
"""Tests of other names; `*` stands for the rest of one."""

OPEN: dict[str, str] = {}
"""Lines without a test, and why."""


@cache
def collected() -> dict[str, list[str]]:
    """Node ids by the names of the functions, as pytest would collect them."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("test_"):
                id = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                found.setdefault(node.name, []).append(id)
    return found


def matching(name: str) -> list[str]:
    """Node ids of a test, or of all whose names begin so."""
    if not name.endswith("*"):
        return collected().get(name, [])
    return [id for test, ids in collected().items() if test.startswith(name[:-1]) for id in ids]


def proof(line: str) -> list[str]:
    """The node ids of the tests that prove a line."""
    section, _, number = line.partition(".")
    own = f"test_{section}_{number}_*"
    return sorted({id for name in (own, *ALSO.get(line, ())) for id in matching(name)})


def table() -> Iterator[str]:
    """For people, in Markdown."""
    yield "# Standards, line by line"
    yield ""
    yield "What our documents and answers hold to, and the tests that prove it."
    for title, section in SECTIONS.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| line | what holds | proved by |"
        yield "| --- | --- | --- |"
        for line, told in section.items():
            named = "<br>".join(f"`{id}`" for id in proof(line))
            yield f"| {line} | {told} | {named or 'open: ' + OPEN.get(line, '')} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
