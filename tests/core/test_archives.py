"""Names of volumes."""

from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.archives import BLOCK, Volume, named_volume, volume_at

VOLUMES = st.builds(
    Volume,
    number=st.integers(1, 10**11),
    first=st.none() | st.integers(1, BLOCK - 1),
)


@given(VOLUMES)
def test_a_volume_is_found_under_its_name(volume):
    assert named_volume(str(volume)) == volume


@given(st.text("0123456789-x٣ ", max_size=6))
def test_a_volume_has_one_name(text):
    volume = named_volume(text)

    assert volume is None or str(volume) == text


@given(st.integers(0, 10**9))
def test_a_place_is_in_one_volume(place):
    volume = volume_at(place)

    assert volume.start <= place < volume.stop == volume.end == volume.start + BLOCK
    assert volume_at(volume.end) == Volume(number=volume.number + 1)


def test_a_part_of_a_volume_starts_where_it_starts():
    part = Volume(number=3, first=7)

    assert (part.start, part.stop, part.end) == (2 * BLOCK, 2 * BLOCK + 7, 3 * BLOCK)
