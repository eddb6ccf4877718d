"""Peers in the engine: one pod of twenty that is unlike the others, from the declaration to what is told of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from detectors.engine import DetectionEngine
from detectors.explanation import explain
from detectors.knowledge import Knowledge
from tests.detectors.engines import HOUR, START, declare, lookup
from tests.detectors.series import FakeStore, Samples, Sink
from watchkeeper.declarations import Detector
from watchkeeper.errors import DefinitionError
from watchkeeper.settings.calendars import CalendarSettings, Maintenance, Moment

PODS = 20
ONSET = START + 6 * HOUR

Of = Callable[[float], float | None]


def unlike() -> Detector:
    """Pods of one service, compared with each other."""
    return declare(key="test.pods", title="Latency", peers=("pod",), runbook="test/pods")


def labels(number: int) -> tuple[tuple[str, str], ...]:
    return (("job", "answer"), ("pod", f"answer-{number}"))


def pod(number: int, factor: float = 1.0, begin: float = ONSET, end: float = math.inf) -> Of:
    """A pod with a place of its own beside the others, a day, and noise; `factor` times as slow for a while."""
    own = math.exp(0.3 * math.sin(7.1 * number))

    def value(at: float) -> float:
        noise = 0.08 * math.sin(at * 12.9898 + 78.233 * number)
        day = 0.45 * (1 + 0.6 * math.sin(2 * math.pi * at / 86_400))
        return own * day * math.exp(noise) * (factor if begin <= at < end else 1.0)

    return value


def pods(**changes: Of) -> FakeStore:
    """Twenty pods; `p7` stands for the seventh."""
    return FakeStore({labels(n): changes.get(f"p{n}", pod(n)) for n in range(PODS)})


def engine(store: FakeStore, sink: Sink, **changes: object) -> DetectionEngine:
    return DetectionEngine((unlike(),), lookup, {"metrics": store}, sink, history_ticks=288, **changes)  # type: ignore[arg-type]


def run(found: DetectionEngine, start: float, end: float) -> None:
    at = start
    while at < end:
        found.tick(at)
        at += 600.0


def test_one_pod_of_twenty_is_told_once_as_unlike_its_peers_and_resolved(sink: Sink) -> None:
    found = engine(pods(p7=pod(7, 3.0, end=ONSET + 6 * HOUR)), sink)
    found.warm_up(START)
    run(found, START, ONSET + 12 * HOUR)
    ((name, since),) = {(one.labels["pod"], one.starts_at) for one in sink.got}
    assert name == "answer-7" and since == pytest.approx(ONSET, abs=600.0)
    assert [one.status for one in sink.got].count("resolved") == 1
    first, last = sink.got[0], sink.got[-1]
    assert "Latency of answer-7 is unlike its 19 peers: " in first.annotations["description"]
    assert "; by them expected " in first.annotations["description"]
    assert "season" not in first.annotations["description"]
    assert first.annotations["peers"] == "19"
    assert last.status == "resolved" and "is like its peers again; it deviated from" in last.annotations["description"]


def test_all_pods_moving_together_tell_nothing(sink: Sink) -> None:
    found = engine(pods(**{f"p{n}": pod(n, 4.0) for n in range(PODS)}), sink)
    found.warm_up(START)
    run(found, START, ONSET + 6 * HOUR)
    assert sink.got == [] and found.deviations() == ()


def test_expectation_band_and_state_are_written_for_each_pod(sink: Sink) -> None:
    writer = Samples()
    found = engine(pods(p7=pod(7, 3.0)), sink, writer=writer)
    found.warm_up(START)
    run(found, START, ONSET + 2 * HOUR)
    last = {(one.name, one.labels.get("pod")): one.value for one in writer.written if "pod" in one.labels}
    assert last["watchkeeper_detector_deviating", "answer-7"] == 1.0
    assert [last["watchkeeper_detector_deviating", f"answer-{n}"] for n in range(PODS)].count(1.0) == 1
    lower, expected, upper = (last[f"watchkeeper_detector_{n}", "answer-7"] for n in ("lower", "expected", "upper"))
    healthy = pod(7)(ONSET + 2 * HOUR - 600.0)
    assert lower < expected < upper and healthy is not None and expected == pytest.approx(healthy, rel=0.3)
    band = found.band("test.pods", dict(labels(7)), ONSET, ONSET + HOUR)
    assert band is not None and len(band.times) == 7 and (band.observed > band.upper).all()


def test_a_restart_goes_on_and_tells_nothing_twice(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.state"
    store = pods(p7=pod(7, 3.0, end=ONSET + 4 * HOUR))
    whole_sink = Sink()
    whole, first = engine(store, whole_sink), engine(store, sink, state_path=path)
    for one in (whole, first):
        one.warm_up(START)
        run(one, START, ONSET + 2 * HOUR)
    first.stop()
    second = engine(store, sink, state_path=path)
    assert [(one.labels["pod"], one.peers) for one in second.deviations()] == [("answer-7", 19)]
    second.warm_up(ONSET + 2 * HOUR)
    for one in (whole, second):
        run(one, ONSET + 2 * HOUR, ONSET + 8 * HOUR)
    assert [(d.status, d.starts_at, d.ends_at) for d in sink.got if d.status == "resolved"] == [
        (d.status, d.starts_at, d.ends_at) for d in whole_sink.got if d.status == "resolved"
    ]
    for name, array in whole.watches["test.pods"].detector.arrays().items():
        assert second.watches["test.pods"].detector.arrays()[name].tolist() == pytest.approx(
            array.tolist(), nan_ok=True
        )


def test_a_state_of_peers_does_not_fit_a_detector_of_the_past(tmp_path: Path) -> None:
    path = tmp_path / "detectors.state"
    store = pods()
    found = engine(store, Sink(), state_path=path)
    found.warm_up(START)
    found.save()
    past = DetectionEngine((declare(key="test.pods"),), lookup, {"metrics": store}, Sink(), state_path=path)
    assert past.watches["test.pods"].place is None


def test_a_pod_that_is_gone_while_it_deviates_is_ended_as_silent(sink: Sink) -> None:
    slow = pod(7, 3.0)
    found = engine(pods(p7=lambda at: None if at >= ONSET + 2 * HOUR else slow(at)), sink)
    found.warm_up(START)
    run(found, START, ONSET + 8 * HOUR)
    assert sink.got[-1].status == "resolved"
    assert "is silent since" in sink.got[-1].annotations["description"]


def test_a_pod_whose_peers_are_gone_is_not_judged_any_more(sink: Sink) -> None:
    def until(value: Of) -> Of:
        return lambda at: None if at >= ONSET + 2 * HOUR else value(at)

    found = engine(pods(p7=pod(7, 3.0), **{f"p{n}": until(pod(n)) for n in range(PODS) if n != 7}), sink)
    found.warm_up(START)
    run(found, START, ONSET + 8 * HOUR)
    assert found.deviations() == () and sink.got[-1].status == "resolved"
    assert math.isfinite(sink.got[-1].starts_at)


def test_maintenance_of_a_pod_is_not_told(sink: Sink) -> None:
    night = Maintenance(
        name="move", start=Moment(ONSET - HOUR), end=Moment(ONSET + 5 * HOUR), labels={"pod": "answer-7"}
    )
    slow = {"p7": pod(7, 3.0, end=ONSET + 4 * HOUR), "p3": pod(3, 3.0, end=ONSET + 4 * HOUR)}
    found = engine(pods(**slow), sink, knowledge=Knowledge(CalendarSettings(maintenance=(night,))))
    found.warm_up(START)
    run(found, START, ONSET + 8 * HOUR)
    assert {one.labels["pod"] for one in sink.got} == {"answer-3"}


def test_explain_names_the_peers_and_compares_with_them() -> None:
    found = engine(pods(p7=pod(7, 3.0)), Sink())
    found.warm_up(START)
    run(found, START, ONSET + 2 * HOUR)
    told = explain(found, "test.pods", dict(labels(7)), ONSET + 2 * HOUR)
    assert told.headline.startswith("Latency of answer-7 is unlike its 19 peers: ")
    assert dict(told.facts())["compared"].startswith("with 19 peers at the same time, less what it differed")
    assert told.plain()["peers"] == 19 and told.once_in is None
    calm = explain(found, "test.pods", dict(labels(3)), ONSET + 2 * HOUR)
    assert calm.state == "as expected" and " is like its peers: " in calm.headline


def test_too_few_peers_are_explained_as_not_known() -> None:
    store = FakeStore({labels(n): pod(n) for n in range(3)})
    found = engine(store, Sink())
    found.warm_up(START)
    run(found, START, START + HOUR)
    told = explain(found, "test.pods", dict(labels(1)), START + HOUR)
    assert told.state == "not known yet"
    assert dict(told.facts())["compared"].endswith("beside 2 peers, of whom four at least are needed")


def test_seasonal_detectors_and_peers_learn_beside_each_other(sink: Sink) -> None:
    store = pods(p7=pod(7, 3.0))
    both = (unlike(), declare(minimum_relative=1.0))
    found = DetectionEngine(both, lookup, {"metrics": store}, sink, history_ticks=288)
    found.warm_up(START)
    run(found, START, ONSET + 2 * HOUR)
    assert {(one.detector.key, one.labels["pod"]) for one in found.deviations()} == {
        ("test.pods", "answer-7"),
        ("test.latency", "answer-7"),
    }
    # Both are of one pod, and told as one.
    assert len({one.fingerprint for one in sink.got}) == 1


def test_the_labels_of_peers_are_a_tuple() -> None:
    with pytest.raises(DefinitionError, match=r"peers are labels: write \('pod',\)"):
        declare(peers="pod")
