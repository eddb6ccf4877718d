"""Stretch: whether a lasting shift moved a series as a whole, or made its day larger or smaller too.

Twice the traffic is not a higher night: the whole day is twice as large. A fan at its stop has no day any more. What
such a shift becomes is the line through what was seen over what was expected while it lasted, fitted by least squares
with a trend in time beside it, so that a slow drift is not taken for a larger day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stretch"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_STATE = ("expected", "residual", "ee", "et", "er", "tr", "recent")
# Of what was a flat line before, any day is a large multiple: beyond this it is learned, not adopted.
_MOST = 10.0


class Stretch:
    """Sums over the span under way of S series, in arrays of shape (S,): the means of expectation and residual, and the
    products of their distances from these and from the mean of time (e, t, r). `recent` is the expectation of lately,
    forgetting by `gain` a value. How many values there are, `Spans` knows.
    """

    def __init__(self, series: int, *, gain: float) -> None:
        self._gain = gain
        self.expected = np.zeros(series)
        self.residual = np.zeros(series)
        self.ee = np.zeros(series)
        self.et = np.zeros(series)
        self.er = np.zeros(series)
        self.tr = np.zeros(series)
        self.recent = np.zeros(series)

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {name: getattr(self, name) for name in _STATE}

    def take(self, expected: Floats, residual: Floats, number: Floats, mask: Bools) -> None:
        """Take a value of each series in `mask` (S,), the `number`-th of its span from 1 on; the first begins anew."""
        if not mask.any():
            return
        for name in _STATE:
            getattr(self, name)[mask & (number <= 1.0)] = 0.0
        many = np.maximum(number, 1.0)
        # Times are numbered too: from the mean of 1 to n - 1, n lies n / 2 away.
        e, r, t = (np.where(mask, away, 0.0) for away in (expected - self.expected, residual - self.residual, many / 2))
        self.expected += e / many
        self.residual += r / many
        self.recent += np.where(mask, np.maximum(1.0 / many, self._gain) * (expected - self.recent), 0.0)
        left = 1.0 - 1.0 / many
        self.ee += left * e * e
        self.er += left * e * r
        self.et += left * e * t
        self.tr += left * t * r

    def by(self, scale: Floats, number: Floats, least: float) -> Floats:
        """By what factor the day became larger, (S,), from `number` (S,) values: 1 where these are fewer than `least`,
        or where it would make less of a difference than a `scale` (S,).
        """
        n = number
        tt = np.maximum(n * (n * n - 1.0) / 12.0, 1.0)
        spread = self.ee - self.et * self.et / tt
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = (self.er - self.et * self.tr / tt) / spread
            matters = np.abs(slope) * np.sqrt(spread / n) > scale
        found = np.where((n >= least) & (spread > 0) & matters, slope, 0.0)
        return np.asarray(np.clip(1.0 + found, 0.0, _MOST))
