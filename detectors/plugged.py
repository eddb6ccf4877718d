"""Any outlier estimator of scikit-learn or PyOD as a detector: over windows of the past, refitted as time goes on.

Plugged(IsolationForest(random_state=0), series=3)

An estimator is given nothing but what lay before the window that it judges, and what it says is calibrated by what it
said before (`detectors.ensemble.records`), so that whatever its scale, the answer is in decades of rarity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.ensemble.records import Records
from detectors.seasonal import DetectionError

__all__ = ["Plugged", "Rarity"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LARGE = 1e30


@dataclass(frozen=True, slots=True)
class Rarity:
    """The judgement of one tick: `score` (S,) in decades of rarity, 0 where nothing is known yet."""

    at: float
    score: NDArray[np.float32]


class Plugged:
    """An estimator of its own for each of S series, over windows of the last `width` values.

    Each is fitted anew on the `memory` windows before, once so many are known and every `refit` values from then on;
    `horizon` values back its answers are compared. Gaps are passed over. The estimator that is given is never changed;
    where it draws random numbers and is given no seed, it gets one. Raises DetectionError for an estimator that cannot
    judge new values.
    """

    def __init__(
        self,
        estimator: Any,
        series: int,
        *,
        width: int = 12,
        memory: int = 288,
        refit: int = 72,
        horizon: int = 4096,
    ) -> None:
        if not hasattr(estimator, "fit") or not (
            hasattr(estimator, "decision_function") or hasattr(estimator, "score_samples")
        ):
            raise DetectionError(
                f"{type(estimator).__name__} cannot be plugged in: it needs fit, and decision_function or "
                "score_samples for new values (LocalOutlierFactor: novelty=True)"
            )
        for name, number, least in (("width", width, 1), ("memory", memory, 8), ("refit", refit, 1)):
            if number < least:
                raise DetectionError(f"Plugged: {name} is {number}, at least {least} is needed")
        self._estimator = estimator
        self._width, self._memory, self._refit, self._horizon = width, memory, refit, horizon
        self._length = memory + width + refit
        self._models: list[Any] = [None] * series
        self.ring = np.full((self._length, series), np.nan)
        self.seen = np.zeros(series)
        self.records = Records(1, series, horizon=horizon, minimum=30)
        self.ticked = np.zeros(series)

    @property
    def series(self) -> int:
        """How many series it holds."""
        return int(self.seen.shape[-1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state by name; the last axis is the series. Models are fitted again from it, to the same."""
        state: dict[str, NDArray[Any]] = {"ring": self.ring, "seen": self.seen, "ticked": self.ticked}
        return state | {f"records.{name}": array for name, array in self.records.arrays().items()}

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Set one array of the state by the name that `arrays` gives it."""
        head, _, rest = name.rpartition(".")
        if head:
            self.records.put(rest, array)
        else:
            setattr(self, rest, array)
        self._models = [None] * self.series

    def rearrange(self, columns: Sequence[int]) -> None:
        """Reorder, drop and add series: column i becomes the old `columns[i]`, -1 one about which nothing is known."""
        fresh: Mapping[str, NDArray[Any]] = Plugged(
            self._estimator, 1, width=self._width, memory=self._memory, refit=self._refit, horizon=self._horizon
        ).arrays()
        models = [*self._models, None]
        take = np.asarray(columns, dtype=np.intp)
        for name, mine in self.arrays().items():
            self.put(name, np.ascontiguousarray(np.concatenate([mine, fresh[name]], axis=-1)[..., take]))
        self._models = [models[column] for column in take]

    def tick(self, at: float, values: Floats, present: Bools | None = None) -> Rarity:
        """Judge the values (S,) of time `at`, then learn from them."""
        v = np.asarray(values, dtype=np.float64)
        ok = np.abs(v) <= _LARGE
        if present is not None:
            ok &= present
        strange = np.full((1, self.series), np.nan, np.float32)
        for c in np.flatnonzero(ok).tolist():
            model = self._model(c)
            self.ring[int(self.seen[c]) % self._length, c] = v[c]
            self.seen[c] += 1
            if model is not None:
                window = self._past(c, int(self.seen[c]), self._width)
                strange[0, c] = np.clip(_strangeness(model, window[None])[0], -_LARGE, _LARGE)
        floor = np.maximum(1e-6 * self.records.scale, 1e-30)
        score = self.records.judge(int(self.ticked.max(initial=0.0)), strange, floor)[0]
        self.ticked += 1.0
        return Rarity(at, score)

    def _model(self, column: int) -> Any:
        """The model of a series, fitted where it is time to, or where it was lost with a restart."""
        known = int(self.seen[column])
        enough = self._memory + self._width - 1
        if known < enough:
            return None
        since = (known - enough) % self._refit
        if since == 0 or self._models[column] is None:
            self._models[column] = self._fitted(self._past(column, known - since, enough))
        return self._models[column]

    def _fitted(self, past: Floats) -> Any:
        model = deepcopy(self._estimator)
        if getattr(model, "random_state", 0) is None:
            model.random_state = 0
        windows = np.lib.stride_tricks.sliding_window_view(past, self._width).copy()
        model.fit(windows)
        return model

    def _past(self, column: int, end: int, count: int) -> Floats:
        """The `count` values before value number `end` of a series, oldest first."""
        return np.asarray(self.ring[np.arange(end - count, end) % self._length, column])


def _strangeness(model: Any, windows: Floats) -> Floats:
    """How abnormal windows are, more is stranger: PyOD's scores are so, scikit-learn's are the other way round."""
    score = model.decision_function if hasattr(model, "decision_function") else model.score_samples
    found = np.asarray(score(windows), np.float64).reshape(len(windows))
    return found if hasattr(model, "decision_scores_") else -found
