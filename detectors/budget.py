"""The alert budget: how much evidence it takes, so that healthy series tell no more than so often a week.

Nobody can say what five standard deviations will cost them; everybody can say how many alerts a week their team can
look at. The evidence that healthy series reach is known from their own past: of each series the largest in every half
of a season is kept, all together in one histogram that forgets in some weeks. How often a limit would be passed is read
from it, beyond what was seen by the tail of a normal law, whose spread is the data's own.

Real faults come on top: what lies far beyond the tail of the rest moves the limit little, and a week of incidents does
not make the next week deaf.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.ticks import DetectionError

__all__ = ["DEFAULT_LIMIT", "PER_WEEK", "WEEK", "Budget"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PER_WEEK = 2.0
"""Alerts a week where nobody says otherwise."""
DEFAULT_LIMIT = 5.3
"""Standard deviations where nothing is known: what 500 healthy series of six laws need for two alerts a week."""
_USUAL = 2.0 / 500.0
_LOOKS = 2_016.0 / 3.0
LEAST, MOST = 3.5, 9.0
"""Within these the limit stays, whatever the past and the wish."""
WEEK = 7 * 86_400.0
_HOUR = 3_600.0
_BINS, _WIDTH = 256, 0.05
_NUMBERS = ("lived", "spent", "series", "at")
_MEMORY = 4.0
_SHARE = 0.05
# What is known beforehand counts as so many peaks beyond the start of the tail: of a normal law the spread is 2, and a
# standard deviation that is itself an estimate makes it wider.
_PRIOR, _SPREAD = 20.0, 2.4


class Budget:
    """Alerts a week that healthy series may cost, and the limit that follows.

    `per_week` is the wish, `limit` the evidence in standard deviations that it takes; with a `fixed` one, that stays,
    and the wish may be infinite: nothing is rationed then.
    `counts` (256,) is the histogram of peaks in steps of 0.05, `lived` the weeks of all series together that it holds,
    at most four of each: older ones are forgotten. `series` is how many are watched now.
    """

    def __init__(self, per_week: float, *, fixed: float | None = None) -> None:
        if not per_week > 0 or (math.isinf(per_week) and fixed is None):
            raise DetectionError(f"an alert budget of {per_week:g} a week: give a number above 0")
        self.per_week = per_week
        self.fixed = fixed
        self.limit = DEFAULT_LIMIT if fixed is None else fixed
        self.counts = np.zeros(_BINS)
        self.lived = 0.0
        self.series = 0
        self.spent = 0.0
        self.at = -math.inf

    def state(self) -> dict[str, Any]:
        """What it has learned, as plain values."""
        return {"counts": self.counts.tolist(), **{name: getattr(self, name) for name in _NUMBERS}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a saved state; the limit is again what it was, if the wish is. Raises KeyError, TypeError and ValueError
        for what is none.
        """
        counts = np.asarray(state["counts"], np.float64)
        if counts.shape != (_BINS,):
            raise ValueError(f"counts of a budget of shape {counts.shape}, expected ({_BINS},)")
        numbers = {name: float(state[name]) for name in _NUMBERS}
        amounts = np.append(counts, [numbers[name] for name in ("lived", "spent", "series")])
        if not (np.isfinite(amounts) & (amounts >= 0)).all():
            raise ValueError("a budget whose counts are no numbers from 0 on")
        self.counts = counts
        self.lived, self.spent, self.at = (numbers[name] for name in ("lived", "spent", "at"))
        self.series = int(numbers["series"])
        self._set_limit()

    def admit(self, at: float, shares: Floats, settled: Bools, opening: Bools) -> Bools:
        """Which of the series that are `opening` a deviation may, (S,): those that are `settled` all, of the others
        what is left of a `ration`. `shares` (S,) is their evidence as a share of the limit.
        """
        asking = np.flatnonzero(opening & ~settled)
        if not len(asking):
            return opening
        admitted = opening.copy()
        admitted[asking] = self.ration(at, shares[asking])
        return admitted

    def ration(self, at: float, shares: Floats) -> Bools:
        """Which of the series that do not know their seasons yet may tell what they see; `shares` (N,) is their
        evidence as a share of the limit.

        Calibration cannot keep their promise: to who never saw a weekend, the first one is a fault. So the alerts of a
        week are counted: the k-th beyond the budget needs k / budget times the evidence.
        """
        # Another history may be learned after this one: its alerts are its own.
        away = at - self.at
        self.spent *= math.exp(-away / WEEK) if 0.0 <= away < math.inf else float(away > -_HOUR)
        self.at = at
        order = np.argsort(-shares, kind="stable")
        needed = (self.spent + 1.0 + np.arange(len(shares))) / self.per_week
        told = np.logical_and.accumulate(shares[order] >= needed)
        allowed = np.zeros(len(shares), np.bool_)
        allowed[order] = told
        self.spent += float(np.count_nonzero(told))
        return allowed

    def add(self, peaks: Floats, seconds: float) -> None:
        """Take the peaks of some series, one each, in a block of so many seconds into the past, and set the limit anew.
        A series whose peak is below 0 was not judged in the block.
        """
        known = peaks[np.isfinite(peaks) & (peaks >= 0)]
        bins = np.minimum(known / _WIDTH, _BINS - 1).astype(np.intp)
        self.series = max(self.series, len(known))
        self.counts += np.bincount(bins, minlength=_BINS)
        self.lived += len(known) * seconds / WEEK
        keep = min(1.0, _MEMORY * self.series / max(self.lived, 1e-9))
        self.counts *= keep
        self.lived *= keep
        self._set_limit()

    def _set_limit(self) -> None:
        if self.fixed is None:
            self.limit = self.limit_for(self.per_week)

    def expected(self, limit: float) -> float:
        """How many alerts a week a limit would cost, by the past; NaN while there is none."""
        if self.lived <= 0:
            return math.nan
        edge, many, spread = self._tail()
        if limit <= edge:
            beyond = float(self.counts[int(limit / _WIDTH) :].sum())
        else:
            beyond = many * math.exp(-(limit**2 - edge**2) / spread)
        return beyond * self.series / self.lived

    @staticmethod
    def rarer(looks: Floats) -> Floats:
        """What is added to squared evidence so that series which are looked at more or less often a week compare, (S,):
        the largest of few values is smaller than that of many. 0 for values of five minutes that are held for three.
        """
        return np.asarray(_SPREAD * np.log(_LOOKS / looks))

    def often(self, limit: float) -> float:
        """How often a week one series passes a limit."""
        if self.lived > 0:
            return self.expected(limit) / max(self.series, 1)
        return _USUAL * math.exp(-(limit**2 - DEFAULT_LIMIT**2) / _SPREAD)

    def limit_for(self, per_week: float) -> float:
        """The limit that costs `per_week` alerts a week."""
        edge, many, spread = self._tail()
        wanted = per_week * self.lived / max(self.series, 1)
        if many <= 0 or wanted <= 0:
            return DEFAULT_LIMIT
        squared = edge**2 + spread * math.log(max(many / wanted, 1e-3))
        return float(min(max(math.sqrt(max(squared, 0.0)), LEAST), MOST))

    def _tail(self) -> tuple[float, float, float]:
        """Where the tail begins (the 95th percentile), how many peaks it holds, and how wide it is: of a normal law
        P(peak > x) falls as exp(-x² / spread). That is read from the median beyond the edge, which a hundred faults
        among thousands of peaks move little.
        """
        beyond = np.cumsum(self.counts[::-1])[::-1]
        many = _SHARE * float(beyond[0])
        edge = _place(beyond, many)
        middle = _place(beyond, 0.5 * many)
        seen = (middle**2 - edge**2) / math.log(2.0)
        return edge, many, (many * seen + _PRIOR * _SPREAD) / (many + _PRIOR)


def _place(beyond: Floats, many: float) -> float:
    """Beyond what evidence so many peaks lie, interpolated within the bin."""
    last = int(np.count_nonzero(beyond > many)) - 1
    if last < 0:
        return 0.0
    here, after = float(beyond[last]), float(beyond[last + 1]) if last + 1 < len(beyond) else 0.0
    return _WIDTH * (last + (here - many) / max(here - after, 1e-12))
