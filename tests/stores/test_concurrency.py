"""One writer, many readers, and packing in between."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from tests.stores.conftest import NOW
from watchkeeper import queries as q
from watchkeeper.signals import Gauge
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

LEVEL = Gauge("co_level", "Level.", labels=("disk",))
DISKS = 20
ROUNDS = 150


def test_readers_see_whole_batches_while_there_is_writing_and_packing(tmp_path: Path) -> None:
    problems: list[str] = []
    done = threading.Event()
    with EmbeddedStore(tmp_path, clock=lambda: NOW) as store:

        def read() -> None:
            reads = 0
            while not (done.is_set() and reads > 3):
                answer = store.range(q.value(LEVEL), NOW, NOW + ROUNDS - 1, 1)
                reads += 1
                for row, labels in enumerate(answer.series):
                    values = answer.values[row][answer.present[row]]
                    # No sample is missing or twice, wherever it is just now; afterwards the last one holds.
                    newest = np.minimum(np.arange(len(values)), values.max(initial=0))
                    if not np.array_equal(values, newest):
                        problems.append(f"{dict(labels)}: {values.tolist()}")
                        return

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for n in range(ROUNDS):
            store.write([Sample("co_level", {"disk": str(disk)}, float(n), NOW + n) for disk in range(DISKS)])
            if n % 20 == 10:
                store.compact()
        done.set()
        for reader in readers:
            reader.join(30)
            assert not reader.is_alive()
        assert problems == []
        assert store.statistics().written == DISKS * ROUNDS


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path, clock=lambda: NOW) as store:

        def write(target: int) -> None:
            for n in range(ROUNDS):
                store.write([Sample("co_level", {"disk": f"{target}-{d}"}, float(n), NOW + n) for d in range(3)])

        writers = [threading.Thread(target=write, args=(target,)) for target in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(30)
        assert store.statistics().written == 4 * 3 * ROUNDS
    with EmbeddedStore(tmp_path, clock=lambda: NOW) as store:
        assert store.statistics().head_samples == 4 * 3 * ROUNDS
