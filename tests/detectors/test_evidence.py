from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.evidence import Evidence
from detectors.tuning import Tuning

DAY = 288.0
Floats = NDArray[np.float64]


def _taught(scores: Floats, hold: float = 3.0) -> Evidence:
    """Evidence about series that have lived through scores of shape (T, S)."""
    found = Evidence(np.full(scores.shape[1], hold), Tuning(), day=DAY, longest=7 * DAY)
    everyone = np.ones(scores.shape[1], np.bool_)
    for i, row in enumerate(scores):
        found.take(row, everyone, everyone.astype(float))
        found.learn(np.full(len(row), float(i)), np.zeros(len(row)), everyone, ~everyone)
    return found


def _after(found: Evidence, scores: Floats, samples: float) -> Floats:
    """The evidence of each view (4, S) after further scores (T, S)."""
    everyone = np.ones(scores.shape[1], np.bool_)
    for row in scores:
        found.take(row, everyone, everyone.astype(float))
    return found.weigh(np.full(scores.shape[1], samples), np.zeros(scores.shape[1]))


def _noise(series: int, memory: float, seed: int, ticks: int = 2_000) -> Floats:
    random = np.random.default_rng(seed)
    rows, now = [], random.standard_normal(series)
    for _ in range(ticks):
        now = memory * now + np.sqrt(1 - memory**2) * random.standard_normal(series)
        rows.append(now)
    return np.stack(rows)


@pytest.mark.parametrize("memory", [0.0, 0.7])
def test_healthy_evidence_is_one_standard_deviation_whatever_the_memory_of_the_noise(memory: float) -> None:
    noise = _noise(200, memory, seed=1)
    found = _taught(noise)
    seen = np.stack([_after(found, row[None], 2_000.0)[:3] for row in _noise(200, memory, seed=2, ticks=600)])
    assert seen[100:].std(axis=(0, 2)) == pytest.approx([1.0, 1.0, 1.0], abs=0.12)


def test_one_outlier_is_no_evidence_and_a_run_is() -> None:
    noise = _noise(50, 0.0, seed=3)
    quiet = np.zeros((2, 50))
    outlier = _after(_taught(noise), np.concatenate([np.full((1, 50), 30.0), quiet]), 2_000.0)
    assert np.abs(outlier).max() < 5.0
    run = _after(_taught(noise), np.full((3, 50), 4.0), 2_000.0)
    assert run[0].min() > 5.0


def test_what_is_far_out_twice_counts_in_full() -> None:
    noise = _noise(20, 0.7, seed=4)
    once = _after(_taught(noise), np.full((3, 20), 4.0), 2_000.0)[0]
    giant = _after(_taught(noise), np.full((3, 20), 15.0), 2_000.0)[0]
    assert (giant > once + 3.0).all()


def test_where_one_value_is_all_that_is_waited_for_it_can_say_enough() -> None:
    found = _after(_taught(_noise(20, 0.0, seed=5), hold=1.0), np.full((1, 20), 20.0), 2_000.0)
    assert found[0].min() > 6.0


def test_a_fall_is_negative() -> None:
    assert _after(_taught(_noise(10, 0.0, seed=6)), np.full((3, 10), -4.0), 2_000.0)[0].max() < -5.0


def test_few_values_say_nothing_of_long_memories() -> None:
    found = _after(_taught(_noise(10, 0.0, seed=7, ticks=60)), np.full((3, 10), 4.0), 60.0)
    assert (found[0] > 0).all()
    assert (found[1:] == 0).all()


def test_a_level_that_moved_farther_than_it_wanders_is_evidence() -> None:
    series, ticks = 20, int(21 * DAY)
    everyone = np.ones(series, np.bool_)
    found = Evidence(np.full(series, 3.0), Tuning(), day=DAY, longest=7 * DAY)
    wander = 0.3 * np.sin(np.arange(ticks) / 400.0)[:, None] * np.ones(series)
    for i, row in enumerate(wander):
        found.learn(np.full(series, float(i)), row, everyone, everyone)
    samples = np.full(series, float(ticks))
    assert np.abs(found.weigh(samples, np.full(series, 0.3))[3]).max() < 2.0
    assert found.weigh(samples, np.full(series, 2.5))[3].min() > 5.0
    assert found.weigh(samples, np.full(series, -2.5))[3].max() < -5.0


def test_what_was_a_deviation_is_forgotten() -> None:
    found = _taught(_noise(5, 0.0, seed=9))
    _after(found, np.full((10, 5), 6.0), 2_000.0)
    found.forget(np.ones(5, np.bool_))
    assert np.abs(found.weigh(np.full(5, 2_000.0), np.zeros(5))).max() == 0.0


def test_the_reach_is_the_score_that_is_just_enough() -> None:
    found = _taught(_noise(30, 0.0, seed=10))
    samples, limit = np.full(30, 2_000.0), np.full(30, 4.0)
    reach = found.reach(samples, limit, narrow=np.zeros(30, np.bool_))
    found.mean[0] = reach
    assert found.weigh(samples, np.zeros(30))[0] == pytest.approx(limit)
