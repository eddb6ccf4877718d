from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detectors.engine import DetectionEngine
from detectors.state import VERSION
from tests.detectors.series import FakeStore, HangingStore, Samples, Sink
from watchkeeper import queries as q
from watchkeeper.declarations import Detector
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge, Histogram, Polarity
from watchkeeper.units import SECONDS, USD

HOUR = 3_600.0
LATENCY = Histogram("test_tool_duration_seconds", "Duration of a tool.", SECONDS, ("tool",), buckets=(0.1, 1.0))
COST = Counter("test_cost_total", "Cost.", USD, ("model",))
AGE = Gauge("test_age_seconds", "Age.", SECONDS, ("tool",))
TOOL = (("tool", "search"),)
START = 1_000 * 86_400.0


def declare(**changes: object) -> Detector:
    options: dict[str, object] = {
        "key": "test.latency",
        "system": "test",
        "title": "p95 tool latency",
        "query": "test.latency_p95",
        "polarity": Polarity.HIGH_IS_BAD,
        "step": "10m",
        "seasons": ("1d",),
        "hold": "30m",
        "window": "20m",
        "summary": "{{ $labels.tool }} takes {{ $value }}",
        "runbook": "test/latency",
        "panel": "test/latency-p95",
        "source": "a test",
        **changes,
    }
    return Detector(**options)  # type: ignore[arg-type]


def lookup(key: str) -> Query:
    return {"test.latency_p95": q.quantile(0.95, LATENCY, by=("tool",)), "test.cost": q.sum_by(q.rate(COST))}[key]


def healthy(at: float) -> float:
    """0.45 s, by day up to 0.15 s around it, with a noise that is the same for each time."""
    return 0.45 + 0.1 * math.sin(2 * math.pi * at / 86_400) + 0.02 * math.sin(at * 12.9898)


def faulty(begin: float, end: float, value: float = 4.1) -> Callable[[float], float]:
    return lambda at: value if begin <= at < end else healthy(at)


def shifted(by: float) -> Callable[[float], float]:
    return lambda at: healthy(at + by)


def engine(store: FakeStore, sink: Sink, **changes: object) -> DetectionEngine:
    detectors = changes.pop("detectors", (declare(),))
    return DetectionEngine(detectors, lookup, {"metrics": store}, sink, history_ticks=1_000, **changes)  # type: ignore[arg-type]


def run(found: DetectionEngine, start: float, end: float, step: float = 600.0) -> None:
    for at in np.arange(start, end, step):
        found.tick(float(at))


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_a_fault_is_delivered_once_as_firing_and_once_as_resolved(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, begin + 3 * HOUR)}), sink)
    found.warm_up(START)
    run(found, START, START + 6 * HOUR)
    firing = {d.fingerprint for d in sink.got if d.status == "firing"}
    resolved = [d for d in sink.got if d.status == "resolved"]
    assert len(firing) == len(resolved) == 1
    assert resolved[0].fingerprint in firing
    assert sink.got[-1].status == "resolved"
    assert resolved[0].ends_at == pytest.approx(begin + 3 * HOUR, abs=0.6 * HOUR)


def test_a_delivery_tells_the_person_on_call_what_is_wrong(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, begin + 9 * HOUR)}), sink)
    found.warm_up(START)
    run(found, START, begin + HOUR)
    first = sink.got[0]
    assert first.kind == "deviation"
    assert first.source == "detectors"
    assert first.name == "test.latency"
    assert first.labels["tool"] == "search"
    assert first.labels["severity"] == "warning"
    assert first.annotations["summary"] == "search takes 4.1 s"
    assert first.annotations["runbook"] == "test/latency"
    assert first.annotations["panel"] == "test/latency-p95"
    assert "histogram_quantile(0.95" in first.annotations["query"]
    text = first.annotations["description"]
    assert text.startswith("p95 tool latency of search is 4.1 s; expected ")
    assert "at this hour; since 01:00 UTC" in text
    low, high = (float(first.annotations[f"expected_{edge}"]) for edge in ("low", "high"))
    assert 0.2 < low < 0.5 < high < 1.5
    assert float(first.annotations["score"]) > 0.5
    assert "times the expectation" in first.annotations["impact"]
    assert first.starts_at == pytest.approx(begin, abs=600)


