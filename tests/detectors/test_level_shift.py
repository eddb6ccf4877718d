"""One level shift is one deviation, over the level shifts of the synthetic suite."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from benchmarks.synthetic import suite
from detectors.seasonal import SeasonalDetector

DAY, WEEK = 86_400.0, 604_800.0


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_a_shift_of_ten_times_the_noise_is_exactly_one_deviation(seed: int) -> None:
    """Of every law but counts near zero, which have no room below, and of which one more says little above."""
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
    assert len(rows) >= 20
    assert [len(own) for own in after] == [1] * len(rows)
    assert all(own[0] - one.start <= 3_600.0 for own, one in zip(after, shifts, strict=True))
