from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.budget import DEFAULT_LIMIT, Budget
from detectors.ticks import DetectionError

HALF_DAY = 43_200.0
PER_WEEK = 14


def _peaks(blocks: int, series: int, seed: int) -> NDArray[np.float64]:
    """The largest of 144 normal values in each block, (blocks, series)."""
    random = np.random.default_rng(seed)
    return np.stack([np.abs(random.standard_normal((series, 144))).max(axis=1) for _ in range(blocks)])


def _fed(budget: Budget, peaks: NDArray[np.float64]) -> Budget:
    for block in peaks:
        budget.add(block, HALF_DAY)
    return budget


@pytest.mark.parametrize("wish", [1.0, 5.0])
def test_the_limit_costs_what_was_wished_in_the_weeks_that_follow(wish: float) -> None:
    budget = _fed(Budget(wish), _peaks(4 * PER_WEEK, 400, seed=1))
    weeks = 30
    alerts = int((_peaks(weeks * PER_WEEK, 400, seed=2) > budget.limit).sum())
    assert wish / 1.5 <= alerts / weeks <= 1.5 * wish
    assert budget.expected(budget.limit) == pytest.approx(wish, rel=0.01)


def test_more_series_take_more_evidence_for_the_same_budget() -> None:
    few, many = (_fed(Budget(2.0), _peaks(4 * PER_WEEK, series, seed=3)) for series in (20, 400))
    assert few.limit + 0.3 < many.limit


def test_a_month_of_faults_moves_the_limit_little() -> None:
    peaks = _peaks(4 * PER_WEEK, 400, seed=4)
    calm = _fed(Budget(2.0), peaks).limit
    random = np.random.default_rng(4)
    for _ in range(100):
        peaks[random.integers(len(peaks)), random.integers(400)] = random.uniform(6, 12)
    assert _fed(Budget(2.0), peaks).limit < calm + 0.25


def test_what_is_older_than_a_month_is_forgotten() -> None:
    budget = _fed(Budget(2.0), 2.0 * _peaks(4 * PER_WEEK, 50, seed=5))
    before = budget.limit
    _fed(budget, _peaks(16 * PER_WEEK, 50, seed=6))
    assert budget.lived <= 4 * 50 + 1
    assert budget.limit < before - 2.0


def test_without_a_past_the_usual_limit_holds() -> None:
    assert Budget(2.0).limit == Budget(2.0).limit_for(1.0) == DEFAULT_LIMIT
    assert np.isnan(Budget(2.0).expected(5.0))


def test_a_fixed_limit_stays_and_the_past_is_counted_all_the_same() -> None:
    budget = _fed(Budget(2.0, fixed=7.5), _peaks(4 * PER_WEEK, 50, seed=7))
    assert budget.limit == 7.5
    assert budget.limit_for(2.0) < 6.0


def test_a_saved_budget_goes_on_where_it_was() -> None:
    peaks = _peaks(8 * PER_WEEK, 50, seed=8)
    whole = _fed(Budget(2.0), peaks)
    half = _fed(Budget(2.0), peaks[: len(peaks) // 2])
    half.ration(1e9, np.array([9.0]))
    after = Budget(2.0)
    after.restore(json.loads(json.dumps(half.state())))
    assert (after.spent, after.series, after.limit) == (half.spent, half.series, half.limit) != (0.0, 0, DEFAULT_LIMIT)
    assert _fed(after, peaks[len(peaks) // 2 :]).limit == whole.limit


@pytest.mark.parametrize("wish", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_that_is_none_is_refused(wish: float) -> None:
    with pytest.raises(DetectionError, match="above 0"):
        Budget(wish)


def test_the_first_weekend_of_a_fleet_tells_the_strongest_only() -> None:
    budget = Budget(2.0)
    shares = np.array([1.1, 4.0, 1.2, 1.3, 3.0, 1.05])
    # The third needs 3 / 2 times the evidence, the fourth twice as much.
    assert budget.ration(0.0, shares).tolist() == [False, True, False, False, True, False]
    assert not budget.ration(300.0, shares[[0, 2, 3]]).any()
    assert budget.ration(300.0, np.array([1.6])).all()


def test_what_was_spent_is_forgiven_with_time() -> None:
    budget = Budget(2.0)
    budget.ration(0.0, np.full(4, 9.0))
    assert not budget.ration(86_400.0, np.array([1.5])).any()
    assert budget.ration(4 * 7 * 86_400.0, np.array([1.1])).all()


def test_who_knows_its_seasons_is_admitted_whatever_was_spent() -> None:
    budget = Budget(1.0)
    budget.spent = 50.0
    opening, settled = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert budget.admit(0.0, np.full(4, 1.5), settled, opening).tolist() == [True, False, False, False]
    # Who did not ask has cost nothing.
    assert budget.spent <= 50.0


def test_an_endless_budget_with_a_fixed_limit_rations_nothing() -> None:
    budget = Budget(math.inf, fixed=6.0)
    assert budget.ration(0.0, np.full(100, 1.01)).all()
    assert _fed(budget, _peaks(PER_WEEK, 50, seed=9)).limit == 6.0


def test_a_block_without_evidence_has_been_lived_and_one_that_was_not_judged_has_not() -> None:
    budget = Budget(2.0)
    budget.add(np.array([0.0, 0.0, 4.2, -1.0, np.nan]), HALF_DAY)
    assert budget.lived == pytest.approx(3 / PER_WEEK)
    assert budget.counts.sum() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": [1.0]},
        {"counts": 3.0},
        {"counts": [-1.0] * 256},
        {"lived": -1.0},
        {"series": float("inf")},
        {"spent": float("nan")},
        {"at": "x"},
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(wrong: dict[str, object]) -> None:
    budget = _fed(Budget(2.0), _peaks(2, 50, seed=10))
    before = budget.state()
    with pytest.raises((TypeError, ValueError)):
        budget.restore({**before, **wrong})
    assert budget.state() == before
