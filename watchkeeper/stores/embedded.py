"""The embedded store: samples on disk, typed queries evaluated with NumPy; no server needed.

A directory holds `segment-N.wal`, to which every batch is appended, and `block-N.wkb`, into which the samples of the
segments are packed when they are many or old. Blocks older than the retention are removed whole. The formats, and what
survives what, stand in `segments`, `blocks` and `files`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from watchkeeper.clock import Clock, now
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.signals import Distribution, Matcher, Selection, Signal
from watchkeeper.stores import Labels, Matrix, Sample, Vector
from watchkeeper.stores.blocks import Block
from watchkeeper.stores.cache import Cache, Column
from watchkeeper.stores.evaluate import Evaluator, milliseconds
from watchkeeper.stores.files import Files
from watchkeeper.stores.frames import Frame, Mode, Scalar
from watchkeeper.stores.head import Index, Series
from watchkeeper.stores.windows import Samples

__all__ = ["EmbeddedStore", "Statistics"]

log = logging.getLogger(__name__)

# The head is packed at a million samples (some 30 MB), but not before a series has 240 of them (an hour at 15 s):
# smaller chunks pack badly.
_PACK_SAMPLES = 1_000_000
_PACK_PER_SERIES = 240
_PACK_SECONDS = 6 * 3600
_CACHE_SAMPLES = 2_000_000
_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a store holds and what it refused since it was opened; the counts of samples are totals."""

    series: int
    head_samples: int
    block_samples: int
    blocks: int
    written: int
    out_of_order: int
    duplicate: int


