"""Restarts, threads, and stores that hang."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detectors.state import VERSION
from tests.detectors.engines import HOUR, START, TOOL, declare, engine, faulty, healthy, run, seasonal_of, shifted
from tests.detectors.series import FakeStore, HangingStore, Sink


def test_a_restart_neither_forgets_nor_fires(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "state" / "detectors.npz"
    store = FakeStore({TOOL: healthy})
    first = engine(store, sink, state_path=path)
    first.warm_up(START)
    run(first, START, START + 5 * HOUR)
    first.save()
    second = engine(store, sink, state_path=path)
    second.warm_up(START + 6 * HOUR)
    assert store.asked[-1][0] > START + 4 * HOUR
    one, two = first.watches["test.latency"], second.watches["test.latency"]
    run(first, START + 5 * HOUR, START + 8 * HOUR)
    run(second, START + 6 * HOUR, START + 8 * HOUR)
    for name, array in one.detector.arrays().items():
        assert np.allclose(array, two.detector.arrays()[name], equal_nan=True), name
    assert sink.got == []


def test_a_deviation_survives_a_restart_and_resolves_after_it(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.npz"
    begin = START + HOUR
    store = FakeStore({TOOL: faulty(begin, begin + 3 * HOUR)})
    first = engine(store, sink, state_path=path)
    first.warm_up(START)
    run(first, START, begin + 2 * HOUR)
    first.stop()
    second = engine(store, sink, state_path=path)
    assert len(second.deviations()) == 1
    second.warm_up(begin + 2 * HOUR)
    run(second, begin + 2 * HOUR, begin + 5 * HOUR)
    assert len({(d.fingerprint, d.starts_at) for d in sink.got}) == 1
    assert [d.status for d in sink.got].count("resolved") == 1


@pytest.mark.parametrize("damage", ["cut", "noise", "version", "other step"])
def test_a_state_file_that_does_not_fit_means_learning_anew(
    damage: str, tmp_path: Path, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "detectors.npz"
    store = FakeStore({TOOL: healthy})
    first = engine(store, sink, state_path=path)
    first.warm_up(START)
    first.save()
    data = path.read_bytes()
    detectors = (declare(),)
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "noise":
        path.write_bytes(b"not a state")
    elif damage == "version":
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(bytes(arrays["header"]))
        header["version"] = VERSION + 1
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez_compressed(path, **arrays)
    else:
        detectors = (declare(step="5m"),)
    second = engine(store, sink, state_path=path, detectors=detectors)
    assert second.watches["test.latency"].place is None
    if damage != "other step":
        assert sum("learning anew" in record.message for record in caplog.records) == 1


def test_the_state_is_small(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.npz"
    series: dict[tuple[tuple[str, str], ...], Callable[[float], float]]
    series = {(("tool", f"t{i}"),): shifted(999 * i) for i in range(40)}
    found = engine(FakeStore(series), sink, state_path=path)
    found.warm_up(START)
    found.save()
    assert path.stat().st_size / 40 < 4_096


@pytest.mark.long
def test_the_thread_ticks_until_it_is_stopped(sink: Sink) -> None:
    store = FakeStore({TOOL: healthy})
    clock = iter(np.arange(START, START + 1e9, 600.0))
    found = engine(store, sink, pace=600.0, clock=lambda: float(next(clock)))
    found.start()
    deadline = time.monotonic() + 10
    while len(store.asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    found.stop()
    assert len(store.asked) >= 3


def test_a_resolved_delivery_says_how_long_and_how_bad_it_was(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, begin + 3 * HOUR)}), sink)
    found.warm_up(START)
    run(found, START, START + 6 * HOUR)
    text = sink.got[-1].annotations["description"]
    assert text.startswith("p95 tool latency of search is as expected again; it deviated from 01:00 UTC to 04:")
    assert "times the expectation" in text


def test_what_deviates_at_the_newest_value_of_the_history_is_told(sink: Sink) -> None:
    found = engine(FakeStore({TOOL: faulty(START - 2 * HOUR, START + HOUR)}), sink)
    found.warm_up(START)
    assert sink.got == []
    found.tick(START)
    assert [d.status for d in sink.got] == ["firing"]


def test_starting_does_not_wait_for_a_store_that_hangs(sink: Sink) -> None:
    store = HangingStore({TOOL: healthy})
    found = engine(store, sink)
    begun = time.monotonic()
    found.start()
    assert time.monotonic() - begun < 1
    assert store.entered.wait(10)
    assert not found.wait_until_warm(0)
    store.release.set()
    assert found.wait_until_warm(10)
    found.stop()


def test_stopping_does_not_wait_for_a_store_that_hangs(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    store = HangingStore({TOOL: healthy})
    found = engine(store, sink)
    found.start()
    assert store.entered.wait(10)
    begun = time.monotonic()
    found.stop(0.05)
    assert time.monotonic() - begun < 5
    assert "detection ends without its answer" in caplog.text
    store.release.set()


def test_history_that_is_half_learned_is_not_saved(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.npz"
    store = HangingStore({TOOL: healthy})
    found = engine(store, sink, state_path=path)
    found.start()
    assert store.entered.wait(10)
    found.stop(0.05)
    store.release.set()
    assert not path.exists()


def test_a_stop_is_looked_at_between_detectors(sink: Sink) -> None:
    store = HangingStore({TOOL: healthy})
    found = engine(store, sink, detectors=(declare(), declare(key="test.second"), declare(key="test.third")))
    found.start()
    assert store.entered.wait(10)
    thread = found._thread
    assert thread is not None
    found.stop(0.05)
    store.release.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(store.asked) == 1


def test_the_thread_learns_from_history_first(sink: Sink) -> None:
    store = FakeStore({TOOL: faulty(START - 2 * HOUR, START + HOUR)})
    found = engine(store, sink, clock=lambda: START)
    found.start()
    assert found.wait_until_warm(30)
    found.stop()
    assert store.asked[0][1] - store.asked[0][0] == 999 * 600


@pytest.mark.long
def test_a_detector_beside_restored_ones_learns_from_history(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.npz"
    store = FakeStore({TOOL: healthy})
    first = engine(store, sink, state_path=path)
    first.warm_up(START)
    first.save()
    second = engine(store, sink, state_path=path, detectors=(declare(), declare(key="test.second")))
    second.warm_up(START + HOUR)
    old, new = (seasonal_of(second.watches[key]) for key in ("test.latency", "test.second"))
    assert float(new.samples[0]) > 900
    assert float(old.samples[0]) > 900
    assert old.last == new.last == START + HOUR - 600
