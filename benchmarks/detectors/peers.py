"""Other detectors for comparison, each strictly causal: a row is judged by a model of rows before it alone.

Each takes the times and values of one series and gives the surprise of every row, 0 and more, with 1 about where the
detector's own rule says "anomaly" (PyOD's: one standard deviation of the training scores). The models of PyOD, ADTK and
statsmodels are fitted to all rows so far, first at FIRST rows and again whenever a quarter more have come; between two
fits rows are judged by the last. Their parameters are their defaults.

ADTK's and Netdata's rules are re-implemented from their documentation for this benchmark alone. PyOD and statsmodels
come with the extra `bench`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.nab import steps_of

__all__ = ["FIRST", "GROWTH", "PEERS", "Peer", "adtk_seasonal", "ecod", "holt_winters", "iforest", "knn", "netdata"]

Floats = NDArray[np.float64]
Peer = Callable[[Floats, Floats], Floats]

FIRST = 100
GROWTH = 1.25
DAY = 86_400.0
HOUR = 3_600.0
# How many rows up to the judged one PyOD's detectors look at: of 1, 3 and 10 what serves them best.
WIDTH = 3
SEED = 1
_TINY = 1e-12


def refits(rows: int) -> Iterator[tuple[int, int]]:
    """First and last row (excluded) that each fit judges; it is made of all rows before the first."""
    start = FIRST
    while start < rows:
        stop = int(start * GROWTH)
        yield start, min(stop, rows)
        start = stop


def embedded(values: Floats, width: int) -> Floats:
    """Each row with those before it: (rows, width), oldest first; the first value fills what is missing."""
    padded = np.concatenate([np.full(width - 1, values[0]), values])
    return np.lib.stride_tricks.sliding_window_view(padded, width)


# -- PyOD --


def _by_windows(fit: Callable[[Floats], Callable[[Floats], tuple[Floats, Floats]]]) -> Peer:
    """A peer of windows in units of the past's standard deviation: `fit` gives what scores rows and the past."""

    def judge(times: Floats, values: Floats) -> Floats:
        found = np.zeros(len(values))
        rows = embedded(values, WIDTH)
        for start, stop in refits(len(values)):
            centre, spread = values[:start].mean(), values[:start].std() + _TINY
            score = fit((rows[:start] - centre) / spread)
            raw, known = score((rows[start:stop] - centre) / spread)
            # PyOD's own way to a probability standardises by the training scores.
            found[start:stop] = np.maximum(0.0, raw - known.mean()) / (known.std() + _TINY)
        return found

    return judge


def _fitted(model: Any) -> Callable[[Floats], Callable[[Floats], tuple[Floats, Floats]]]:
    def fit(past: Floats) -> Callable[[Floats], tuple[Floats, Floats]]:
        made = model()
        made.fit(past)
        return lambda rows: (made.decision_function(rows), made.decision_scores_)

    return fit


def ecod_alone(past: Floats, rows: Floats) -> Floats:
    """PyOD's ECOD of each row as if it alone had come after the past.

    ECOD counts the rows to be judged into its distribution; asked for many at once, later rows would change the scores
    of earlier ones, and asked for one at a time it takes hours. This is the same number, save where a column has a
    skewness of exactly 0.
    """
    count, total = len(past) + 1.0, np.zeros(len(rows))
    for k in range(past.shape[1]):
        known = np.sort(past[:, k])
        below = (np.searchsorted(known, rows[:, k], side="right") + 1.0) / count
        above = (len(known) - np.searchsorted(known, rows[:, k], side="left") + 1.0) / count
        total += np.maximum(-np.log(below), -np.log(above))
    return total


def ecod(times: Floats, values: Floats) -> Floats:
    """PyOD's ECOD: how far out in the tails of each column's empirical distribution."""

    def fit(past: Floats) -> Callable[[Floats], tuple[Floats, Floats]]:
        from pyod.models.ecod import ECOD

        known = ECOD().fit(past).decision_scores_
        return lambda rows: (ecod_alone(past, rows), known)

    return _by_windows(fit)(times, values)


def iforest(times: Floats, values: Floats) -> Floats:
    """PyOD's isolation forest, seeded."""
    from pyod.models.iforest import IForest

    return _by_windows(_fitted(lambda: IForest(random_state=SEED)))(times, values)


def knn(times: Floats, values: Floats) -> Floats:
    """PyOD's distance to the fifth nearest neighbour."""
    from pyod.models.knn import KNN

    return _by_windows(_fitted(KNN))(times, values)


# -- seasonal rules --


def adtk_seasonal(times: Floats, values: Floats) -> Floats:
    """A rule like ADTK's SeasonalAD: the distance from the mean of the time of day, with 1 at the third quartile of
    the past's plus three interquartile ranges. Nothing until two days are known.
    """
    found, day = np.zeros(len(values)), steps_of(times, DAY)
    phase = np.floor(times / DAY * day).astype(np.intp) % day
    for start, stop in refits(len(values)):
        if start < 2 * day:
            continue
        count = np.bincount(phase[:start], minlength=day)
        total = np.bincount(phase[:start], weights=values[:start], minlength=day)
        # A time of day that irregular rows have not met yet is expected at the mean of all.
        usual = np.where(count > 0, total / np.maximum(count, 1), values[:start].mean())
        away = np.abs(values - usual[phase])
        low, high = np.quantile(away[:start], (0.25, 0.75))
        found[start:stop] = away[start:stop] / (high + 3.0 * (high - low) + _TINY)
    return found