class EmbeddedStore:
    """Samples in a directory, or in memory when `path` is None: a `Store` and a `Writer` for any number of threads.

    `retention` and `lookback` are in seconds. `range_boundaries` says whether the left end of a window belongs to it,
    and what else differs between the major versions of Prometheus (see docs/embedded-store.md). Raises StoreError when
    the directory cannot be used.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        retention: float = 15 * 86_400,
        clock: Clock = now,
        range_boundaries: Literal["prometheus2", "prometheus3"] = "prometheus3",
        lookback: float = 300.0,
    ) -> None:
        self._retention = milliseconds(retention)
        self._clock = clock
        self._mode = Mode(old=range_boundaries == "prometheus2")
        self._lookback = milliseconds(lookback)
        # Writers take `_writing` and hold it over disk access; `_state` guards index, head and block list, for moments.
        self._writing = threading.Lock()
        self._state = threading.Lock()
        self._index = Index()
        self._blocks: list[Block] = []
        self._cache = Cache(_CACHE_SAMPLES)
        self._head_samples = self._written = self._out_of_order = self._duplicate = 0
        self._packed = clock()
        self._next_try = 0.0
        self._closed = False
        self._files = Files(path)
        try:
            self._load()
        except BaseException:
            self._files.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, samples: Sequence[Sample]) -> None:
        """Append samples; when it returns they survive the death of the process.

        As in Prometheus, a sample that is older than the newest of its series, or has its time and another value, is
        dropped and counted in `statistics()`. Raises StoreError when the disk refuses.
        """
        with self._writing:
            self._check_open()
            ids: list[int] = []
            times: list[int] = []
            values: list[float] = []
            written = self._index.written
            with self._state:
                for sample in samples:
                    series = written(sample.name, sample.labels)
                    time, value = round(sample.time * 1000), sample.value
                    if time <= series.last:
                        self._refuse(series, time, value)
                        continue
                    series.append(time, value)
                    ids.append(series.number)
                    times.append(time)
                    values.append(value)
                self._count(len(ids))
            if ids and (segment := self._files.segment) is not None:
                segment.write(ids, times, values, self._index.labels)
            self._pack_if_due()

    def write_columns(self, name: str, labels: Labels, times: ArrayLike, values: ArrayLike) -> None:
        """Append many samples of one series: `times` in seconds and `values`, both (N,), in the order of time.

        They may be older than samples of other series. What is not newer than all before it in the series is dropped
        and counted. Raises StoreError when the disk refuses.
        """
        ticks = np.round(np.asarray(times, np.float64) * 1000).astype(np.int64)
        column = np.asarray(values, np.float64)
        if ticks.ndim != 1 or ticks.shape != column.shape:
            raise ValueError(
                f"{name}: times and values are columns of one length, not {ticks.shape} and {column.shape}"
            )
        with self._writing:
            self._check_open()
            for first in range(0, len(ticks), _PACK_SAMPLES):
                part = slice(first, first + _PACK_SAMPLES)
                with self._state:
                    series = self._index.written(name, labels)
                    kept, numbers = series.newer(ticks[part], column[part])
                    self._out_of_order += len(ticks[part]) - len(kept)
                    series.extend(kept, numbers)
                    self._count(len(kept))
                if len(kept) and (segment := self._files.segment) is not None:
                    segment.write_column(series.number, kept, numbers, self._index.labels)
                self._pack_if_due()

    def flush(self) -> None:
        """Make all samples survive a power failure too. Raises StoreError."""
        with self._writing:
            self._check_open()
            segment = self._files.segment
            if segment is not None:
                segment.flush()

    def compact(self) -> None:
        """Pack the samples in memory into a block, and remove what is older than the retention. Raises StoreError."""
        with self._writing:
            self._check_open()
            self._pack()

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            self._files.close()

    def statistics(self) -> Statistics:
        """What the store holds."""
        with self._state:
            return Statistics(
                series=len(self._index),
                head_samples=self._head_samples,
                block_samples=sum(block.samples for block in self._blocks),
                blocks=len(self._blocks),
                written=self._written,
                out_of_order=self._out_of_order,
                duplicate=self._duplicate,
            )

    # --- reading --------------------------------------------------------------------------------------------------

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        """The value of a query at a time. Raises StoreError, UnsupportedQuery."""
        result = self._evaluate(query, np.array([milliseconds(at)], np.int64), auto)
        chosen = np.nonzero(result.present[:, 0])[0].tolist()
        return Vector(
            at,
            tuple(dict(result.labels[row]) for row in chosen),
            tuple(float(result.values[row, 0]) for row in chosen),
        )

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        """The values of a query from `start` to `end`, both included, every `step` seconds.

        Raises StoreError, UnsupportedQuery.
        """
        first, last, spacing = milliseconds(start), milliseconds(end), milliseconds(step)
        if spacing <= 0 or last < first:
            raise StoreError(f"a range from {start} to {end} by {step} s has no steps")
        steps = np.arange(first, last + 1, spacing, dtype=np.int64)
        result = self._evaluate(query, steps, auto).pruned()
        labels = tuple(dict(row) for row in result.labels)
        return Matrix(steps / 1000, labels, np.where(result.present, result.values, np.nan), result.present)

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        """The labels of the series with samples from `start` to `end`; a histogram is looked for by its count."""
        selection = what if isinstance(what, Selection) else Selection(what)
        signal = selection.signal
        name = signal.count.name if isinstance(signal, Distribution) else signal.name
        samples = self.select(name, selection.matchers, milliseconds(start), milliseconds(end))
        return tuple(
            dict(labels)
            for labels, count in zip(samples.labels, np.diff(samples.offsets).tolist(), strict=True)
            if count
        )

    def select(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> Samples:
        """The samples of a metric's series in start..end (milliseconds, both included), stale markers among them."""
        with self._state:
            found = self._index.find(name, matchers)
            heads = [(each.times, each.values, each.count) for each in found]
            blocks = [block for block in self._blocks if block.start <= end and block.end >= start]
        parts: list[list[Column]] = [[] for _ in found]
        numbers = np.array([each.number for each in found], np.int64)
        for block in blocks:
            for position, row in block.find(numbers, start, end):
                parts[position].append(_cut(*self._cache.read(block, row), start, end))
        for part, (times, values, count) in zip(parts, heads, strict=True):
            if count and times[0] <= end and times[count - 1] >= start:
                part.append(_cut(times[:count], values[:count], start, end))
        columns = [column for part in parts for column in part]
        counts = [sum(len(times) for times, _ in part) for part in parts]
        return Samples(
            [each.labels for each in found],
            np.concatenate([times for times, _ in columns]) if columns else np.empty(0, np.int64),
            np.concatenate([values for _, values in columns]) if columns else np.empty(0),
            np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        )

    def _evaluate(self, query: Query, steps: NDArray[np.int64], auto: float) -> Frame:
        if self._closed:
            raise StoreError("the embedded store is closed")
        evaluator = Evaluator(self, milliseconds(auto), self._lookback, self._mode)
        result = evaluator.evaluate(query, steps)
        if isinstance(result, Scalar):
            return Frame([{}], result.values[None, :], np.ones((1, len(steps)), np.bool_))
        return result

    # --- packing and retention ------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the embedded store is closed")

    def _refuse(self, series: Series, time: int, value: float) -> None:
        if time < series.last:
            self._out_of_order += 1
        elif not series.repeats(time, value):
            self._duplicate += 1

    def _count(self, added: int) -> None:
        self._written += added
        self._head_samples += added

    def _pack_if_due(self) -> None:
        """Pack the head when it is large or old.

        A failure is logged and it is tried again later: the segment has the samples.
        """
        at = self._clock()
        many = self._head_samples >= max(_PACK_SAMPLES, _PACK_PER_SERIES * len(self._index))
        old = self._head_samples > 0 and at - self._packed >= _PACK_SECONDS
        if (many or old) and at >= self._next_try:
            try:
                self._pack()
            except StoreError as error:
                self._next_try = at + _RETRY_SECONDS
                log.error("%s; the samples stay in the write-ahead segment", error)

    def _pack(self) -> None:
        """Write the head as a block, begin a new segment, remove what is too old."""
        full = [series for series in self._index if series.count]
        if full:
            block = self._files.pack(
                ((each.labels, [(each.times[: each.count], each.values[: each.count])]) for each in full),
                self._number,
            )
            with self._state:
                self._blocks.append(block)
                for series in full:
                    series.clear()
                self._head_samples = 0
        self._packed = self._clock()
        self._retire()

    def _retire(self) -> None:
        """Remove blocks that ended before the retention, and forget series that have nothing left."""
        oldest = milliseconds(self._clock()) - self._retention
        gone = [block for block in self._blocks if block.end < oldest]
        if not gone:
            return
        with self._state:
            self._blocks = [block for block in self._blocks if block.end >= oldest]
            self._cache.forget(gone)
            kept = {number for block in self._blocks for number in np.unique(block.series).tolist()}
            self._index.forget(each.number for each in self._index if not each.count and each.number not in kept)
        self._files.remove(gone)

    def _number(self, labels: Labels) -> int:
        return self._index.known(labels).number

    def _load(self) -> None:
        """Open the blocks, replay the segments that are in none of them, and begin a new segment."""
        for block in self._files.blocks(self._number):
            for number, end in block.ends():
                series = self._index.by_number[number]
                series.last = max(series.last, end)
            self._blocks.append(block)
        names: dict[int, Series] = {}
        for labels, (ids, times, values) in self._files.replay():
            # Each segment defines its series before it uses them, so one number may mean another series in the next.
            names.update({number: self._index.known(each) for number, each in labels.items()})
            for number in np.unique(ids).tolist():
                mine = ids == number
                kept, numbers = names[number].newer(times[mine], values[mine])
                names[number].extend(kept, numbers)
                self._head_samples += len(kept)
        self._retire()


def _cut(times: NDArray[np.int64], values: NDArray[np.float64], start: int, end: int) -> Column:
    first, last = times.searchsorted(start, "left"), times.searchsorted(end, "right")
    return times[first:last], values[first:last]
