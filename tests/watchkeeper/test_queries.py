from __future__ import annotations

from collections.abc import Callable

import pytest

from watchkeeper import queries as q
from watchkeeper.errors import QueryError, UnitError
from watchkeeper.labels import TARGET_LABELS
from watchkeeper.signals import Counter, Gauge, Histogram, Info, matches
from watchkeeper.units import BYTES, ONE, RATIO, SECONDS, UNIX_TIME, Unit

REQUESTS = Counter("app_requests_total", help="x", labels=("code", "route"))
SENT = Counter("app_sent_bytes_total", help="x", unit=BYTES)
MEMORY = Gauge("app_memory_bytes", help="x", unit=BYTES)
LIMIT = Gauge("app_limit_bytes", help="x", unit=BYTES)
LATENCY = Histogram("app_latency_seconds", help="x", unit=SECONDS, labels=("route",), buckets=(0.1, 0.5, 1))
STARTED = Gauge("app_start_timestamp_seconds", help="x", unit=UNIX_TIME)
BUILD = Info("app_build_info", help="x", labels=("version",))
OLD = Gauge("app_delay", help="x", unit=Unit((("seconds", 1),), 1e-3, "milliseconds"), origin="somebody")


@pytest.mark.parametrize(
    "query, text, unit",
    [
        (q.rate(SENT), "rate(app_sent_bytes_total[$__rate_interval])", BYTES / SECONDS),
        (q.increase(SENT, "1h"), "increase(app_sent_bytes_total[1h])", BYTES),
        (q.rate(SENT, "5m", offset="1d"), "rate(app_sent_bytes_total[5m] offset 1d)", BYTES / SECONDS),
        (q.sum_by(q.rate(REQUESTS), "route"), "sum by (route) (rate(app_requests_total[$__rate_interval]))", None),
        (q.sum_by(MEMORY), "sum(app_memory_bytes)", BYTES),
        (
            q.sum_without(q.rate(REQUESTS, "5m"), "code"),
            "sum without (code) (rate(app_requests_total[5m]))",
            ONE / SECONDS,
        ),
        (q.count_by(MEMORY, "job"), "count by (job) (app_memory_bytes)", ONE),
        (q.ratio(MEMORY, LIMIT), "app_memory_bytes / app_limit_bytes", RATIO),
        (q.ratio(MEMORY, LIMIT) > 0.9, "(app_memory_bytes / app_limit_bytes) > 0.9", RATIO),
        (q.value(LIMIT) - q.value(MEMORY), "app_limit_bytes - app_memory_bytes", BYTES),
        (1 - q.ratio(MEMORY, LIMIT), "1 - (app_memory_bytes / app_limit_bytes)", RATIO),
        (
            q.quantile(0.95, LATENCY, by=("route",)),
            "histogram_quantile(0.95, sum by (le, route) (rate(app_latency_seconds_bucket[$__rate_interval])))",
            SECONDS,
        ),
        (
            q.share_above(1, LATENCY, "5m"),
            '1 - (sum(rate(app_latency_seconds_bucket{le=~"1(\\\\.0)?"}[5m])) '
            "/ sum(rate(app_latency_seconds_count[5m])))",
            RATIO,
        ),
        (
            q.mean(LATENCY, "5m"),
            "sum(rate(app_latency_seconds_sum[5m])) / sum(rate(app_latency_seconds_count[5m]))",
            SECONDS,
        ),
        (q.age(STARTED), "time() - app_start_timestamp_seconds", SECONDS),
        (
            q.avg_over_time(q.rate(REQUESTS, "5m"), "1h", step="1m"),
            "avg_over_time((rate(app_requests_total[5m]))[1h:1m])",
            None,
        ),
        (q.max_over_time(MEMORY, "1h"), "max_over_time(app_memory_bytes[1h])", BYTES),
        (q.quantile_over_time(0.9, MEMORY, "1h"), "quantile_over_time(0.9, app_memory_bytes[1h])", BYTES),
        (q.predict_linear(MEMORY, "6h", "4h"), "predict_linear(app_memory_bytes[6h], 14400)", BYTES),
        (q.absent(REQUESTS.where(code="200")), 'absent(app_requests_total{code="200"})', ONE),
        (q.topk(3, MEMORY), "topk(3, app_memory_bytes)", BYTES),
        (q.truth(q.value(MEMORY) > 5), "app_memory_bytes > bool 5", ONE),
        (q.or_zero(q.sum_by(MEMORY)), "sum(app_memory_bytes) or vector(0)", BYTES),
        (
            q.join("*", MEMORY, BUILD, on=("instance",), group="left", include=("version",)),
            "app_memory_bytes * on (instance) group_left (version) app_build_info",
            BYTES,
        ),
        (q.convert(OLD, SECONDS), "app_delay * 0.001", SECONDS),
        (q.clamp_min(MEMORY, 0), "clamp_min(app_memory_bytes, 0)", BYTES),
        (q.and_(q.value(MEMORY) > 5, q.value(LIMIT) > 0), "(app_memory_bytes > 5) and (app_limit_bytes > 0)", BYTES),
    ],
)
def test_text_and_unit_follow_from_the_parts(query: q.Query, text: str, unit: Unit | None) -> None:
    assert query.promql() == text
    if unit is not None:
        assert query.unit.same(unit)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: q.rate(MEMORY), r"rate\(app_memory_bytes\): app_memory_bytes is a gauge: write deriv"),  # type: ignore[arg-type]  # the type checker says so first
        (lambda: q.sum_by(REQUESTS), "its plain value says nothing: write rate"),  # type: ignore[arg-type]  # the type checker says so first
        (lambda: q.sum_by(LATENCY), "is a histogram: its plain value says nothing: write quantile"),  # type: ignore[arg-type]  # the type checker says so first
        (lambda: q.rate(q.sum_by(MEMORY)), r"it comes before any aggregation: write sum_by\(rate"),  # type: ignore[arg-type]  # the type checker says so first
        (lambda: q.sum_by(MEMORY, "route"), "has no label 'route'"),
        (lambda: q.sum_by(q.rate(REQUESTS), "code", "code"), "stands twice"),
        (lambda: q.ratio(q.sum_by(MEMORY), LIMIT), "the labels differ .*aggregate both sides"),
        (lambda: q.value(MEMORY) + q.value(STARTED), "needs the same unit"),
        (lambda: q.value(OLD) + q.max_over_time(OLD, "5m") * q.number(1, SECONDS), "needs the same unit"),
        (lambda: q.quantile(95, LATENCY), "write 0.95"),
        (lambda: q.quantile(0.95, REQUESTS), "is a counter"),  # type: ignore[arg-type]  # the type checker says so first
        (lambda: q.share_above(2, LATENCY), "has no bucket 2: it has 0.1, 0.5, 1"),
        (lambda: q.or_zero(MEMORY), "aggregate it first"),
        (lambda: q.join("*", MEMORY, BUILD, on=("version",)), "left side app_memory_bytes has no label 'version'"),
        (lambda: q.join("*", MEMORY, BUILD, on=("instance",), include=("version",)), "include needs group"),
        (lambda: q.age(MEMORY), "not seconds since the epoch"),
        (lambda: bool(q.value(MEMORY) > 5), "no truth value"),
        (lambda: q.truth(q.value(MEMORY)), "takes a comparison"),
        (lambda: q.rate(REQUESTS, "0s"), "is empty"),
        (lambda: q.PromQL("sum(rate(x[5m])"), "unclosed left parenthesis"),
        (lambda: q.PromQL('{job="a"}'), "without a metric name"),
        (lambda: q.avg_over_time(MEMORY, "5m", step="1m"), "step is for queries"),
    ],
)
def test_what_makes_no_sense_cannot_be_written(make: Callable[[], object], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        make()


def test_milliseconds_do_not_compare_with_seconds() -> None:
    with pytest.raises(QueryError, match=r"write convert\(…, MILLISECONDS\)"):
        _ = q.value(OLD) > q.age(STARTED)


def test_conversion_to_another_quantity_is_a_unit_error() -> None:
    with pytest.raises(UnitError):
        q.convert(MEMORY, SECONDS)


def test_labels_follow_from_the_parts() -> None:
    assert q.rate(REQUESTS).labels == {"code", "route"} | TARGET_LABELS
    assert q.sum_by(q.rate(REQUESTS), "route", "instance").labels == {"route", "instance"}
    assert q.quantile(0.5, LATENCY, by=()).labels == frozenset()
    assert q.absent(REQUESTS.where(code="200", route=matches("/a.*"))).labels == {"code"}


def test_a_label_value_is_escaped() -> None:
    query = q.narrowed(q.rate(REQUESTS, "5m"), {"route": 'a"} or up{x="\\\n'})
    assert query.promql() == 'rate(app_requests_total{route="a\\"} or up{x=\\"\\\\\\n"}[5m])'


def test_narrowing_by_a_label_that_a_signal_does_not_have_changes_nothing() -> None:
    assert q.narrowed(q.value(MEMORY), {"route": "/"}) == q.value(MEMORY)


def test_pace_divides_every_window_and_offset() -> None:
    query = q.avg_over_time(q.rate(REQUESTS, "5m", offset="1h"), "1h", step="1m")
    assert q.scaled(query, 20).promql() == "avg_over_time((rate(app_requests_total[15s] offset 3m))[3m:3s])"


def test_a_range_that_the_reader_chooses_is_filled_in() -> None:
    assert q.rate(REQUESTS).promql("10m") == "rate(app_requests_total[10m])"


def test_promql_text_tells_its_metrics() -> None:
    query = q.PromQL("sum(rate(foo_total[5m])) / on (job) (bar > 5) or histogram_quantile(0.9, rate(baz_bucket[5m]))")
    assert query.metrics == ("bar", "baz_bucket", "foo_total")


def test_metrics_of_a_quantile_are_its_buckets() -> None:
    assert q.metrics_of(q.quantile(0.5, LATENCY)) == ("app_latency_seconds_bucket",)


def test_every_text_is_promql_to_another_parser() -> None:
    import promql_parser

    for query in (
        q.mean(LATENCY, "5m", by=("route",)) > 0.5,
        q.unless(q.value(MEMORY), q.value(LIMIT)),
        q.convert(OLD, SECONDS) * 2 + 1,
        q.bottomk(2, q.deriv(MEMORY, "1h")),
    ):
        promql_parser.parse(query.promql("5m"))
