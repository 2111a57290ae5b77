import random

import pytest

from tests.politeness.play import playing


@pytest.fixture
async def play(tmp_path, monkeypatch):
    random.seed(22)  # the jitter of a play is the same each time
    async with playing(tmp_path, monkeypatch) as play:
        yield play
