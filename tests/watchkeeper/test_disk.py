"""Files that are replaced as a whole, and locks."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from watchkeeper.disk import locked, replacing, write_all


def _umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_synced_before_it_takes_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced, real = tmp_path / "state", [], os.fsync

    def watched(handle: int) -> None:
        synced.append((path.exists(), os.fstat(handle).st_size))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    with replacing(path) as file:
        file.write(b"new")
    assert synced == [(False, 3)]


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_who_cannot_finish_leaves_the_old_file_and_no_rubbish(tmp_path: Path, problem: BaseException) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def write() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise problem

    with pytest.raises(type(problem)):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".state.tmp").write_bytes(b"much that is half written")
    with replacing(tmp_path / "state") as file:
        file.write(b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("state", b"new")]


def test_a_secret_file_is_never_readable_for_others(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with replacing(path, mode=0o600) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600 & ~_umask()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 & ~_umask()


def test_all_is_written_however_little_the_system_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data[:2])))
    handle = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    try:
        write_all(handle, b"seven by")
    finally:
        os.close(handle)
    assert (tmp_path / "x").read_bytes() == b"seven by"


def test_a_lock_keeps_others_out_until_it_is_closed(tmp_path: Path) -> None:
    handle = locked(tmp_path / "lock")
    with pytest.raises(BlockingIOError):
        locked(tmp_path / "lock")
    os.close(handle)
    os.close(locked(tmp_path / "lock"))


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from watchkeeper.disk import locked; locked(Path(sys.argv[1]))"
    script += "; print('locked', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError):
            locked(tmp_path / "lock")
        process.kill()
    os.close(locked(tmp_path / "lock"))
