"""Range functions, by hand: the numbers are worked out in the comments from Prometheus' rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import pytest

from tests.stores.conftest import NOW, put
from watchkeeper import queries as q
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge
from watchkeeper.stores import STALE_NAN
from watchkeeper.stores.embedded import EmbeddedStore

EVENTS = Counter("fn_events_total", "Events.")
LEVEL = Gauge("fn_level", "Level.")

Boundaries = Literal["prometheus2", "prometheus3"]
Points = Mapping[int, float]
"""Values by seconds after NOW."""


def ask(query: Query, points: Points, at: float, boundaries: Boundaries = "prometheus3") -> float | None:
    """The value of a query over one series at NOW + `at`; None when there is none."""
    with EmbeddedStore(None, clock=lambda: NOW, range_boundaries=boundaries) as store:
        put(store, EVENTS.name, dict(points))
        put(store, LEVEL.name, dict(points))
        values = store.instant(query, NOW + at).values
    return values[0] if values else None


def test_rate_reaches_to_the_ends_of_the_window() -> None:
    # 30 in 30 s from 15 to 45; 15 s are missing at either end, less than 1.1 times the spacing: 60 in 60 s.
    assert ask(q.rate(EVENTS, "1m"), {15: 100, 30: 115, 45: 130}, 60) == pytest.approx(1.0)


def test_rate_goes_half_a_spacing_beyond_samples_far_from_the_ends() -> None:
    # 20 in 20 s from 20 to 40, spacing 10: half a spacing at either end makes 30 in 60 s.
    assert ask(q.rate(EVENTS, "1m"), {20: 100, 30: 110, 40: 120}, 60) == pytest.approx(0.5)


def test_increase_does_not_begin_before_the_counter_was_zero() -> None:
    # The line through 5 at 15 and 35 at 45 meets zero at 10, not at the window's begin: 35 s and 15 s more: 50.
    assert ask(q.increase(EVENTS, "1m"), {15: 5, 30: 20, 45: 35}, 60) == pytest.approx(50.0)


@pytest.mark.parametrize("boundaries, expected", [("prometheus3", 40.0), ("prometheus2", 43.0)])
def test_the_cut_at_zero_comes_before_or_after_the_threshold(boundaries: Boundaries, expected: float) -> None:
    # 30 in 30 s from 20 to 50, spacing 10, the first sample 8: zero was 8 s before, the window begins 20 s before.
    # Prometheus 3 takes half a spacing, 5 s, since 20 s are too far; 2.42 takes the 8 s. Both take the half at the end.
    points = {20: 8, 30: 18, 40: 28, 50: 38}
    assert ask(q.increase(EVENTS, "65s"), points, 65, boundaries) == pytest.approx(expected)


def test_a_counter_that_restarts_loses_nothing() -> None:
    # 10 to 20, then from 0 to 5 and 15: 25 in 30 s from 15 to 45, spacing 10; the window is from -10 to 50: half a
    # spacing at the far begin, 5 s at the end.
    points = {15: 10, 25: 20, 35: 5, 45: 15}
    assert ask(q.increase(EVENTS, "1m"), points, 50) == pytest.approx(25 * (30 + 5 + 5) / 30)


@pytest.mark.parametrize("points", [{10: 5.0}, {}], ids=["one sample", "none"])
def test_rate_needs_two_samples(points: Points) -> None:
    assert ask(q.rate(EVENTS, "1m"), points, 30) is None


@pytest.mark.parametrize("boundaries, expected", [("prometheus3", 2.0), ("prometheus2", 3.0)])
def test_the_left_end_belongs_to_a_window_in_prometheus_2_alone(boundaries: Boundaries, expected: float) -> None:
    assert ask(q.count_over_time(LEVEL, "1m"), {0: 1, 30: 1, 60: 1}, 60, boundaries) == expected


@pytest.mark.parametrize("boundaries, expected", [("prometheus3", None), ("prometheus2", 7.0)])
def test_a_value_of_exactly_five_minutes_is_too_old_in_prometheus_3(
    boundaries: Boundaries, expected: float | None
) -> None:
    assert ask(q.value(LEVEL), {0: 7}, 300, boundaries) == expected


@pytest.mark.parametrize("boundaries, expected", [("prometheus3", 3.0), ("prometheus2", 4.0)])
def test_a_subquery_steps_on_multiples_of_its_step(boundaries: Boundaries, expected: float) -> None:
    # From NOW + 5 to NOW + 35 (NOW is a multiple of 10): 10, 20, 30; asked at 30 for 30 s also 0, if it belongs.
    points = dict.fromkeys(range(-60, 61, 5), 1.0)
    assert ask(q.count_over_time(q.value(LEVEL), "30s", step="10s"), points, 35, boundaries) == 3.0
    assert ask(q.count_over_time(q.value(LEVEL), "30s", step="10s"), points, 30, boundaries) == expected


def test_irate_takes_the_last_two_samples() -> None:
    assert ask(q.irate(EVENTS, "1m"), {10: 0, 20: 100, 25: 110}, 30) == pytest.approx(2.0)


def test_irate_after_a_restart_counts_from_zero() -> None:
    assert ask(q.irate(EVENTS, "1m"), {10: 0, 20: 100, 25: 10}, 30) == pytest.approx(2.0)


def test_resets_and_changes_are_counted() -> None:
    points = {5: 1, 10: 3, 15: 3, 20: 0, 25: math.nan, 30: math.nan}
    assert ask(q.resets(EVENTS, "1m"), points, 40) == 1.0
    assert ask(q.changes(LEVEL, "1m"), points, 40) == 3.0


def test_deriv_and_predict_linear_follow_the_line() -> None:
    points = {at: 3.0 + 0.5 * at for at in (5, 11, 23, 40)}
    assert ask(q.deriv(LEVEL, "1m"), points, 50) == pytest.approx(0.5)
    assert ask(q.predict_linear(LEVEL, "1m", "100s"), points, 50) == pytest.approx(3 + 0.5 * 150)


def test_statistics_over_time() -> None:
    points = {10: 4.0, 20: 1.0, 30: math.nan, 40: 2.0}
    assert ask(q.max_over_time(LEVEL, "1m"), points, 50) == 4.0
    assert ask(q.min_over_time(LEVEL, "1m"), points, 50) == 1.0
    assert ask(q.last_over_time(LEVEL, "1m"), points, 50) == 2.0
    assert ask(q.count_over_time(LEVEL, "1m"), points, 50) == 4.0
    assert math.isnan(ask(q.avg_over_time(LEVEL, "1m"), points, 50) or 0.0)


def test_a_quantile_over_time_lies_between_two_ranks_and_nan_is_the_smallest() -> None:
    assert ask(q.quantile_over_time(0.9, LEVEL, "1m"), {10: 4.0, 20: 1.0, 40: 2.0}, 50) == pytest.approx(3.6)
    assert math.isnan(ask(q.quantile_over_time(0.1, LEVEL, "1m"), {10: math.nan, 20: 1.0, 40: 2.0}, 50) or 0.0)


def test_a_mean_of_equal_values_is_that_value() -> None:
    value = 0.1 + 0.2
    assert ask(q.avg_over_time(LEVEL, "1m"), dict.fromkeys(range(1, 50), value), 50) == value


def test_stale_markers_are_no_samples_of_a_window() -> None:
    assert ask(q.count_over_time(LEVEL, "1m"), {10: 1, 20: STALE_NAN, 30: 1}, 40) == 2.0


def test_a_stale_marker_ends_a_series_at_once() -> None:
    points = {10: 1, 20: STALE_NAN, 30: 5}
    assert [ask(q.value(LEVEL), points, at) for at in (19, 20, 29, 30)] == [1.0, None, None, 5.0]


def test_an_offset_looks_back() -> None:
    assert ask(q.value(LEVEL, offset="1m"), {0: 1, 60: 2}, 65) == 1.0
    assert ask(q.rate(EVENTS, "20s", offset="1m"), {0: 0, 10: 10, 60: 100}, 70) == pytest.approx(0.5)


def test_the_infinite_stays_infinite() -> None:
    assert ask(q.value(LEVEL) * -1, {0: math.inf}, 1) == -math.inf
    assert ask(q.combine("^", q.value(LEVEL), q.number(0.5, LEVEL.unit)), {0: -math.inf}, 1) == math.inf
