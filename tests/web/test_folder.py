import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aggregator.core.errors import CannotPublish
from aggregator.web.folder import FolderBusy, Written, opened


def write(path: Path, *, complete: bool = True, **files: bytes) -> Written:
    """One run; an underscore in a name stands for a slash."""
    with opened(path) as run:
        for name, body in files.items():
            run.put(name.replace("_", "/"), body)
        if complete:
            run.finish()
    return run.done


def shown(path: Path) -> dict[str, bytes]:
    """What a web server would find, our own notes aside."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and not file.name.startswith(".aggregator")
    }


def plain(path: Path) -> dict[str, bytes]:
    return {name: body for name, body in shown(path).items() if not name.endswith(".gz")}


def unfinished(path: Path) -> list[Path]:
    return list(path.rglob(".aggregator-*.tmp"))


def test_files_stand_at_their_places_and_packed_beside_them(tmp_path):
    done = write(tmp_path / "out", index=b"<p>one</p>", a_b_c=b"two")

    assert plain(tmp_path / "out") == {"index": b"<p>one</p>", "a/b/c": b"two"}
    assert gzip.decompress(shown(tmp_path / "out")["a/b/c.gz"]) == b"two"
    assert done == Written(written=2)
    assert unfinished(tmp_path) == []


def test_a_second_run_touches_nothing(tmp_path):
    write(tmp_path, index=b"one", a_b=b"two")
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in tmp_path.rglob("*.gz")}
    before |= {tmp_path / name: _stamp(tmp_path / name) for name in ("index", "a/b")}

    assert write(tmp_path, index=b"one", a_b=b"two") == Written(unchanged=2)
    assert {p: _stamp(p) for p in before} == before


def _stamp(path: Path) -> tuple[int, int]:
    return path.stat().st_mtime_ns, path.stat().st_ino


def test_a_changed_file_is_another_one_under_the_same_name(tmp_path):
    write(tmp_path, index=b"one")
    with (tmp_path / "index").open("rb") as reading:
        write(tmp_path, index=b"two")
        assert reading.read() == b"one"  # who is at it reads it to its end

    assert plain(tmp_path) == {"index": b"two"}
    assert gzip.decompress((tmp_path / "index.gz").read_bytes()) == b"two"
    assert (tmp_path / "index.gz").stat().st_mtime_ns == (tmp_path / "index").stat().st_mtime_ns


def test_every_web_server_may_read_the_files(tmp_path):
    before = os.umask(0o022)
    write(tmp_path, index=b"one", a_b=b"two")
    os.umask(before)

    assert (tmp_path / "index").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755


def test_what_was_ours_and_is_no_more_goes_and_the_rest_stays(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/theirs").write_bytes(b"theirs")
    (tmp_path / "robots.txt").write_bytes(b"theirs")
    write(tmp_path, index=b"one", a_ours=b"two", b_c_ours=b"three")

    assert write(tmp_path, index=b"one") == Written(unchanged=1, removed=2)
    assert shown(tmp_path).keys() == {"index", "index.gz", "a/theirs", "robots.txt"}
    assert not (tmp_path / "b").exists()


def test_a_run_that_is_not_complete_removes_nothing(tmp_path):
    write(tmp_path, index=b"one", a=b"two")
    write(tmp_path, complete=False, index=b"three")

    assert plain(tmp_path) == {"index": b"three", "a": b"two"}
    assert write(tmp_path, index=b"three").removed == 1


def test_a_list_that_somebody_wrote_into_leads_nowhere_else(tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"x")
    out = tmp_path / "out"
    write(out, index=b"one")
    with (out / ".aggregator-files").open("a") as listing:
        listing.write(f"../precious\n{precious}\n\na/../../precious\n")
    write(out, index=b"one")

    assert precious.exists()


STEPS = ["fsync", "replace-0", "replace-1"]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_leaves_every_file_whole(tmp_path, monkeypatch, step):
    write(tmp_path, index=b"old" * 1000)
    die_at(monkeypatch, step)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, index=b"new" * 1000, new=b"new")
    monkeypatch.undo()

    assert plain(tmp_path)["index"] in {b"old" * 1000, b"new" * 1000}
    write(tmp_path, index=b"new" * 1000)
    assert plain(tmp_path) == {"index": b"new" * 1000}
    assert gzip.decompress((tmp_path / "index.gz").read_bytes()) == b"new" * 1000


def die_at(monkeypatch, step: str) -> None:
    name, _, number = step.partition("-")
    place: Any = os if name == "fsync" else Path
    works, calls = getattr(place, name), iter(range(100))

    def dying(*args):
        if next(calls) == int(number or 0):
            raise KeyboardInterrupt
        return works(*args)

    monkeypatch.setattr(place, name, dying)


def test_what_a_killed_run_left_behind_is_cleared_away(tmp_path):
    write(tmp_path, a_b=b"one")
    for place in (tmp_path, tmp_path / "a"):
        (place / ".aggregator-0123456789abcdef.tmp").write_bytes(b"half")

    write(tmp_path, a_b=b"one")

    assert unfinished(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
from aggregator.web.folder import opened
for round in range(10**6):
    with opened(Path(sys.argv[1])) as run:
        for n in range(20):
            run.put(f"d{n}/file", f"{round:08} {n} ".encode() * 20000)
        run.finish()
    if round == 0:
        print("started", flush=True)
"""


def test_a_process_that_is_killed_leaves_whole_files(tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(50):
        for n in range(20):
            assert_whole((out / f"d{n}/file").read_bytes())
    process.kill()
    process.communicate()

    for n in range(20):
        assert_whole((out / f"d{n}/file").read_bytes())
    write(out, index=b"x")
    assert shown(out).keys() == {"index", "index.gz"}


def assert_whole(body: bytes) -> None:
    first = b" ".join(body.split(b" ", 2)[:2]) + b" "
    assert body == first * 20000


def test_one_run_at_a_time(tmp_path):
    with opened(tmp_path / "out") as run:
        run.put("index", b"one")
        with pytest.raises(FolderBusy, match="somebody else is writing"):
            write(tmp_path / "out", other=b"x")
        run.finish()
    write(tmp_path / "out", other=b"x")

    assert plain(tmp_path / "out") == {"other": b"x"}


def test_a_folder_in_no_folder_is_a_typing_error(tmp_path):
    with pytest.raises(CannotPublish, match=r"no/where: make the folder .*/no first"):
        write(tmp_path / "no/where", index=b"x")


def test_a_file_in_the_folders_place_is_told(tmp_path):
    (tmp_path / "out").write_bytes(b"x")

    with pytest.raises(CannotPublish, match="out: it is there and no folder"):
        write(tmp_path / "out", index=b"x")


def test_a_full_disk_is_told_and_the_old_files_stay(tmp_path, monkeypatch):
    write(tmp_path, index=b"old", a=b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotPublish, match=r"No space left on device; what was published before"):
        write(tmp_path, index=b"new", a=b"new")

    assert plain(tmp_path) == {"index": b"old", "a": b"old"}
    assert unfinished(tmp_path) == []


def test_a_folder_where_a_file_belongs_is_told(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index/theirs").write_bytes(b"x")

    with pytest.raises(CannotPublish, match="index"):
        write(tmp_path, index=b"one")
    assert (tmp_path / "index/theirs").exists()
