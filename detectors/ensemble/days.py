"""What each part of the day held on the days before: highest, lowest and mean, for many series at once."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from detectors.ensemble.windows import median_of_rows

__all__ = ["Days"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Days:
    """The slots of the last `days` periods as arrays of (days + 1, slots, S), the period under way included.

    What is usual now is the median over the former periods of what the slot and its two neighbours held: one day that
    was out of the ordinary moves it little, and a peak that comes a little early is no surprise. Time is UTC.
    """

    def __init__(self, days: int, *, period: float, slots: int, series: int) -> None:
        self._period, self._slots, self._width = period, slots, period / slots
        # Neighbours of a weekday are other weekdays: only fine slots lend to each other.
        self._around = (-1, 0, 1) if slots >= 24 else (0,)
        shape = (days + 1, slots, series)
        self.high = np.full(shape, np.nan, np.float32)
        self.low = np.full(shape, np.nan, np.float32)
        self.mean = np.full(shape, np.nan, np.float32)
        self.most = np.full(series, -np.inf)
        self.least = np.full(series, np.inf)
        self.total = np.zeros(series)
        self.count = np.zeros(series)
        self.usual_high = np.full(series, np.nan)
        self.usual_low = np.full(series, np.nan)
        self.usual = np.full(series, np.nan)
        self.slot = np.full(series, np.nan)

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """Its state, by name; the last axis is the series."""
        names = ("high", "low", "mean", "most", "least", "total", "count", "usual_high", "usual_low", "usual", "slot")
        return {name: getattr(self, name) for name in names}

    def enter(self, at: float) -> None:
        """Close the slots that are over at a time, and look up what is usual in the one that it falls into."""
        slot = math.floor(at / self._width)
        before = float(self.slot[0]) if len(self.slot) else math.nan
        if slot == before:
            return
        if not math.isnan(before):
            self._close(int(before))
            # Slots that no tick fell into: what they held is older than all that is kept.
            for passed in range(max(int(before) + 1, slot - len(self.high) * self._slots), slot):
                row, place = self._where(passed)
                self.high[row, place] = self.low[row, place] = self.mean[row, place] = np.nan
        self.slot[:] = slot
        today, place = self._where(slot)
        former = [row for row in range(len(self.high)) if row != today]
        highs, lows, means = (
            [array[former, (place + k) % self._slots] for k in self._around]
            for array in (self.high, self.low, self.mean)
        )
        self.usual_high[:] = median_of_rows(reduce(np.fmax, highs))
        self.usual_low[:] = median_of_rows(reduce(np.fmin, lows))
        self.usual[:] = median_of_rows(_mean(means))

    def learn(self, values: Floats) -> None:
        """Take the values (S,) of the slot under way; NaN is a gap."""
        np.fmax(self.most, values, out=self.most)
        np.fmin(self.least, values, out=self.least)
        gaps = np.isnan(values)
        if gaps.any():
            self.total += np.where(gaps, 0.0, values)
            self.count += ~gaps
        else:
            self.total += values
            self.count += 1.0

    def _where(self, slot: int) -> tuple[int, int]:
        return (slot // self._slots) % len(self.high), slot % self._slots

    def _close(self, slot: int) -> None:
        row, place = self._where(slot)
        seen = self.count > 0
        self.high[row, place] = np.where(seen, self.most, np.nan)
        self.low[row, place] = np.where(seen, self.least, np.nan)
        self.mean[row, place] = np.where(seen, self.total / np.maximum(self.count, 1.0), np.nan)
        self.most[:], self.least[:], self.total[:], self.count[:] = -np.inf, np.inf, 0.0, 0.0


def _mean(parts: list[Singles]) -> Floats:
    """The mean of parts of one shape, NaN left out; NaN where nothing is left."""
    total: Singles = reduce(np.add, parts)
    count: Floats | float = float(len(parts))
    if np.isnan(total).any():
        known = [~np.isnan(part) for part in parts]
        total = reduce(np.add, [np.where(k, part, np.float32(0.0)) for k, part in zip(known, parts, strict=True)])
        count = np.sum(known, axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total.astype(np.float64) / count)
