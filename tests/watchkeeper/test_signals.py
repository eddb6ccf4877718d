from __future__ import annotations

import pytest

from watchkeeper.errors import QueryError, SignalError
from watchkeeper.labels import using_target_labels
from watchkeeper.signals import Counter, Gauge, Histogram, Info, Matcher, Signal, is_not, matches
from watchkeeper.units import BYTES, MILLISECONDS, RATIO, SECONDS


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Counter("app_requests", help="x"), "ends in '_total'"),
        (lambda: Gauge("app_requests_total", help="x"), "belongs to another kind"),
        (lambda: Info("app_build", help="x"), "ends in '_info'"),
        (lambda: Gauge("app_memory", help="x", unit=BYTES), "its name ends in '_bytes'"),
        (lambda: Gauge("app_usage", help="x", unit=RATIO), "its name ends in '_ratio'"),
        (lambda: Counter("app_busy_total", help="x", unit=SECONDS), "its name ends in '_seconds'"),
        (lambda: Gauge("app_latency_mean_seconds", help="x", unit=SECONDS), "'mean' does not belong"),
        (lambda: Gauge("app_latency_milliseconds", help="x", unit=MILLISECONDS), "'milliseconds' does not belong"),
        (lambda: Gauge("appMemory", help="x"), "lower case"),
        (lambda: Gauge("app-memory", help="x"), "not a metric name"),
        (lambda: Gauge("app_things", help=""), "help is empty"),
        (lambda: Gauge("app_things", help="x", labels=("type",)), "says nothing"),
        (lambda: Gauge("app_things", help="x", labels=("a", "a")), "stands twice"),
        (lambda: Gauge("app_things", help="x", labels=("__name__",)), "not a label name"),
        (lambda: Signal("app_things", help="x"), "a signal has a kind"),
    ],
)
def test_a_name_that_we_coin_follows_the_conventions(make: object, message: str) -> None:
    with pytest.raises(SignalError, match=message):
        make()  # type: ignore[operator]


def test_a_borrowed_name_stays_as_it_is() -> None:
    signal = Counter("redis_commands", help="x", origin="redis_exporter")
    assert signal.name == "redis_commands"


def test_where_refuses_a_label_that_the_signal_does_not_have() -> None:
    with pytest.raises(QueryError, match="has no label 'cod': it has code"):
        Counter("app_requests_total", help="x", labels=("code",)).where(cod="500")


def test_where_refuses_what_is_no_regular_expression() -> None:
    with pytest.raises(QueryError, match="no regular expression"):
        Counter("app_requests_total", help="x", labels=("code",)).where(code=matches("5("))


def test_conditions_are_sorted_so_that_text_is_stable() -> None:
    signal = Counter("app_requests_total", help="x", labels=("code", "route"))
    selection = signal.where(route="/", code=is_not("500"))
    assert selection.matchers == (Matcher("code", "!=", "500"), Matcher("route", "=", "/"))


def test_a_further_target_label_is_known_while_definitions_load() -> None:
    signal = Gauge("app_things", help="x")
    with using_target_labels(["region"]):
        assert signal.where(region="eu").matchers[0].label == "region"
    with pytest.raises(QueryError):
        signal.where(region="eu")


def test_a_histogram_has_its_parts_as_counters() -> None:
    histogram = Histogram("app_latency_seconds", help="x", unit=SECONDS, labels=("route",))
    assert (histogram.count.name, histogram.sum.name) == ("app_latency_seconds_count", "app_latency_seconds_sum")
    assert histogram.bucket.labels == ("route", "le")
    assert histogram.sum.unit == SECONDS
