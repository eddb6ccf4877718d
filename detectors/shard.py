"""One shard at work: a detector over the series of the shard, and what it has found so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.deviations import Deviation, End
from detectors.history import Block, History
from detectors.seasonal import DetectionError
from watchkeeper import __version__
from watchkeeper.declarations import Detector
from watchkeeper.stores import Labels

__all__ = ["BINS", "ONSET", "Job", "Part", "Shard", "Ticker", "Verdict"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 100
"""Bins of the scores from 0 to 1 that are counted for each series."""


ONSET = np.dtype([("series", np.int64), ("at", np.float64), ("score", np.float64)])
"""An onset: whose, when, and how surprising."""


class Verdict(Protocol):
    """What a detector says of one tick: at least a score (S,).

    Where it has `onset` (S,), onsets are recorded. Where it has `deviating`, `since`, `expected`, `lower`, `upper` and
    `stage` (S,), as `detectors.seasonal.Tick` has, deviations are.
    """

    @property
    def score(self) -> NDArray[Any]: ...


class Ticker(Protocol):
    """A detector whose whole state is arrays with the series as last axis; no series influences another."""

    def tick(self, at: float, values: Floats, present: Bools | None = None) -> Verdict: ...
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...
    def put(self, name: str, array: NDArray[Any]) -> None: ...
    def rearrange(self, columns: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """A detector over a history: `make` gives a new one for so many series. Whatever it is made of must be picklable.

    Scores are from 0 to `highest`. With `state` False what was learned is not handed back at the end.
    """

    declared: Detector
    history: History
    make: Callable[[int], Ticker]
    highest: float = 1.0
    state: bool = True
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Part:
    """A shard between two chapters."""

    labels: tuple[Labels, ...]
    keys: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    last: float
    judged: NDArray[np.int64]
    scores: NDArray[np.uint32]
    onsets: NDArray[Any]
    ended: tuple[tuple[int, Deviation], ...]
    open: Mapping[int, Deviation]


class Shard:
    """A shard at work: its detector with one column a series, and what it has found."""

    def __init__(self, job: Job, part: Part | None = None) -> None:
        if job.version != __version__:
            raise DetectionError(
                f"this worker has Watchkeeper {__version__}, who sent the shard has {job.version}: install the same"
            )
        self._job = job
        self.labels = list(part.labels) if part else []
        self.keys = list(part.keys) if part else []
        self._columns = {key: column for column, key in enumerate(self.keys)}
        self._detector = job.make(len(self.keys))
        self._judged = part.judged.copy() if part else np.zeros(0, np.int64)
        self._scores = part.scores.copy() if part else np.zeros((0, BINS), np.uint32)
        self._onsets = [part.onsets] if part else []
        self._last = part.last if part else -math.inf
        self._ended = list(part.ended) if part else []
        self._open = dict(part.open) if part else {}
        if part is not None:
            for name, array in part.arrays.items():
                # What came over a wire may be read-only.
                self._detector.put(name, np.array(array))

    def part(self, *, state: bool = True) -> Part:
        """What it has so far."""
        arrays = dict(self._detector.arrays()) if state else {}
        onsets = np.concatenate([np.empty(0, ONSET), *self._onsets])
        return Part(
            tuple(self.labels), tuple(self.keys), arrays, self._last,
            self._judged, self._scores, onsets, tuple(self._ended), self._open,
        )  # fmt: skip

    def take(self, block: Block) -> None:
        """Judge a block, tick by tick; series that it did not know get a column."""
        new = sorted(
            (key, labels) for key, labels in zip(block.keys, block.labels, strict=True) if key not in self._columns
        )
        if new:
            known = len(self.keys)
            self._detector.rearrange([*range(known), *([-1] * len(new))])
            self.keys += [key for key, _ in new]
            self.labels += [labels for _, labels in new]
            self._columns |= {key: known + i for i, (key, _) in enumerate(new)}
            self._judged = np.concatenate([self._judged, np.zeros(len(new), np.int64)])
            self._scores = np.concatenate([self._scores, np.zeros((len(new), BINS), np.uint32)])
        # One row a tick, so that a tick reads memory in order.
        values = np.full((block.values.shape[1], len(self.keys)), np.nan)
        values[:, [self._columns[key] for key in block.keys]] = block.values.T
        for i, row in enumerate(values):
            # Before its first value there is nothing to learn.
            if self._last > -math.inf or np.isfinite(row).any():
                self._last = at = (block.first + i) * self._job.history.step
                self._record(at, self._detector.tick(at, row), row)

    def _record(self, at: float, verdict: Verdict, values: Floats) -> None:
        seen = np.flatnonzero(np.isfinite(values))
        self._judged[seen] += 1
        bins = verdict.score[seen] * (BINS / self._job.highest)
        self._scores[seen, np.clip(bins, 0, BINS - 1).astype(np.intp)] += 1
        if (onset := getattr(verdict, "onset", None)) is not None and onset.any():
            columns = np.flatnonzero(onset)
            new = np.empty(len(columns), ONSET)
            new["series"], new["at"], new["score"] = columns, at, verdict.score[columns]
            self._onsets.append(new)
        if hasattr(verdict, "deviating"):
            self._follow(at, verdict, values)

    def _follow(self, at: float, verdict: Any, values: Floats) -> None:
        for c in np.flatnonzero(verdict.deviating).tolist():
            deviation = self._open.get(c)
            if deviation is None:
                deviation = self._open[c] = self._begin(c, float(verdict.since[c]))
                deviation.view = int(verdict.view[c])
            deviation.observe(
                at,
                float(values[c]),
                float(verdict.expected[c]),
                float(verdict.lower[c]),
                float(verdict.upper[c]),
                float(verdict.score[c]),
                int(verdict.stage[c]),
            )
        for c in [c for c in self._open if not verdict.deviating[c]]:
            deviation = self._open.pop(c)
            deviation.ended, deviation.ended_by = at, self._end(c, float(values[c]), deviation.since)
            self._ended.append((c, deviation))

    def _begin(self, column: int, since: float) -> Deviation:
        query, step = self._job.history.query, self._job.history.step
        return Deviation(self._job.declared, self.labels[column], query.unit, query.promql(), step, since)

    def _end(self, column: int, value: float, since: float) -> End:
        spans: Any = getattr(self._detector, "spans", None)
        if spans is not None and spans.adopted(column, since):
            return "adopted"
        return "back" if math.isfinite(value) else "silent"
