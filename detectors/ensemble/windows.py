"""Windows over the recent past of many series: rings whose last axis is the series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Extremes", "Snapshots", "Trailing", "median_of_rows"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def median_of_rows(rows: NDArray[np.floating]) -> Floats:
    """The median over the first axis, NaN left out; NaN where nothing is left. rows: (R, S) -> (S,)."""
    ordered = np.sort(rows, axis=0)
    count = np.count_nonzero(~np.isnan(ordered), axis=0)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, 0)[0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, len(rows) - 1)[None], 0)[0]
    return np.where(count > 0, 0.5 * (low + high), np.nan)


class Trailing:
    """The last `width` ticks of S series, with their mean and deviation; gaps are NaN.

    Sums are kept relative to an anchor (the first value) and made anew each time the ring is full, so that neither
    large levels nor long runs cost digits.
    """

    def __init__(self, width: int, series: int, *, least: int) -> None:
        self._width, self._least = width, least
        self.ring = np.full((width, series), np.nan)
        self.anchor = np.full(series, np.nan)
        self.total = np.zeros(series)
        self.square = np.zeros(series)
        self.count = np.zeros(series)

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {name: getattr(self, name) for name in ("ring", "anchor", "total", "square", "count")}

    def push(self, now: int, values: Floats) -> None:
        """Take the values (S,) of tick number `now`; NaN is a gap."""
        known = ~np.isnan(values)
        self.anchor = np.where(known & np.isnan(self.anchor), values, self.anchor)
        row = self.ring[now % self._width]
        held = ~np.isnan(row)
        gone = np.where(held, row, 0.0)
        np.subtract(values, self.anchor, out=row)
        come = np.where(known, row, 0.0)
        self.total += come - gone
        self.square += come * come - gone * gone
        self.count += known.astype(float) - held
        if now % self._width == self._width - 1:
            self.total = np.nansum(self.ring, axis=0)
            self.square = np.nansum(self.ring * self.ring, axis=0)

    def mean(self) -> Floats:
        """The mean (S,); NaN where fewer than `least` values are known."""
        return np.where(self.count >= self._least, self.anchor + self.total / np.maximum(self.count, 1.0), np.nan)

    def deviation(self) -> Floats:
        """The standard deviation (S,); NaN where fewer than `least` values are known."""
        many = np.maximum(self.count, 1.0)
        mean = self.total / many
        spread = np.maximum(self.square / many - mean * mean, 0.0)
        # What is left by cancellation is no deviation.
        spread = np.where(spread > 1e-13 * self.square / many, spread, 0.0)
        return np.where(self.count >= self._least, np.sqrt(spread), np.nan)


class Extremes:
    """The highest and lowest value of the last `blocks` blocks of ticks, the running one besides."""

    def __init__(self, blocks: int, ticks: int, series: int) -> None:
        self._ticks = max(1, ticks)
        self.high = np.full((blocks, series), -np.inf)
        self.low = np.full((blocks, series), np.inf)
        self.most = np.full(series, -np.inf)
        self.least = np.full(series, np.inf)

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {"high": self.high, "low": self.low, "most": self.most, "least": self.least}

    def push(self, now: int, values: Floats, mask: Bools) -> None:
        """Take the values (S,) of tick number `now`, where `mask`."""
        row = (now // self._ticks) % len(self.high)
        if now % self._ticks == 0:
            self.high[row], self.low[row] = -np.inf, np.inf
            self.most, self.least = self.high.max(axis=0), self.low.min(axis=0)
        np.copyto(self.high[row], np.maximum(self.high[row], values), where=mask)
        np.copyto(self.low[row], np.minimum(self.low[row], values), where=mask)
        np.copyto(self.most, np.maximum(self.most, values), where=mask)
        np.copyto(self.least, np.minimum(self.least, values), where=mask)


class Snapshots:
    """A value every `ticks` ticks, the last `rows` of them, and their median."""

    def __init__(self, rows: int, ticks: int, series: int) -> None:
        self._ticks = max(1, ticks)
        self.ring = np.full((rows, series), np.nan)
        self.median = np.full(series, np.nan)

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {"ring": self.ring, "median": self.median}

    def push(self, now: int, values: Floats) -> None:
        """Take the values (S,) of tick number `now`, when it is time for a snapshot; NaN is a gap."""
        if now % self._ticks == 0:
            self.ring[(now // self._ticks) % len(self.ring)] = values
            self.median = median_of_rows(self.ring)
