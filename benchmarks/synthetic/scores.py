"""What a detector made of labelled series: recall, delay, and false alarms for each kind.

A detector here is any callable that is handed consecutive blocks, times (B,) and values (S, B), and says of each
value whether a deviation begins there (S, B). It keeps its own state between blocks; a `Factory` makes one for so
many series.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic.faults import KINDS, WEEK, Label
from benchmarks.synthetic.series import START, Fleet

__all__ = ["Detect", "Factory", "KindScore", "by_week", "onsets_of", "score"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Detect = Callable[[Floats, Floats], Bools]
Factory = Callable[[int, float], Detect]
"""Number of series and step in seconds to a detector that knows nothing yet."""

_AFTER = 2 * 3_600.0
"""What begins so soon after the end of a fault still belongs to it."""


@dataclass(frozen=True, slots=True)
class KindScore:
    """One kind of fault. `found` of `events` were reported in time, after `delay` seconds (median); each found one was
    reported `reports` times on average. Of kinds that are not wanted, `found` are those that were reported
    all the same. `false_alarms` are onsets of its series outside of any fault, per series and week.
    """

    kind: str
    wanted: bool
    events: int
    found: int
    delay: float
    reports: float
    false_alarms: float
    by_size: Mapping[float, float]

    @property
    def recall(self) -> float:
        """The share of its events that were reported."""
        return self.found / self.events if self.events else math.nan


def _span(label: Label) -> tuple[float, float]:
    """The time in which onsets belong to a fault."""
    return label.start, max(label.end + _AFTER, label.until)


def onsets_of(fleet: Fleet, make: Factory) -> list[tuple[int, float]]:
    """Run a detector over a fleet, a day at a time: every onset as (row, time)."""
    detect = make(fleet.series, fleet.step)
    found: list[tuple[int, float]] = []
    for times, values in fleet.days():
        began = detect(times, values)
        if began.shape != values.shape:
            raise ValueError(f"the detector answered {began.shape} to values of {values.shape}")
        found += [(int(row), float(times[i])) for row, i in zip(*np.nonzero(began), strict=True)]
    return found


def score(fleet: Fleet, onsets: Sequence[tuple[int, float]]) -> dict[str, KindScore]:
    """The scores of each kind of the fleet's labels, by its name.

    What begins between the start of a fault and two hours after its end belongs to it; of what stays, all that follows
    in that series. Onsets before `judged_from` count nowhere.
    """
    by_row: dict[int, list[float]] = defaultdict(list)
    for row, at in onsets:
        if at >= fleet.judged_from:
            by_row[row].append(at)
    taken: dict[int, list[Label]] = defaultdict(list)
    hits: dict[str, list[tuple[Label, list[float]]]] = defaultdict(list)
    for label in fleet.labels:
        start, end = _span(label)
        own = sorted(at for row in label.series for at in by_row[row] if start <= at <= end)
        hits[label.kind].append((label, own))
        for row in label.series:
            taken[row].append(label)
    found = {}
    for kind, pairs in hits.items():
        rows = [row for row, name in fleet.kinds.items() if name == kind] or sorted(
            {row for label, _ in pairs for row in label.series}
        )
        found[kind] = _kind(kind, pairs, _false_alarms(fleet, rows, by_row, taken))
    return found


def _false_alarms(
    fleet: Fleet, rows: Sequence[int], by_row: Mapping[int, Sequence[float]], taken: Mapping[int, Sequence[Label]]
) -> float:
    false, seconds = 0, 0.0
    for row in rows:
        spans = [_span(label) for label in taken[row]]
        false += sum(not any(start <= at <= end for start, end in spans) for at in by_row[row])
        seconds += fleet.end - fleet.judged_from - sum(min(end, fleet.end) - start for start, end in spans)
    return false / (seconds / WEEK) if seconds > 0 else math.nan


def _kind(kind: str, pairs: Sequence[tuple[Label, list[float]]], false_alarms: float) -> KindScore:
    wanted = KINDS[kind].wanted
    delays, reports = [], []
    sizes: dict[float, list[bool]] = defaultdict(list)
    for label, own in pairs:
        hit = bool(own) and (not wanted or own[0] <= label.until)
        sizes[round(abs(label.size), 3)].append(hit)
        if hit:
            delays.append(own[0] - label.start)
            reports.append(len(own))
    return KindScore(
        kind,
        wanted,
        len(pairs),
        len(delays),
        float(np.median(delays)) if delays else math.nan,
        float(np.mean(reports)) if reports else math.nan,
        false_alarms,
        {size: sum(hit) / len(hit) for size, hit in sorted(sizes.items())},
    )


def by_week(fleet: Fleet, onsets: Sequence[tuple[int, float]]) -> tuple[int, ...]:
    """How many onsets each week of the fleet had, over all series, those that belong to faults left out."""
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for label in fleet.labels:
        for row in label.series:
            spans[row].append(_span(label))
    counts = [0] * math.ceil(fleet.weeks)
    for row, at in onsets:
        if not any(start <= at <= end for start, end in spans[row]):
            counts[int((at - START) // WEEK)] += 1
    return tuple(counts)
