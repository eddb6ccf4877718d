"""How far each signal has left its own normal around an alarm: one number a signal, comparable between signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.rootcause.tables import Floats, Table

__all__ = ["Evidence", "evidence", "run_length", "windows"]

# Alarms come late: by two samples, or by two minutes where samples come often.
_LATE_STEPS, _LATE_SECONDS = 2, 120.0
# What follows the alarm is looked at for five samples, or five minutes: later, repairs and other faults mix in.
_AFTER_STEPS, _AFTER_SECONDS = 5, 300.0
# Without a table of normal operation the past before the alarm is the normal; searching for the onset takes at most
# this share of it.
_LATE_SHARE = 0.25
# Distances are measured by the geometric mean of what nine in ten and what 97 in 100 normal values keep. A signal that
# spikes now and then is thus measured by its spikes too, and faults of the past, which are in every record, may be a
# tenth of it without hiding the next one.
_COMMON, _RARE = 0.90, 0.97
# What a change has to be, in shares of the usual level, to count at all: signals that never move have no spread.
_FLOOR = 0.002
# The evidence of a signal with this many normal values counts half.
_HALF = 10
# A signal that was there for so much of the normal time, and is missing for that long, is evidence by that: it
# counts like one that is ten times its normal distance away.
_PRESENT, _NEVER = 0.95, 10.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """By signal, shape (S,) each: how surprising it is (0: not at all; 0.7: at its normal distance from the usual
    value; beyond, each doubling adds 0.7), and what a person is told: the usual value, the normal distance from it, the
    value seen, the time since when, and 1 where the signal has gone.
    """

    surprise: Floats
    usual: Floats
    spread: Floats
    seen: Floats
    since: Floats
    gone: Floats


def windows(table: Table, at: float, *, has_normal: bool, pace: float = 1.0) -> tuple[float, float]:
    """From when and until when the fault of an alarm `at` this time is searched, in seconds since the epoch; `pace` is
    by what minutes are shorter.
    """
    step = table.step()
    step = step if np.isfinite(step) else 0.0
    late = max(_LATE_STEPS * step, _LATE_SECONDS / pace)
    if not has_normal and len(table.times):
        late = min(late, max(_LATE_SHARE * (at - float(table.times[0])), 0.0))
    return at - late, at + max(_AFTER_STEPS * step, _AFTER_SECONDS / pace)


def run_length(table: Table, inside: NDArray[np.bool_], *, pace: float = 1.0) -> int:
    """How many rows of the window a fault has to last to count in full: half of what follows an alarm."""
    step = table.step()
    times = table.times[inside]
    if not np.isfinite(step) or len(times) < 2:
        return 1
    lasting = max(_AFTER_STEPS * step, _AFTER_SECONDS / pace) / 2
    between = float(times[-1] - times[0]) / (len(times) - 1)
    return max(1, min(len(times), int(np.ceil(lasting / between))))


def evidence(times: Floats, values: Floats, normal: Floats, before: Floats | None, width: int) -> Evidence:
    """The evidence of signals with these `values` (T, S) around the alarm, given `normal` values (N, S).

    Where the normal is of another time, `before` are the rows right before the alarm, (B, S): what had drifted
    before the alarm is measured from where it was. The surprise is the mean of log(1 + distance / usual distance)
    over those `width` rows in turn where it is largest, so that an alarm may be early or late and one wild value
    counts little.
    """
    count = np.isfinite(normal).sum(axis=0)
    (usual,) = _quantiles(normal, (0.5,))
    floor = _FLOOR * np.nan_to_num(np.abs(usual))
    common, rare = (np.nan_to_num(q) + floor for q in _quantiles(np.abs(normal - usual), (_COMMON, _RARE)))
    unit = np.where(common > 0, np.sqrt(common * rare), rare)
    # A signal that was always zero has no scale of its own: being there counts as much as being gone.
    unit = np.where(unit > 0, unit, np.maximum(_largest(values) / _NEVER, np.finfo(float).tiny))
    distance = values - usual
    if before is not None and len(before):
        offset = _nearest(before - usual)
        kept = np.sign(distance) == np.sign(distance - offset)
        distance = np.where(kept, np.sign(distance) * np.minimum(np.abs(distance), np.abs(distance - offset)), 0.0)
    logs = np.log1p(np.abs(distance) / unit)
    # Of a signal sampled in every third row, every third value is all that there can be.
    share = np.minimum(1.0, count / len(normal)) if len(normal) else np.ones(len(count))
    mean, start = _best_run(logs, width, np.maximum(1.0, width * share / 2))
    surprise = np.nan_to_num(mean) * count / (count + _HALF)
    gone = _gone(values, normal, count, width)
    by_gap = np.log1p(_NEVER * gone) * (count / (count + _HALF))
    run = _run_values(values, start, width)
    return Evidence(np.maximum(surprise, by_gap), usual, unit, run, _since(times, logs, start), gone)


def _quantiles(values: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Quantiles along the first axis that pass over NaN, by one sort: NumPy's own take a loop over the columns."""
    if not len(values):
        return [np.full(values.shape[1], np.nan) for _ in shares]
    ranked = np.sort(values, axis=0)
    count = np.isfinite(values).sum(axis=0)
    columns = np.arange(values.shape[1])
    found = []
    for share in shares:
        place = np.maximum(count - 1, 0) * share
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        part = place - low
        found.append(ranked[low, columns] * (1 - part) + ranked[high, columns] * part)
    return found