def test_a_deviation_that_lasts_is_sent_again(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, begin + 9 * HOUR)}), sink)
    found.warm_up(START)
    run(found, START, begin + HOUR)
    before = len(sink.got)
    found.tick(begin + HOUR + 30)
    found.tick(begin + HOUR + 61)
    assert len(sink.got) == before + 1
    assert sink.got[-1].starts_at == sink.got[0].starts_at


def test_warm_up_asks_once_and_delivers_nothing(sink: Sink) -> None:
    store = FakeStore({TOOL: faulty(START - 40 * HOUR, START - 38 * HOUR)})
    found = engine(store, sink)
    found.warm_up(START)
    assert len(store.asked) == 1
    assert store.asked[0][1] - store.asked[0][0] == 999 * 600
    assert sink.got == []


def test_a_healthy_week_delivers_nothing(sink: Sink) -> None:
    found = engine(FakeStore({TOOL: healthy, (("tool", "other"),): lambda at: 2 * healthy(at + 40_000)}), sink)
    found.warm_up(START)
    run(found, START, START + 7 * 86_400)
    assert sink.got == []


def test_what_the_sink_refuses_is_sent_again(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, begin + 3 * HOUR)}), sink)
    found.warm_up(START)
    sink.broken = True
    run(found, START, begin + 2 * HOUR)
    sink.broken = False
    found.tick(begin + 2 * HOUR)
    assert [d.status for d in sink.got] == ["firing"]
    sink.broken = True
    run(found, begin + 2 * HOUR + 600, begin + 5 * HOUR)
    sink.broken = False
    found.tick(begin + 5 * HOUR)
    assert [d.status for d in sink.got] == ["firing", "resolved"]


def test_a_store_that_is_away_is_tried_again_and_said(sink: Sink) -> None:
    store, samples = FakeStore({TOOL: healthy}), Samples()
    found = engine(store, sink, writer=samples)
    found.warm_up(START)
    store.broken = True
    found.tick(START + 600)
    assert [(s.name, s.value) for s in samples.written] == [("watchkeeper_detector_up", 0.0)]
    store.broken = False
    found.tick(START + 1_800)
    assert store.asked[-1][:2] == (START, START + 1_800)


def test_expectation_and_band_are_written_as_metrics(sink: Sink) -> None:
    samples = Samples()
    found = engine(FakeStore({TOOL: healthy}), sink, writer=samples)
    found.warm_up(START)
    found.tick(START + 600)
    values = {s.name: s.value for s in samples.written if s.labels.get("tool") == "search"}
    assert all(s.labels["detector"] == "test.latency" for s in samples.written)
    assert values["watchkeeper_detector_lower"] < values["watchkeeper_detector_expected"]
    assert values["watchkeeper_detector_expected"] < values["watchkeeper_detector_upper"]
    assert 0 <= values["watchkeeper_detector_score"] < 0.5
    assert values["watchkeeper_detector_deviating"] == 0


def test_the_metrics_are_those_that_the_system_declares(sink: Sink) -> None:
    from watchkeeper.systems.detectors import SIGNALS

    samples = Samples()
    found = engine(FakeStore({TOOL: healthy}), sink, writer=samples)
    found.warm_up(START)
    found.tick(START + 600)
    assert {s.name for s in samples.written} == {signal.name for signal in SIGNALS}


