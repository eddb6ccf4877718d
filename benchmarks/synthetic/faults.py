"""What can happen to a healthy series, and what a detector should make of it.

A fault is a label: its kind, the series that it befalls, when it begins and ends, and how large it is in units of
the series' own noise. Some kinds are wanted as deviations, some ought to pass in silence: a missing hour is no
deviation, and neither is a launch that was announced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAY", "HOUR", "KINDS", "WEEK", "Kind", "Label", "bend", "mar"]

Floats = NDArray[np.float64]

MINUTE = 60.0
HOUR = 3_600.0
DAY = 86_400.0
WEEK = 7 * DAY

ALL = ("gaussian", "heavy", "counts", "utilisation", "multiplicative", "plain")
_MEASURED = ("gaussian", "heavy", "utilisation", "multiplicative", "plain")
_SEASONAL = ("gaussian", "heavy", "utilisation", "multiplicative")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    `wanted`: it ought to be reported; `planned`: it was announced, and the suite tells so; `shortest` and `longest`
    bound its duration in seconds (infinite: it stays); it counts as found when reported within `within` seconds of its
    start; `laws` are the noise laws of series in which it can be seen at all; `members`: how many series it befalls
    at once.
    """

    name: str
    wanted: bool
    shortest: float
    longest: float
    within: float
    laws: tuple[str, ...] = ALL
    planned: bool = False
    members: int = 1
    sized: bool = True


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("spike", True, 15 * MINUTE, HOUR, 90 * MINUTE),
        # Counts near zero have no room below.
        Kind("dip", True, 15 * MINUTE, HOUR, 90 * MINUTE, _MEASURED),
        Kind("level shift", True, math.inf, math.inf, DAY),
        Kind("drift", True, math.inf, math.inf, 2 * DAY),
        Kind("season change", True, math.inf, math.inf, 2 * DAY, _SEASONAL),
        Kind("variance change", True, math.inf, math.inf, 2 * DAY, _MEASURED),
        Kind("flat line", True, 8 * HOUR, DAY, DAY, _SEASONAL, sized=False),
        Kind("correlated outage", True, 30 * MINUTE, 2 * HOUR, 150 * MINUTE, _MEASURED, members=5),
        Kind("gap", False, HOUR, 12 * HOUR, 0.0, sized=False),
        Kind("counter reset", False, 5 * MINUTE, 15 * MINUTE, 0.0, sized=False),
        Kind("DST change", False, math.inf, math.inf, 0.0, _SEASONAL, sized=False),
        Kind("holiday", False, DAY, DAY, 0.0, _SEASONAL, planned=True, sized=False),
        Kind("launch", False, 4 * HOUR, 12 * HOUR, 0.0, planned=True),
    )
}


@dataclass(frozen=True, slots=True)
class Label:
    """One fault: `series` are the rows that it befalls, times are seconds since the epoch, `size` is signed and in
    units of the series' own noise; `until` is the time by which it must be reported to be found.
    """

    kind: str
    series: tuple[int, ...]
    start: float
    end: float
    size: float
    until: float

    @property
    def wanted(self) -> bool:
        """Whether it ought to be reported."""
        return KINDS[self.kind].wanted

    @property
    def planned(self) -> bool:
        """Whether it was announced."""
        return KINDS[self.kind].planned


def bend(label: Label, times: Floats, mean: Floats, spread: Floats, noise: float, shifted: Floats) -> None:
    """Change, in place, the expectation (T,) and the relative spread (T,) of one series as a fault does.

    `noise` is the series' own; `shifted` (T,) its healthy expectation at the other time that `other_time` names.
    """
    inside = (times >= label.start) & (times < label.end)
    if label.kind in {"spike", "dip", "level shift", "correlated outage"}:
        mean[inside] += label.size * noise
    elif label.kind == "drift":
        mean[inside] += label.size * noise * np.minimum((times[inside] - label.start) / DAY, 1.0)
    elif label.kind == "variance change":
        spread[inside] *= abs(label.size)
    elif label.kind == "launch":
        mean[inside] += np.maximum(abs(label.size) * noise, 0.7 * mean[inside])
    elif label.kind == "season change":
        difference = shifted - mean
        size = math.sqrt(float(np.mean(difference**2))) or 1.0
        mean[inside] += (abs(label.size) * noise / size * difference)[inside]
    elif label.kind in {"DST change", "holiday"}:
        mean[inside] = shifted[inside]


def other_time(label: Label) -> float:
    """By how many seconds the expectation is read at another time: the clock change, the Sunday before, a shape that
    moved.
    """
    if label.kind == "DST change":
        return HOUR
    if label.kind == "season change":
        return 6 * HOUR
    if label.kind == "holiday":
        # The epoch was a Thursday: Sunday is day 3 of its weeks.
        return -((label.start // DAY - 3) % 7) * DAY
    return 0.0


def mar(label: Label, times: Floats, values: Floats, held: float) -> float:
    """Change, in place, what was observed of one series (T,); `held` is the last value before, and what is returned
    is it for the next block.
    """
    inside = np.flatnonzero((times >= label.start) & (times < label.end))
    if not inside.size:
        return float(values[-1])
    if label.kind == "gap":
        values[inside] = np.nan
    elif label.kind == "counter reset":
        # A process that restarts is away for a moment, and what it counted since its last scrape is lost.
        values[inside[:-1]] = np.nan
        values[inside[-1]] *= 0.5
    elif label.kind == "flat line":
        values[inside] = values[inside[0] - 1] if inside[0] else held
    return float(values[-1])
