"""22 checks of polite polling; `-k check_09` runs those of one.

test_requests  01 first contact    02-06 validators    12 nothing extra    13 User-Agent
               16 Accept           18 fragments and twins
test_timing    07 interval         08 wishes
test_pauses    09 Retry-After      10 turns
test_restart   11 restart          21 herd             22 refresh by hand
test_moves     14 redirects
test_trouble   15 errors           17 bounds           19 below HTTP       20 a page
"""

import random

import pytest

from tests.politeness.play import playing


@pytest.fixture(autouse=True)
def same_jitter():
    """The waits of a play are the same each time."""
    random.seed(22)


@pytest.fixture
async def play(tmp_path, monkeypatch):
    async with playing(tmp_path, monkeypatch, on_disk=False) as play:
        yield play


@pytest.fixture
async def play_on_disk(tmp_path, monkeypatch):
    """With a real database, for what must outlive a process."""
    async with playing(tmp_path, monkeypatch, on_disk=True) as play:
        yield play