def test_a_chart_gets_the_band_of_a_delivery(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, begin + 9 * HOUR)}), sink)
    found.warm_up(START)
    run(found, START, begin + 2 * HOUR)
    band = found.band("test.latency", sink.got[0].labels, START - 6 * HOUR, begin + 2 * HOUR)
    assert band is not None
    assert len(band.times) == len(band.observed) == len(band.upper) >= 6 * 8
    assert (np.diff(band.times) > 0).all()
    assert band.observed[-1] == pytest.approx(4.1)
    assert (band.lower <= band.expected).all() and (band.expected <= band.upper).all()
    assert band.upper[-1] < 1.5
    assert found.band("test.latency", {"tool": "nobody"}, 0, 1e12) is None
    assert found.band("test.nothing", {}, 0, 1e12) is None


def test_pace_divides_step_hold_window_and_season(sink: Sink) -> None:
    pace = 20.0
    begin = START + HOUR / pace
    store = FakeStore(
        {TOOL: lambda at: faulty(begin, begin + 3 * HOUR / pace)(at) if at >= begin else healthy(at * pace)}
    )
    found = engine(store, sink, pace=pace)
    found.warm_up(START)
    run(found, START, begin + HOUR / pace, 600 / pace)
    assert store.asked[0][2:] == (30.0, 60.0)
    assert found.watches["test.latency"].detector.period == 86_400 / pace
    assert sink.got[0].starts_at == pytest.approx(begin, abs=30)
    assert len(found.deviations()) == 1


def test_windows_in_the_query_are_divided_too(sink: Sink) -> None:
    declared = declare(query=q.quantile(0.95, LATENCY, "20m", by=("tool",)))
    store = FakeStore({TOOL: healthy})
    found = engine(store, sink, pace=20.0, detectors=(declared,))
    found.warm_up(START)
    assert "[1m]" in store.queries[0].promql()


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


def test_series_that_come_later_are_watched_too(sink: Sink) -> None:
    begin = START + 60 * HOUR
    late = faulty(begin, begin + 3 * HOUR)
    store = FakeStore({TOOL: healthy, (("tool", "new"),): lambda at: late(at) if at > START + 24 * HOUR else None})
    found = engine(store, sink)
    found.warm_up(START)
    run(found, START, begin + 2 * HOUR)
    assert {d.labels["tool"] for d in sink.got} == {"new"}


def test_a_detector_without_its_store_is_off(sink: Sink) -> None:
    found = engine(FakeStore({}), sink, detectors=(declare(reads="bills"),))
    assert found.watches == {}


def test_the_label_values_behind_a_change_are_named(sink: Sink) -> None:
    begin = START + HOUR
    small, large = (("model", "small"),), (("model", "large"),)
    store = FakeStore({(): lambda at: 1.0 + (3.0 if at >= begin else 0.0) + 0.01 * math.sin(at)})
    parts = FakeStore({small: lambda at: 0.5, large: lambda at: 0.5 + (3.0 if at >= begin else 0.0)})
    store.instant = parts.instant  # type: ignore[method-assign]
    found = engine(store, sink, detectors=(declare(query="test.cost", title="Cost"),))
    found.warm_up(START)
    run(found, START, begin + HOUR)
    assert json.loads(sink.got[0].annotations["contributors"]) == [{"label": "model", "value": "large", "share": 1.0}]
    assert "Most of the change: model=large (100%)" in sink.got[0].annotations["description"]


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


def test_a_detector_beside_restored_ones_learns_from_history(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.npz"
    store = FakeStore({TOOL: healthy})
    first = engine(store, sink, state_path=path)
    first.warm_up(START)
    first.save()
    second = engine(store, sink, state_path=path, detectors=(declare(), declare(key="test.second")))
    second.warm_up(START + HOUR)
    old, new = (second.watches[key].detector for key in ("test.latency", "test.second"))
    assert float(new.samples[0]) > 900
    assert float(old.samples[0]) > 900
    assert old.last == new.last == START + HOUR - 600


def vanishing(begin: float, end: float, back: float = math.inf) -> Callable[[float], float | None]:
    """Slow from `begin`, nothing from `end`, healthy again from `back`."""
    return lambda at: healthy(at) if at < begin or at >= back else 4.1 if at < end else None


def test_a_deviation_whose_series_vanishes_stays_open_and_says_so(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: vanishing(begin, begin + HOUR)}), sink)
    found.warm_up(START)
    run(found, START, begin + 2 * HOUR + 600)
    assert {d.status for d in sink.got} == {"firing"}
    text = sink.got[-1].annotations["description"]
    assert text.startswith("p95 tool latency of search was 4.1 s")
    assert "The series is silent since 01:50 UTC: whether it still deviates is unknown." in text
    assert "silent" not in sink.got[0].annotations["description"]


