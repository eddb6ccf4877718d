"""Samples of many series in flat columns, and the windows of them that the steps of a query see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import StoreError
from watchkeeper.stores.frames import Flags, Floats, Frame, Ints, LabelSet, Mode, Steps

__all__ = ["MAX_READ", "Samples", "Windows", "latest", "stale", "windows"]

STALE_BITS = np.uint64(0x7FF0000000000002)
MAX_READ = 2_000_000_000
"""The most samples that one function may read, counted once for each window they are in: seconds of work."""

_GATHER = 1 << 21
"""How many samples are gathered at once where a function needs its windows as a table: 16 MB."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of series: those of row i are `times[offsets[i]:offsets[i + 1]]` (ms, rising), and so for `values`."""

    labels: Sequence[LabelSet]
    times: Ints
    values: Floats
    offsets: Ints

    @classmethod
    def of_frame(cls, frame: Frame, steps: Steps) -> Samples:
        """The values that a query has at steps, as samples."""
        counts = frame.present.sum(axis=1)
        times = np.broadcast_to(steps, frame.present.shape)[frame.present]
        return cls(frame.labels, times, frame.values[frame.present], np.concatenate(([0], np.cumsum(counts))))

    def living(self) -> Samples:
        """Without stale markers."""
        gone = stale(self.values)
        if not gone.any():
            return self
        before = np.concatenate(([0], np.cumsum(gone)))
        return Samples(self.labels, self.times[~gone], self.values[~gone], self.offsets - before[self.offsets])


@dataclass(frozen=True, slots=True)
class Windows:
    """For each row and step the samples from `low` to before `high`, both (S, T); `ends` (T,) and `width` in ms."""

    samples: Samples
    low: Ints
    high: Ints
    ends: Ints
    width: int

    @property
    def count(self) -> Ints:
        """How many samples each window has."""
        return self.high - self.low

    def gathered(self, chosen: Flags) -> Iterator[tuple[NDArray[np.intp], Ints, Flags]]:
        """The chosen windows as tables, some at a time.

        Yields positions in the flattened (S, T), indices of samples (M, W), and which of these count.
        """
        places = np.nonzero(chosen.ravel())[0]
        low, count = self.low.ravel()[places], self.count.ravel()[places]
        order = np.argsort(count, kind="stable")
        first = 0
        while first < len(order):
            # Windows of like size together: the widest of a batch sets the width of its table.
            widest = int(count[order[first]])
            last = first + max(1, min(len(order) - first, _GATHER // max(widest, 1)))
            while last - first > 1 and (last - first) * int(count[order[last - 1]]) > _GATHER:
                last = first + max(1, (last - first) // 2)
            batch = order[first:last]
            reach = np.arange(int(count[batch[-1]]))
            valid = reach < count[batch][:, None]
            indices = np.where(valid, low[batch][:, None] + reach, 0)
            yield places[batch], indices, valid
            first = last


def stale(values: Floats) -> Flags:
    """Which values are stale markers."""
    found: Flags = np.ascontiguousarray(values).view(np.uint64) == STALE_BITS
    return found


def windows(samples: Samples, ends: Ints, width: int, mode: Mode) -> Windows:
    """The windows of `width` milliseconds that end at `ends`.

    The right end belongs to a window; the left end does in Prometheus 2 and does not in 3.
    """
    low = _search(samples, ends - width, "left" if mode.old else "right")
    high = _search(samples, ends, "right")
    high = np.maximum(low, high)
    if int((high - low).sum()) > MAX_READ:
        raise StoreError(
            f"the query reads more than {MAX_READ:,} samples: ask for fewer series, a shorter range or a longer step"
        )
    return Windows(samples, low, high, ends, width)


def latest(samples: Samples, ends: Ints, lookback: int, mode: Mode) -> Frame:
    """The newest sample of each row at each of `ends`, unless it is too old or a stale marker."""
    if not len(samples.times):
        shape = (len(samples.labels), len(ends))
        return Frame(samples.labels, np.zeros(shape), np.zeros(shape, np.bool_))
    after = _search(samples, ends, "right")
    index = np.maximum(after - 1, 0)
    found = after > samples.offsets[:-1, None]
    age = ends - samples.times[index]
    fresh = age <= lookback if mode.old else age < lookback
    values = samples.values[index]
    return Frame(samples.labels, values, found & fresh & ~stale(values))


def _search(samples: Samples, at: Ints, side: str) -> Ints:
    """For each row and time the number of samples of all rows before it (side left) or up to it (right)."""
    rows = len(samples.labels)
    if not len(samples.times):
        return np.zeros((rows, len(at)), np.int64)
    # One search for all rows: the rows are laid end to end on one axis, `span` apart.
    first = int(samples.times.min()) - 1
    span = int(samples.times.max()) - first + 2
    row = np.arange(rows)
    axis = (samples.times - first) + np.repeat(row * span, np.diff(samples.offsets))
    wanted = np.clip(at - first, 0, span - 1) + (row * span)[:, None]
    return np.searchsorted(axis, wanted.ravel(), "left" if side == "left" else "right").reshape(wanted.shape)
