import asyncio

import pytest
import typer

from aggregator.cli import shell


def test_commands_run_on_uvloop_where_it_is_made_for():
    uvloop = pytest.importorskip("uvloop")
    loops = []

    async def work() -> None:
        loops.append(type(asyncio.get_running_loop()))

    with pytest.raises(typer.Exit) as ended:
        shell.finish(work())

    assert ended.value.exit_code == 0
    assert loops == [uvloop.Loop]
