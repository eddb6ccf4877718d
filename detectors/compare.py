"""Two cohorts compared signal by signal: canary and stable, before and after, old cloud and new.

Each signal gets a verdict, and an honest one where the data cannot tell. A change counts when it is both sure, with the
share of false findings over all signals held (Benjamini and Hochberg 1995), and large enough to matter; a signal is the
same when the whole interval of its change is too small to matter. Everything else is not known yet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from detectors.effects import Effect, effect
from detectors.seasonal import DetectionError
from detectors.tables import Table, TableError
from watchkeeper.durations import digits
from watchkeeper.signals import Polarity

__all__ = ["VERDICTS", "Comparison", "Demands", "Verdict", "compare", "hours_apart"]

Floats = NDArray[np.float64]
Verdict = Literal["worse", "better", "changed", "same", "not enough data"]

VERDICTS: tuple[Verdict, ...] = ("worse", "better", "changed", "not enough data", "same")
"""In the order in which a reader wants them; `changed` is for signals of which no direction is bad."""

# Below ten independent values an interval says next to nothing (t widens it past use), and of a quantile some
# five must lie beyond it.
_LEAST = 10.0
_LEAST_BEYOND = 5.0
# A median of which so many values are the same number moves in jumps, or not at all.
_TIED = 0.25
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Demands:
    """What makes a change count.

    `quantile` is what is compared (0.5: the median); `relative` (to the first cohort) and `absolute` the smallest
    change that matters, the larger of both; `false_share` the share of false findings among all that are called
    changed; `level` that of the intervals.
    """

    quantile: float = 0.5
    relative: float = 0.05
    absolute: float = 0.0
    false_share: float = 0.05
    level: float = 0.95

    def __post_init__(self) -> None:
        for name in ("quantile", "false_share", "level"):
            if not 0 < getattr(self, name) < 1:
                raise DetectionError(f"{name} is {getattr(self, name)}: it lies between 0 and 1")
        if self.relative < 0 or self.absolute < 0:
            raise DetectionError("the smallest change that matters is not negative")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One signal in two cohorts.

    `first` and `second` are its statistic in each, `difference` (of pairs, its median) with its interval, `ratio`
    likewise (NaN where it has no meaning); `statistic` says what was compared; `p` is two-sided, `q` the same with all
    signals accounted for; `values` and `independent` are how many there were and what they are worth; `why` explains
    the verdict.
    """

    signal: str
    verdict: Verdict
    why: str
    statistic: str = ""
    first: float = math.nan
    second: float = math.nan
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    ratio: float = math.nan
    ratio_low: float = math.nan
    ratio_high: float = math.nan
    p: float = math.nan
    q: float = math.nan
    values: tuple[int, int] = (0, 0)
    independent: tuple[float, float] = (0.0, 0.0)


def compare(
    first: Table,
    second: Table,
    *,
    demands: Demands | None = None,
    polarity: Mapping[str, Polarity] | None = None,
) -> tuple[Comparison, ...]:
    """Compare every signal of two tables, those first that got worse.

    Where both have the same times they are compared pair by pair, so that a common load is no difference. `polarity`
    names the bad direction of signals; of one that it does not name a change is `changed`. Raises TableError when no
    signal is in both tables.
    """
    demands = demands or Demands()
    names = [name for name in first.columns if name in second.columns]
    if not names:
        raise TableError(
            f"no signal is in both: {_some(first.columns)} in the first, {_some(second.columns)} in the second"
        )
    alone = [
        Comparison(name, "not enough data", f"only the {which} has it")
        for which, here, there in (("first", first, second), ("second", second, first))
        for name in here.columns
        if name not in there.columns
    ]
    found = [_measure(name, first, second, demands) for name in names]
    ps = [one.p for _, one in found if one is not None]
    qs = iter(stats.false_discovery_control(ps, method="bh") if ps else ())
    judged = []
    for name, (counts, one) in zip(names, found, strict=True):
        if one is None:
            why = f"{counts[0]} and {counts[1]} values: at least {_LEAST:.0f} are needed on either side"
            judged.append(Comparison(name, "not enough data", why, values=counts))
        else:
            bad = (polarity or {}).get(name, Polarity.NEUTRAL)
            judged.append(_judge(name, counts, one, float(next(qs)), bad, demands))
    order = {verdict: place for place, verdict in enumerate(VERDICTS)}
    return tuple(sorted([*judged, *alone], key=lambda one: (order[one.verdict], _unknown_last(one.q), one.signal)))


