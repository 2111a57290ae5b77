"""What watches the writers is in their place, and finds what it is for."""

from aggregator.formats import jsonfeed_writing, opml
from aggregator.formats.writing import atom, rss
from aggregator.service import documents, source_pages
from tests.formats.documents import channel, rich
from tests.formats.watching import FOUND
from tests.formats.whole import write


def test_whoever_writes_is_watched():
    assert documents.WRITERS["atom"].compose is atom.compose_atom
    assert documents.WRITERS["rss"].compose is rss.compose_rss
    assert documents.WRITERS["json"].compose is jsonfeed_writing.compose_json_feed
    assert vars(source_pages)["write_opml"] is opml.write_opml
    for make in (*(each.compose for each in documents.WRITERS.values()), opml.write_opml):
        assert hasattr(make, "__wrapped__")


def test_an_invalid_document_is_noticed():
    """Nobody can read a document that says it is somewhere else."""
    nowhere = channel(self_url="nowhere")
    for writer in documents.WRITERS.values():
        write(writer, nowhere, [rich()])

    assert len(FOUND) >= len(documents.WRITERS)
    FOUND.clear()
