"""Peers compared in several signals at once: the pod whose latency and queue are each within reach of the others', and
together are not.

scikit-learn's own estimators, over the residuals of many ticks: the robust covariance of a group's healthy majority
(`MinCovDet`) says which signals move together, and a pod that breaks this is far from it in Mahalanobis' distance;
`LocalOutlierFactor` needs no such shape, for groups whose peers do different kinds of work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.seasonal import DetectionError

__all__ = ["PeerSignals", "PeersApart"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# As many rows as MinCovDet is given at most: its time grows with them, what it learns from more of them does not.
_ROWS = 5_000
# Rows for each signal: below that a covariance is a guess.
_ROWS_A_SIGNAL = 20
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class PeersApart:
    """One tick: `distance` (P,) in units of what is usual (1: as far as 99.9 % of the healthy past), NaN for a peer
    without all signals; `share` (P, K) says how much of it is each signal's.
    """

    distance: Floats
    share: Floats


class PeerSignals:
    """The joint behaviour of one group of P peers in K signals; signals are compared as they are, or in logarithms.

    `fit` takes history (T, P, K); `apart` the values (P, K) of one tick. Peers may be others than in the history: what
    is learned is the group's, not theirs. Same data, same result: the estimators' seed is fixed.
    """

    def __init__(
        self, *, estimator: Literal["covariance", "neighbours"] = "covariance", ratio: bool = True, seed: int = 0
    ) -> None:
        self.estimator, self.ratio, self.seed = estimator, ratio, seed
        self._model: Any = None

    def fit(self, history: Floats) -> PeerSignals:
        """Learn from history (T, P, K). Raises DetectionError when there is too little of it."""
        if history.ndim != 3:
            raise DetectionError(f"history of shape {history.shape}: expected (ticks, peers, signals)")
        rows = self._rows(history).reshape(-1, history.shape[2])
        rows = rows[np.isfinite(rows).all(axis=1)]
        needed = _ROWS_A_SIGNAL * history.shape[2]
        if len(rows) < needed:
            raise DetectionError(
                f"{len(rows)} complete rows of {history.shape[2]} signals: at least {needed} are needed"
            )
        rows = rows[:: -(-len(rows) // _ROWS)]
        self._scale = np.maximum(1.4826 * np.median(np.abs(rows), axis=0), _FLOOR)
        rows = rows / self._scale
        # A signal that never differs between peers has no share in how they vary, and would make the rest singular.
        self._used = np.std(rows, axis=0) > 0
        if not self._used.any():
            raise DetectionError("no signal differs between the peers: there is nothing to compare")
        rows = rows[:, self._used]
        self._model = self._fitted(rows)
        self._unit = 1.0
        self._unit = max(float(np.quantile(self._raw(rows), 0.999)), _FLOOR)
        return self

    def apart(self, values: Floats) -> PeersApart:
        """How far each peer is from the others, given how they vary together."""
        if self._model is None:
            raise DetectionError("not fitted: call fit with the group's history first")
        rows = self._rows(values[None])[0] / self._scale
        whole = np.isfinite(rows).all(axis=1)
        distance = np.full(len(rows), np.nan)
        share = np.full(rows.shape, np.nan)
        if whole.any():
            used = rows[whole][:, self._used]
            full = self._raw(used)
            distance[whole] = full / self._unit
            share[whole] = 0.0
            # What would be left if this signal were as usual.
            gains = np.stack([full - self._raw(_without(used, k)) for k in range(used.shape[1])], axis=1)
            gains = np.maximum(gains, 0.0)
            total = np.maximum(gains.sum(axis=1, keepdims=True), _FLOOR)
            share[np.ix_(whole, self._used)] = gains / total
        return PeersApart(distance, share)

    def _rows(self, values: Floats) -> Floats:
        """What differs from the median of the peers, for (T, P, K)."""
        x = np.where(np.isfinite(values), values, np.nan)
        if self.ratio:
            x = np.log(np.maximum(x, 0.0) + _FLOOR)
        filled = np.sort(x, axis=1)
        count = np.isfinite(filled).sum(axis=1, keepdims=True)
        middle = np.take_along_axis(filled, np.maximum(count - 1, 0) // 2, axis=1)
        other = np.take_along_axis(filled, np.maximum(np.minimum(count // 2, count - 1), 0), axis=1)
        return np.asarray(x - 0.5 * (middle + other))

    def _fitted(self, rows: Floats) -> Any:
        if self.estimator == "covariance":
            from sklearn.covariance import MinCovDet

            return MinCovDet(random_state=self.seed, support_fraction=0.75).fit(rows)
        from sklearn.neighbors import LocalOutlierFactor

        return LocalOutlierFactor(n_neighbors=min(20, len(rows) - 1), novelty=True).fit(rows)

    def _raw(self, rows: Floats) -> Floats:
        if self.estimator == "covariance":
            return np.sqrt(np.maximum(np.asarray(self._model.mahalanobis(rows), np.float64), 0.0))
        return np.maximum(-np.asarray(self._model.score_samples(rows), np.float64) - 1.0, 0.0)


def _without(rows: Floats, signal: int) -> Floats:
    changed = rows.copy()
    changed[:, signal] = 0.0
    return changed
