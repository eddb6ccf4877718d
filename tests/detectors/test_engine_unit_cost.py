"""Cost and performance in one, in the engine: a dearer request is told once, as what it is, or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from detectors.engine import DetectionEngine
from detectors.explanation import explain, plain_deviation
from detectors.groups import WINDOW
from detectors.unit_cost import KINDS, Trio
from tests.detectors.engines import HOUR, LATENCY, START, declare
from tests.detectors.series import Samples, Sink
from watchkeeper import queries as q
from watchkeeper.declarations import Detector
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Selection, Signal
from watchkeeper.stores import Labels, Matrix, Vector
from watchkeeper.units import ONE, USD

ONSET = START + 6 * HOUR
END = ONSET + 6 * HOUR
COST = Counter("test_task_cost_total", "Cost of tasks.", USD)
TASKS = Counter("test_tasks_total", "Tasks.", ONE, ("error",))
QUERIES: Mapping[str, Query] = {
    "test.unit": q.ratio(q.sum_by(q.rate(COST)), q.sum_by(q.rate(TASKS))),
    "test.traffic": q.sum_by(q.rate(TASKS), "error"),
    "test.latency_p95": q.quantile(0.95, LATENCY, by=()),
}
TRIO = Trio("test.unit", "test.unit", "test.traffic", "test.latency_p95")

Of = Callable[[float], float | None]


def unit() -> Detector:
    return declare(
        key="test.unit", query="test.unit", title="Cost of a task", minimum_relative=0.3, summary="{{ $value }} a task"
    )


def latency(**changes: object) -> Detector:
    return declare(key="test.latency", title="Latency of a task", summary="{{ $value }}", **changes)


def around(level: float, seed: float, *, times: float = 1.0, begin: float = ONSET) -> Of:
    """A level with a day and noise, `times` as high from `begin` until the end."""

    def value(at: float) -> float:
        day = 1 + 0.2 * math.sin(2 * math.pi * at / 86_400)
        return level * day * (1 + 0.03 * math.sin(at * 12.9898 + seed)) * (times if begin <= at < END else 1.0)

    return value


class Platform:
    """A store of three queries, each with a function of time for each of its series."""

    def __init__(self, *, dearer: float = 1.0, busier: float = 1.0, slower: float = 1.0, late: float = 0.0) -> None:
        self.series_of: dict[str, dict[tuple[tuple[str, str], ...], Of]] = {
            "test.unit": {(): around(0.02, 1.0, times=dearer)},
            "test.traffic": {
                (("error", ""),): around(9.0, 2.0, times=busier),
                (("error", "timeout"),): around(1.0, 3.0, times=busier),
            },
            "test.latency_p95": {(): around(1.5, 4.0, times=slower, begin=ONSET + late)},
        }
        self.broken: set[str] = set()

    def _of(self, query: Query) -> Mapping[tuple[tuple[str, str], ...], Of]:
        key = next((key for key, own in QUERIES.items() if own == query), None)
        if key in self.broken:
            raise StoreError(f"no answer for {key}")
        return self.series_of[key] if key is not None else {}

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        found = [(dict(labels), value) for labels, f in self._of(query).items() if (value := f(at)) is not None]
        return Vector(at, tuple(labels for labels, _ in found), tuple(value for _, value in found))

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        times = np.asarray(start + step * np.arange(round((end - start) / step) + 1), np.float64)
        own = self._of(query)
        rows = [[math.nan if (v := f(float(t))) is None else v for t in times] for f in own.values()]
        values = np.array(rows, np.float64).reshape(len(own), len(times))
        return Matrix(times, tuple(dict(labels) for labels in own), values, np.isfinite(values))

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        return []


def engine(
    store: Platform, sink: Sink, detectors: Sequence[Detector] | None = None, **changes: object
) -> DetectionEngine:
    return DetectionEngine(
        detectors or (unit(), latency()),
        QUERIES.__getitem__,
        {"metrics": store},
        sink,
        history_ticks=432,
        trios=(TRIO,),
        **changes,  # type: ignore[arg-type]
    )


def run(found: DetectionEngine, start: float, end: float) -> None:
    at = start
    while at < end:
        found.tick(at)
        at += 600.0


def told(store: Platform, sink: Sink, **changes: object) -> DetectionEngine:
    """An engine that has seen it all."""
    found = engine(store, sink, **changes)  # type: ignore[arg-type]
    found.warm_up(START)
    run(found, START, END + 6 * HOUR)
    return found


def ids(sink: Sink) -> set[tuple[str, float]]:
    return {(one.name, one.starts_at) for one in sink.got}


def test_dearer_while_latency_is_fine_fires_once_as_what_it_is(sink: Sink) -> None:
    told(Platform(dearer=2.0), sink)
    assert ids(sink) == {("test.unit", ONSET)}
    assert [one.status for one in sink.got].count("resolved") == 1
    first = sink.got[0].annotations
    assert first["kind"] == "unit cost up, traffic and latency normal"
    assert "Unit cost up, traffic and latency normal: traffic " in first["description"]
    assert {one.annotations["kind"] for one in sink.got} == {first["kind"]}


def test_dearer_and_slower_is_one_deviation_with_the_latency_in_its_group(sink: Sink) -> None:
    told(Platform(dearer=2.0, slower=3.0), sink)
    assert len({one.fingerprint for one in sink.got}) == 1
    (head,) = {one.name for one in sink.got}
    lasting = [one for one in sink.got if one.status == "firing"][5].annotations
    (other,) = json.loads(lasting["members"])
    assert {head, other["detector"]} == {"test.unit", "test.latency"}


def test_dearer_and_slower_says_so(sink: Sink) -> None:
    told(Platform(dearer=2.0, slower=3.0), sink, detectors=(unit(),))
    assert ids(sink) == {("test.unit", ONSET)}
    assert sink.got[0].annotations["kind"] == "unit cost and latency up"
    assert "latency +2" in sink.got[0].annotations["beside"] or "latency +1" in sink.got[0].annotations["beside"]


def test_latency_that_follows_later_than_the_window_of_groups_is_of_the_same_deviation(sink: Sink) -> None:
    """What is found apart by its onset alone would be delivered twice."""
    told(Platform(dearer=2.0, slower=3.0, late=2 * WINDOW), sink)
    assert len({one.fingerprint for one in sink.got}) == 1
    assert {one.name for one in sink.got} == {"test.unit"}
    assert [one for one in sink.got if one.status == "firing"][-1].annotations["kind"] == KINDS[4]


def test_a_latency_of_its_own_hours_later_is_another_deviation(sink: Sink) -> None:
    told(Platform(dearer=2.0, slower=3.0, late=4 * HOUR), sink)
    assert {one.name for one in sink.got} == {"test.unit", "test.latency"}


def test_dearer_because_traffic_fell_is_none(sink: Sink) -> None:
    writer = Samples()
    found = engine(Platform(dearer=2.5, busier=0.4), sink, writer=writer)
    found.warm_up(START)
    run(found, START, ONSET + 3 * HOUR)
    watch = found.watches["test.unit"]
    assert watch.detector.spans.since[0] == ONSET  # its band is left: that alone is no deviation of the unit
    assert found.deviations() == () and sink.got == []
    last = [one.value for one in writer.written if one.name == "watchkeeper_detector_deviating"][-1]
    assert last == 0.0
    run(found, ONSET + 3 * HOUR, END + 6 * HOUR)
    assert sink.got == []


def test_dearer_by_far_more_than_the_lost_traffic_explains_is_told(sink: Sink) -> None:
    told(Platform(dearer=5.0, busier=0.7), sink)
    assert ids(sink) == {("test.unit", ONSET)}


def test_dearer_under_more_traffic_says_so(sink: Sink) -> None:
    told(Platform(dearer=2.0, busier=2.0), sink)
    assert sink.got[0].annotations["kind"] == "unit cost up with traffic, latency normal"


def test_more_traffic_at_the_same_unit_cost_is_none(sink: Sink) -> None:
    told(Platform(busier=3.0), sink)
    assert sink.got == []


@pytest.mark.parametrize("missing", ["test.traffic", "test.latency_p95"])
def test_what_is_not_known_beside_it_hides_nothing(missing: str, sink: Sink) -> None:
    store = Platform(dearer=2.0)
    store.broken = {missing}
    told(store, sink, detectors=(unit(),))
    assert ids(sink) == {("test.unit", ONSET)}
    assert sink.got[0].annotations["kind"] == "unit cost up, traffic and latency normal"
    assert "unknown" in sink.got[0].annotations["beside"]


def test_explain_and_json_say_what_it_is() -> None:
    found = engine(Platform(dearer=2.0), Sink())
    found.warm_up(START)
    run(found, START, ONSET + 3 * HOUR)
    (one,) = found.deviations()
    shown = explain(found, "test.unit", {}, ONSET + 3 * HOUR)
    assert dict(shown.facts())["what"].startswith("Unit cost up, traffic and latency normal: traffic ")
    assert shown.plain()["kind"] == plain_deviation(one, ONSET)["kind"] == KINDS[1]


def test_a_restart_keeps_what_it_is_and_what_is_untold(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.state"
    for number, (store, kind) in enumerate(
        ((Platform(dearer=2.0, slower=3.0), KINDS[4]), (Platform(dearer=2.5, busier=0.4), KINDS[3]))
    ):
        own = path.with_name(str(number))
        first = engine(store, Sink(), (unit(),), state_path=own)
        first.warm_up(START)
        run(first, START, ONSET + 3 * HOUR)
        first.stop()
        second = engine(store, sink, (unit(),), state_path=own)
        second.warm_up(ONSET + 3 * HOUR)
        run(second, ONSET + 3 * HOUR, ONSET + 5 * HOUR)
        assert {one.kind for one in second.deviations()} == ({kind} if kind == KINDS[4] else set())
    assert ids(sink) == {("test.unit", ONSET)}
