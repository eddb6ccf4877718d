"""The alert budget at work: what it counts, what it is asked for, and that a restart changes nothing of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from detectors.backtest import replay
from detectors.budget import DEFAULT_LIMIT, Budget
from detectors.tuning import DAY
from tests.detectors.engines import HOUR, START, TOOL, declare, engine, faulty, healthy, lookup, shifted
from tests.detectors.series import PER_DAY, STEP, FakeStore, Sink, detector, seasonal
from watchkeeper.signals import Polarity

OTHER = (("tool", "fetch"),)


def _learned(path: Path, sink: Sink, budget: Budget) -> None:
    found = engine(FakeStore({TOOL: healthy, OTHER: shifted(3 * HOUR)}), sink, state_path=path, budget=budget)
    found.warm_up(START)
    found.save()


def test_a_restart_keeps_the_limit(tmp_path: Path, sink: Sink) -> None:
    path, before, after = tmp_path / "detectors.npz", Budget(2.0), Budget(2.0)
    _learned(path, sink, before)
    engine(FakeStore({TOOL: healthy}), sink, state_path=path, budget=after)
    assert before.limit != DEFAULT_LIMIT
    assert (after.limit, after.series, after.lived) == (before.limit, 2, before.lived)


def test_a_state_whose_budget_is_none_means_learning_anew(
    tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, budget = tmp_path / "detectors.npz", Budget(2.0)
    monkeypatch.setattr(Budget, "state", lambda _: {"counts": [1.0], "lived": "much"})
    _learned(path, sink, budget)
    fresh = Budget(2.0)
    found = engine(FakeStore({TOOL: healthy}), sink, state_path=path, budget=fresh)
    assert found.watches["test.latency"].place is None
    assert (fresh.limit, fresh.lived) == (DEFAULT_LIMIT, 0.0)
    assert sum("learning anew" in record.message for record in caplog.records) == 1


def test_the_budget_is_for_the_series_of_all_detectors_while_it_learns_from_history(sink: Sink) -> None:
    budget = Budget(2.0)
    store = FakeStore({TOOL: healthy, OTHER: shifted(3 * HOUR)})
    # Detectors of another step are learned apart.
    both = (declare(), declare(key="test.slow", step="20m"))
    engine(store, sink, detectors=both, budget=budget).warm_up(START)
    assert budget.series == 4


def test_a_fall_that_is_not_bad_costs_nothing_of_the_budget_and_becomes_normal() -> None:
    budget = Budget(2.0)
    times, values = seasonal(40, 2.0, seed=21, amplitude=0.0)
    values[:, PER_DAY:] *= 0.5
    watched = detector(40, polarity=Polarity.HIGH_IS_BAD, seasons=(DAY,), budget=budget)
    ticks = watched.replay(times, values)
    assert budget.spent == 0.0
    assert not any(tick.deviating.any() for tick in ticks)
    assert ticks[-1].expected == pytest.approx(np.full(40, 0.5), rel=0.1)


def test_a_difference_that_is_not_demanded_costs_nothing_of_the_budget() -> None:
    budget = Budget(2.0)
    times, values = seasonal(40, 1.5, seed=22, amplitude=0.0)
    values[:, PER_DAY:] *= 1.5
    watched = detector(40, minimum_absolute=1.0, seasons=(DAY,), budget=budget)
    assert not any(tick.deviating.any() for tick in watched.replay(times, values))
    assert budget.spent == 0.0


def test_a_new_fleet_that_rises_as_one_tells_as_many_as_the_budget_and_its_growing_demand_admit() -> None:
    budget = Budget(2.0)
    times, values = seasonal(40, 1.2, seed=23, amplitude=0.0)
    values[:, PER_DAY:] *= 1.5
    watched = detector(40, seasons=(DAY,), budget=budget)
    told = np.zeros(40, np.bool_)
    for tick in watched.replay(times, values):
        told |= tick.deviating
    assert 2 <= told.sum() < 40
    # Some of a day was forgiven since.
    assert told.sum() * math.exp(-0.2 / 7) <= budget.spent <= told.sum()


def test_a_backtest_judges_by_the_limit_that_it_is_given() -> None:
    store = FakeStore({TOOL: faulty(START + 6 * HOUR, START + 9 * HOUR)})
    told = [
        len(replay(declare(), lookup, {"metrics": store}, START, START + DAY, learn=4 * DAY, limit=limit).deviations)
        for limit in (DEFAULT_LIMIT, 100.0)
    ]
    assert told == [1, 0]


def test_elsewhere_the_limit_of_now_holds(sink: Sink) -> None:
    watch = engine(FakeStore({TOOL: healthy}), sink, budget=Budget(2.0, fixed=7.0)).watches["test.latency"]
    made = watch.maker()(1)
    assert (made.budget, made.tuning.limit, watch.step) == (None, 7.0, STEP)
