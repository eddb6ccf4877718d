"""The detector as a scikit-learn outlier estimator, for notebooks and pipelines.

found = WatchkeeperDetector(contamination=0.01).fit_predict(frame)   # -1 where a row deviates

Rows are time steps in order, columns are series. Each row is judged by the rows before it and by nothing else.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from detectors.ensemble import DAY, Ensemble
from detectors.plugged import Plugged

__all__ = ["EXPECTED_FAILED_CHECKS", "WatchkeeperDetector"]

Floats = NDArray[np.float64]

EXPECTED_FAILED_CHECKS = {
    "check_methods_sample_order_invariance": "rows are time steps: in another order they are another history",
}
"""The check of scikit-learn that can hold for no detector of time series, and why. Its like for subsets has too few
rows for anything to be known."""


class WatchkeeperDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The ensemble of `detectors.ensemble` over the columns of a table, or any other outlier estimator in its place.

    `contamination`: the share of the rows of `fit` that are outliers, above 0 and at most 0.5. `threshold`: in its
    place, the surprise from which a row is an outlier, in decades of rarity (3: as rare as one row in a thousand by the
    mean of what looks at it). `step`: seconds between rows; None takes the spacing of a frame's DatetimeIndex, or a
    minute. `period`: the season to compare with, in seconds. `estimator`: a scikit-learn or PyOD outlier estimator that
    judges windows of the past in place of the ensemble (see `detectors.plugged`).

    What is scored after `fit` follows its rows; an X that begins as the rows of `fit` did is those rows, judged as they
    were when they came, and what goes beyond them. A row of several series is as surprising as the most surprising of
    them. NaN is a gap. Afterwards there are `offset_`, `scores_` (of the rows of `fit`) and `n_features_in_`. Raises
    ValueError for parameters and values out of range, as scikit-learn does.
    """

    def __init__(
        self,
        *,
        contamination: float = 0.01,
        threshold: float | None = None,
        step: float | None = None,
        period: float = DAY,
        estimator: Any = None,
    ) -> None:
        self.contamination = contamination
        self.threshold = threshold
        self.step = step
        self.period = period
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803  scikit-learn's name
        """Learn from the rows (T, S), one after the other, and place the threshold."""
        self._check_parameters()
        times = _times_of(X)
        rows = self._rows_of(X, reset=True)
        spacing = float(np.median(np.diff(times))) if times is not None and len(times) > 1 else 60.0
        self.step_ = float(self.step) if self.step is not None else spacing
        if not self.step_ > 0:
            raise ValueError("the rows are not in the order of time: sort the index, and let no time come twice")
        detector = self._make(rows.shape[1])
        self._times = self._after(0.0, len(rows)) if times is None else times
        self.scores_ = _walk(detector, self._times, rows)
        self._rows = rows.copy()
        self._state = {name: array.copy() for name, array in detector.arrays().items()}
        if self.threshold is not None:
            self.offset_ = -float(self.threshold)
        else:
            self.offset_ = float(np.percentile(self.scores_, 100.0 * self.contamination))
        return self

    def score_samples(self, X: Any) -> Floats:  # noqa: N803
        """The surprise of each row (T,) in decades, negative: the lower, the more abnormal."""
        check_is_fitted(self)
        times = _times_of(X)
        rows = self._rows_of(X, reset=False)
        common = min(len(rows), len(self._rows))
        again = np.array_equal(rows[:common], self._rows[:common], equal_nan=True)
        if times is not None:
            again = again and np.array_equal(times[:common], self._times[:common])
        if not again:
            common = 0
        elif common == len(rows):
            return self.scores_[:common].copy()
        last = float(self._times[-1])
        later = self._after(last, len(rows) - common) if times is None else times[common:]
        if later[0] <= last:
            raise ValueError(
                f"the rows begin at {later[0]:.0f} s and those of fit end at {last:.0f} s: what is scored is the rows "
                "of fit, or comes after them"
            )
        detector = self._make(rows.shape[1])
        for name, array in self._state.items():
            detector.put(name, array.copy())
        found = _walk(detector, later, rows[common:])
        return np.concatenate([self.scores_, found]) if common else found

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """`score_samples` less the threshold (T,): negative for outliers."""
        return np.asarray(self.score_samples(X) - self.offset_)

    def predict(self, X: Any) -> NDArray[np.int64]:  # noqa: N803
        """-1 for outliers, 1 for the others (T,)."""
        return np.where(self.decision_function(X) < 0, -1, 1).astype(np.int64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows_of(self, X: Any, *, reset: bool) -> Floats:  # noqa: N803
        return np.asarray(
            validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset), np.float64
        )

    def _after(self, last: float, rows: int) -> Floats:
        return np.asarray(last + self.step_ * np.arange(1, rows + 1), np.float64)

    def _make(self, series: int) -> Any:
        if self.estimator is not None:
            return Plugged(self.estimator, series)
        return Ensemble(series, step=self.step_, period=float(self.period))

    def _check_parameters(self) -> None:
        if not 0.0 < self.contamination <= 0.5:
            raise ValueError(f"contamination is {self.contamination!r}: it is above 0 and at most 0.5")
        for name in ("threshold", "step", "period"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value!r}: it is above 0")


def _walk(detector: Any, times: Floats, rows: Floats) -> Floats:
    found = [detector.tick(float(at), row).score.max() for at, row in zip(times, rows, strict=True)]
    return -np.asarray(found, np.float64)


def _times_of(X: Any) -> Floats | None:  # noqa: N803
    """Seconds since the epoch (T,) of a frame with a DatetimeIndex. Raises ValueError where they do not go forward."""
    index = getattr(X, "index", None)
    if index is None or not hasattr(index, "tz") or not hasattr(index, "as_unit"):
        return None
    times = np.asarray(index.as_unit("ns").asi8 / 1e9, np.float64)
    if (np.diff(times) <= 0).any():
        raise ValueError("the rows are not in the order of time: sort the index, and let no time come twice")
    return times
