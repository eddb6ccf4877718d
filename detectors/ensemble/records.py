"""Calibration: how rare a magnitude is among its own past, in decades, whatever its unit and its law.

The largest magnitudes of each series are kept. Among them rarity is counted; below them it is read between the 90th
percentile and the smallest of them; beyond the largest the tail is taken as exponential, with the mean excess of the
kept ones over the smallest of them (peaks over threshold, the exponential case of the generalised Pareto distribution;
Pickands 1975). All channels so speak one unit: 1 is one value in ten, 4 is one in ten thousand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "Records"]

Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]

KEPT = 64
"""Records kept of each side: enough for a steady mean excess, and a quarter of a kilobyte."""
LARGEST = 6.0
"""Decades beyond which rarity says nothing more: one in a million cannot be known from weeks of minutes."""
_QUANTILE = 0.9
_ORDINARY = 0.1
_LN10 = float(np.log(10.0))


class Records:
    """The past of `sides` magnitudes of S series: kept records (sides, S, KEPT), and what follows from them (sides, S).

    Rarities count at most `horizon` values. Once so many were seen, one record in turn is dropped every horizon / KEPT
    ticks, so that a record is forgotten after about a horizon. Fewer than `minimum` values say nothing.
    """

    def __init__(self, sides: int, series: int, *, horizon: int, minimum: int) -> None:
        self._horizon, self._minimum = float(horizon), float(minimum)
        self._turn = max(1, horizon // KEPT)
        shape = (sides, series)
        self.kept = np.full((*shape, KEPT), -np.inf, np.float32)
        self.lowest = np.full(shape, -np.inf, np.float32)
        self.largest = np.full(shape, -np.inf, np.float32)
        self.excess = np.zeros(shape, np.float32)
        self.count = np.zeros(shape, np.float32)
        self.edge = np.zeros(shape, np.float32)
        self.scale = np.zeros(shape, np.float32)

    _ROWS = ("lowest", "largest", "excess", "count", "edge", "scale")

    def arrays(self) -> dict[str, Singles]:
        """Its state, by name; the last axis is the series."""
        return {"kept": np.moveaxis(self.kept, -1, 0), **{name: getattr(self, name) for name in self._ROWS}}

    def put(self, name: str, array: NDArray[np.floating]) -> None:
        """Set one array of the state by the name that `arrays` gives it."""
        whole = np.moveaxis(array, 0, -1) if name == "kept" else array
        setattr(self, name, np.ascontiguousarray(whole, dtype=np.float32))

    def judge(self, now: int, magnitude: Singles, floor: Singles) -> Singles:
        """How rare each magnitude (sides, S) of tick number `now` is among its past, in decades from 0 to LARGEST;
        then it is part of the past. NaN is a gap, and 0.

        `floor` (sides, S) is the smallest difference that the tail beyond the records may be measured in.
        """
        known = ~np.isnan(magnitude)
        value = np.where(known, magnitude, np.float32(-np.inf))
        seen = np.minimum(self.count, self._horizon)
        told = self.count >= self._minimum
        rare = np.zeros_like(self.edge)
        high = np.flatnonzero((value > self.lowest).ravel())
        middle = np.flatnonzero((told & (value > self.edge) & (seen > 10 * KEPT)).ravel())
        if len(middle):
            edge = self.edge.ravel()[middle]
            decades = np.log10(seen.ravel()[middle] / KEPT)
            with np.errstate(over="ignore"):
                part = (value.ravel()[middle] - edge) / np.maximum(self.lowest.ravel()[middle] - edge, 1e-30)
            rare.ravel()[middle] = 1.0 + np.clip(part, 0.0, 1.0) * (decades - 1.0)
        if len(high):
            self._place(high, value.ravel()[high], seen, told, floor, rare)
        self._count(value, known)
        if now % self._turn == 0:
            self._forget(now // self._turn)
        return np.minimum(rare, np.float32(LARGEST))

    def _place(
        self, high: NDArray[np.intp], value: Singles, seen: Singles, told: Bools, floor: Singles, rare: Singles
    ) -> None:
        """Rarity of the values that belong among the records, which then hold them. `high` indexes (sides * S)."""
        flat = self.kept.reshape(-1, KEPT)
        kept = flat[high]
        above = np.add.reduce((kept >= value[:, None]).view(np.uint8), axis=1, dtype=np.uint8)
        counted = np.log10((seen.ravel()[high] + 1.0) / (above + 0.5))
        tail = np.maximum(np.maximum(self.excess.ravel()[high], floor.ravel()[high]) * _LN10, 1e-30)
        beyond = np.where(above == 0, (value - self.largest.ravel()[high]) / tail, 0.0)
        beyond = np.where(np.isfinite(beyond), beyond, 0.0)
        # Among few values, or many that are equal, most belong among the records: that is not rare.
        rare.ravel()[high] = np.where(told.ravel()[high] & (counted > _ORDINARY), counted + beyond, 0.0)
        kept[:, 0] = value
        kept.sort(axis=1)
        flat[high] = kept
        self.lowest.ravel()[high] = kept[:, 0]
        self.largest.ravel()[high] = kept[:, -1]
        self.excess.ravel()[high] = _excess(kept)

    def _count(self, value: Singles, known: Bools) -> None:
        """Follow the 90th percentile (Robbins-Monro), in steps that shrink with what is known."""
        np.copyto(self.edge, value, where=known & (self.count == 0))
        self.count += known
        gain = 1.0 / np.maximum(self.count, np.float32(1.0))
        size = np.abs(value) - self.scale
        size *= np.maximum(gain, np.float32(1e-3))
        np.add(self.scale, size, out=self.scale, where=known)
        step = np.sqrt(gain, out=gain)
        np.maximum(step, np.float32(0.02), out=step)
        step *= self.scale
        step *= np.where(value > self.edge, np.float32(_QUANTILE), np.float32(_QUANTILE - 1.0))
        np.add(self.edge, step, out=self.edge, where=known)

    def _forget(self, turn: int) -> None:
        """Drop the record whose turn it is, of the series that have seen a horizon."""
        old = np.flatnonzero((self.count >= self._horizon).ravel())
        if len(old):
            flat = self.kept.reshape(-1, KEPT)
            kept = flat[old]
            # A fixed walk through all places (37 and 64 have no common factor), the same after a restart.
            kept[:, turn * 37 % KEPT] = -np.inf
            kept.sort(axis=1)
            flat[old] = kept
            self.lowest.ravel()[old] = kept[:, 0]
            self.largest.ravel()[old] = kept[:, -1]


def _excess(kept: Singles) -> Singles:
    """The mean excess of records (rows, KEPT), ascending, over the smallest of each row.

    Of n exponential excesses the largest is about their mean times ln n + 0.577: a series whose records reach farther
    has a heavier tail than its mean tells, and gets it.
    """
    if np.isfinite(kept[:, 0]).all():
        # The same numbers to the last bit as below: a series must not depend on which others are young.
        least, many, total = kept[:, 0], np.full(len(kept), KEPT, np.float32), kept.sum(axis=1)
    else:
        held = np.isfinite(kept)
        least = np.where(held, kept, np.inf).min(axis=1)
        many = np.count_nonzero(held, axis=1).astype(np.float32)
        total = np.where(held, kept, 0.0).sum(axis=1)
    reach = (kept[:, -1] - least) / (np.log(many) + np.float32(0.577))
    return np.asarray(np.maximum(total / many - least, reach))
