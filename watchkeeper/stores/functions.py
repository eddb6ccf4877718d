"""Range functions: from the samples of windows to a value for each row and step.

Formulas and corner cases are those of Prometheus (promql/functions.go): 2.42 in the old mode, else 3. A function is
given windows without stale markers and returns values and the windows for which it has one, both of shape (S, T).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from watchkeeper.errors import UnsupportedQuery
from watchkeeper.stores.frames import Flags, Floats, Frame, Ints, Mode
from watchkeeper.stores.windows import Windows

__all__ = ["apply", "quantile_of_sorted"]

Result = tuple[Floats, Flags]


def apply(function: str, windows: Windows, parameter: float | None, mode: Mode) -> Frame:
    """A range function of windows; rows keep their labels, metric name included.

    Raises UnsupportedQuery for a function that is not here.
    """
    if function in _WITH_PARAMETER:
        if parameter is None:
            raise UnsupportedQuery(f"{function}: its parameter is missing")
        values, present = _WITH_PARAMETER[function](windows, parameter)
    elif function in _EXTRAPOLATED:
        values, present = _extrapolated(windows, function, mode)
    elif function in _PLAIN:
        values, present = _PLAIN[function](windows)
    else:
        known = sorted({*_PLAIN, *_WITH_PARAMETER, *_EXTRAPOLATED})
        raise UnsupportedQuery(f"the embedded store has no function {function}(): it has {', '.join(known)}")
    return Frame(windows.samples.labels, values, present)


# --- counters and differences -------------------------------------------------------------------------------------

_EXTRAPOLATED = {"rate", "increase", "delta"}


def _ends(windows: Windows, least: int) -> tuple[Flags, Ints, Ints]:
    """Which windows have at least so many samples, and the indices of the first and last of each (0 for the others)."""
    present = windows.count >= least
    return present, np.where(present, windows.low, 0), np.where(present, windows.high - 1, 0)


def _extrapolated(windows: Windows, function: str, mode: Mode) -> Result:
    """The change from first to last sample, extended to the ends of the window where the samples come close to them."""
    present, first, last = _ends(windows, 2)
    times, values = windows.samples.times, windows.samples.values
    if not present.any():
        return np.zeros(present.shape), present
    change = values[last] - values[first]
    if function != "delta":
        change = change + _lost_in_resets(windows, first, last)
    to_start = (times[first] - (windows.ends - windows.width)) / 1000
    to_end = (windows.ends - times[last]) / 1000
    sampled = (times[last] - times[first]) / 1000
    between = sampled / np.maximum(windows.count - 1, 1)
    threshold = between * 1.1
    # A counter is never below zero: it cannot have begun before the line through its samples meets zero.
    to_zero = np.where(
        (function != "delta") & (change > 0) & (values[first] >= 0),
        sampled * (values[first] / change),
        np.inf,
    )
    if mode.old:
        to_start = np.minimum(to_start, to_zero)
        to_start = np.where(to_start < threshold, to_start, between / 2)
    else:
        # Prometheus 3 cuts at zero after the threshold has been applied, 2.42 before.
        to_start = np.where(to_start < threshold, to_start, between / 2)
        to_start = np.minimum(to_start, to_zero)
    to_end = np.where(to_end < threshold, to_end, between / 2)
    factor = (sampled + to_start + to_end) / sampled
    if function == "rate":
        factor = factor / (windows.width / 1000)
    return change * factor, present


def _lost_in_resets(windows: Windows, first: Ints, last: Ints) -> Floats:
    """The sum of the values from which a counter fell, in each window."""
    values = windows.samples.values
    places = np.nonzero(values[1:] < values[:-1])[0] + 1
    lost = np.zeros(first.shape)
    # A fall from one row to the next is never inside a window: windows begin after it or end before.
    begin, end = np.searchsorted(places, first, "right"), np.searchsorted(places, last, "right")
    inside = end > begin
    if inside.any():
        pairs = np.stack((begin[inside], end[inside]), axis=1).ravel()
        heights = np.append(values[places - 1], 0.0)
        lost[inside] = np.add.reduceat(heights, pairs)[::2]
    return lost


def _irate(windows: Windows) -> Result:
    present, _, last = _ends(windows, 2)
    times, values = windows.samples.times, windows.samples.values
    if not present.any():
        return np.zeros(present.shape), present
    previous = np.maximum(last - 1, 0)
    change = np.where(values[last] < values[previous], values[last], values[last] - values[previous])
    return change / ((times[last] - times[previous]) / 1000), present


def _transitions(windows: Windows, happened: Flags) -> Result:
    """How many of the transitions from one sample to the next are inside each window."""
    present, first, last = _ends(windows, 1)
    before = np.concatenate(([0], np.cumsum(happened)))
    before = np.concatenate((before, before[-1:]))
    return (before[last] - before[first]).astype(np.float64), present


def _changes(windows: Windows) -> Result:
    old, new = windows.samples.values[:-1], windows.samples.values[1:]
    return _transitions(windows, (new != old) & ~(np.isnan(new) & np.isnan(old)))


def _resets(windows: Windows) -> Result:
    return _transitions(windows, windows.samples.values[1:] < windows.samples.values[:-1])


# --- lines --------------------------------------------------------------------------------------------------------


def _deriv(windows: Windows) -> Result:
    slope, _, present = _lines(windows, from_first=True)
    return slope, present


def _predict_linear(windows: Windows, ahead: float) -> Result:
    slope, intercept, present = _lines(windows, from_first=False)
    return slope * ahead + intercept, present


def _lines(windows: Windows, *, from_first: bool) -> tuple[Floats, Floats, Flags]:
    """Slope and intercept by least squares; x is the time since the first sample of the window or since the step."""
    present = windows.count >= 2
    slope, intercept = np.zeros(present.size), np.zeros(present.size)
    times, values = windows.samples.times, windows.samples.values
    steps = np.broadcast_to(windows.ends, present.shape).ravel()
    for places, indices, valid in windows.gathered(present):
        start = times[indices[:, 0]] if from_first else steps[places]
        count = valid.sum(axis=1)
        x = np.where(valid, (times[indices] - start[:, None]) / 1000, 0.0)
        y = np.where(valid, values[indices], 0.0)
        sum_x, sum_y = x.sum(axis=1), y.sum(axis=1)
        covariance = (x * y).sum(axis=1) - sum_x * sum_y / count
        variance = (x * x).sum(axis=1) - sum_x * sum_x / count
        rise = covariance / variance
        level = sum_y / count - rise * sum_x / count
        flat = ((y == y[:, :1]) | ~valid).all(axis=1)
        endless = np.isinf(y[:, 0])
        slope[places] = np.where(flat, np.where(endless, np.nan, 0.0), rise)
        intercept[places] = np.where(flat, np.where(endless, np.nan, y[:, 0]), level)
    return slope.reshape(present.shape), intercept.reshape(present.shape), present


# --- statistics over time -----------------------------------------------------------------------------------------


def _reduced(windows: Windows, ufunc: np.ufunc) -> Result:
    present = windows.count > 0
    result = np.zeros(present.shape)
    if present.any():
        pairs = np.stack((windows.low[present], windows.high[present]), axis=1).ravel()
        result[present] = ufunc.reduceat(np.append(windows.samples.values, 0.0), pairs)[::2]
    return result, present


def _sum(windows: Windows) -> Result:
    total, present = _reduced(windows, np.add)
    return total + 0.0, present  # never -0, as in a sum that begins with 0


def _avg(windows: Windows) -> Result:
    total, present = _sum(windows)
    mean = total / np.maximum(windows.count, 1)
    # The mean of equal values is that value, to the last bit.
    lowest, highest = _reduced(windows, np.fmin)[0], _reduced(windows, np.fmax)[0]
    return np.minimum(np.maximum(mean, lowest), highest), present


def _count(windows: Windows) -> Result:
    return windows.count.astype(np.float64), windows.count > 0


def _present(windows: Windows) -> Result:
    return np.ones(windows.low.shape), windows.count > 0


def _last(windows: Windows) -> Result:
    present, _, last = _ends(windows, 1)
    if not present.any():
        return np.zeros(present.shape), present
    return windows.samples.values[last], present


def _stddev(windows: Windows) -> Result:
    present = windows.count > 0
    result = np.zeros(present.size)
    for places, indices, valid in windows.gathered(present):
        count = valid.sum(axis=1)
        y = np.where(valid, windows.samples.values[indices], 0.0)
        off = np.where(valid, y - (y.sum(axis=1) / count)[:, None], 0.0)
        result[places] = np.sqrt((off * off).sum(axis=1) / count)
    return result.reshape(present.shape), present


def _quantile(windows: Windows, q: float) -> Result:
    present = windows.count > 0
    result = np.zeros(present.size)
    for places, indices, valid in windows.gathered(present):
        table = np.where(valid, windows.samples.values[indices], np.nan)
        result[places] = quantile_of_sorted(q, np.sort(table, axis=1), valid.sum(axis=1))
    return result.reshape(present.shape), present


def quantile_of_sorted(q: float, table: Floats, count: Ints) -> Floats:
    """The quantile of `count` values in each line of a sorted table whose NaNs, real or padding, are at the end.

    NaN is the smallest value; between two ranks the two values are weighted.
    """
    if np.isnan(q) or not 0 <= q <= 1:
        return np.full(len(table), np.nan if np.isnan(q) else np.inf if q > 1 else -np.inf)
    nans = count - (~np.isnan(table)).sum(axis=1)
    rank = q * (count - 1)
    lower = np.floor(rank).astype(np.int64)
    upper = np.minimum(count - 1, lower + 1)
    weight = rank - lower
    line = np.arange(len(table))

    def at(position: Ints) -> Floats:
        found: Floats = table[line, np.maximum(position - nans, 0)]
        return np.where(position < nans, np.nan, found)

    result: Floats = at(lower) * (1 - weight) + at(upper) * weight
    return result


_PLAIN: dict[str, Callable[[Windows], Result]] = {
    "avg_over_time": _avg,
    "changes": _changes,
    "count_over_time": _count,
    "deriv": _deriv,
    "irate": _irate,
    "last_over_time": _last,
    "max_over_time": lambda windows: _reduced(windows, np.fmax),
    "min_over_time": lambda windows: _reduced(windows, np.fmin),
    "present_over_time": _present,
    "resets": _resets,
    "stddev_over_time": _stddev,
    "sum_over_time": _sum,
}
_WITH_PARAMETER: dict[str, Callable[[Windows, float], Result]] = {
    "predict_linear": _predict_linear,
    "quantile_over_time": _quantile,
}
