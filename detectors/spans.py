"""Spans: which series deviate since when, and which shifts have lasted long enough to be the new normal."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.advice import Advice
from detectors.stretch import Stretch
from detectors.tuning import Tuning
from watchkeeper.signals import Polarity

__all__ = ["DEMANDS", "Spans"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DEMANDS = ("hold", "high_is_bad", "low_is_bad", "minimum_relative", "minimum_absolute", "patience")
"""What is demanded of a deviation: arrays too, so that detectors of one step can be ticked as one."""

# For so many of the longest seasons after a shift was adopted the former normal is normal too: in the first of them
# each weekday is seen once in its new form, and one look is a poor teacher.
_FORMER = 2.0

_STATE = (
    "outside",
    "harmless",
    "open",
    "since",
    "shift",
    "shift_count",
    "shift_spread",
    "former",
    "former_until",
)


class Spans:
    """The deviations of S series, in arrays of shape (S,).

    `outside` counts up to the hold with each value that is outside and down with each that is not; `open` is
    1 from the full hold until the count is back at 0. `shift` is the mean residual since the onset; when a
    shift is adopted, `former` is where the former normal lies from now on, until `former_until`. `period` and
    `longest` are the shortest and longest season in seconds, `hold` in steps, `patience` how many seconds a
    series may be silent while its span stays open, besides the gaps that are usual.
    """

    def __init__(
        self,
        series: int,
        tuning: Tuning,
        *,
        step: float,
        period: float,
        longest: float,
        polarity: Polarity,
        hold: int,
        minimum_relative: float,
        minimum_absolute: float,
        patience: float = 0.0,
    ) -> None:
        self._tuning = tuning
        self._step, self._period, self.longest = step, period, longest
        self._gain = 1.0 / max(6.0, tuning.level * period / step)
        self.hold = np.full(series, float(hold))
        self.high_is_bad = np.full(series, polarity is not Polarity.LOW_IS_BAD)
        self.low_is_bad = np.full(series, polarity is not Polarity.HIGH_IS_BAD)
        self.minimum_relative = np.full(series, minimum_relative)
        self.minimum_absolute = np.full(series, minimum_absolute)
        self.patience = np.full(series, patience)
        self.outside = np.zeros(series)
        self.harmless = np.zeros(series)
        self.open = np.zeros(series)
        self.since = np.full(series, math.nan)
        self.shift = np.zeros(series)
        self.shift_count = np.zeros(series)
        self.shift_spread = np.zeros(series)
        self.former = np.zeros(series)
        self.former_until = np.full(series, -math.inf)
        self.stretch = Stretch(series, gain=self._gain)

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        stretch = {f"stretch.{name}": array for name, array in self.stretch.arrays().items()}
        return {name: getattr(self, name) for name in _STATE} | stretch

    def settled(self, at: float) -> Bools:
        """Which series have adopted no shift for twice the longest season, (S,)."""
        return np.asarray(at >= self.former_until)

    def former_normal(self, at: float) -> tuple[Floats, Floats]:
        """By how much the former normal reaches above and below the expectation of now; each (S,)."""
        former = np.where(at < self.former_until, self.former, 0.0)
        return np.maximum(former, 0.0), np.minimum(former, 0.0)

    def demanded(self, expected: Floats) -> Floats:
        """How large a difference from the expectation must at least be to count; (S,)."""
        return np.asarray(np.maximum(self.minimum_relative * np.abs(expected), self.minimum_absolute))

    def follow(
        self,
        at: float,
        expected: Floats,
        residual: Floats,
        high: Bools,
        low: Bools,
        ok: Bools,
        cold: Bools,
        sure: Bools,
        advice: Advice | None = None,
        admit: Callable[[Bools], Bools] | None = None,
    ) -> Bools:
        """Count what is outside, open where that is `sure` and admitted, and close; the series whose shift is to be
        adopted now. `admit` is asked which of those that would open may be told.
        """
        tuning = self._tuning
        bad = high & self.high_is_bad | low & self.low_is_bad
        harmless = (high | low) & ~bad & sure
        if advice is not None:
            self.close((self.open > 0) & np.where(self.shift >= 0, advice.up_muted, advice.down_muted))
            bad &= ~(high & advice.up_muted | low & advice.down_muted)
            harmless &= ~advice.frozen
        bad &= np.abs(residual) >= self.demanded(expected)
        self.since[bad & (self.outside == 0)] = at
        was = self.open > 0
        # What has lasted for long is over when it has been over for a while: a lull is no end.
        past = np.minimum(tuning.lull * (at - self.since), tuning.longest_lull * self._period)
        most = np.where(was, np.maximum(self.hold, past / self._step), self.hold)
        counted = np.minimum(np.maximum(self.outside + np.where(bad, 1.0, -1.0), 0.0), most)
        self.outside = np.where(ok, counted, self.outside)
        opening = ~was & (self.outside >= self.hold) & sure
        if admit is not None and opening.any():
            opening = admit(opening)
        now = np.where(was, self.outside > 0, opening)
        self.close(was & ~now)
        self.open[now & ~was] = 1.0
        counted = np.where(harmless, self.harmless + 1.0, np.maximum(self.harmless - 2.0, 0.0))
        self.harmless = np.where(ok, counted, self.harmless)
        # What lasts: its size is the mean since the onset, forgetting as the level does.
        lasting = ok & (bad | now | harmless)
        self.shift_count[ok & ~lasting] = 0.0
        self.shift_count[lasting] += 1.0
        gain = np.where(lasting, np.maximum(1.0 / np.maximum(self.shift_count, 1.0), self._gain), 0.0)
        self.shift += gain * (residual - self.shift)
        self.shift_spread += gain * (np.abs(residual - self.shift) - self.shift_spread)
        self.stretch.take(expected, residual, self.shift_count, lasting)
        patience = np.where(cold, tuning.adopt_cold, tuning.adopt) * self._period
        if advice is not None:
            patience = patience * advice.patience
        lasted = now & ok & (at - self.since >= np.maximum(patience, 2 * self.hold * self._step))
        lasted |= self.harmless >= max(10.0, tuning.adopt_harmless * self._period / self._step)
        return lasted if advice is None else lasted & ~advice.frozen

    def became(self, which: Bools, scale: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """What the shifts of `which` made of the expectation: by what factor its day is larger, (S,), and where what
        was expected, (S,), lies now. `scale` (S,) is what makes a difference. Less than nine tenths of a day tell
        nothing of its size.
        """
        factor = self.stretch.by(scale, self.shift_count, 0.9 * self._period / self._step)
        factor = np.where(which, factor, 1.0)
        shift, recent = np.where(which, self.shift, 0.0), self.stretch.recent

        def moved(expected: Floats) -> Floats:
            return np.asarray(expected + shift + (factor - 1.0) * (expected - recent))

        return factor, moved

    def room(self, scale: Floats, factor: Floats) -> Floats:
        """The scale (S,) of a series whose day became larger by `factor` (S,): where that is 1, the shift's own."""
        spread = 1.2533 * self.shift_spread
        return np.asarray(np.where(factor == 1.0, np.maximum(scale, spread), np.maximum(factor, 1.0) * scale))

    def adopt(self, at: float, which: Bools) -> None:
        """End the spans of `which`; for two of the longest season more the former normal is normal too."""
        self.former = np.where(which, -self.shift, self.former)
        self.former_until = np.where(which, at + _FORMER * self.longest, self.former_until)
        self.harmless[which] = 0.0
        self.shift_count[which] = 0.0
        self.close(which)

    def silent(self, silence: Floats) -> None:
        """End the spans of series that were not heard of for longer than their patience; `silence` in seconds."""
        self.close((self.open > 0) & (silence > self.usual_gap + self.patience))

    @property
    def usual_gap(self) -> Floats:
        """For how many seconds a series may give no value without being called silent; (S,)."""
        return np.asarray(np.maximum(self.hold + 1, 5) * self._step)

    def adopted(self, column: int, since: float) -> bool:
        """Whether a shift of a series that began at `since` became its new normal."""
        # The former normal is kept for so long after the adoption.
        return bool(self.former_until[column] - _FORMER * self.longest > since)

    def close(self, which: Bools) -> None:
        """End the spans of `which`."""
        self.open[which] = 0.0
        self.outside[which] = 0.0
        self.since[which] = math.nan