def holt_winters(times: Floats, values: Floats) -> Floats:
    """Holt-Winters of statsmodels, additive, with the day as its season once two are known: the error of the forecast
    one step ahead in three standard deviations of the past's. Fitted to the last two weeks at most.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    found, day = np.zeros(len(values)), steps_of(times, DAY)
    for start, stop in refits(len(values)):
        begin = max(0, start - 14 * day)
        # Times of day are counted from the start of the fit, in rows, as the model has it.
        centre, spread = values[begin:start].mean(), values[begin:start].std() + _TINY
        scaled = (values[begin:stop] - centre) / spread
        season: dict[str, Any] = {"seasonal": "add", "seasonal_periods": day} if start - begin >= 2 * day else {}
        past = ExponentialSmoothing(scaled[: start - begin], trend="add", initialization_method="heuristic", **season)
        fit = past.fit(use_brute=False, minimize_kwargs={"options": {"maxiter": 50}})
        params = fit.params
        known = {"initial_level": params["initial_level"], "initial_trend": params["initial_trend"]}
        gains = {"smoothing_level": params["smoothing_level"], "smoothing_trend": params["smoothing_trend"]}
        if season:
            known["initial_seasonal"] = params["initial_seasons"]
            gains["smoothing_seasonal"] = params["smoothing_seasonal"]
        # The same model over the rows to come: what it says of each is made of those before.
        on = ExponentialSmoothing(scaled, trend="add", initialization_method="known", **known, **season)
        error = np.abs(scaled - on.fit(**gains, optimized=False).fittedvalues)
        usual = float(error[: start - begin].std()) + 1e-6
        found[start:stop] = np.nan_to_num(error[start - begin :] / (3.0 * usual), nan=0.0, posinf=1e9)
    return found


# -- Netdata --

# Its settings: samples to smooth and lag, models, seconds between them and of what each is made, its share of samples.
_SMOOTH, _LAG, _MODELS, _EVERY, _SPAN, _SHARE = 3, 5, 18, 3 * HOUR, 21_600, 5


def netdata(times: Floats, values: Floats) -> Floats:
    """Netdata's rule: the least that any of the last 18 models says, with 0.99 where the anomaly bit is set.

    A model is two centres of windows of six smoothed differences; it says how far a window's mean distance from both
    lies between the least and the most of its own windows. A model is made every three hours of every fifth window
    of the last 21,600 samples, from FIRST samples on instead of 900, which the shorter series would hardly have. What
    Netdata cuts off at 1 is not cut off here, so that a threshold can be chosen above.
    """
    smooth = np.convolve(np.diff(values), np.full(_SMOOTH, 1.0 / _SMOOTH), mode="valid")
    lead = _SMOOTH + _LAG
    rows = np.ascontiguousarray(embedded(smooth, _LAG + 1)[_LAG:])
    found, every = np.zeros(len(values)), steps_of(times, _EVERY)
    models: list[tuple[Floats, float, float]] = []
    for start in range(FIRST, len(values), every):
        models = [*models, _two_means(rows[max(0, start - lead - _SPAN) : start - lead : _SHARE])][-_MODELS:]
        stop = min(start + every, len(values))
        now = rows[start - lead : stop - lead]
        said = [
            np.abs(_distances(now, centres).mean(axis=1) - low) / (high - low + _TINY) for centres, low, high in models
        ]
        found[start:stop] = np.minimum.reduce(said)
    return found


def _distances(rows: Floats, centres: Floats) -> Floats:
    """The distance of each row from each centre: (rows, centres)."""
    squares = (rows**2).sum(axis=1)[:, None] - 2.0 * rows @ centres.T + (centres**2).sum(axis=1)
    distances: Floats = np.sqrt(np.maximum(squares, 0.0))
    return distances


def _two_means(rows: Floats) -> tuple[Floats, float, float]:
    """Two centres, begun far apart, and the least and largest mean distance from both."""
    first = rows[int(_distances(rows, rows.mean(axis=0)[None]).argmax())]
    centres = np.stack([first, rows[int(_distances(rows, first[None]).argmax())]])
    before: NDArray[np.bool_] | None = None
    for _ in range(100):
        distances = _distances(rows, centres)
        nearer = distances[:, 0] <= distances[:, 1]
        if nearer.all() or not nearer.any() or (before is not None and (nearer == before).all()):
            break
        centres, before = np.stack([rows[nearer].mean(axis=0), rows[~nearer].mean(axis=0)]), nearer
    known = _distances(rows, centres).mean(axis=1)
    return centres, float(known.min()), float(known.max())


PEERS: dict[str, Peer] = {
    "PyOD ECOD": ecod,
    "PyOD IForest": iforest,
    "PyOD KNN": knn,
    "ADTK-like seasonal rule": adtk_seasonal,
    "statsmodels Holt-Winters": holt_winters,
    "Netdata's k-means rule": netdata,
}
