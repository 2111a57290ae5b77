import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.core.model import FeedInfo
from aggregator.formats.fitting import fit_line
from aggregator.formats.opml import write_opml
from tests.builders import NOON
from tests.formats.documents import NASTY
from tests.formats.validity import document_findings, parsed, rfc822_findings


@dataclass(frozen=True, kw_only=True)
class Listed:
    key: str = "blog"
    url: str = "https://a.example/feed?x=1&y=2"
    name: str | None = None
    info: FeedInfo = field(default_factory=FeedInfo)


def opml_findings(body: bytes) -> list[str]:
    """What breaks OPML 2.0 (http://opml.org/spec2.opml) or its validator at the W3C."""
    if isinstance(opml := parsed(body), str):
        return [opml]
    if opml.get("version") != "2.0" or [part.tag for part in opml] != ["head", "body"]:
        return ["not <opml version='2.0'> with one head and one body"]
    findings = list(document_findings(opml))
    findings += rfc822_findings(opml[0], ("dateCreated", "dateModified"))
    repeated = Counter(part.tag for part in opml[0])
    findings += [f"{tag} is repeated" for tag, count in repeated.items() if count > 1]
    findings += ["docs"] if "docs" in repeated else []
    outlines = opml.findall(".//outline")
    findings += [] if outlines else ["no outline"]
    for outline in outlines:
        kind, text = outline.get("type"), outline.get("text")
        findings += [] if text else ["an outline without text"]
        findings += ["no xmlUrl"] if kind == "rss" and not outline.get("xmlUrl") else []
        findings += [f"type {kind}"] if kind not in {"rss", None} else []
    return findings


def outlines(body: bytes) -> list[dict[str, str]]:
    return [dict(outline.attrib) for outline in etree.fromstring(body).iter("outline")]


def test_a_subscription_tells_what_is_known_of_its_source():
    info = FeedInfo(title="T", link="https://a.example/", subtitle="About\nall", language="en_US")
    body = write_opml("Mine", [Listed(name="A & B", info=info)])

    assert outlines(body) == [
        {
            "type": "rss",
            "text": "A & B",
            "title": "A & B",
            "xmlUrl": "https://a.example/feed?x=1&y=2",
            "htmlUrl": "https://a.example/",
            "description": "About all",
            "language": "en-US",
        }
    ]
    assert opml_findings(body) == []


@pytest.mark.parametrize(
    ("name", "title", "text"),
    [("Name", "Title", "Name"), (None, "Title", "Title"), (" ", " ", "blog")],
)
def test_a_subscription_always_has_a_text(name, title, text):
    [outline] = outlines(write_opml("Mine", [Listed(name=name, info=FeedInfo(title=title))]))

    assert (outline["text"], outline["title"]) == (text, text)


def test_the_head_has_the_title_and_the_date_of_the_list():
    head = etree.fromstring(write_opml("Mine & yours", [Listed()], modified=NOON))[0]

    assert {part.tag: part.text for part in head} == {
        "title": "Mine & yours",
        "dateModified": "Sun, 01 Mar 2026 12:00:00 GMT",
    }


def test_a_list_without_subscriptions_is_valid():
    body = write_opml("Mine", [])

    assert opml_findings(body) == []
    assert not [outline for outline in outlines(body) if "xmlUrl" in outline]


def test_sources_stand_in_the_order_given():
    body = write_opml("Mine", [Listed(name=name) for name in "bac"])

    assert [outline["text"] for outline in outlines(body)] == ["b", "a", "c"]


@pytest.mark.parametrize("text", [NASTY, "x" * 10_000, "a\x00b\x0b\ufffd\ud800c"])
def test_no_text_breaks_the_list(text):
    info = FeedInfo(title=text, subtitle=text, language=text)
    body = write_opml(text, [Listed(name=text, info=info)], modified=NOON)

    assert opml_findings(body) == []
    assert outlines(body)[0]["text"] == fit_line(text)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_what_is_written_is_read(names):
    listed = [Listed(key=f"k{n}", name=name) for n, name in enumerate(names)]
    body = write_opml("Mine", listed)

    assert opml_findings(body) == []
    assert [outline["text"] for outline in outlines(body) if "xmlUrl" in outline] == [
        fit_line(source.name or "") or source.key for source in listed
    ]


SCRIPT = """
import sys
from tests.formats.test_opml import Listed, NOON, write_opml
sys.stdout.buffer.write(write_opml("Mine", [Listed()], modified=NOON))
"""


def test_time_zone_and_locale_change_no_byte():
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
    ).stdout

    assert there == write_opml("Mine", [Listed()], modified=NOON)
