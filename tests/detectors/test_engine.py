from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.detectors.engines import HOUR, LATENCY, START, TOOL, declare, engine, faulty, healthy, run, seasonal_of
from tests.detectors.series import FakeStore, HangingStore, Samples, Sink
from watchkeeper import queries as q


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
    assert seasonal_of(found.watches["test.latency"]).period == 86_400 / pace
    assert sink.got[0].starts_at == pytest.approx(begin, abs=30)
    assert len(found.deviations()) == 1


def test_windows_in_the_query_are_divided_too(sink: Sink) -> None:
    declared = declare(query=q.quantile(0.95, LATENCY, "20m", by=("tool",)))
    store = FakeStore({TOOL: healthy})
    found = engine(store, sink, pace=20.0, detectors=(declared,))
    found.warm_up(START)
    assert "[1m]" in store.queries[0].promql()


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


@pytest.mark.long
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
