"""Windows over the recent past of many series: rings whose last axis is the series."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

__all__ = ["Extremes", "Snapshots", "Trailing", "median_of_rows"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def median_of_rows(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """The median over the first axis, NaN left out; NaN where nothing is left. rows: (R, S) -> (S,)."""
    # A copy with each series in one piece: so sorting takes half the time.
    ordered = np.array(rows.T, order="C")
    ordered.sort(axis=1)
    many = len(rows)
    if not np.isnan(ordered[:, -1]).any():
        return np.asarray(0.5 * (ordered[:, (many - 1) // 2] + ordered[:, many // 2]))
    count = np.count_nonzero(~np.isnan(ordered), axis=1)
    each = np.arange(len(ordered))
    low = ordered[each, np.maximum(count - 1, 0) // 2]
    return np.asarray(0.5 * (low + ordered[each, np.minimum(count // 2, many - 1)]))


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

    def _full(self) -> bool:
        return bool(self.count.min(initial=self._width) == self._width)

    def push(self, now: int, values: Floats) -> None:
        """Take the values (S,) of tick number `now`; NaN is a gap."""
        row = self.ring[now % self._width]
        come = values - self.anchor
        gaps = np.isnan(come)
        full = self._full()
        if full and not gaps.any():
            gone = row.copy()
            row[:] = come
        else:
            known = ~np.isnan(values)
            # Where the anchor is not known, the value becomes it.
            fresh = known & gaps
            np.copyto(self.anchor, values, where=fresh)
            come[fresh] = 0.0
            held = ~np.isnan(row)
            gone = np.where(held, row, 0.0)
            row[:] = come
            come = np.where(known, come, 0.0)
            self.count += known
            self.count -= held
        self.total += come - gone
        come *= come
        gone *= gone
        self.square += np.subtract(come, gone, out=come)
        if now % self._width == self._width - 1:
            rows = self.ring if self._full() else np.nan_to_num(self.ring)
            # Row by row: `sum` has another order, and so other digits, where there is one series.
            self.total = reduce(np.add, rows)
            self.square = reduce(np.add, np.square(rows))

    def mean(self) -> Floats:
        """The mean (S,); NaN where fewer than `least` values are known."""
        if self._full():
            return self.anchor + self.total / self._width
        return np.where(self.count >= self._least, self.anchor + self.total / np.maximum(self.count, 1.0), np.nan)

    def deviation(self) -> Floats:
        """The standard deviation (S,); NaN where fewer than `least` values are known."""
        full = self._full()
        many = self._width if full else np.maximum(self.count, 1.0)
        mean, square = self.total / many, self.square / many
        mean *= mean
        spread = np.subtract(square, mean, out=mean)
        # What is left by cancellation is no deviation.
        square *= 1e-13
        spread *= spread > square
        found = np.sqrt(spread, out=spread)
        return found if full else np.where(self.count >= self._least, found, np.nan)


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

    def push(self, now: int, values: Floats) -> None:
        """Take the values (S,) of tick number `now`; NaN is a gap."""
        row = (now // self._ticks) % len(self.high)
        if now % self._ticks == 0:
            self.high[row], self.low[row] = -np.inf, np.inf
            self.most, self.least = self.high.max(axis=0), self.low.min(axis=0)
        for high, low in ((self.high[row], self.low[row]), (self.most, self.least)):
            # These two pass over NaN.
            np.fmax(high, values, out=high)
            np.fmin(low, values, out=low)


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
            self.median = np.asarray(median_of_rows(self.ring), np.float64)
