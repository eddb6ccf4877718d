"""The difference of two samples of a time series, and how sure it is although neighbours resemble each other.

Five minutes of a queue length are not twenty measurements when each looks like the one before. What counts is how many
independent ones they are worth: n divided by the integrated autocorrelation time, which is taken from an autoregression
(as Heidelberger and Welch 1981 do for the output of simulations; Kendall's correction of the bias of short series is
added). The standard error of a quantile is Maritz and Jarrett's (1978), which is what a bootstrap with endlessly many
draws would give; it is widened by the root of that time, and the interval is Student's t with as many degrees of
freedom as there are independent values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats
from scipy.stats import mstats

__all__ = ["Effect", "autocorrelation_time", "effect", "long_run_variance"]

Floats = NDArray[np.float64]

_LONGEST = 0.99


@dataclass(frozen=True, slots=True)
class Effect:
    """What differs: the statistic of both samples, the difference (second less first) and its interval, the ratio and
    its interval (NaN where not everything is positive), the two-sided p of no difference, and how many independent
    values each sample is worth.
    """

    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    ratio: float
    ratio_interval: tuple[float, float]
    p: float
    independent: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A statistic, its standard error, and how many independent values it rests on."""

    value: float
    error: float
    independent: float


def autocorrelation_time(values: Floats) -> float:
    """How many neighbouring values (T,) are worth one independent value; 1 for noise without memory.

    The spectral density at zero of an autoregression whose order Akaike's criterion chooses, or of one of a single lag
    where that is larger.
    """
    _, chosen, lag = _memory(values)
    # Of a short series the criterion may choose too little memory: what one lag alone says is the least.
    return max(1.0, chosen, lag)


def long_run_variance(values: Floats) -> float:
    """The variance that a sum of many neighbouring values (T,) has for each of them; 0 where they cancel out.

    The same spectral density at zero, in the unit of the values squared.
    """
    variance, chosen, _ = _memory(values)
    return variance * chosen


def _memory(values: Floats) -> tuple[float, float, float]:
    """The variance, and the autocorrelation times by Akaike's order and by a single lag."""
    n = len(values)
    x = values - values.mean()
    variance = float(x @ x) / n
    if n < 8 or variance <= 1e-300:
        return variance, 1.0, 1.0
    most = int(min(10 * math.log10(n), n / 6))
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(x, size)) ** 2
    r = np.fft.irfft(spectrum, size)[: most + 1] / (n * variance)
    best, chosen, left = math.inf, 1.0, 1.0
    for order in range(most + 1):
        total = 0.0
        if order:
            weights = linalg.solve_toeplitz(r[:order], r[1 : order + 1])
            left = max(1.0 - float(weights @ r[1 : order + 1]), 1e-12)
            total = float(weights.sum())
        criterion = n * math.log(left) + 2 * order
        if criterion < best:
            best, chosen = criterion, _time(left, total, n)
    return variance, chosen, _time(1.0 - float(r[1]) ** 2, float(r[1]), n)


def _time(left: float, total: float, n: int) -> float:
    """The autocorrelation time of an autoregression with this sum of weights, of which `left` of the variance is noise.

    The bias of an estimated autoregression is about -(1 + 3 phi) / n (Kendall 1954).
    """
    total = min(total + (1 + 3 * total) / n if total > 0 else total, _LONGEST)
    return left / (1.0 - total) ** 2


def effect(first: Floats, second: Floats, *, quantile: float | None, paired: bool, level: float) -> Effect:
    """The effect between two samples without gaps; `quantile` None compares means. `level` is that of the intervals.

    `paired`: both were measured at the same times, so that what moves both is no difference: of medians and means the
    differences of the pairs are judged. Other quantiles are not those of differences, and are judged as apart.
    """
    one, other = _estimate(first, quantile), _estimate(second, quantile)
    positive = bool(first.min() > 0 and second.min() > 0)
    if paired and quantile in {None, 0.5}:
        found = _estimate(second - first, quantile)
        ratio = _estimate(np.log(second / first), quantile) if positive else None
        freedom = found.independent - 1
        independent = (found.independent, found.independent)
    else:
        found = _Estimate(other.value - one.value, math.hypot(one.error, other.error), 0.0)
        freedom = _welch(one, other)
        independent = (one.independent, other.independent)
        ratio = None
        if positive:
            relative = math.hypot(one.error / one.value, other.error / other.value)
            ratio = _Estimate(math.log(other.value / one.value), relative, 0.0)
    reach = float(stats.t.ppf(0.5 + level / 2, max(freedom, 1.0)))
    nan = math.nan
    return Effect(
        one.value,
        other.value,
        found.value,
        (found.value - reach * found.error, found.value + reach * found.error),
        math.exp(ratio.value) if ratio else nan,
        (math.exp(ratio.value - reach * ratio.error), math.exp(ratio.value + reach * ratio.error))
        if ratio
        else (nan, nan),
        _p(found, freedom, min(independent)),
        independent,
    )


def _estimate(values: Floats, quantile: float | None) -> _Estimate:
    if quantile is None:
        time = autocorrelation_time(values)
        value, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    else:
        # Ranks remember longer than what lies above or below a quantile, so that this errs on the careful side.
        time = autocorrelation_time(np.asarray(stats.rankdata(values), np.float64))
        value = float(np.quantile(values, quantile))
        error = float(mstats.mjci(values, prob=[quantile])[0])
    return _Estimate(value, error * math.sqrt(time), len(values) / time)


def _welch(one: _Estimate, other: _Estimate) -> float:
    """Degrees of freedom by Welch and Satterthwaite."""
    under = sum(part.error**4 / max(part.independent - 1, 1.0) for part in (one, other))
    return (one.error**2 + other.error**2) ** 2 / under if under > 0 else one.independent + other.independent - 2


def _p(found: _Estimate, freedom: float, independent: float) -> float:
    if found.error > 0:
        return float(2 * stats.t.sf(abs(found.value) / found.error, max(freedom, 1.0)))
    # Two constants: as likely as so many coins that all fall the same way.
    return 1.0 if found.value == 0 else 2.0 ** (1 - min(independent, 50.0))
