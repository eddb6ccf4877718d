"""One level shift is one deviation, over the level shifts of the synthetic suite."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from benchmarks.synthetic import Fleet, Label, suite
from detectors.budget import PER_WEEK, Budget
from detectors.seasonal import SeasonalDetector

DAY, WEEK = 86_400.0, 604_800.0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_shift_of_ten_times_the_noise_is_exactly_one_deviation(seed: int) -> None:
    """Of every law, where there is room for it: what is cut off at a bound has another day after it, and so has more
    than shifted; of these one may come again. Counts near zero have no room below, and of them one more says little
    above.
    """
    fleet = suite(sizes=(10.0,), seed=seed)
    shifts = [one for one in fleet.labels if one.kind == "level shift" and fleet.laws[one.series[0]] != "counts"]
    rows = [one.series[0] for one in shifts]
    detector = SeasonalDetector(len(rows), step=fleet.step, seasons=(DAY, WEEK), hold=3 * fleet.step)
    before = np.zeros(len(rows), np.bool_)
    found: dict[int, list[float]] = defaultdict(list)
    for times, values in fleet.days():
        for i, at in enumerate(times):
            now = detector.tick(float(at), values[rows, i]).deviating
            for row in np.flatnonzero(now & ~before).tolist():
                found[row].append(float(at))
            before = now
    # From the shift to the end of the suite, more than a week later: neither the shift nor its adoption comes twice.
    after = [[at for at in found[row] if at >= one.start] for row, one in enumerate(shifts)]
    room = [_has_room(fleet, one) for one in shifts]
    assert len(rows) >= 20
    assert sum(room) >= 15
    assert [len(own) for own, has in zip(after, room, strict=True) if has] == [1] * sum(room)
    assert sum(len(own) == 1 for own in after) >= len(rows) - 1
    assert all(own[0] - one.start <= 3_600.0 for own, one in zip(after, shifts, strict=True))


def _has_room(fleet: Fleet, shift: Label) -> bool:
    row = shift.series[0]
    law, noise = fleet.laws[row], float(fleet.noise[row])
    lowest, highest = fleet.extent[:, row] + shift.size * noise
    if law == "utilisation":
        return bool(lowest > 4.0 * noise and highest < 100.0 - 4.0 * noise)
    return law != "multiplicative" or bool(lowest > 0.0)


@pytest.mark.parametrize("factor", [0.4, 0.6, 1.5, 2.0, 3.0])
def test_traffic_that_becomes_a_multiple_is_one_deviation(factor: float) -> None:
    """The whole day is larger then, its noise too: no mere shift, which used to be told again each day."""
    random = np.random.default_rng(3)
    series, step, per_day = 20, 900.0, 96
    times = 1_767_571_200.0 + step * np.arange(6 * 7 * per_day)
    weekend = np.isin((times // DAY) % 7, (2, 3))
    usual = 100.0 * (1 + 0.5 * np.sin(2 * np.pi * times / DAY)) * np.where(weekend, 0.7, 1.0)
    values = usual * np.exp(0.05 * random.standard_normal((series, len(times))))
    starts = random.integers(4 * 7 * per_day, 5 * 7 * per_day, series)
    for row, start in enumerate(starts.tolist()):
        values[row, start:] *= factor
    detector = SeasonalDetector(series, step=step, seasons=(DAY, WEEK), hold=2 * step, budget=Budget(PER_WEEK))
    ticks = detector.replay(np.asarray(times, np.float64), np.asarray(values, np.float64))
    deviating = np.stack([tick.deviating for tick in ticks], axis=1)
    began = deviating[:, 1:] & ~deviating[:, :-1]
    after = [int(began[row, start - 1 :].sum()) for row, start in enumerate(starts.tolist())]
    assert after == [1] * series
