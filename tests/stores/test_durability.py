"""What survives a restart, the death of the process, and a damaged disk."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.stores.conftest import NOW, put
from watchkeeper import queries as q
from watchkeeper.errors import StoreError
from watchkeeper.signals import Gauge
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

LEVEL = Gauge("du_level", "Level.", labels=("disk",))

# Writes batch after batch and says so after each, until it is killed.
WRITER = """
import sys, itertools
from pathlib import Path
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]), clock=lambda: 1_700_000_000.0)
for n in itertools.count():
    store.write([Sample("du_level", {"disk": str(d)}, float(n), 1_700_000_000.0 + n) for d in range(20)])
    if n % 100 == 50:
        store.compact()
    print(n, flush=True)
"""


def times_of(store: EmbeddedStore) -> list[float]:
    return sorted(time / 1000 - NOW for time in store.select("du_level", (), 0, 1 << 60).times.tolist())


def segment_of(directory: Path) -> Path:
    (found,) = directory.glob("segment-*.wal")
    return found


def test_a_restart_loses_nothing(open_store: Callable[..., EmbeddedStore]) -> None:
    for at in range(4):
        store = open_store()
        put(store, "du_level", {float(at): at}, {"disk": "a"})
        store.write_columns("du_level", {"disk": "b"}, [NOW + at, NOW + at + 0.5], [1, 2])
        if at == 1:
            store.compact()
        store.close()
    store = open_store()
    assert store.statistics().series == 2
    assert len(times_of(store)) == 4 + 8


def test_a_restart_remembers_the_newest_sample_of_a_series(open_store: Callable[..., EmbeddedStore]) -> None:
    store = open_store()
    put(store, "du_level", {10: 1})
    store.compact()
    store.close()
    store = open_store()
    put(store, "du_level", {5: 2})
    assert store.statistics().out_of_order == 1


def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = -1
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged >= 222:
            break
    writer.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in writer.stdout)])
    writer.wait()
    writer.stdout.close()
    with EmbeddedStore(tmp_path, clock=lambda: NOW) as store:
        for disk in ("0", "19"):
            values = store.range(q.value(LEVEL.where(disk=disk)), NOW, NOW + acknowledged, 1).values
            np.testing.assert_array_equal(values, [np.arange(acknowledged + 1.0)])


def test_a_torn_end_is_cut_off_and_logged(
    open_store: Callable[..., EmbeddedStore], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    for at in range(3):
        put(store, "du_level", {float(at): at}, {"disk": str(at)})
    whole = segment_of(tmp_path / "store").read_bytes()
    store.close()
    ends = set()
    for length in range(len(whole) + 1):
        directory = tmp_path / f"cut-{length}"
        directory.mkdir()
        (directory / "segment-0.wal").write_bytes(whole[:length])
        caplog.clear()
        with caplog.at_level(logging.WARNING), EmbeddedStore(directory, clock=lambda: NOW) as torn:
            found = times_of(torn)
            assert found == [0.0, 1.0, 2.0][: len(found)]
            put(torn, "du_level", {9: 9})
            assert times_of(torn)[-1] == 9.0
        ends.add(len(found))
        # What was cut is gone for good: the next start finds nothing wrong.
        caplog.clear()
        with caplog.at_level(logging.WARNING), EmbeddedStore(directory, clock=lambda: NOW) as again:
            assert times_of(again) == [*found, 9.0]
        shutil.rmtree(directory)
    assert ends == {0, 1, 2, 3}


def test_a_bad_byte_ends_the_segment(
    open_store: Callable[..., EmbeddedStore], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    put(store, "du_level", {0: 0})
    good = segment_of(tmp_path / "store").stat().st_size
    put(store, "du_level", {1: 1})
    store.close()
    path = segment_of(tmp_path / "store")
    data = bytearray(path.read_bytes())
    data[good + 20] ^= 0xFF
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert times_of(open_store()) == [0.0]
    assert f"torn at byte {good}" in caplog.text


def test_a_segment_of_another_version_is_left_alone(open_store: Callable[..., EmbeddedStore], tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    segment = tmp_path / "store" / "segment-0.wal"
    segment.write_bytes(b"WKWAL\x00\x00\x02 whatever a later version writes")
    with pytest.raises(StoreError, match="no segment of this format version"):
        open_store()
    assert segment.exists()


def test_a_crash_between_block_and_segment_doubles_nothing(
    open_store: Callable[..., EmbeddedStore], tmp_path: Path
) -> None:
    store = open_store()
    put(store, "du_level", {0: 0, 1: 1})
    segment = segment_of(tmp_path / "store")
    data = segment.read_bytes()
    store.compact()
    store.close()
    segment.write_bytes(data)
    (tmp_path / "store" / "block-7.tmp").write_bytes(b"unfinished")
    assert times_of(open_store()) == [0.0, 1.0]
    assert sorted(path.suffix for path in (tmp_path / "store").iterdir()) == ["", ".wkb"]


def test_a_damaged_block_is_set_aside(
    open_store: Callable[..., EmbeddedStore], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    for at in range(2):
        put(store, "du_level", {float(at): at})
        store.compact()
    store.close()
    first = min((tmp_path / "store").glob("*.wkb"))
    first.write_bytes(first.read_bytes()[:-5])
    assert times_of(open_store()) == [1.0]
    assert "no block of this format version" in caplog.text
    assert first.with_suffix(".damaged").exists()


def test_a_damaged_chunk_is_an_error_of_the_queries_that_need_it(
    open_store: Callable[..., EmbeddedStore], tmp_path: Path
) -> None:
    store = open_store()
    put(store, "du_level", {0: 0, 1: 1}, {"disk": "a"})
    put(store, "du_level", {0: 0, 1: 1}, {"disk": "b"})
    store.compact()
    store.close()
    (path,) = (tmp_path / "store").glob("*.wkb")
    data = bytearray(path.read_bytes())
    data[12] ^= 0xFF
    path.write_bytes(data)
    store = open_store()
    with pytest.raises(StoreError, match="the chunk at byte 8 is damaged"):
        store.instant(q.value(LEVEL.where(disk="a")), NOW + 1)
    assert store.instant(q.value(LEVEL.where(disk="b")), NOW + 1).values == (1.0,)


def test_a_full_disk_is_an_error_and_costs_nothing_that_was_written(
    open_store: Callable[..., EmbeddedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    put(store, "du_level", {0: 0}, {"disk": "a"})
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 10:
            return write(handle, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StoreError, match=r"segment-0\.wal: cannot be written: No space left on device"):
            put(store, "du_level", {1: 1}, {"disk": "b"})
    put(store, "du_level", {2: 2}, {"disk": "a"})
    store.close()
    assert times_of(open_store()) == [0.0, 2.0]


def test_one_process_at_a_time(open_store: Callable[..., EmbeddedStore]) -> None:
    open_store()
    with pytest.raises(StoreError, match="another process has this store open"):
        open_store()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used as a store"):
        EmbeddedStore(tmp_path / "file" / "store")


def test_samples_of_a_failed_pack_stay_readable(
    open_store: Callable[..., EmbeddedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    put(store, "du_level", {0: 0})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"block-0\.wkb: cannot be written"):
            store.compact()
    store.write([Sample("du_level", {}, 1.0, NOW + 1)])
    assert times_of(store) == [0.0, 1.0]
    store.compact()
    store.close()
    assert times_of(open_store()) == [0.0, 1.0]
