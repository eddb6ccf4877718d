"""Calibration: how rare a residual is, measured by the series' own past."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.tuning import Tuning

__all__ = ["UP", "DOWN", "Tails"]

Floats = NDArray[np.float64]
UP, DOWN = 0, 1
_EDGE = 1.645
_SLOPE = 1.75


class Tails:
    """Tails of standardised residuals, upward and downward apart, as arrays of (directions, series).

    Beyond its 95th percentile `edge`, each tail is taken as exponential with mean `excess` (peaks over
    threshold, the exponential case of the generalised Pareto distribution), so that P(z) = 0.05 exp(-(z -
    edge) / excess). A run of exceedances counts once, by its peak, when it is over.
    `record` is the largest past excess, slowly forgotten: of n exponential draws the largest is about
    `excess` * ln n, so a series whose records are higher than that has a heavier tail than its mean tells,
    and gets it.
    """

    def __init__(self, series: int, tuning: Tuning, *, forget: float) -> None:
        self._tuning = tuning
        self._forget = forget
        self.edge = np.full((2, series), 2.0)
        self.excess = np.full((2, series), tuning.tail_prior)
        self.count = np.full((2, series), 10.0)
        self.record = np.zeros((2, series))
        self.peak = np.zeros((2, series))

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {
            "edge": self.edge,
            "excess": self.excess,
            "count": self.count,
            "record": self.record,
            "peak": self.peak,
        }

    def _mean(self) -> Floats:
        heavy = self.record / (np.log(self.count) + 0.577)
        return np.asarray(np.maximum(np.maximum(self.excess, heavy), 0.05))

    def scores(self, z: Floats) -> Floats:
        """The normal score of residuals (2, S): what a value as rare as this would be in normal noise.

        Below the percentile in proportion to it. Of an exponential tail with z = edge + t * mean the normal score is
        sqrt(1.645² + 1.75 t) within two hundredths of it, for probabilities of 0.05 to 1e-12.
        """
        beyond = np.maximum(z - self.edge, 0.0) / self._mean()
        return np.asarray(np.where(z > self.edge, np.sqrt(_EDGE**2 + _SLOPE * beyond), _EDGE * z / self.edge))

    def residuals(self, score: Floats) -> Floats:
        """The residuals (2, S) that have a normal score (S,): what `scores` says, the other way round."""
        beyond = np.maximum(score**2 - _EDGE**2, 0.0) / _SLOPE
        return np.asarray(np.where(score > _EDGE, self.edge + beyond * self._mean(), self.edge * score / _EDGE))

    def learn(self, z: Floats, mask: NDArray[np.bool_]) -> None:
        """Take one residual z (2, S) of each series in `mask` (S,) into its past."""
        tuning = self._tuning
        both = np.broadcast_to(mask, z.shape)
        excess = z - self.edge
        above = excess > 0
        over = both & ~above & (self.peak > 0)
        clipped = np.minimum(self.peak, tuning.tail_clip * self._mean())
        gain = np.maximum(1.0 / (self.count + 1.0), 1.0 / tuning.tail_memory)
        self.record = np.where(both, self.record * self._forget, self.record)
        np.copyto(self.record, np.maximum(self.record, clipped), where=over)
        np.copyto(self.excess, self.excess + gain * (clipped - self.excess), where=over)
        np.copyto(self.count, self.count + 1.0, where=over)
        np.copyto(self.peak, np.where(above, np.maximum(self.peak, excess), 0.0), where=both)
        # Robbins-Monro for the percentile: up by q when above it, down by 1 - q when below.
        step = 0.05 * np.where(above, tuning.tail_quantile, tuning.tail_quantile - 1.0)
        np.copyto(self.edge, np.clip(self.edge + step, 0.5, 8.0), where=both)

    def drop_peaks(self, mask: NDArray[np.bool_]) -> None:
        """Forget the runs under way of the series in `mask`: they became deviations, which no calibration
        learns from.
        """
        self.peak[:, mask] = 0.0