def hours_apart(first: Table, second: Table) -> float:
    """How differently two tables cover the hours of the day: 0 the same, 1 no hour in common.

    A night compared with a day differs whatever was changed between them.
    """
    shares = []
    for table in (first, second):
        hours = np.bincount((table.times // 3600 % _HOURS).astype(np.intp), minlength=_HOURS)
        shares.append(hours / max(hours.sum(), 1))
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


@dataclass(frozen=True, slots=True)
class _Measured:
    effect: Effect
    statistic: str
    quantile: float | None

    @property
    def p(self) -> float:
        return self.effect.p


def _measure(name: str, first: Table, second: Table, demands: Demands) -> tuple[tuple[int, int], _Measured | None]:
    x, y = first.columns[name], second.columns[name]
    paired = np.array_equal(first.times, second.times)
    if paired:
        both = np.isfinite(x) & np.isfinite(y)
        x, y = x[both], y[both]
    else:
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    counts = len(x), len(y)
    if min(counts) < _LEAST:
        return counts, None
    quantile: float | None = demands.quantile
    text = "median" if quantile == 0.5 else f"p{100 * demands.quantile:g}"
    if any(np.mean(v == np.quantile(v, demands.quantile)) > _TIED for v in (x, y)):
        quantile, text = None, "mean"
    one = effect(x, y, quantile=quantile, paired=paired, level=demands.level)
    return counts, _Measured(one, text, quantile)


def _judge(name: str, counts: tuple[int, int], one: _Measured, q: float, bad: Polarity, demands: Demands) -> Comparison:
    found = one.effect
    low, high = found.interval
    difference = found.difference
    matters = max(demands.absolute, demands.relative * abs(found.first))
    least = _LEAST if one.quantile is None else max(_LEAST, _LEAST_BEYOND / min(one.quantile, 1 - one.quantile))
    worth = min(found.independent)
    verdict: Verdict
    if worth < least:
        verdict = "not enough data"
        why = f"neighbouring values resemble each other: worth {worth:.0f} independent ones, {least:.0f} are needed"
    elif q <= demands.false_share and abs(difference) >= matters and difference != 0:
        verdict = _direction(difference, bad)
        why = f"{'up' if difference > 0 else 'down'} by {_size(difference, found.first)}"
    elif max(abs(low), abs(high)) <= matters or low == high == 0:
        verdict, why = "same", f"any change is smaller than {_size(matters, found.first)}"
    else:
        verdict = "not enough data"
        why = f"anything from {_signed(low, found.first)} to {_signed(high, found.first)} is possible"
    return Comparison(
        name, verdict, why, one.statistic, found.first, found.second, difference, low, high, found.ratio,
        *found.ratio_interval, found.p, q, counts, found.independent,
    )  # fmt: skip


def _direction(difference: float, bad: Polarity) -> Verdict:
    if bad is Polarity.NEUTRAL:
        return "changed"
    if bad is Polarity.BOTH_ARE_BAD:
        return "worse"
    return "worse" if (difference > 0) == (bad is Polarity.HIGH_IS_BAD) else "better"


def _size(difference: float, first: float) -> str:
    return f"{abs(difference / first):.1%}" if first else digits(abs(difference))


def _signed(difference: float, first: float) -> str:
    return f"{difference / abs(first):+.1%}" if first else f"{'+' if difference > 0 else '-'}{digits(abs(difference))}"


def _some(names: Mapping[str, Floats] | Sequence[str]) -> str:
    shown = ", ".join(list(names)[:3])
    return f"{shown}, …" if len(names) > 3 else shown


def _unknown_last(q: float) -> float:
    return math.inf if math.isnan(q) else q
