"""The head of the embedded store: the series that it knows and their newest samples, in memory."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from watchkeeper.signals import Matcher
from watchkeeper.stores.matching import predicate

__all__ = ["NEVER", "Index", "Series"]

NEVER = -(1 << 62)
_BITS = struct.Struct("<d")


class Series:
    """One series: its labels, the time of its newest sample, and those of its samples that are in no block yet.

    The columns are appended to and never changed in place: a reader may look at the first `count` without a lock.
    """

    __slots__ = ("count", "key", "labels", "last", "number", "times", "values")

    def __init__(self, number: int, labels: dict[str, str]) -> None:
        self.number = number
        self.labels = labels
        self.key = tuple(labels.items())
        self.last = NEVER
        self.clear()

    def clear(self) -> None:
        """Begin with empty columns; readers keep the old ones."""
        self.count = 0
        self.times: NDArray[np.int64] = np.empty(8, np.int64)
        self.values: NDArray[np.float64] = np.empty(8, np.float64)

    def append(self, time: int, value: float) -> None:
        """Add a sample that is newer than all."""
        count = self.count
        if count == len(self.times):
            self._grow(count + 1)
        self.times[count] = time
        self.values[count] = value
        self.count = count + 1
        self.last = time

    def extend(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add samples that are newer than all, in the order of time."""
        if not len(times):
            return
        end = self.count + len(times)
        if end > len(self.times):
            self._grow(end)
        self.times[self.count : end] = times
        self.values[self.count : end] = values
        self.count = end
        self.last = int(times[-1])

    def repeats(self, time: int, value: float) -> bool:
        """Whether a sample is the newest one once more, bit for bit."""
        if time != self.last or not self.count:
            return False
        return _BITS.pack(value) == _BITS.pack(float(self.values[self.count - 1]))

    def newer(
        self, times: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Those samples of two columns that are newer than all before them."""
        if not len(times):
            return times, values
        highest = np.maximum.accumulate(np.concatenate(([self.last], times[:-1])))
        keep = times > highest
        return (times, values) if keep.all() else (times[keep], values[keep])

    def _grow(self, least: int) -> None:
        size = max(least, 2 * len(self.times))
        times, values = np.empty(size, np.int64), np.empty(size, np.float64)
        times[: self.count] = self.times[: self.count]
        values[: self.count] = self.values[: self.count]
        self.times, self.values = times, values


class Index:
    """All series, found by number, by labels, and by metric name and matchers."""

    def __init__(self) -> None:
        self.by_number: dict[int, Series] = {}
        self.labels: dict[int, Mapping[str, str]] = {}
        self._by_labels: dict[tuple[tuple[str, str], ...], Series] = {}
        self._by_name: dict[str, list[Series]] = {}
        self._next = 0
        # A collector gives its labels in the same order each time: sorting them once is enough.
        self._written: dict[tuple[object, ...], Series] = {}

    def __len__(self) -> int:
        return len(self.by_number)

    def __iter__(self) -> Iterator[Series]:
        return iter(self.by_number.values())

    def written(self, name: str, labels: Mapping[str, str]) -> Series:
        """The series of a sample, a new one if need be; an empty value is no label."""
        key = (name, *labels.items())
        series = self._written.get(key)
        if series is None:
            series = self._written[key] = self.known({**labels, "__name__": name})
        return series

    def known(self, labels: Mapping[str, str]) -> Series:
        """The series with these labels, `__name__` among them, a new one if need be."""
        full = tuple(sorted((label, value) for label, value in labels.items() if value))
        series = self._by_labels.get(full)
        if series is None:
            series = Series(self._next, dict(full))
            self._next += 1
            self.by_number[series.number] = series
            self.labels[series.number] = series.labels
            self._by_labels[full] = series
            self._by_name.setdefault(series.labels.get("__name__", ""), []).append(series)
        return series

    def find(self, name: str, matchers: Sequence[Matcher]) -> list[Series]:
        """The series of a metric that fulfil all matchers, sorted by their labels."""
        fulfils = predicate(matchers)
        found = [series for series in self._by_name.get(name, ()) if fulfils(series.labels)]
        return sorted(found, key=lambda series: series.key)

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop series that have no samples left."""
        gone = set(numbers)
        if not gone:
            return
        kept = [series for series in self if series.number not in gone]
        self.by_number = {series.number: series for series in kept}
        self.labels = {series.number: series.labels for series in kept}
        self._by_labels = {series.key: series for series in kept}
        self._written = {}
        self._by_name = {}
        for series in kept:
            self._by_name.setdefault(series.labels.get("__name__", ""), []).append(series)
