"""Evidence: how much speaks for a change of a series, from a glimpse to the better part of a day.

Each residual becomes a normal score by the series' own tails (`detectors.tails`), cut off where one value alone can say
no more: an outlier of heavy-tailed noise is not a run. Scores are averaged over three memories (the hold time, four and
sixteen times that), each divided by the standard deviation that this average has had in the past, so that noise with a
memory of its own is no evidence. A fourth view is the level itself: how far it has moved from where it was for weeks,
measured by how it wanders. The largest of the four, in standard deviations, is the evidence in its direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.tuning import Tuning

__all__ = ["MEMORIES", "UNJUDGED", "Evidence"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNJUDGED = -1.0
"""The peak of a series that was not judged since peaks were counted last."""

MEMORIES = (1.0, 4.0, 16.0)
"""Over how many hold times scores are averaged, one view each; the level is one more."""

_MEMORIES = np.array(MEMORIES)
# So many independent averages must be known before a memory says anything (of the hold time fewer: what is plain must
# be told on the first day), and by so much is what they say believed less: the standard deviation from n of them is
# itself uncertain by 1 / sqrt(2 n).
_LEAST = np.array([[3.0], [14.0], [14.0]])
_LEAST_SEASONS = 7.0
_UNSURE = 4.0
# The level is no average over many values, and its wander is no normal noise.
_LEVEL_WEIGHT = 0.85
_PRIOR = 30.0
# What is carried is added to while it lasts: beyond so many standard deviations it would only take longer to fade.
_CARRIED = 100.0


class Evidence:
    """The averages of S series, in arrays whose last axis is the series.

    `hold` (S,) is the hold time in ticks, which is no part of the state; `day` the ticks of the first season, `longest`
    those of the longest.
    """

    def __init__(self, hold: Floats, tuning: Tuning, *, day: float, longest: float) -> None:
        series = len(hold)
        self._tuning = tuning
        self._day, self._longest = day, longest
        self._slow_gain = 1.0 / max(longest, 7.0)
        self._least_gain = 1.0 / (tuning.evidence * day)
        self.hold = hold
        self.mean = np.zeros((3, series))
        self.variance = self._independent()
        self.before = np.zeros(series)
        self.usual = np.zeros(series)
        self.wander = np.zeros(series)
        self.lived = np.zeros(series)
        self.carried = np.zeros(series)
        self.peak = np.full(series, UNJUDGED)

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {name: getattr(self, name) for name in _STATE}

    @property
    def gain(self) -> Floats:
        """The gains of the three averages, (3, S)."""
        return np.asarray(2.0 / (_MEMORIES[:, None] * self.hold + 1.0))

    def _independent(self) -> Floats:
        """The variance of the averages of independent scores."""
        gain = self.gain
        return np.asarray(gain / (2.0 - gain))

    def _cap(self) -> Floats:
        # Where one value is all that is waited for, it must be able to say enough.
        return np.asarray(np.maximum(self._tuning.cap, 2.0 * self._tuning.cap / self.hold))

    def take(self, scores: Floats, mask: Bools, wide: Floats) -> None:
        """Average the scores (S,), signed, where `mask`. Beyond the cap, which is `wide` (S,) times as far where less
        is believed, a score counts as far as the one before it does.
        """
        near = np.where(scores * self.before > 0, np.abs(self.before), 0.0)
        cap = np.maximum(self._cap() * wide, near)
        cut = np.clip(scores, -cap, cap)
        self.mean = np.where(mask, self.mean + self.gain * (cut - self.mean), self.mean)
        self.before = np.where(mask, scores, self.before)
        self.carried = np.where(mask, self.carried * (1.0 - 0.2 / self.hold), self.carried)

    def weigh(self, samples: Floats, level: Floats) -> Floats:
        """The evidence of each view (4, S), signed, in standard deviations. `level` (S,) is where the level is now,
        `samples` how many values were learned from.
        """
        found = np.empty((4, len(samples)))
        many = samples / (_MEMORIES[:, None] * self.hold)
        found[:3] = self.mean / np.sqrt(self.variance) * _belief(many)
        seasons = (self.lived - self._longest) / self._day
        away = level - self.usual
        with np.errstate(invalid="ignore", divide="ignore"):
            found[3] = np.where(self.wander > 0, away / np.sqrt(self.wander), 0.0) * _LEVEL_WEIGHT
        found[3] *= _belief(np.maximum(seasons, 0.0), _LEAST_SEASONS)
        found[3] = np.where(np.abs(self.carried) > np.abs(found[3]), self.carried, found[3])
        return found

    def carry(self, evidence: Floats, which: Bools) -> None:
        """Hold on to the evidence (S,) of a level that moved: it is judged by its former place from now on, and would
        no longer know. It fades by e in five hold times.
        """
        self.carried = np.where(which, np.clip(1.2 * evidence, -_CARRIED, _CARRIED), self.carried)

    def reach(self, samples: Floats, limit: Floats, *, narrow: Bools) -> Floats:
        """The score (S,) that, held for the hold time, is evidence of `limit` (S,); where `narrow`, held for long."""
        belief = _belief(samples / (_MEMORIES[:, None] * self.hold))
        with np.errstate(divide="ignore"):
            needed = limit * np.sqrt(self.variance) / belief
        return np.asarray(np.where(narrow, needed.min(axis=0), np.where(belief[0] > 0, needed[0], limit)))

    def learn(self, samples: Floats, level: Floats, mask: Bools, seasoned: Bools) -> None:
        """Take the averages of now, and the level of the series that are `seasoned`, for healthy, where `mask`."""
        gain = np.maximum(1.0 / (samples + _PRIOR), self._least_gain)
        square = np.minimum(self.mean**2, 16.0 * self.variance)
        self.variance = np.where(mask, self.variance + gain * (square - self.variance), self.variance)
        here = mask & seasoned
        first = here & (self.lived == 0)
        self.usual = np.where(first, level, self.usual)
        self.lived = np.where(here, self.lived + 1.0, self.lived)
        gain = np.maximum(1.0 / np.maximum(self.lived, 1.0), self._slow_gain)
        away = np.where(here, level - self.usual, 0.0)
        known = self.lived > self._longest
        bound = np.where(known, 3.0 * np.sqrt(self.wander), np.inf)
        away = np.clip(away, -bound, bound)
        self.usual = self.usual + gain * away
        gain = np.maximum(1.0 / np.maximum(self.lived, 1.0), self._least_gain)
        self.wander = np.where(here, self.wander + gain * (away * away - self.wander), self.wander)

    def forget(self, which: Bools) -> None:
        """Begin the averages of `which` anew: what they hold was a deviation."""
        self.mean[:, which] = 0.0
        self.before[which] = 0.0
        self.carried[which] = 0.0

    def adopt(self, usual: Floats, factor: Floats) -> None:
        """Let the level lie about `usual` (S,) from now on, and wander by a factor (S,) as far if that is farther: how
        much less it wanders must be seen, as a level that is said to stand still could never be seen to move.
        """
        self.usual = usual
        self.wander = self.wander * np.maximum(factor, 1.0) ** 2


_STATE = ("mean", "variance", "before", "usual", "wander", "lived", "carried", "peak")


def _belief(many: Floats, least: Floats | float = _LEAST) -> Floats:
    """What a standard deviation from so many independent values is worth: nothing from few, and 1 in the end."""
    return np.asarray(np.where(many >= least, many / (many + _UNSURE), 0.0))
