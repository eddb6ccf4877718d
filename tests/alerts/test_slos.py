"""Burn rates."""

from __future__ import annotations

import pytest

from alerts.slos import burns, over, recordings
from watchkeeper import queries as q
from watchkeeper.declarations import SLO
from watchkeeper.signals import Counter, is_not

CALLS = Counter("calls_total", "Calls.", labels=("error_type",))


def slo(objective: float = 0.999, period: str = "30d", minimum_rate: float = 0.0) -> SLO:
    return SLO(
        name="Calls",
        system="example",
        title="Calls succeed",
        bad=q.sum_by(q.rate(CALLS.where(error_type=is_not("")))),
        total=q.sum_by(q.rate(CALLS)),
        objective=objective,
        period=period,
        minimum_rate=minimum_rate,
        runbook="example/calls",
        panel="example/calls",
        source="a test",
    )


def test_the_burn_rates_of_thirty_days_are_those_of_the_workbook() -> None:
    rates = [burn.window.factor("30d") for burn in burns(slo())]
    assert rates == pytest.approx([14.4, 6, 3, 1])


def test_a_threshold_is_the_burn_rate_times_the_budget() -> None:
    assert next(burns(slo(0.99))).threshold == pytest.approx(0.144)


def test_there_is_one_alert_for_each_pair_of_windows() -> None:
    assert [burn.name for burn in burns(slo())] == ["CallsBurn1h", "CallsBurn6h", "CallsBurn1d", "CallsBurn3d"]


def test_a_pair_that_cannot_fire_is_left_out() -> None:
    assert "CallsBurn1h" not in {burn.name for burn in burns(slo(0.9))}


def test_a_window_longer_than_the_period_is_left_out() -> None:
    assert {burn.name for burn in burns(slo(period="1d"))} == {"CallsBurn1h", "CallsBurn6h", "CallsBurn1d"}


def test_the_guard_reads_the_traffic_of_the_long_window() -> None:
    burn = next(burns(slo(minimum_rate=0.5)))
    assert burn.recorded.promql().endswith('and (slo:total:rate1h{slo="Calls"} > 0.5)')
    assert burn.direct.promql().endswith("and (sum(rate(calls_total[1h])) > 0.5)")


def test_every_series_that_an_alert_reads_is_recorded() -> None:
    given = slo(minimum_rate=0.5)
    recorded = {recording.name for recording in recordings(given)}
    read = {metric for burn in burns(given) for metric in q.metrics_of(burn.recorded)}
    assert read <= recorded


def test_a_window_is_set_only_where_there_is_none() -> None:
    query = q.ratio(q.sum_by(q.rate(CALLS)), q.sum_by(q.rate(CALLS, "1h")))
    assert over(query, "5m").promql() == "sum(rate(calls_total[5m])) / sum(rate(calls_total[1h]))"
