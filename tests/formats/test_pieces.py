"""A document in pieces is the one that feedgen makes of all its entries at once."""

import json
from dataclasses import replace
from functools import partial

import pytest

from aggregator.core.leaves import Links
from aggregator.formats import jsonfeed_writing
from aggregator.formats.jsonfeed_writing import compose_json_feed, json_pieces
from aggregator.formats.writing import atom, rss
from aggregator.formats.writing.atom import atom_pieces, compose_atom
from aggregator.formats.writing.elements import Ready
from aggregator.formats.writing.rss import compose_rss, rss_pieces
from aggregator.formats.written import Writer, build_each
from tests.formats.documents import CHANNEL, NASTY, gathered, rich, shown
from tests.formats.nasty import Nasty
from tests.formats.whole import newest, write_atom, write_json_feed, write_rss

WRITERS = {
    "atom": Writer(pieces=atom_pieces, compose=compose_atom),
    "rss": Writer(pieces=rss_pieces, compose=compose_rss),
    "json": Writer(pieces=json_pieces, compose=compose_json_feed),
}
ARCHIVED = replace(CHANNEL, links=Links(current="https://p.example/feed.atom", in_archive=True))
DOCUMENTS = [
    (CHANNEL, [rich("1"), gathered("2"), shown("3", excerpt=NASTY)]),
    (ARCHIVED, [rich("1")]),
    (CHANNEL, []),
    *(Nasty(seed).document() for seed in range(20)),
]


def in_order(entries, build):
    """What is built of them, each id once."""
    built, seen = [], set()
    for each in build_each(entries, build):
        if each and each[0] not in seen:
            seen.add(each[0])
            built.append(each[1])
    return built


@pytest.mark.parametrize(("channel", "entries"), DOCUMENTS)
def test_atom(channel, entries):
    language = channel.language
    feed = atom._feed(replace(channel, updated=newest(entries, channel.updated)))
    feed.entry([Ready(each) for each in in_order(entries, partial(atom._entry, language))])

    assert write_atom(channel, entries).body == feed.atom_str()


@pytest.mark.parametrize(("channel", "entries"), DOCUMENTS)
def test_rss(channel, entries):
    feed = rss._feed(replace(channel, updated=newest(entries, channel.updated)))
    feed.entry([Ready(each) for each in in_order(entries, partial(rss._item, channel.language))])

    assert write_rss(channel, entries).body == rss._text(feed)


@pytest.mark.parametrize(("channel", "entries"), DOCUMENTS)
def test_json_feed(channel, entries):
    whole = jsonfeed_writing._head(channel) | {"items": in_order(entries, jsonfeed_writing._item)}

    assert json.loads(write_json_feed(channel, entries).body) == whole


@pytest.mark.parametrize("format", WRITERS)
def test_a_piece_is_the_same_whoever_stands_beside_it(format):
    writer = WRITERS[format]
    (alone,) = writer.pieces([rich("1")], "en")
    (_, among, _) = writer.pieces([shown("0"), rich("1"), gathered("2")], "en")

    assert alone == among


@pytest.mark.parametrize("format", WRITERS)
def test_what_cannot_be_written_leaves_its_place_empty(format):
    bad = shown("2", published=shown("2").entry.published.replace(tzinfo=None))
    pieces = WRITERS[format].pieces([shown("1"), bad, shown("3")], "en")

    assert [each is None for each in pieces] == [False, True, False]