def _largest(values: Floats) -> Floats:
    return np.asarray(np.where(np.isfinite(values), np.abs(values), 0.0).max(axis=0, initial=0.0), np.float64)


def _nearest(offsets: Floats) -> Floats:
    """The offset nearest to zero of each signal: a late alarm has faulty values before it, and this is none of them."""
    sizes = np.where(np.isfinite(offsets), np.abs(offsets), np.inf)
    row = sizes.argmin(axis=0)
    return np.asarray(np.nan_to_num(offsets[row, np.arange(offsets.shape[1])]), np.float64)


def _best_run(logs: Floats, width: int, least: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The largest mean of so many rows in turn with at least so many values, (S,), and where it starts."""
    there = np.isfinite(logs)
    zero = np.zeros((1, logs.shape[1]))
    sums = np.vstack([zero, np.cumsum(np.where(there, logs, 0.0), axis=0)])
    counts = np.vstack([zero, np.cumsum(there, axis=0)])
    count = counts[width:] - counts[:-width]
    means = np.where(count >= least, (sums[width:] - sums[:-width]) / np.maximum(count, 1.0), 0.0)
    start = means.argmax(axis=0)
    return means[start, np.arange(logs.shape[1])], start


def _gone(values: Floats, normal: Floats, count: NDArray[np.intp], width: int) -> Floats:
    """1 for signals that used to be there and miss that many rows in turn; rows that all signals miss are nobody's."""
    alive = np.isfinite(values).any(axis=1)
    if alive.sum() < width or not len(normal):
        return np.zeros(values.shape[1])
    used_to = count >= _PRESENT * np.isfinite(normal).any(axis=1).sum()
    zero = np.zeros((1, values.shape[1]), int)
    missing = np.vstack([zero, np.cumsum(np.isnan(values[alive]), axis=0)])
    away = (missing[width:] - missing[:-width]).max(axis=0) == width
    return np.where(used_to & away, 1.0, 0.0)


def _run_values(values: Floats, start: NDArray[np.intp], width: int) -> Floats:
    rows = start[None, :] + np.arange(width)[:, None]
    (middle,) = _quantiles(values[rows, np.arange(values.shape[1])[None, :]], (0.5,))
    return middle


def _since(times: Floats, logs: Floats, start: NDArray[np.intp]) -> Floats:
    """Since when the values around the run of the largest surprise are beyond the normal distance."""
    rows = np.arange(len(times))[:, None]
    out = logs > np.log(2.0)
    late = out & (rows >= start[None, :])
    first = late.argmax(axis=0)
    calm = np.where(~out & (rows < first[None, :]), rows, -1).max(axis=0, initial=-1)
    return np.where(late.any(axis=0), times[calm + 1], np.nan)
