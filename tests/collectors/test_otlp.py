"""Families as OTLP metrics: names, kinds, resources, start times, resets, gains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collectors.exposition import Parser
from collectors.families import Family
from collectors.otlp import Encoder, Part
from collectors.otlp_streams import FORGET_SECONDS
from tests.servers.otlp import attributes

CUMULATIVE, DELTA = 2, 1
GONE = 1
LABELS = (("instance", "db-1"), ("job", "shop"), ("zone", "a"))


def _parts(text: str, name: str = "db") -> list[Part]:
    return [Part(name, LABELS, Parser().parse(text))]


def _decoded(body: bytes) -> dict[str, Any]:
    """The metrics of a request, by name."""
    message = ExportMetricsServiceRequest.FromString(body)
    return {
        metric.name: metric
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def _sent(encoder: Encoder, text: str, at: float) -> dict[str, Any]:
    body, _ = encoder.encode(_parts(text), at)
    encoder.accept()
    return _decoded(body)


def _only(metric: Any) -> Any:
    (point,) = getattr(metric, metric.WhichOneof("data")).data_points
    return point


def test_a_target_is_a_resource() -> None:
    body, _ = Encoder().encode(_parts("x 1\n"), 1_000.0)
    (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    assert attributes(resource.resource.attributes) == {
        "service.name": "shop",
        "service.instance.id": "db-1",
        "zone": "a",
    }
    assert resource.scope_metrics[0].scope.name == "watchkeeper.collectors"


def test_names_labels_and_help_stay_as_they_are() -> None:
    text = '# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total{path="/",empty=""} 3\n'
    metric = _sent(Encoder(), text, 1_000.0)["hits_total"]
    assert (metric.description, metric.unit) == ("Hits.", "")
    assert attributes(_only(metric).attributes) == {"path": "/"}


def test_kinds_become_their_counterparts() -> None:
    text = "# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n# TYPE c untyped\nc 3\n"
    found = _sent(Encoder(), text, 1_000.0)
    assert {name: metric.WhichOneof("data") for name, metric in found.items()} == {
        "a_total": "sum",
        "b": "gauge",
        "c": "gauge",
    }
    assert found["a_total"].sum.is_monotonic and found["a_total"].sum.aggregation_temporality == CUMULATIVE
    assert _only(found["b"]).as_double == 2.0
    assert _only(found["b"]).time_unix_nano == 1_000_000_000_000


def test_a_histogram_has_bounds_and_counts_of_each_bucket() -> None:
    text = """# TYPE t histogram