def test_a_deviation_whose_series_stays_away_ends_without_calling_it_well(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: vanishing(begin, begin + HOUR)}), sink)
    found.warm_up(START)
    run(found, START, begin + 4 * HOUR)
    assert [d.status for d in sink.got].count("resolved") == 1
    last = sink.got[-1]
    assert last.status == "resolved"
    text = last.annotations["description"]
    assert "is silent since 01:50 UTC: whether it is well is unknown" in text
    assert "as expected" not in text
    # Half an hour longer than the gaps that are usual, which are five steps here.
    assert last.ends_at is not None
    assert last.ends_at == pytest.approx(begin + HOUR - 600 + 3_000 + 1_800, abs=601)


def test_a_deviation_whose_series_comes_back_well_is_as_expected_again(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: vanishing(begin, begin + HOUR, begin + 2 * HOUR)}), sink)
    found.warm_up(START)
    run(found, START, begin + 4 * HOUR)
    assert [d.status for d in sink.got].count("resolved") == 1
    assert "is as expected again" in sink.got[-1].annotations["description"]


def test_a_shift_that_lasts_is_said_to_be_the_new_normal(sink: Sink) -> None:
    begin = START + HOUR
    found = engine(FakeStore({TOOL: faulty(begin, math.inf)}), sink)
    found.warm_up(START)
    run(found, START, begin + 30 * HOUR)
    assert [d.status for d in sink.got].count("resolved") == 1
    text = sink.got[-1].annotations["description"]
    assert "has not come back" in text and "new normal" in text
    assert "as expected" not in text


def test_the_patience_with_silence_is_divided_by_the_pace(sink: Sink) -> None:
    assert engine(FakeStore({}), sink, pace=20.0).watches["test.latency"].patience == 90.0


def test_the_last_samples_are_kept_for_metrics(sink: Sink) -> None:
    store = FakeStore({TOOL: healthy})
    found = engine(store, sink)
    assert found.samples(START) == []
    found.warm_up(START)
    found.tick(START + 600)
    found.tick(START + 601)  # nothing is due: what was said still holds
    kept = {s.name: s for s in found.samples(START + 700)}
    assert kept["watchkeeper_detector_up"].value == 1.0
    assert kept["watchkeeper_detector_expected"].labels == {"tool": "search", "detector": "test.latency"}
    assert {s.time for s in kept.values()} == {START + 700}
    store.broken = True
    found.tick(START + 1_800)
    assert [(s.name, s.value) for s in found.samples(START + 1_800)] == [("watchkeeper_detector_up", 0.0)]


def test_the_last_samples_wait_for_no_store(sink: Sink) -> None:
    store = HangingStore({TOOL: healthy})
    found = engine(store, sink)
    found.start(warm_up=False)
    assert store.entered.wait(10)
    assert found.samples(START) == []
    assert found.deviations() == ()
    store.release.set()
    found.stop()


def test_the_job_of_a_watched_series_is_not_that_of_the_scrape(sink: Sink) -> None:
    found = engine(FakeStore({(("instance", "a"), ("job", "shop")): healthy}), sink)
    found.warm_up(START)
    found.tick(START + 600)
    expected = next(s for s in found.samples(START) if s.name == "watchkeeper_detector_expected")
    assert expected.labels == {"exported_instance": "a", "exported_job": "shop", "detector": "test.latency"}
