"""`histogram_quantile`: a quantile read from cumulative buckets (promql/quantile.go of Prometheus)."""

from __future__ import annotations

import re

import numpy as np

from watchkeeper.stores.frames import Flags, Floats, Frame, Ints, LabelSet, Mode, empty

__all__ = ["histogram_quantile"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)

# Prometheus 3 takes a fall of a cumulative count for rounding when it is smaller than this part of both.
_SMALL = 1e-12


def histogram_quantile(q: float, buckets: Frame, mode: Mode) -> Frame:
    """The quantile for each set of rows that differ in `le` alone; rows whose `le` is no number are left out."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    for row, labels in enumerate(buckets.labels):
        if not _NUMBER.fullmatch(labels.get("le", "")):
            continue
        key = tuple(sorted((k, v) for k, v in labels.items() if k not in ("le", "__name__")))
        groups.setdefault(key, []).append((float(labels["le"]), row))
    steps = buckets.values.shape[1]
    if not groups:
        return empty(steps)
    names: list[LabelSet] = [dict(key) for key in groups]
    values = np.full((len(names), steps), np.nan)
    present = np.zeros(values.shape, np.bool_)
    for place, members in enumerate(groups.values()):
        members.sort(key=lambda member: member[0])
        bounds = np.array([bound for bound, _ in members])
        rows = [row for _, row in members]
        counts, here = buckets.values[rows], buckets.present[rows]
        present[place] = here.any(axis=0)
        for chosen, which in _patterns(here):
            values[place, which] = _quantiles(q, bounds[chosen], counts[np.ix_(chosen, which)], mode)
    return Frame(names, values, present)


def _patterns(present: Flags) -> list[tuple[Ints, Ints]]:
    """The sets of rows that are there together, each with the steps at which they are."""
    if present.all():
        return [(np.arange(present.shape[0]), np.arange(present.shape[1]))]
    kinds, kind = np.unique(present, axis=1, return_inverse=True)
    found = [(np.nonzero(kinds[:, k])[0], np.nonzero(kind.ravel() == k)[0]) for k in range(kinds.shape[1])]
    return [(rows, steps) for rows, steps in found if len(rows)]


def _quantiles(q: float, bounds: Floats, counts: Floats, mode: Mode) -> Floats:
    """The quantile at each step: `bounds` (B,) rise, `counts` (B, T)."""
    steps = counts.shape[1]
    if not 0 <= q <= 1:
        return np.full(steps, np.nan if np.isnan(q) else np.inf if q > 1 else -np.inf)
    if not np.isposinf(bounds[-1]):
        return np.full(steps, np.nan)
    # Equal bounds written differently ("1", "1.0") are one bucket.
    first = np.nonzero(np.concatenate(([True], bounds[1:] != bounds[:-1])))[0]
    bounds, counts = bounds[first], np.add.reduceat(counts, first, axis=0)
    if len(bounds) < 2:
        return np.full(steps, np.nan)
    counts = _rising(counts, mode)
    total = counts[-1]
    rank = q * total
    bucket = _search(counts, rank)
    below = np.maximum(bucket - 1, 0)
    column = np.arange(steps)
    inside = counts[bucket, column]
    start = np.where(bucket > 0, bounds[below], 0.0)
    before = np.where(bucket > 0, counts[below, column], 0.0)
    result = start + (bounds[bucket] - start) * ((rank - before) / (inside - before))
    result = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], result)
    result = np.where(bucket == len(bounds) - 1, bounds[-2], result)
    return np.where(total == 0, np.nan, result)


def _rising(counts: Floats, mode: Mode) -> Floats:
    """Cumulative counts that never fall: a lower one is raised to the highest before it."""
    result = counts.copy()
    highest = counts[0]
    for row in range(1, len(result)):
        now = counts[row]
        if mode.old:
            low, high = now < highest, now > highest
        else:
            close = np.abs(highest - now) < _SMALL * (np.abs(highest) + np.abs(now))
            low = (now < highest) | close
            high = ~low
        result[row] = np.where(low, highest, now)
        highest = np.where(high, now, highest)
    return result


def _search(counts: Floats, rank: Floats) -> Ints:
    """The first bucket but the last whose count reaches the rank.

    A binary search as in Prometheus, so that counts which are NaN lead to the same bucket.
    """
    low = np.zeros(rank.shape, np.int64)
    high = np.full(rank.shape, len(counts) - 1)
    column = np.arange(len(rank))
    while (active := low < high).any():
        middle = (low + high) // 2
        reached = counts[middle, column] >= rank
        high = np.where(active & reached, middle, high)
        low = np.where(active & ~reached, middle + 1, low)
    return low
