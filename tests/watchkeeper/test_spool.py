"""The queue on disk: what it accepted comes out, in order, whatever happens to the process, the files and the disk."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tests.servers import wait_until
from tests.watchkeeper.spools import LIMIT, drain, segments, waiting
from watchkeeper.spool import Spool, SpoolError, SpoolFull


def test_records_come_out_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        for number in range(10):
            spool.put(b"%d" % number)
        assert len(spool) == 10
        assert drain(spool) == [b"%d" % number for number in range(10)]
        assert (len(spool), spool.size) == (0, 0)


def test_what_is_not_acknowledged_comes_again_after_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        for number in range(5):
            spool.put(b"%d" % number)
        spool.ack(spool.peek(records=2)[-1].after)
        size = spool.size
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        assert (len(spool), spool.size) == (3, size)
        assert drain(spool) == [b"2", b"3", b"4"]
    assert waiting(tmp_path) == []


def test_a_peek_takes_at_most_what_was_asked_for_and_at_least_one(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        for size in (100, 100, 100, 5000):
            spool.put(bytes(size))
        assert len(spool.peek(records=2)) == 2
        assert len(spool.peek(records=10, room=250)) == 2
        spool.ack(spool.peek(records=3)[-1].after)
        assert len(spool.peek(room=10)) == 1


def test_only_what_the_last_peek_gave_can_be_acknowledged(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"a")
        after = spool.peek()[0].after
        spool.ack(after)
        with pytest.raises(SpoolError, match="not in what the last peek gave"):
            spool.ack(after)


def test_the_age_of_the_oldest_is_known_after_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT, clock=lambda: 1_000.0)) as spool:
        assert spool.oldest is None
        spool.put(b"a")
    with contextlib.closing(Spool(tmp_path, LIMIT, clock=lambda: 2_000.0)) as spool:
        spool.put(b"b")
        assert spool.oldest == 1_000.0
        spool.ack(spool.peek()[0].after)
        assert spool.oldest == 2_000.0


def test_a_full_queue_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, 10_000)) as spool:
        for number in range(9):
            spool.put(bytes([number]) * 1000)
        with pytest.raises(SpoolFull, match="the queue is full: 9144 of 10000 bytes wait, a record of 1016 has no"):
            spool.put(bytes(1000))
        assert spool.full == 1
        assert [record[0] for record in drain(spool)] == list(range(9))
        spool.put(b"there is room again")


def test_the_files_stay_within_the_bound(tmp_path: Path) -> None:
    limit = 64 * 1024
    chosen = random.Random(1)
    with contextlib.closing(Spool(tmp_path, limit)) as spool:
        for _ in range(600):
            with contextlib.suppress(SpoolFull):
                spool.put(bytes(chosen.randrange(2500)))
            if chosen.random() < 0.3:
                entries = spool.peek(records=chosen.randrange(1, 5))
                spool.ack(entries[-1].after) if entries else None
            assert sum(path.stat().st_size for path in segments(tmp_path)) <= limit * 9 / 8 + 2500
        assert spool.full > 0


def test_the_newest_record_is_there_after_its_delivery_and_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        assert spool.newest() is None
        for number in range(300):
            spool.put(b"%d" % number * 1000)
        assert spool.newest() == b"299" * 1000
        drain(spool)
        assert len(segments(tmp_path)) == 1
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        assert spool.newest() == b"299" * 1000
        assert spool.peek() == []


def test_a_directory_is_for_one_process(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"a")
        script = (
            "from watchkeeper.spool import Spool, SpoolError\n"
            f"try:\n    Spool({str(tmp_path)!r}, 9)\n"
            "except SpoolError as error:\n    print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == f"{tmp_path}: another process has this queue open: stop it, or name another directory\n"
    assert waiting(tmp_path) == [b"a"]


def test_a_forked_child_is_told_to_open_its_own(tmp_path: Path) -> None:
    script = f"""
        import os
        from watchkeeper.spool import *
        spool = Spool({str(tmp_path)!r}, 1000)
        child = os.fork()
        if child:
            raise SystemExit(os.waitpid(child, 0)[1])
        try:
            spool.put(b"x")
        except SpoolError as error:
            print(error, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "opened before a fork: open one in each process" in done.stdout


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="file/queue: cannot be used as a queue: Not a directory"):
        Spool(tmp_path / "file" / "queue", LIMIT)


def test_files_of_another_version_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "0000000001.spool").write_bytes(b"WKSPL\x00\x00\x09something")
    with pytest.raises(SpoolError, match="no queue of this format version"):
        Spool(tmp_path, LIMIT)
    assert (tmp_path / "0000000001.spool").read_bytes().endswith(b"something")


def test_closing_wakes_who_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMIT)
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(spool.wait(30)))
    thread.start()
    spool.close()
    thread.join(10)
    assert found == [False]
    with pytest.raises(SpoolError, match="the queue is closed"):
        spool.put(b"x")


# Several threads


def test_threads_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, real, syncs = threading.Event(), os.fsync, []
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:
        spool.put(b"first")

        def slow(handle: int) -> None:
            syncs.append(handle)
            gate.wait(10)
            real(handle)

        monkeypatch.setattr(os, "fsync", slow)
        threads = [threading.Thread(target=spool.put, args=(b"%d" % number,)) for number in range(16)]
        threads[0].start()
        wait_until(lambda: syncs, seconds=10)
        for thread in threads[1:]:
            thread.start()
        wait_until(lambda: len(spool._waiting) == 15, seconds=10)
        gate.set()
        for thread in threads:
            thread.join(10)
        assert len(syncs) == 2
        assert sorted(drain(spool)) == sorted([b"first", *[b"%d" % number for number in range(16)]])


def test_records_of_each_thread_keep_their_order(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, LIMIT)) as spool:

        def many(thread: int) -> None:
            for number in range(50):
                spool.put(b"%d %d" % (thread, number))

        threads = [threading.Thread(target=many, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        found: list[bytes] = []
        while any(thread.is_alive() for thread in threads) or len(spool):
            found += drain(spool)
        for writer in range(4):
            own = [record for record in found if record.startswith(b"%d " % writer)]
            assert own == [b"%d %d" % (writer, number) for number in range(50)]
