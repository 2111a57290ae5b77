import asyncio
import gc
from collections.abc import Iterator

import pytest
import typer

from aggregator.cli import shell


@pytest.fixture(autouse=True)
def usual_collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_when_a_command_begins_is_not_searched_for_cycles():
    frozen = []

    async def work() -> None:
        frozen.append(gc.get_freeze_count())

    with pytest.raises(typer.Exit):
        shell.finish(work())

    assert frozen[0] > len(gc.get_objects())


def test_commands_run_on_uvloop_where_it_is_made_for():
    uvloop = pytest.importorskip("uvloop")
    loops = []

    async def work() -> None:
        loops.append(type(asyncio.get_running_loop()))

    with pytest.raises(typer.Exit) as ended:
        shell.finish(work())

    assert ended.value.exit_code == 0
    assert loops == [uvloop.Loop]
