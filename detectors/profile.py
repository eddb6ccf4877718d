"""A seasonal profile: what each slot of a period usually holds, for many series at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.tuning import Season

__all__ = ["Profile", "Usual"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual at a time, each (S,): the value, the spread relative to the whole, how often it was seen (0:
    nothing is known), and the room that an edge needs: how far the truth may lie from the value where the profile is
    steep and bent, as at midnight before a weekend.
    """

    value: Floats
    spread: Floats
    seen: Floats
    room: Floats


class Profile:
    """Slots of one season as arrays of (slots, series): the usual value, its spread relative to the whole,
    and how often it was seen.

    `expect` reads between the two nearest slot centres; `learn` moves only the slot that the time falls
    into. Time is UTC.
    """

    def __init__(self, season: Season, step: float, series: int, remember: float) -> None:
        self.season = season
        self.width = season.period / season.slots
        self._visit = max(1.0, self.width / step)
        self._least_gain = 1.0 / (remember * self._visit)
        self._fine = self.width <= 1.5 * step
        self.usual = np.zeros((season.slots, series), np.float32)
        self.spread = np.ones((season.slots, series), np.float32)
        self.seen = np.zeros((season.slots, series), np.float32)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Its state, by name; the last axis is the series."""
        return {"usual": self.usual, "spread": self.spread, "seen": self.seen}

    def slot(self, at: float) -> int:
        """The slot that a time falls into."""
        return math.floor((at % self.season.period) / self.width) % self.season.slots

    def expect(self, at: float) -> Usual:
        """What is usual at a time."""
        here = self.slot(at)
        if self._fine:
            return Usual(
                self.usual[here].astype(np.float64),
                self.spread[here].astype(np.float64),
                self.seen[here].astype(np.float64),
                np.zeros(self.usual.shape[-1]),
            )
        place = (at % self.season.period) / self.width - 0.5
        first = math.floor(place)
        share = place - first
        a, b = first % self.season.slots, (first + 1) % self.season.slots
        seen_a, seen_b = self.seen[a], self.seen[b]
        # A neighbour that was never seen lends no weight to the mean of both.
        weight = np.where(seen_a > 0, np.where(seen_b > 0, share, 0.0), 1.0)
        usual = (1 - weight) * self.usual[a] + weight * self.usual[b]
        spread = (1 - weight) * self.spread[a] + weight * self.spread[b]
        return Usual(usual, spread, np.maximum(seen_a, seen_b).astype(np.float64), self._room(first))

    def _room(self, first: int) -> Floats:
        """Half of what the profile is bent by about the slots `first` and the next: a straight line between their
        centres is wrong by at most so much when it jumps between them.
        """
        rows = [(first + k) % self.season.slots for k in (-1, 0, 1, 2)]
        before, a, b, after = (self.usual[row].astype(np.float64) for row in rows)
        known = [self.seen[row] > 0 for row in rows]
        left = np.where(known[0] & known[1] & known[2], np.abs(before - 2.0 * a + b), 0.0)
        right = np.where(known[1] & known[2] & known[3], np.abs(a - 2.0 * b + after), 0.0)
        return np.asarray(0.5 * np.maximum(left, right))

    def expect_each(self, times: Floats) -> Usual:
        """The same for series that each are at a time of their own, (S,): few of these differ."""
        found = Usual(*(np.empty(len(times)) for _ in range(4)))
        for at in np.unique(times):
            which = times == at
            here = self.expect(float(at))
            for name in Usual.__slots__:
                getattr(found, name)[which] = getattr(here, name)[which]
        return found

    def learn(self, at: float, values: Floats, deviation: Floats, clip: Floats, mask: NDArray[np.bool_]) -> None:
        """Move the slot of a time towards `values` (S,) where `mask`; steps are clipped to `clip`,
        `deviation` is |residual| / scale.
        """
        here = self.slot(at)
        seen, usual, spread = self.seen[here], self.usual[here], self.spread[here]
        gain = np.maximum(1.0 / (seen + 1.0), self._least_gain)
        move = values - usual
        move = np.where(seen > 0, np.clip(move, -clip, clip), move)
        usual[mask] += (gain * move)[mask]
        # Two virtual samples of the ordinary spread keep the first day from promising too much.
        slow = np.maximum(1.0 / (seen + 3.0), self._least_gain)
        spread[mask] += (slow * (np.minimum(deviation, 5.0) - spread))[mask]
        seen[mask] += 1.0

    def stretch(self, factor: Floats) -> None:
        """Make the season larger by a factor (S,)."""
        which = np.flatnonzero(factor != 1.0)
        self.usual[:, which] *= factor[which].astype(np.float32)

    def doubt(self, which: NDArray[np.bool_]) -> None:
        """Let the series of `which` relearn their shape as if it had been seen in one season only."""
        self.seen[:, which] = np.minimum(self.seen[:, which], self._visit)
