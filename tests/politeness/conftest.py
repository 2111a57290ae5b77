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
