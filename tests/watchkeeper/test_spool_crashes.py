"""The queue on disk through crashes, damage, and a disk that refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers import disk, wait_until
from tests.watchkeeper.spools import LIMIT, drain, segments, waiting
from watchkeeper.spool import Spool, SpoolError, SpoolFull

# Many examples, each with many syncs, and none about the disk itself.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


# What a crash leaves


@settings(max_examples=10)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4))
def test_a_tail_torn_at_any_byte_costs_only_the_records_that_it_tears(records: list[bytes]) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as name:
        directory = Path(name)
        ends = [8]
        with contextlib.closing(Spool(directory, LIMIT)) as spool:
            for record in records:
                spool.put(record)
                ends.append(ends[-1] + 16 + len(record))
        (segment,) = segments(directory)
        whole = segment.read_bytes()
        assert len(whole) == ends[-1]
        for cut in range(len(whole), -1, -1):
            segment.write_bytes(whole[:cut])
            kept = sum(end <= cut for end in ends[1:])
            with contextlib.closing(Spool(directory, LIMIT)) as spool:
                assert [entry.record for entry in spool.peek(records=99)] == records[:kept]
                spool.put(b"after")
                assert spool.newest() == b"after"
            assert waiting(directory) == [*records[:kept], b"after"]
            for path in segments(directory):
                path.unlink()


@pytest.mark.parametrize("byte", [8, 12, 20, 30])
def test_a_tail_that_is_garbage_is_cut(tmp_path: Path, byte: int) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"first")
    (segment,) = segments(tmp_path)
    whole = segment.read_bytes()
    segment.write_bytes(whole + b"\xff" * byte)
    assert waiting(tmp_path) == [b"first"]
    assert segment.read_bytes() == whole


@given(
    st.lists(
        st.one_of(st.binary(max_size=3000), st.integers(1, 4), st.just("open again")),
        max_size=60,
    )
)
def test_it_is_a_queue_whatever_is_done_to_it(steps: list[bytes | int | str]) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as name:
        spool = Spool(name, 20_000)
        model: list[bytes] = []
        newest: bytes | None = None
        for step in steps:
            if isinstance(step, bytes):
                try:
                    spool.put(step)
                except SpoolFull:
                    assert sum(len(record) + 16 for record in [*model, step]) > 20_000
                else:
                    model.append(step)
                    newest = step
            elif isinstance(step, int):
                entries = spool.peek(records=step)
                assert [entry.record for entry in entries] == model[:step]
                spool.ack(entries[-1].after) if entries else None
                del model[:step]
            else:
                spool.close()
                spool = Spool(name, 20_000)
            assert len(spool) == len(model)
            assert spool.size == sum(len(record) + 16 for record in model)
            assert spool.newest() == newest
        assert drain(spool) == model
        spool.close()


@pytest.mark.parametrize("position", [b"", b"nonsense", bytes(20), None])
def test_without_a_readable_position_nothing_is_lost(tmp_path: Path, position: bytes | None) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        for number in range(3):
            spool.put(b"%d" % number)
        spool.ack(spool.peek()[0].after)
    if position is None:
        (tmp_path / "position").unlink()
    else:
        (tmp_path / "position").write_bytes(position)
    assert waiting(tmp_path) == [b"0", b"1", b"2"]


def test_a_position_without_its_segment_hides_no_later_record(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"old" * 100)
        drain(spool)
    for path in segments(tmp_path):
        path.unlink()
    for record in (b"new", b"newer"):
        with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
            spool.put(record)
    assert waiting(tmp_path) == [b"new", b"newer"]


def test_damage_in_an_older_segment_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.closing(Spool(tmp_path, 40_000)) as spool:
        for number in range(12):
            spool.put(bytes([number]) * 1000)
    first, *_ = segments(tmp_path)
    data = bytearray(first.read_bytes())
    data[1500] ^= 1
    first.write_bytes(data)
    with contextlib.closing(Spool(tmp_path, 40_000)) as spool:
        assert [record[0] for record in drain(spool)] == [0, *range(4, 12)]
        assert spool.lost == len(data) - 1024
    assert "unreadable from byte 1024" in caplog.text


def test_damage_under_an_open_queue_does_not_stop_it(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"a" * 100)
        (segment,) = segments(tmp_path)
        with segment.open("r+b") as file:
            file.seek(60)
            file.write(b"b")
        assert spool.peek() == []
        assert (len(spool), spool.lost) == (0, 116)
        spool.put(b"next")
        assert drain(spool) == [b"next"]


# A disk that refuses


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a file system of its own of 64 KiB."""
    try:
        with disk.mounted(tmp_path / "disk", "64k") as directory:
            yield directory
    except disk.DiskError as error:
        pytest.skip(str(error))


