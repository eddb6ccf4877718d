"""The ensemble: how surprising each value is, by several views of it, each measured by the series' own past.

Eight channels look at a value: against the same time on the days before (as it is, and the mean of the last two dozen),
outside of what those days held (likewise), beyond anything seen so far and in the past three days, by its step from the
value before, and by how restless the last three dozen are. Each is calibrated by `records`, so that all speak decades
of rarity, and their mean with equal weights is the surprise: weights that are fitted to one set of series do worse on
the next. An onset is a surprise above all that came shortly before; what goes on is told once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from detectors.ensemble.days import Days
from detectors.ensemble.records import LARGEST, Records
from detectors.ensemble.windows import Extremes, Snapshots, Trailing

__all__ = ["CHANNELS", "DAY", "LARGEST", "Ensemble", "Surprise", "Tuning"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]

DAY = 86_400.0

CHANNELS = (
    "time of day",
    "time of day, lasting",
    "daily range",
    "daily range, lasting",
    "all-time range",
    "three-day range",
    "step",
    "restlessness",
)
"""What each channel compares the value with, in the order of `Surprise.channels`."""

# The sides of each channel: its rows among the magnitudes, upward first; a channel without directions has one.
_SIDES = ((0, 1), (2, 3), (4, 5), (6,), (7, 8), (9, 10), (11, 12), (13, 14))
_OF = dict(zip(CHANNELS, _SIDES, strict=True))
_FIRST, _SECOND = [sides[0] for sides in _SIDES], [sides[-1] for sides in _SIDES]
_COUNT = sum(len(sides) for sides in _SIDES)
_DAILY = slice(_OF["daily range"][0], _OF["daily range"][1] + 1)
# These are not in the unit of the series: widths of a range, and logarithms.
_RATIOS = slice(_OF["all-time range"][0], _OF["three-day range"][1] + 1)
_LOGARITHMS = slice(_OF["restlessness"][0], _OF["restlessness"][1] + 1)
_LARGE = 1e30


@dataclass(frozen=True, slots=True)
class Tuning:
    """The one set of numbers of the ensemble, the same for every series.

    `days`: periods that "usual" is a median of. `slots`: at most so many in a period. `lasting`, `restless`: ticks of
    the means and of the deviation. `recent`: periods of the shorter range. `horizon`: periods until a record is
    forgotten, at least `horizon_ticks`. `minimum`: values before anything is said. `onset`: by what factor a surprise
    must exceed those of before, which fade by e in `fade` periods.
    """

    days: int = 7
    slots: int = 96
    lasting: int = 24
    restless: int = 36
    recent: int = 3
    horizon: float = 112.0
    horizon_ticks: int = 4096
    minimum: int = 30
    onset: float = 1.1
    fade: float = 0.5


@dataclass(frozen=True, slots=True)
class Surprise:
    """The judgement of one tick.

    `score` (S,) is the mean of `channels` (C, S), in decades from 0 to LARGEST; `onset` (S,) says that it is above all
    that came shortly before; `upward` (C, S) whether a channel's surprise lies above what it compares with. `lower` and
    `upper` (S,) are where values lie but for the rarest: the range of the same time on the days before, and what is
    seen beyond it now and then; in the first period, the range of it so far. NaN while nothing is known.
    """

    at: float
    score: Singles
    onset: Bools
    channels: Singles
    upward: Bools
    lower: Floats
    upper: Floats


class Ensemble:
    """The state of all channels over S series, in arrays whose last axis is the series.

    `step` is the spacing of ticks and `period` the season that is compared with, in seconds. All of a tick's work is
    over arrays; a series costs about 15 KB. A value that is NaN or infinite is a gap.
    """

    def __init__(self, series: int, *, step: float, period: float = DAY, tuning: Tuning | None = None) -> None:
        t = self.tuning = tuning or Tuning()
        self.step, self.period = step, period
        ticks = max(1, round(period / step))
        # Coarse data have few values a day; a range of three days of it would be a range of nothing.
        ticks = max(24, ticks)
        self._fade = math.exp(-1.0 / (t.fade * ticks))
        self._slow = 1.0 / ticks
        slots = max(1, min(t.slots, round(period / step)))
        self.days = Days(t.days, period=period, slots=slots, series=series)
        self.residuals = Trailing(t.lasting, series, least=8)
        self.excesses = Trailing(t.lasting, series, least=8)
        self.values = Trailing(t.restless, series, least=3)
        self.recent = Extremes(24, t.recent * ticks // 24, series)
        self.unrest = Snapshots(24, ticks // 24, series)
        self.records = Records(
            _COUNT, series, horizon=max(t.horizon_ticks, round(t.horizon * ticks)), minimum=t.minimum
        )
        self.highest = np.full(series, -np.inf)
        self.lowest = np.full(series, np.inf)
        self.last = np.full(series, np.nan)
        self.swing = np.full(series, np.nan)
        self.centre = np.full(series, np.nan)
        self.peak = np.zeros(series)
        self.ticked = np.zeros(series)
        # Room to work in, no state: magnitudes, their floors, how rare they are.
        self._room: Singles = np.empty((3, _COUNT, series), np.float32)

    _ROWS = ("highest", "lowest", "last", "swing", "centre", "peak", "ticked")
    _PARTS = ("days", "residuals", "excesses", "values", "recent", "unrest", "records")

    @property
    def series(self) -> int:
        """How many series it holds."""
        return int(self.highest.shape[-1])

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """The whole state by name; the last axis of each array is the series."""
        state: dict[str, NDArray[np.floating]] = {name: getattr(self, name) for name in self._ROWS}
        for part in self._PARTS:
            state |= {f"{part}.{name}": array for name, array in getattr(self, part).arrays().items()}
        return state

    def put(self, name: str, array: NDArray[np.floating]) -> None:
        """Set one array of the state, which is copied, by the name that `arrays` gives it."""
        head, _, rest = name.rpartition(".")
        if head == "records":
            self.records.put(rest, array)
        else:
            setattr(getattr(self, head) if head else self, rest, np.array(array, order="C"))

    def rearrange(self, columns: Sequence[int]) -> None:
        """Reorder, drop and add series: column i becomes the old `columns[i]`, -1 a series about which nothing is
        known.
        """
        fresh = Ensemble(1, step=self.step, period=self.period, tuning=self.tuning)
        take = np.asarray(columns, dtype=np.intp)
        if self.series:
            fresh.days.slot[:], fresh.ticked[:] = self.days.slot[0], self.ticked[0]
        for (name, mine), other in zip(self.arrays().items(), fresh.arrays().values(), strict=True):
            self.put(name, np.concatenate([mine, other], axis=-1)[..., take])

    # -- one tick --

    def tick(self, at: float, values: Floats, present: Bools | None = None) -> Surprise:
        """Judge the values (S,) of time `at`, then learn from them."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return self._tick(at, np.asarray(values, dtype=np.float64), present)

    def _tick(self, at: float, values: Floats, present: Bools | None) -> Surprise:
        ok = np.abs(values) <= _LARGE
        if present is not None:
            ok &= present
        whole = bool(ok.all())
        v = values if whole else np.where(ok, values, np.nan)
        now = int(self.ticked[0]) if self.series else 0
        if self._room.shape[-1] != self.series:
            self._room = np.empty((3, _COUNT, self.series), np.float32)
        self.days.enter(at)
        lower, upper = self._band()
        magnitudes = self._magnitudes(now, v)
        if not whole:
            magnitudes[:, ~ok] = np.nan
        rare = self.records.judge(now, magnitudes, self._floors(), out=self._room[2])
        first, second = rare[_FIRST], rare[_SECOND]
        channels, upward = np.maximum(first, second), first >= second
        # One after the other: `mean` has another order, and so other digits, where there is one series.
        score = reduce(np.add, channels) / np.float32(len(channels))
        onset = ok & (score > self.tuning.onset * self.peak)
        self.peak *= self._fade
        np.maximum(self.peak, score, out=self.peak)
        self._learn(now, v, ok, whole)
        return Surprise(at, score, onset, channels, upward, lower, upper)

    def _band(self) -> tuple[Floats, Floats]:
        days, beyond = self.days, np.maximum(self.records.lowest[_DAILY], 0.0)
        lower, upper = days.usual_low - beyond[1], days.usual_high + beyond[0]
        # In the first period, and in a slot that held nothing yet.
        for edge, usual, recent in (
            (lower, days.usual_low, self.recent.least),
            (upper, days.usual_high, self.recent.most),
        ):
            if not np.isfinite(edge).all():
                np.copyto(edge, recent, where=np.isnan(usual))
                np.copyto(edge, np.nan, where=~np.isfinite(edge))
        return lower, upper

    def _floors(self) -> Singles:
        """Differences of magnitudes that are too small to mean anything: (sides, S)."""
        floors: Singles = self._room[1]
        floor = 1e-3 * (self.highest - self.lowest) + 1e-9 * np.abs(self.centre) + 1e-30
        if not np.isfinite(floor).all():
            floor = np.where(np.isfinite(floor), floor, 1e-30)
        floors[:] = floor.astype(np.float32)
        floors[_RATIOS], floors[_LOGARITHMS] = 1e-3, 1e-2
        return floors

    def _magnitudes(self, now: int, v: Floats) -> Singles:
        """What each side of each channel measures: (sides, S), NaN where nothing is known."""
        days = self.days
        found: Singles = self._room[0]
        residual = v - days.usual
        above, below = np.maximum(v - days.usual_high, 0.0), np.maximum(days.usual_low - v, 0.0)
        self.residuals.push(now, residual)
        self.excesses.push(now, np.maximum(above, below))
        self.values.push(now, v)
        found[0], found[2], found[4], found[5] = residual, self.residuals.mean(), above, below
        found[6] = self.excesses.mean()
        found[7], found[8] = _beyond(v, self.highest, self.lowest)
        found[9], found[10] = _beyond(v, self.recent.most, self.recent.least)
        found[11] = v - self.last
        unrest = np.sqrt(self.swing)
        unrest *= 1e-3
        unrest += self.values.deviation()
        unrest += 1e-12
        np.log(unrest, out=unrest)
        found[13] = unrest - self.unrest.median
        self.unrest.push(now, unrest)
        for up, down in ((0, 1), (2, 3), (11, 12), (13, 14)):
            np.negative(found[up], out=found[down])
        return found

    def _learn(self, now: int, v: Floats, ok: Bools, whole: bool) -> None:
        self.days.learn(v)
        self.recent.push(now, v)
        np.fmax(self.highest, v, out=self.highest)
        np.fmin(self.lowest, v, out=self.lowest)
        away = v - self.centre
        if np.isnan(away).any():
            first = ok & np.isnan(self.centre)
            np.copyto(self.centre, v, where=first)
            np.copyto(self.swing, 0.0, where=first)
            away = np.where(ok, v - self.centre, 0.0)
        drift = self._slow * away
        self.centre += drift
        drift *= away
        self.swing += drift
        self.swing *= 1.0 - self._slow if whole else 1.0 - self._slow * ok
        np.copyto(self.last, v, where=True if whole else ok)
        self.ticked += 1.0


def _beyond(v: Floats, high: Floats, low: Floats) -> tuple[Floats, Floats]:
    """How far values lie beyond a range, in widths of it, above and below."""
    width = np.maximum(np.abs(high), np.abs(low))
    width *= 1e-9
    width += 1e-12
    np.maximum(width, high - low, out=width)
    above, below = np.maximum(v - high, 0.0), np.maximum(low - v, 0.0)
    above /= width
    below /= width
    if not np.isfinite(width).all():
        above[~np.isfinite(high)] = below[~np.isfinite(high)] = np.nan
    # A first step out of zero would be too many widths for a number of single precision.
    return np.minimum(above, _LARGE, out=above), np.minimum(below, _LARGE, out=below)