t_bucket{le="0.1"} 2
t_bucket{le="1"} 5
t_bucket{le="+Inf"} 6
t_sum 4.5
t_count 6
"""
    metric = _sent(Encoder(), text, 1_000.0)["t"]
    point = _only(metric)
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([0.1, 1.0], [2, 3, 1])
    assert (point.count, point.sum) == (6, 4.5)
    assert metric.histogram.aggregation_temporality == CUMULATIVE


def test_a_summary_stays_one() -> None:
    text = '# TYPE s summary\ns{quantile="0.5"} 1.5\ns{quantile="0.9"} 2\ns_sum 9\ns_count 4\n'
    point = _only(_sent(Encoder(delta=True), text, 1_000.0)["s"])
    assert [(one.quantile, one.value) for one in point.quantile_values] == [(0.5, 1.5), (0.9, 2.0)]
    assert (point.count, point.sum) == (4, 9.0)


def test_the_first_of_two_equal_series_counts() -> None:
    family = Family("x_total", "counter", "", [("x_total", (), 1.0), ("x_total", (), 2.0)])
    body, _ = Encoder().encode([Part("db", LABELS, [family])], 1_000.0)
    assert _only(_decoded(body)["x_total"]).as_double == 1.0


# Cumulative


def _counter(value: float) -> str:
    return f"# TYPE x_total counter\nx_total {value}\n"


def _times(point: Any) -> tuple[float, float]:
    return point.start_time_unix_nano / 1e9, point.time_unix_nano / 1e9


def test_a_counter_counts_from_where_it_was_first_seen() -> None:
    encoder = Encoder()
    points = [_only(_sent(encoder, _counter(value), at)["x_total"]) for at, value in [(10, 5), (20, 7), (30, 7)]]
    assert [point.as_double for point in points] == [5, 7, 7]
    assert [_times(point) for point in points] == [(10, 10), (10, 20), (10, 30)]


def test_a_counter_that_falls_began_anew_after_its_last_value() -> None:
    encoder = Encoder()
    points = [_only(_sent(encoder, _counter(value), at)["x_total"]) for at, value in [(10, 5), (20, 3), (30, 4)]]
    assert [point.as_double for point in points] == [5, 3, 4]
    assert [_times(point) for point in points] == [(10, 10), (10, 20), (10, 30)]
    later = _only(_sent(encoder, _counter(1), 40)["x_total"])
    assert (_times(later), later.as_double) == ((30, 40), 1)


def test_start_times_survive_a_restart() -> None:
    first = Encoder()
    _, state = first.encode(_parts(_counter(5)), 10)
    point = _only(_sent(Encoder(state=state), _counter(9), 20)["x_total"])
    assert _times(point) == (10, 20)


def test_a_series_that_is_gone_is_marked_once() -> None:
    encoder = Encoder()
    _sent(encoder, 'b{k="1"} 1\nb{k="2"} 2\n' + _counter(1), 10)
    found = _sent(encoder, 'b{k="1"} 1\n', 20)
    assert [(attributes(point.attributes), point.flags) for point in found["b"].gauge.data_points] == [
        ({"k": "1"}, 0),
        ({"k": "2"}, GONE),
    ]
    assert _only(found["x_total"]).flags == GONE
    assert [point.flags for point in _sent(encoder, 'b{k="1"} 1\n', 30)["b"].gauge.data_points] == [0]


def test_all_series_of_a_target_that_is_gone_are_marked() -> None:
    encoder = Encoder()
    _sent(encoder, "b 1\n", 10)
    body, _ = encoder.encode((), 20)
    (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    assert attributes(resource.resource.attributes)["service.instance.id"] == "db-1"
    assert _only(_decoded(body)["b"]).flags == GONE


def test_a_mark_that_was_not_accepted_is_due_again() -> None:
    encoder = Encoder()
    _sent(encoder, "b 1\n", 10)
    encoder.encode(_parts("c 1\n"), 20)
    assert _only(_sent(encoder, "c 1\n", 30)["b"]).flags == GONE


# Delta


def test_a_gain_is_what_came_since_the_last_record() -> None:
    encoder = Encoder(delta=True)
    assert "x_total" not in _sent(encoder, _counter(5), 10)
    point = _only(_sent(encoder, _counter(7), 20)["x_total"])
    assert (_times(point), point.as_double) == ((10, 20), 2)
    point = _only(_sent(encoder, _counter(7), 30)["x_total"])
    assert (_times(point), point.as_double) == ((20, 30), 0)


def test_after_a_reset_all_of_the_counter_is_gain() -> None:
    encoder = Encoder(delta=True)
    _sent(encoder, _counter(5), 10)
    point = _only(_sent(encoder, _counter(3), 20)["x_total"])
    assert (_times(point), point.as_double) == ((10, 20), 3)


def test_what_was_not_accepted_is_in_the_next_gain() -> None:
    encoder = Encoder(delta=True)
    _sent(encoder, _counter(5), 10)
    encoder.encode(_parts(_counter(7)), 20)
    point = _only(_sent(encoder, _counter(8), 30)["x_total"])
    assert (_times(point), point.as_double) == ((10, 30), 3)


def test_a_target_that_was_down_gains_from_where_it_was() -> None:
    encoder = Encoder(delta=True)
    _sent(encoder, _counter(5), 10)
    assert "x_total" not in _sent(encoder, "up 0\n", 20)
    point = _only(_sent(encoder, _counter(9), 30)["x_total"])
    assert (_times(point), point.as_double) == ((10, 30), 4)


def test_a_series_that_was_away_for_long_begins_anew() -> None:
    encoder = Encoder(delta=True)
    _sent(encoder, _counter(5), 10)
    _sent(encoder, "up 0\n", 20 + FORGET_SECONDS)
    assert "x_total" not in _sent(encoder, _counter(9), 30 + FORGET_SECONDS)
    assert _only(_sent(encoder, _counter(10), 40 + FORGET_SECONDS)["x_total"]).as_double == 1


@pytest.mark.parametrize("at", [5.0, 10.0, 1_000_000.0])
def test_a_clock_that_jumps_loses_no_gain(at: float) -> None:
    encoder = Encoder(delta=True)
    _sent(encoder, _counter(5), 10)
    point = _only(_sent(encoder, _counter(7), at)["x_total"])
    start, end = _times(point)
    assert point.as_double == 2 and start <= end == at


def test_a_histogram_gains_in_every_bucket() -> None:
    text = '# TYPE t histogram\nt_bucket{{le="1"}} {0}\nt_bucket{{le="+Inf"}} {1}\nt_sum {2}\nt_count {1}\n'
    encoder = Encoder(delta=True)
    _sent(encoder, text.format(1, 2, 5.0), 10)
    metric = _sent(encoder, text.format(4, 6, 11.0), 20)["t"]
    point = _only(metric)
    assert metric.histogram.aggregation_temporality == DELTA
    assert (list(point.bucket_counts), point.count, point.sum) == ([3, 1], 4, 6.0)
    point = _only(_sent(encoder, text.format(1, 1, 0.5), 30)["t"])
    assert (list(point.bucket_counts), point.count, point.sum) == ([1, 0], 1, 0.5)


def test_other_bounds_begin_another_stream() -> None:
    text = '# TYPE t histogram\nt_bucket{{le="{0}"}} 1\nt_bucket{{le="+Inf"}} 1\nt_sum 1\nt_count 1\n'
    encoder = Encoder(delta=True)
    _sent(encoder, text.format(1), 10)
    assert "t" not in _sent(encoder, text.format(2), 20)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_a_counter_that_is_no_number_stops_nothing(value: str) -> None:
    encoder = Encoder(delta=True)
    for at, text in enumerate([_counter(1), f"# TYPE x_total counter\nx_total {value}\n", _counter(2)]):
        _sent(encoder, text + "b 1\n", 10.0 + at)


_EVENTS = st.sampled_from(["kept", "refused", "restart", "reset"])


@given(st.lists(st.tuples(st.integers(0, 9), _EVENTS), max_size=40))
def test_gains_add_up_whatever_happens(steps: Sequence[tuple[int, str]]) -> None:
    """Refused records, restarts and resets: gains are those between accepted values, in intervals that meet."""
    encoder, state = Encoder(delta=True), b""
    value, total = 100.0, 0.0
    accepted: list[tuple[float, float]] = []
    for at, (gain, event) in enumerate([(0, "kept"), *steps, (0, "kept")], 10):
        value = float(gain) if event == "reset" else value + gain
        if event == "restart":
            encoder = Encoder(delta=True, state=state)
        body, made = encoder.encode(_parts(_counter(value)), at)
        if event == "refused":
            continue
        encoder.accept()
        state = made
        if accepted:
            point = _only(_decoded(body)["x_total"])
            assert _times(point) == (accepted[-1][0], at)
            total += point.as_double
        accepted.append((at, value))
    values = [value for _, value in accepted]
    assert total == sum(new - old if new >= old else new for old, new in pairwise(values))
