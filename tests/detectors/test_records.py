"""Calibration by records: rarities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.ensemble.records import KEPT, LARGEST, Records


def judged(values: np.ndarray, horizon: int = 100_000) -> np.ndarray:
    """The rarities of values (T, S), one side."""
    records = Records(1, values.shape[1], horizon=horizon, minimum=30)
    floor = np.full((1, values.shape[1]), 1e-9, np.float32)
    return np.array([records.judge(i, row[None].astype(np.float32), floor)[0] for i, row in enumerate(values)])


@pytest.mark.parametrize("law", ["logistic", "exponential", "uniform"])
def test_a_rarity_comes_as_often_as_it_says(law: str) -> None:
    random = np.random.default_rng(5)
    uniform = random.random((3_000, 60))
    # The quantile functions of the laws; the logistic stands for a bell.
    values = {"uniform": uniform, "exponential": -np.log(uniform), "logistic": np.log(uniform / (1 - uniform))}
    rare = judged(values[law])[1_000:]
    for decades in (1.5, 2.0, 3.0):
        # At a rarity of 3 about 120 of the 120,000 are expected; a factor of two leaves no doubt about the unit.
        assert 0.5 < np.mean(rare >= decades) * 10**decades < 2.0


def test_among_the_records_a_rarity_is_counted() -> None:
    values = np.random.default_rng(1).permutation(1000).astype(float)[:, None]
    rare = judged(np.vstack([values, [[989.5]]]))
    assert rare[-1, 0] == pytest.approx(-np.log10((10 + 0.5) / 1001), abs=1e-4)


def test_nothing_is_said_before_the_minimum() -> None:
    assert not judged(np.random.default_rng(1).random((30, 3))).any()


def test_what_never_happened_before_is_as_rare_as_can_be_told() -> None:
    rare = judged(np.vstack([np.random.default_rng(1).random((500, 1)), [[50.0]]]))
    assert rare[-1, 0] == LARGEST


def test_a_gap_is_not_counted() -> None:
    values = np.random.default_rng(1).random((400, 1))
    holes = values.copy()
    holes = np.insert(holes, np.arange(0, 400, 2), np.nan, axis=0)
    full, gapped = judged(values), judged(holes)
    assert gapped[~np.isnan(holes[:, 0])] == pytest.approx(full, abs=1e-6)


def test_a_record_is_forgotten_after_a_horizon() -> None:
    random = np.random.default_rng(1)
    horizon = 640
    values = random.random((horizon * 6, 1))
    values[700] = 100.0
    values[-1] = 50.0
    assert judged(values, horizon)[-1, 0] > 5.0
    assert judged(values)[-1, 0] < 4.0, "with all of the past it would be the second of its kind"


def test_ties_with_all_of_the_past_are_ordinary() -> None:
    assert not judged(np.zeros((KEPT * 20, 2))).any()


def test_a_series_does_not_depend_on_how_young_its_neighbours_are() -> None:
    random = np.random.default_rng(8)
    values = random.standard_exponential((900, 2))
    values[:700, 1] = np.nan
    assert judged(values)[:, 0].tolist() == judged(values[:, :1])[:, 0].tolist()


def test_the_largest_values_are_kept_in_order() -> None:
    values = np.random.default_rng(4).standard_normal((500, 2, 700)).astype(np.float32)
    values[:, 1, ::3] = np.round(values[:, 1, ::3])
    records = Records(2, 700, horizon=10_000, minimum=30)
    for now, value in enumerate(values):
        records.judge(now, value, np.full_like(value, 1e-9))
    # A value that is as large as the smallest record changes nothing.
    np.testing.assert_array_equal(records.kept, np.moveaxis(np.sort(values, axis=0)[-KEPT:], 0, -1))
    np.testing.assert_array_equal(records.lowest, records.kept[..., 0])


def test_no_tick_has_all_of_the_forgetting() -> None:
    horizon, sides = 640, 5
    records = Records(sides, 3, horizon=horizon, minimum=30)
    floor = np.full((sides, 3), 1e-9, np.float32)
    for now in range(horizon):
        records.judge(now, np.full((sides, 3), now, np.float32), floor)
    lost = []
    for now in range(horizon, horizon + 40):
        records.judge(now, np.full((sides, 3), np.nan, np.float32), floor)
        lost.append(int(np.isinf(records.kept[:, 0]).sum()))
    assert np.diff([0, *lost]).max() == 1
    assert lost[-1] == 4 * sides


def test_a_first_step_out_of_zero_is_as_rare_as_can_be_told() -> None:
    values = np.zeros((500, 1))
    values[100:300] += np.linspace(0, 1e-30, 200)[:, None]
    values[-1] = 1e9
    records = Records(1, 1, horizon=10_000, minimum=30)
    floor = np.full((1, 1), 1e-30, np.float32)
    rare = [records.judge(now, row[None].astype(np.float32), floor)[0, 0] for now, row in enumerate(values)]
    assert rare[-1] == LARGEST
