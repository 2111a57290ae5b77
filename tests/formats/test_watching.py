"""What watches the writers is in their place, and finds what it is for."""

from aggregator.formats import jsonfeed_writing, opml
from aggregator.formats.writing import atom, rss
from aggregator.service import documents, publishing
from tests.formats.documents import channel, rich
from tests.formats.watching import FOUND


def test_whoever_writes_is_watched():
    assert documents.WRITERS["atom"] is atom.write_atom
    assert documents.WRITERS["rss"] is rss.write_rss
    assert documents.WRITERS["json"] is jsonfeed_writing.write_json_feed
    assert vars(publishing)["write_opml"] is opml.write_opml
    for write in (*documents.WRITERS.values(), opml.write_opml):
        assert hasattr(write, "__wrapped__")


def test_an_invalid_document_is_noticed():
    """Nobody can read a document that says it is somewhere else."""
    nowhere = channel(self_url="nowhere")
    for write in documents.WRITERS.values():
        write(nowhere, [rich()])

    assert len(FOUND) >= len(documents.WRITERS)
    FOUND.clear()
