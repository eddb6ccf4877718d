"""The simulated past: the same series as the live platform, quickly, from the same model."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from examples.agent_platform import Series, history
from examples.agent_platform.workload import TOOLS, LogNormal, Rate
from tests.examples.conftest import Window

Floats = NDArray[np.float64]

START = 1_790_000_000.0
PACE = 20.0
DAY = 86_400 / PACE


@pytest.fixture(scope="module")
def past() -> list[Series]:
    return list(history(START, START + DAY, 3.0, seed=1, pace=PACE))


def _by_name(past: list[Series], name: str, **labels: str) -> Floats:
    found = [s.values for s in past if s.name == name and labels.items() <= dict(s.labels).items()]
    return np.asarray(np.sum(found, axis=0), dtype=np.float64)


def test_three_model_days_take_a_few_seconds() -> None:
    begin = time.monotonic()
    assert sum(1 for _ in history(START, START + 3 * DAY, 3.0, seed=1, pace=PACE)) > 500
    assert time.monotonic() - begin < 10


def test_the_series_are_those_of_the_live_platform(past: list[Series], healthy: Window) -> None:
    simulated = {
        (s.name, s.labels["instance"], frozenset(s.labels.items()) - {("instance", s.labels["instance"])}) for s in past
    }
    live = {(name, instance, pairs | {("job", "agent_platform")}) for name, instance, pairs in healthy.last.samples}
    # Live, a class of error has series once it has happened; there is nothing live that the past does not know.
    assert live <= simulated
    assert all(dict(pairs).get("error_type", "") for _, _, pairs in simulated - live)


def test_live_and_simulated_numbers_agree(past: list[Series], healthy: Window) -> None:
    for histogram in (
        "gen_ai_workflow_duration_seconds",
        "gen_ai_execute_tool_duration_seconds",
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_client_token_usage",
    ):
        mean = _by_name(past, histogram + "_sum")[-1] / _by_name(past, histogram + "_count")[-1]
        assert healthy.mean(histogram) == pytest.approx(mean, rel=0.25), histogram
    tasks = _by_name(past, "gen_ai_workflow_duration_seconds_count")[-1]
    cost = _by_name(past, "watchkeeper_gen_ai_cost_usd_total")[-1]
    assert healthy.cost_per_task == pytest.approx(cost / tasks, rel=0.25)


def test_the_same_seed_gives_the_same_past_and_another_one_another(past: list[Series]) -> None:
    again = list(history(START, START + DAY, 3.0, seed=1, pace=PACE))
    assert all(np.array_equal(a.values, b.values) and a.labels == b.labels for a, b in zip(past, again, strict=True))
    other = list(history(START, START + DAY, 3.0, seed=2, pace=PACE))
    counter = "watchkeeper_queue_enqueued_total"
    assert not np.array_equal(_by_name(past, counter), _by_name(other, counter))


def test_counters_never_fall_and_histograms_are_consistent(past: list[Series]) -> None:
    for series in past:
        assert series.values.shape == series.times.shape == (int(DAY / 3),)
        if series.name.endswith(("_total", "_bucket", "_count", "_sum")):
            assert (np.diff(series.values) >= 0).all(), series.name
    name = "gen_ai_workflow_duration_seconds"
    assert np.array_equal(_by_name(past, name + "_bucket", le="+Inf"), _by_name(past, name + "_count"))


def test_the_day_has_a_season(past: list[Series]) -> None:
    rates = np.diff(_by_name(past, "watchkeeper_queue_enqueued_total")) / 3.0
    quarter = rates[: len(rates) // 4 * 4].reshape(4, -1).mean(axis=1)
    assert quarter.max() > 1.4 * quarter.min()


def test_the_rate_repeats_with_the_model_day_and_drops_at_the_weekend() -> None:
    rate = Rate(seed=1, pace=PACE, noise=0.0)
    thursday, friday, saturday = (day * DAY + DAY / 2 for day in (7, 8, 9))  # the epoch began on a Thursday
    assert rate.at(thursday) == pytest.approx(rate.at(friday))
    assert rate.at(saturday) == pytest.approx(rate.weekend * rate.at(friday))


def test_resident_memory_can_be_that_of_the_live_processes() -> None:
    series = history(START, START + 300, 3.0, seed=1, pace=PACE, resident={"worker": 90e6})
    memory = next(
        s.values for s in series if s.name == "process_resident_memory_bytes" and s.labels["instance"] == "worker"
    )
    assert memory.mean() == pytest.approx(90e6, rel=0.05)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_simulated_latencies_follow_the_model(past: list[Series], tool: object) -> None:
    name = getattr(tool, "name", "")
    latency = getattr(tool, "latency", None)
    assert isinstance(latency, LogNormal)
    labels = {"gen_ai_tool_name": name, "error_type": ""}
    metric = "gen_ai_execute_tool_duration_seconds"
    mean = _by_name(past, metric + "_sum", **labels)[-1] / _by_name(past, metric + "_count", **labels)[-1]
    assert mean == pytest.approx(latency.mean, rel=0.03)
