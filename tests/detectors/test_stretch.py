"""Whether a shift made the day larger: the fit alone, on series whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.evidence import Evidence
from detectors.stretch import Stretch
from detectors.tuning import Tuning

PER_DAY = 96
Floats = NDArray[np.float64]


def fitted(seen: Floats, expected: Floats, scale: float = 1.0, least: float = 0.9 * PER_DAY) -> float:
    stretch = Stretch(1, gain=1 / 12)
    for i, (value, usual) in enumerate(zip(seen.tolist(), expected.tolist(), strict=True), start=1):
        stretch.take(np.array([usual]), np.array([value - usual]), np.array([float(i)]), np.array([True]))
    return float(stretch.by(np.array([scale]), np.array([float(len(seen))]), least)[0])


def day(start: float = 0.0) -> Floats:
    return np.asarray(100.0 + 40.0 * np.sin(2 * np.pi * (np.arange(PER_DAY) / PER_DAY + start)), np.float64)


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0, 4.0])
def test_a_multiple_is_found_whatever_is_added(factor: float) -> None:
    noise = np.random.default_rng(1).standard_normal(PER_DAY)
    assert fitted(factor * day() + 30.0 + noise, day()) == pytest.approx(factor, abs=0.03)


@pytest.mark.parametrize("start", [0.0, 0.25, 0.5, 0.75])
def test_neither_a_shift_nor_a_drift_is_a_larger_day(start: float) -> None:
    drift = np.linspace(0.0, 60.0, PER_DAY)
    assert fitted(day(start) + 25.0, day(start)) == 1.0
    assert fitted(day(start) + drift, day(start)) == 1.0


def test_what_makes_less_of_a_difference_than_noise_or_was_seen_too_shortly_is_none() -> None:
    assert fitted(1.1 * day(), day(), scale=1.0) == pytest.approx(1.1)
    assert fitted(1.1 * day(), day(), scale=5.0) == 1.0
    assert fitted(2.0 * day()[:80], day()[:80]) == 1.0
    assert fitted(np.full(PER_DAY, 50.0), np.full(PER_DAY, 40.0)) == 1.0


def test_the_next_span_begins_anew() -> None:
    stretch = Stretch(1, gain=1 / 12)
    for value in (3.0 * day(), 2.0 * day()):
        for i, (seen, usual) in enumerate(zip(value.tolist(), day().tolist(), strict=True), start=1):
            stretch.take(np.array([usual]), np.array([seen - usual]), np.array([float(i)]), np.array([True]))
    assert stretch.by(np.ones(1), np.array([float(PER_DAY)]), PER_DAY)[0] == pytest.approx(2.0)


def test_evidence_that_is_carried_along_stays_finite_and_a_smaller_day_leaves_the_level_free_to_move() -> None:
    evidence = Evidence(np.array([3.0]), Tuning(), day=PER_DAY, longest=7.0 * PER_DAY)
    for _ in range(5_000):
        evidence.carry(evidence.weigh(np.array([1e4]), np.zeros(1))[3] + 1.0, np.array([True]))
    assert 10.0 < evidence.carried[0] < 1_000.0
    evidence.wander[:] = 4.0
    evidence.adopt(np.zeros(1), np.array([0.0]))
    assert evidence.wander[0] > 0