def _fill(spool: Spool) -> None:
    """Put records until the disk is full."""
    number = 0
    with pytest.raises(SpoolError, match="a record was not accepted: No space left on device"):  # noqa: PT012
        while True:
            spool.put(bytes([number]) * 3000)
            number += 1


def test_a_full_disk_is_an_error_and_heals(small_disk: Path) -> None:
    with contextlib.closing(Spool(small_disk, 10 * LIMIT)) as spool:
        _fill(spool)
        assert spool.failed == 1
        assert spool.accepted >= 10
        assert [record[0] for record in drain(spool)] == list(range(spool.accepted))
        spool.put(bytes(3000))
    assert waiting(small_disk, 10 * LIMIT) == [bytes(3000)]


def test_records_are_accepted_again_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with contextlib.closing(Spool(small_disk, LIMIT)) as spool:
        spool.put(b"before")
        ballast.write_bytes(bytes(40_000))
        with pytest.raises(SpoolError, match="No space left on device"):
            spool.put(bytes(30_000))
        with pytest.raises(SpoolError, match="No space left on device"):
            spool.put(bytes(30_000))
        ballast.unlink()
        spool.put(b"after" * 6000)
    assert waiting(small_disk) == [b"before", b"after" * 6000]


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_record_that_is_not_synced_is_not_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real: Callable[..., int] = getattr(os, call)
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"before")

        def broken(handle: int, *data: bytes) -> int:
            if data:
                real(handle, data[0][:5])  # torn
            monkeypatch.setattr(os, call, real)
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, call, broken)
        with pytest.raises(SpoolError, match="a record was not accepted: Input/output error"):
            spool.put(b"lost")
        spool.put(b"after")
        assert [entry.record for entry in spool.peek(records=9)] == [b"before", b"after"]
    assert waiting(tmp_path) == [b"before", b"after"]


# SIGKILL

_WRITER = """
    import sys, threading
    from watchkeeper.spool import Spool, SpoolFull
    spool = Spool(sys.argv[1], 2_000_000)
    start = int(sys.argv[2])
    def write(thread):
        for number in range(start, start + 10**9):
            spool.put(b"%d %d %s" % (thread, number, b"x" * (number % 700)))
            sys.stdout.write(f"{thread} {number}\\n")   # in one write each: the pipe keeps lines whole
            sys.stdout.flush()
    for thread in range(2):
        threading.Thread(target=write, args=(thread,)).start()
    while spool.wait():
        entries = spool.peek(records=3)
        sys.stderr.write("".join(f"{entry.record.decode()}\\n" for entry in entries))
        sys.stderr.flush()
        spool.ack(entries[-1].after)
"""


def test_a_killed_process_loses_nothing_that_it_accepted(tmp_path: Path) -> None:
    chosen = random.Random(7)
    queue, accepted, delivered = tmp_path / "queue", [], []
    for life in range(8):
        with (tmp_path / f"out{life}").open("wb") as out, (tmp_path / f"err{life}").open("wb") as err:
            command = [sys.executable, "-c", textwrap.dedent(_WRITER), str(queue), str(life * 10**9)]
            process = subprocess.Popen(command, stdout=out, stderr=err)
            enough = chosen.randrange(1, 2000)
            wait_until(lambda: os.fstat(out.fileno()).st_size >= enough, seconds=30)  # noqa: B023
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        accepted += (tmp_path / f"out{life}").read_text().splitlines()
        delivered += _lines(tmp_path / f"err{life}")
    left = [" ".join(record.decode().split()[:2]) for record in waiting(queue, 2_000_000)]
    everything = delivered + left
    assert len(accepted) > 50
    assert not set(accepted) - set(everything)
    for thread in "01":
        first = list(dict.fromkeys(int(line.split()[1]) for line in everything if line.startswith(thread)))
        assert first == sorted(first)


def _lines(path: Path) -> list[str]:
    """The thread and number of each delivered record; a line that the kill has torn was not delivered."""
    return [" ".join(line.split()[:2]) for line in path.read_text().split("\n")[:-1]]
