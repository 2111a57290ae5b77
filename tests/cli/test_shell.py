import asyncio
import ctypes
import gc
import os
import subprocess
import sys
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


THREADS_AND_HEAPS = """
import ctypes, sys, threading
from aggregator.cli import shell

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fdopen.restype = ctypes.c_void_p, ctypes.c_void_p
barrier = threading.Barrier(8)

async def work():
    def allocate():
        barrier.wait()
        libc.malloc(ctypes.c_size_t(1000))
        barrier.wait()

    threads = [threading.Thread(target=allocate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
    libc.fflush(None)

shell.finish(work())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc's")
@pytest.mark.parametrize(("environ", "heaps"), [({}, 2), ({"MALLOC_ARENA_MAX": "3"}, 3)])
def test_all_threads_share_two_heaps_unless_somebody_wants_it_otherwise(environ, heaps):
    kept = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    ended = subprocess.run(
        [sys.executable, "-c", THREADS_AND_HEAPS],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stdout.count("<heap nr=") == heaps, ended.stderr


def test_commands_run_on_uvloop_where_it_is_made_for():
    uvloop = pytest.importorskip("uvloop")
    loops = []

    async def work() -> None:
        loops.append(type(asyncio.get_running_loop()))

    with pytest.raises(typer.Exit) as ended:
        shell.finish(work())

    assert ended.value.exit_code == 0
    assert loops == [uvloop.Loop]
