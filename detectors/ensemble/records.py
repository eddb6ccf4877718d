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
Places = NDArray[np.intp]

KEPT = 64
"""Records kept of each side: enough for a steady mean excess, and a quarter of a kilobyte."""
LARGEST = 6.0
"""Decades beyond which rarity says nothing more: one in a million cannot be known from weeks of minutes."""
_QUANTILE = 0.9
_ORDINARY = 0.1
_LN10 = float(np.log(10.0))
# Of n exponential excesses the largest is about their mean times this, at place n.
_REACH = np.log(np.maximum(np.arange(KEPT + 1, dtype=np.float32), 1)) + np.float32(0.577)
_ITEM = np.dtype((np.void, 4 * KEPT))
# Rows of records at work at a time: so many stay in the cache of a core from the first step to the last.
_ROWS_AT_ONCE = 512


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
        self.count = np.zeros(shape, np.float32)
        self.edge = np.zeros(shape, np.float32)
        self.scale = np.zeros(shape, np.float32)
        # Room to work in, no state: to ask the system for as much in each tick costs more than the work.
        self._room: Singles = np.empty((3, *shape), np.float32)

    _ROWS = ("lowest", "count", "edge", "scale")

    def arrays(self) -> dict[str, Singles]:
        """Its state, by name; the last axis is the series."""
        return {"kept": np.moveaxis(self.kept, -1, 0), **{name: getattr(self, name) for name in self._ROWS}}

    def put(self, name: str, array: NDArray[np.floating]) -> None:
        """Set one array of the state, which is copied, by the name that `arrays` gives it."""
        whole = np.moveaxis(array, 0, -1) if name == "kept" else array
        setattr(self, name, np.array(whole, dtype=np.float32, order="C"))

    def judge(self, now: int, magnitude: Singles, floor: Singles, out: Singles | None = None) -> Singles:
        """How rare each magnitude (sides, S) of tick number `now` is among its past, in decades from 0 to LARGEST, in
        `out` if that is given; then it is part of the past. NaN is a gap, and 0.

        `floor` (sides, S) is the smallest difference that the tail beyond the records may be measured in.
        """
        rare = np.empty_like(magnitude) if out is None else out
        rare.fill(0.0)
        # A gap is above nothing: NaN compares false.
        above, among = magnitude > self.edge, magnitude > self.lowest
        below = np.flatnonzero(np.greater(above, among))
        if len(below):
            self._read(below, magnitude, rare)
        high = np.flatnonzero(among)
        if len(high):
            self._place(high, magnitude, floor, rare)
        self._count(magnitude, above)
        self._forget(now)
        return rare

    def _read(self, below: Places, magnitude: Singles, rare: Singles) -> None:
        """Rarity of the values above the 90th percentile and below the records. `below` indexes (sides * S)."""
        count: Singles = self.count.take(below)
        known = count >= max(self._minimum, 10.0 * KEPT + 1.0)
        if not known.all():
            below, count = below[known], count[known]
        edge = self.edge.take(below)
        decades = _decades(np.asarray(np.minimum(count, np.float32(self._horizon)) / KEPT, np.float32))
        with np.errstate(over="ignore"):
            part = (magnitude.take(below) - edge) / np.maximum(self.lowest.take(below) - edge, 1e-30)
        decades -= 1.0
        decades *= np.minimum(part, 1.0)
        decades += 1.0
        rare.put(below, np.minimum(decades, LARGEST))

    def _place(self, high: Places, magnitude: Singles, floor: Singles, rare: Singles) -> None:
        """Rarity of the values that belong among the records, which then hold them. `high` indexes (sides * S)."""
        # All records of a side of a series are one item: taking and putting them is one copy each.
        items = self.kept.view(_ITEM).reshape(-1)
        values, count = magnitude.take(high), self.count.take(high)
        above, lowest = np.empty(len(high), np.uint8), np.empty(len(high), np.float32)
        first, before = [], []
        for begin in range(0, len(high), _ROWS_AT_ONCE):
            part = slice(begin, begin + _ROWS_AT_ONCE)
            value, taken = values[part], items.take(high[part])
            kept = taken.view(np.float32).reshape(-1, KEPT)
            # Row after row in one line: an operation over short rows costs several times as much.
            line, column = kept.reshape(-1), np.repeat(value, KEPT)
            # One bit for each of the 64 records.
            above[part] = np.bitwise_count(np.packbits(line >= column).view(np.uint64))
            new = np.flatnonzero(above[part] == 0)
            first.append(begin + new)
            before.append(kept[new])
            # The smallest makes room and the others move down to the place of the new one: all are still in order.
            largest = np.maximum(kept[:, -1], value)
            np.minimum(line[1:], column[:-1], out=column[:-1])
            np.maximum(line[:-1], column[:-1], out=line[:-1])
            kept[:, -1] = largest
            lowest[part] = kept[:, 0]
            items.put(high[part], taken)
        self.lowest.put(high, lowest)
        counted = _decades((np.minimum(count, np.float32(self._horizon)) + np.float32(1.0)) / (above + np.float32(0.5)))
        # Among few values, or many that are equal, most belong among the records: that is not rare.
        said = (count >= self._minimum) & (counted > _ORDINARY)
        new = np.concatenate(first)
        if len(new):
            counted[new] += _beyond(values[new], np.concatenate(before), floor.take(high[new]))
        counted *= said
        rare.put(high, np.minimum(counted, LARGEST))

    def _count(self, value: Singles, above: Bools) -> None:
        """Follow the 90th percentile (Robbins-Monro), in steps that shrink with what is known."""
        gaps = np.isnan(value)
        whole = not gaps.any()
        if not self.count.all():
            first = (self.count == 0) > gaps
            np.copyto(self.edge, value, where=first)
            above &= ~first
        self.count += np.float32(1.0) if whole else ~gaps
        if self._room.shape[1:] != value.shape:
            self._room = np.empty((3, *value.shape), np.float32)
        gain, size, slow = self._room
        np.maximum(self.count, np.float32(1.0), out=gain)
        np.divide(np.float32(1.0), gain, out=gain)
        np.abs(value, out=size)
        size -= self.scale
        size *= np.maximum(gain, np.float32(1e-3), out=slow)
        if not whole:
            np.copyto(size, 0.0, where=gaps)
        self.scale += size
        step = np.sqrt(gain, out=gain)
        np.maximum(step, np.float32(0.02), out=step)
        step *= self.scale
        step *= np.subtract(above.view(np.uint8), np.float32(1.0 - _QUANTILE), out=size)
        if not whole:
            np.copyto(step, 0.0, where=gaps)
        self.edge += step

    def _forget(self, now: int) -> None:
        """Drop the record whose turn it is, of the series that have seen a horizon: the sides one after the other, so
        that no tick has all of the work.
        """
        sides = len(self.count)
        for side in range(sides):
            turn, early = divmod(now - side * self._turn // sides, self._turn)
            if early:
                continue
            old = np.flatnonzero(self.count[side] >= self._horizon)
            # A fixed walk through all places (37 and 64 have no common factor), the same after a restart.
            place = turn * 37 % KEPT
            for begin in range(0, len(old), _ROWS_AT_ONCE):
                rows = old[begin : begin + _ROWS_AT_ONCE]
                kept = self.kept[side].take(rows, axis=0)
                kept[:, 1 : place + 1] = kept[:, :place].copy()
                kept[:, 0] = -np.inf
                self.kept[side, rows] = kept
                self.lowest[side, rows] = -np.inf


def _decades(ratio: Singles) -> Singles:
    # The logarithm to the base e is several times faster than that to the base 10.
    return np.log(ratio, out=ratio) * np.float32(1.0 / _LN10)


def _beyond(value: Singles, kept: Singles, floor: Singles) -> Singles:
    """The decades by which the tail beyond records (rows, KEPT), ascending, falls until a value."""
    with np.errstate(over="ignore", invalid="ignore"):
        tail = np.maximum(np.maximum(_excess(kept), floor) * _LN10, 1e-30)
        found = np.minimum((value - kept[:, -1]) / tail, LARGEST)
    # Without any record there is nothing to be beyond of.
    return np.where(np.isfinite(kept[:, -1]) & ~np.isnan(found), found, np.float32(0.0))


def _excess(kept: Singles) -> Singles:
    """The mean excess of records (rows, KEPT), ascending, over the smallest of each row.

    A series whose records reach farther than the largest of exponential excesses would has a heavier tail than its
    mean tells, and gets it.
    """
    many = np.bitwise_count(np.packbits(kept > -np.inf).view(np.uint64)).astype(np.intp)
    many = np.maximum(many, 1)
    least = kept[np.arange(len(kept)), KEPT - many]
    excess = np.maximum(kept, least[:, None])
    excess -= least[:, None]
    mean = np.einsum("ij->i", excess) / many.astype(np.float32)
    return np.asarray(np.maximum(mean, excess[:, -1] / _REACH[many]))
