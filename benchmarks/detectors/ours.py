"""Watchkeeper's detector as the benchmarks run it: the one place that knows how it is called.

What it says is unbounded, like what its peers say; `scaled` brings all of them to [0, 1] at the end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.nab import steps_of
from detectors.ensemble import Ensemble, Tuning
from detectors.scoring import Scorer

__all__ = ["Fleet", "onsets", "ours", "scaled"]

Floats = NDArray[np.float64]
DAY = 86_400.0


class Fleet:
    """The detector over many series, tick by tick."""

    def __init__(self, series: int, step: float) -> None:
        self._detector = Ensemble(series, step=step)

    def tick(self, at: float, values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """The surprise of each value (S,), 0 and more, and where it is an onset."""
        found = self._detector.tick(at, values)
        return found.score.astype(float), found.onset

    def repeated(self, times: int) -> Fleet:
        """As many copies of all series, with what is known of them."""
        found = Fleet(0, self._detector.step)
        found._detector.rearrange([-1] * (times * self._detector.series))
        for name, array in self._detector.arrays().items():
            found._detector.put(name, np.concatenate([array] * times, axis=-1))
        return found

    def bytes(self) -> int:
        """The size of the state."""
        return sum(array.nbytes for array in self._detector.arrays().values())


def ours(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The surprise of every row of one series, and that of the rows where something begins, else 0: what
    `watchkeeper detect --csv` makes its scores of.
    """
    scorer = Scorer()
    said = [scorer.score(at, value) for at, value in zip(times.tolist(), values.tolist(), strict=True)]
    return np.array([one.surprise for one in said]), np.array([one.surprise if one.onset else 0.0 for one in said])


def onsets(times: Floats, surprise: Floats) -> Floats:
    """The rule by which ours reports what begins and not what goes on, for the surprise of a peer: it must exceed
    those of before, which fade.
    """
    tuning = Tuning()
    fade = math.exp(-1.0 / (tuning.fade * max(24, steps_of(times, DAY))))
    found, peak = np.zeros(len(surprise)), 0.0
    for i, value in enumerate(surprise.tolist()):
        if value > tuning.onset * peak:
            found[i] = value
        peak = max(peak * fade, value)
    return found


def scaled(surprise: Floats) -> Floats:
    """A score in [0, 1] in the same order: 0.5 at a surprise of 1."""
    return surprise / (1.0 + surprise)
