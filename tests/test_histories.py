"""A sample of the histories that `python -m benchmarks.histories` replays in full."""

from pathlib import Path

import pytest

from benchmarks.histories import distinct_keys, in_memory, in_sqlite, name_of

FOLDER = Path(__file__).parent.parent.parent / "shared/corpora/history"

SAMPLE = [
    "farseerfc-blog-zh-ja-en@feeds__Blogs.atom.xml",  # one entry, and its guid changes
    "farseerfc-blog-zh-ja-en@feeds__all.atom.xml",  # guids change twice
    "farseerfc-blog-zh-ja-en@feeds__creationism.atom.xml",  # both guids of two change
    "farseerfc-blog-zh-ja-en@feeds__mining.atom.xml",  # edited again and again
    "farseerfc-blog-zh-ja-en@feeds__music.atom.xml",  # an entry twice in a document
    "irainy-blog-zh@feeds__xue-xi.atom.xml",
    "olshansk-rss-feeds@feeds__feed_chanderramesh.xml",  # 119 polls without news
    "ouuan-blog-zh-math@categories__index.xml",  # dates that move
    "ouuan-blog-zh-math@tags__矩阵__index.xml",
]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"there is no {FOLDER}")


@pytest.mark.parametrize("name", SAMPLE)
def test_months_of_polls_lose_double_and_lift_nothing(name):
    tally = in_memory(FOLDER / f"{name}.tar.xz")

    assert (tally.faults, tally.refused, tally.notes) == (0, 0, [])
    assert tally.distinct == distinct_keys(FOLDER / "series.csv")[name]
    assert tally.published + tally.migrated == tally.distinct


def test_the_database_says_the_same_as_the_store_in_memory():
    path = FOLDER / f"{SAMPLE[2]}.tar.xz"

    assert in_sqlite(path) == in_memory(path)
    assert name_of(path) == SAMPLE[2]
