"""The seasonal detector: a causal expectation with a band for many series at once, one vectorised step a
tick.

Three experts guess the next value: the level (a robust exponential mean), and for each known season its
profile plus the level of what the profile leaves over. They are mixed by their own past errors, so a series
without a season loses nothing by having been asked for one, and a new series is watched by its level from
the first half hour. What lies between the guesses of the two that know the most is no surprise: a weekday is like the
day before or like the week before. What lies beyond becomes evidence (`detectors.evidence`), and a deviation begins
when there is enough of it: how much that is, the alert budget says (`detectors.budget`). The band shows which values
would be enough if they were held for the hold time.

An onset freezes what was learned: the deviation lasts while the values lie outside of the band of before.
After a bounded time the shift is adopted, with what it made of the day's size (`detectors.stretch`), and for two of the
longest season more the former normal is normal too: one shift is one deviation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detectors.advice import Advice
from detectors.budget import WEEK, Budget
from detectors.credible import care, compared, credible, score_of, trusted
from detectors.evidence import UNJUDGED, Evidence
from detectors.profile import Profile, Usual
from detectors.spans import DEMANDS, Spans
from detectors.tails import DOWN, UP, Tails
from detectors.ticks import STAGES, DetectionError, Tick
from detectors.tuning import Tuning, seasons_of
from watchkeeper.signals import Polarity

__all__ = ["STAGES", "DetectionError", "SeasonalDetector", "Tick"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Profiles are held in single precision; and however seldom a series is looked at, less than this is no evidence.
_LARGEST = 1e30
_LEAST_LIMIT = 3.0


class SeasonalDetector:
    """The state of one detector over S series, in arrays whose last axis is the series.

    `step` is the spacing of ticks, `seasons` the periods to learn, `hold` how long values must be outside,
    `patience` how long a deviation outlives the silence of its series, all in seconds (already divided by the
    pace). `budget` sets how much evidence it takes; without one that is `tuning.limit`; `week` is how
    long a week of the budget is. Raises DetectionError for
    values of another shape or a time that is not later than the last.
    """

    def __init__(
        self,
        series: int,
        *,
        step: float,
        seasons: Sequence[float],
        polarity: Polarity = Polarity.BOTH_ARE_BAD,
        hold: float = 0.0,
        minimum_relative: float = 0.0,
        minimum_absolute: float = 0.0,
        patience: float = 0.0,
        tuning: Tuning | None = None,
        budget: Budget | None = None,
        week: float = WEEK,
    ) -> None:
        self.tuning = tuning or Tuning()
        self.budget = budget
        self.step = step
        self._anew = partial(
            SeasonalDetector,
            step=step,
            seasons=tuple(seasons),
            polarity=polarity,
            hold=hold,
            minimum_relative=minimum_relative,
            minimum_absolute=minimum_absolute,
            patience=patience,
            tuning=tuning,
            budget=budget,
            week=week,
        )
        self.week = week
        self.seasons = seasons_of(seasons, step)
        self.period = self.seasons[0].period if self.seasons else 1440 * step
        ticks = self.period / step
        longest = self.seasons[-1].period / step if self.seasons else ticks
        t = self.tuning
        self._level_gain = 1.0 / max(6.0, t.level * ticks)
        self._offset_gain = 1.0 / max(4.0, t.offset * ticks)
        self._scale_gain = 1.0 / max(30.0, t.scale * ticks)
        self._error_gain = 1.0 / max(30.0, longest)
        # A daily series cannot wait a month: two of its weeks are enough.
        self.minimum = int(min(t.minimum, max(8.0, 2 * ticks)))
        self._taught = ticks
        self.last = -math.inf
        self.profiles = tuple(Profile(s, step, series, t.profile_seasons) for s in self.seasons)
        self.spans = Spans(
            series,
            t,
            step=step,
            period=self.period,
            longest=longest * step,
            polarity=polarity,
            hold=max(1, math.ceil(hold / step - 1e-9)),
            minimum_relative=minimum_relative,
            minimum_absolute=minimum_absolute,
            patience=patience,
        )
        self.tails = Tails(series, t, forget=math.exp(-1.0 / (6.0 * ticks)))
        self.evidence = Evidence(self.spans.hold, t, day=ticks, longest=longest)
        zero, nan = np.zeros, np.full
        self.level = zero(series)
        self.offset = zero((len(self.seasons), series))
        self.error = zero((len(self.seasons) + 1, series))
        self.scale = zero(series)
        self.samples = zero(series)
        self.since_gap = zero(series)
        self.born = nan(series, math.inf)
        self.seen_at = nan(series, -math.inf)
        self.highest = nan(series, -math.inf)
        self.lowest = nan(series, math.inf)

    _ROWS = ("level", "offset", "error", "scale", "samples", "since_gap", "born", "seen_at", "highest", "lowest")

    @property
    def series(self) -> int:
        """How many series it holds."""
        return int(self.level.shape[-1])

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """The whole state by name; the last axis of each array is the series."""
        state: dict[str, NDArray[np.floating]] = {name: getattr(self, name) for name in self._ROWS}
        state |= {f"tails.{name}": array for name, array in self.tails.arrays().items()}
        state |= {f"evidence.{name}": array for name, array in self.evidence.arrays().items()}
        state |= {f"spans.{name}": array for name, array in self.spans.arrays().items()}
        for index, profile in enumerate(self.profiles):
            state |= {f"profile{index}.{name}": array for name, array in profile.arrays().items()}
        return state

    def put(self, name: str, array: NDArray[np.floating]) -> None:
        """Set one array of the state by the name that `arrays` gives it."""
        head, _, rest = name.rpartition(".")
        holders: dict[str, object] = {"": self, "tails": self.tails, "evidence": self.evidence, "spans": self.spans}
        holders |= {"spans.stretch": self.spans.stretch}
        holders |= {f"profile{index}": profile for index, profile in enumerate(self.profiles)}
        setattr(holders[head], rest, array)

    def rearrange(self, columns: Sequence[int]) -> None:
        """Reorder, drop and add series: column i becomes the old `columns[i]`, -1 a series about which
        nothing is known.
        """
        fresh = self._anew(1)
        take = np.asarray(columns, dtype=np.intp)
        self._take_from([self, fresh], take)

    @classmethod
    def joined(cls, parts: Sequence[SeasonalDetector]) -> SeasonalDetector:
        """One detector over the series of several with the same step and seasons: a tick costs little more
        than that of one of them.

        Give the state back with `split`.
        """
        whole = cls(
            0,
            step=parts[0].step,
            seasons=[s.period for s in parts[0].seasons],
            week=parts[0].week,
            tuning=parts[0].tuning,
            budget=parts[0].budget,
        )
        if any(part.step != whole.step or part.seasons != whole.seasons for part in parts):
            raise DetectionError("detectors of different steps or seasons cannot be joined")
        whole._take_from(parts, None)
        whole.last = max(part.last for part in parts)
        return whole

    def split(self, parts: Sequence[SeasonalDetector]) -> None:
        """Hand its state back to the detectors that it was joined from."""
        start = 0
        for part in parts:
            columns = slice(start, start + part.series)
            for name, array in self.arrays().items():
                part.put(name, np.ascontiguousarray(array[..., columns]))
            part.last = self.last
            start = columns.stop

    def _take_from(self, parts: Sequence[SeasonalDetector], take: NDArray[np.intp] | None) -> None:
        """Become the series of `parts` side by side, or those of them that `take` names."""
        states = [part.arrays() for part in parts]
        for name in states[0]:
            wide = np.concatenate([state[name] for state in states], axis=-1)
            self.put(name, np.ascontiguousarray(wide if take is None else wide[..., take]))
        for name in DEMANDS:
            wide = np.concatenate([getattr(part.spans, name) for part in parts])
            setattr(self.spans, name, wide if take is None else wide[take])
        self.evidence.hold = self.spans.hold

    # -- one tick --

    def tick(self, at: float, values: Floats, present: Bools | None = None, *, advice: Advice | None = None) -> Tick:
        """Judge the values (S,) of time `at`, then learn from them. NaN, infinity (and what is beyond 1e30)
        and `present` False are gaps: nothing is learned there. `advice` is what is known beside the past.
        """
        v = np.asarray(values, dtype=np.float64)
        if v.shape != (self.series,):
            raise DetectionError(f"a tick of {v.shape} values for {self.series} series: give one value for each series")
        if at <= self.last:
            raise DetectionError(f"a tick at {at:.3f} after one at {self.last:.3f}: time goes forward")
        before, self.last = self.last, at
        ok = np.abs(v) <= _LARGEST
        if present is not None:
            ok &= present
        v = np.where(ok, v, 0.0)
        self._after_gaps(at)
        known = self.samples > 0
        usual = [_usual(profile, at, advice) for profile in self.profiles]
        guesses, weights, usable = self._experts(at, usual)
        experienced = usable[1:].sum(axis=0)
        expected = np.where(known, (weights * guesses).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-300), v)
        scale = self._scale_now(expected, usual)
        residual = np.where(ok, v - expected, 0.0)
        top, bottom = credible(expected, guesses, trusted(usable, self.error, self.tuning), usual)
        above, below = self.spans.former_normal(at)
        top, bottom = top + above, bottom + below
        beyond = np.where(ok, np.maximum(v - top, 0.0) + np.minimum(v - bottom, 0.0), 0.0)
        cold = experienced == 0
        wide, settled = care(at, self.born, cold, self.samples >= self._taught, self.seasons, self.spans, self.tuning)
        wider = np.ones((2, self.series)) if advice is None else np.stack([advice.wider_up, advice.wider_down])
        # A value a day needs to be less rare among its like than a value a minute, for as many alerts a week.
        looks = Budget.rarer(self.week / (self.step * self.spans.hold))
        normal = self.tuning.limit if self.budget is None else self.budget.limit
        limit = np.sqrt(np.maximum(normal**2 - looks, _LEAST_LIMIT**2)) * wide * wider
        judged = ok & known
        if advice is not None:
            # What happens while nothing is told must not be half a run when the time is over.
            judged &= ~(advice.up_muted & advice.down_muted)
        z = np.stack([beyond, -beyond]) / scale
        scores = self.tails.scores(z)
        score = np.where(beyond >= 0, scores[UP], -scores[DOWN])
        self.evidence.take(score, judged, wide)
        level = (self.offset[-1] if self.profiles else self.level).copy()
        found = self.evidence.weigh(self.samples, level)
        ready = ok & (self.samples >= self.minimum)
        self._fall_back(found[3], limit, level, judged & ready & (self.spans.open == 0))
        strength = np.stack([found.max(axis=0), -found.min(axis=0)])
        was, rose, least = self.spans.open > 0, self.spans.shift >= 0, self.tuning.stays
        # A run that was told goes on while values are on its side; another one must be beyond what is credible, and
        # begins with the first value that is far out, which its mean would know later.
        up, down = (extreme(self.evidence.mean[0], 0.5 * score) for extreme in (np.maximum, np.minimum))
        high = ready & np.where(was, rose & (residual > least * scale), (up > least) & (v > top))
        low = ready & np.where(was, ~rose & (residual < -least * scale), (down < -least) & (v < bottom))
        share = np.maximum(
            np.where(high, strength[UP] / limit[UP], 0.0), np.where(low, strength[DOWN] / limit[DOWN], 0.0)
        )
        sure = share > 1.0
        admit = None if self.budget is None else partial(self.budget.admit, at, share, settled)
        adopted = self.spans.follow(at, expected, residual, high, low, ok, cold, sure, advice, admit)
        opened = self.spans.open > 0
        self.evidence.forget(was & ~opened)
        self.tails.drop_peaks(opened)
        if adopted.any():
            self._adopt(at, adopted)
        self._count_peaks(
            before, at, compared(strength / wide, looks), residual, expected, ready & settled & (self.spans.open == 0)
        )
        # What may be the beginning of a deviation must not teach that it is ordinary before it is told.
        calm = np.maximum(strength[UP] / limit[UP], strength[DOWN] / limit[DOWN]) < self.tuning.calm
        self._learn(at, v, guesses, usable, residual, scale, z, level, ok, calm, advice)
        unknown = ~known
        reach = self._reach(limit, was | opened) * scale
        upper, lower = top + reach[UP], bottom - reach[DOWN]
        stage = np.where(self.samples < self.minimum, 0, 1 + np.minimum(experienced, 2 if len(self.seasons) > 1 else 1))
        if len(self.seasons) == 1:
            stage = np.where(stage == 2, 3, stage)
        expected = expected.copy()
        for array in (expected, lower, upper):
            array[unknown] = math.nan
        told = np.where(ready, score_of(strength / limit, np.stack([high, low]), self.spans), 0.0)
        view = np.where(self.spans.shift >= 0, found.argmax(axis=0), found.argmin(axis=0)).astype(np.int8)
        since, stage = self.spans.since.copy(), stage.astype(np.int8)
        return Tick(at, expected, lower, upper, told, self.spans.open > 0, since, stage, view)

    def replay(self, times: Floats, values: Floats, present: Bools | None = None) -> list[Tick]:
        """The batch form: `values` of shape (S, T) through the same `tick`, one after the other."""
        return [
            self.tick(float(at), values[:, i], None if present is None else present[:, i]) for i, at in enumerate(times)
        ]

    def _after_gaps(self, at: float) -> None:
        """After a long silence the level is old: let it move fast again; and what was deviating is no
        longer known to be.
        """
        silent = at - self.seen_at
        long = silent > max(10 * self.step, self.period / 24)
        self.since_gap[long] = 0.0
        self.spans.silent(silent)

    def _experts(self, at: float, usual: Sequence[Usual]) -> tuple[Floats, Floats, Bools]:
        """Guesses and weights (experts, S), and which experts know anything about this time."""
        count = len(self.profiles) + 1
        guesses = np.empty((count, self.series))
        usable = np.ones((count, self.series), dtype=bool)
        guesses[0] = self.level
        for k, (profile, here) in enumerate(zip(self.profiles, usual, strict=True), start=1):
            guesses[k] = here.value + self.offset[k - 1]
            usable[k] = (here.seen > 0) & (at - self.born >= 0.95 * profile.season.period)
            # A new expert is believed a little more than those that it replaces, until its own errors are
            # known.
            fresh = usable[k] & (self.error[k] == 0) & (self.samples > self.minimum)
            best = self.error[0] if k == 1 else np.minimum(self.error[0], self.error[1])
            self.error[k, fresh] = 0.6 * best[fresh]
        floor = 1e-9 * (1e-12 + np.abs(self.level)) + 1e-30
        best = np.where(usable, self.error, np.inf).min(axis=0) + floor
        weights = np.where(usable, ((best) / (self.error + floor)) ** self.tuning.expert_power, 0.0)
        return guesses, weights, usable

    def _fall_back(self, evidence: Floats, limit: Floats, level: Floats, mask: Bools) -> None:
        """Judge the series whose level has moved too far by the level of before: what moved it is to be told."""
        far = mask & ((evidence > limit[UP]) | (evidence < -limit[DOWN]))
        back = np.where(far, self.evidence.usual - level, 0.0)
        self.level += back
        self.offset += back
        self.evidence.carry(evidence, far)

    def _scale_now(self, expected: Floats, usual: Sequence[Usual]) -> Floats:
        scale = self.scale
        spreads = []
        for here in usual:
            believe = here.seen / (here.seen + 4.0)
            spreads.append(np.clip(believe * here.spread + (1.0 - believe), 0.5, 4.0))
        if spreads:
            # The geometric mean, by a function that rounds the same however many series there are.
            scale = scale * (spreads[0] if len(spreads) == 1 else np.sqrt(spreads[0] * spreads[-1]))
        width = np.where(self.samples > 1, self.highest - self.lowest, 0.0)
        t = self.tuning
        floor = np.maximum(t.floor_of_range * width, t.floor_of_value * np.abs(expected))
        # A value that is too small a difference to count is no reason to doubt what is ordinary: without this, a
        # queue that is almost always empty learns its tail from milliseconds, and grows blind.
        floor = np.maximum(floor, t.floor_of_demand * self.spans.demanded(expected))
        return np.maximum(scale, np.maximum(floor, 1e-12))

    def _reach(self, limit: Floats, opened: Bools) -> Floats:
        """How far beyond what is credible the band reaches, (2, S), in scales."""
        reach = [self.evidence.reach(self.samples, one, narrow=opened) for one in limit]
        return np.stack([self.tails.residuals(one)[side] for side, one in enumerate(reach)])

    def _count_peaks(
        self, before: float, at: float, strength: Floats, residual: Floats, expected: Floats, healthy: Bools
    ) -> None:
        """Tell the budget, each half of a season, what the largest evidence of each series was."""
        if self.budget is None:
            return
        half = 0.5 * self.period
        if before > -math.inf and math.floor(at / half) != math.floor(before / half):
            self.budget.add(self.evidence.peak, half)
            self.evidence.peak[:] = UNJUDGED
        up, down = (
            np.where(self.spans.high_is_bad, strength[UP], 0.0),
            np.where(self.spans.low_is_bad, strength[DOWN], 0.0),
        )
        # What is too small a difference to be told has lived, and shown nothing.
        counted = np.where(np.abs(residual) >= self.spans.demanded(expected), np.maximum(up, down), 0.0)
        np.maximum(self.evidence.peak, counted, out=self.evidence.peak, where=healthy)

    def _adopt(self, at: float, which: Bools) -> None:
        """Let lasting shifts be the new normal: the line that they made of what was expected."""
        factor, moved = self.spans.became(which, self.scale)
        self.level = moved(self.level)
        self.evidence.adopt(moved(self.evidence.usual), factor)
        for k, profile in enumerate(self.profiles):
            # A profile in its first season has no past to be shifted against: it learns the level of now.
            taught = at - self.born >= 0.95 * profile.season.period
            self.offset[k] = np.where(taught, moved(self.offset[k]), self.offset[k])
            profile.stretch(np.where(taught, factor, 1.0))
            profile.doubt(which)
        # The new level may swing differently; until that is known, it is given the room that it took.
        self.scale = np.where(which, self.spans.room(self.scale, factor), self.scale)
        self.evidence.forget(which)
        self.tails.drop_peaks(which)
        self.spans.adopt(at, which)

    def _learn(
        self,
        at: float,
        v: Floats,
        guesses: Floats,
        usable: Bools,
        residual: Floats,
        scale: Floats,
        z: Floats,
        level: Floats,
        ok: Bools,
        calm: Bools,
        advice: Advice | None,
    ) -> None:
        t = self.tuning
        # A value of which nothing is learned was heard of nevertheless.
        self.seen_at = np.where(ok, at, self.seen_at)
        if advice is not None:
            ok = ok & ~advice.frozen
        learn = ok & (self.spans.open == 0)
        young = self.samples < self.minimum
        clip = np.where(young, np.inf, t.clip * scale)
        self.highest = np.where(learn, np.maximum(self.highest, v), self.highest)
        self.lowest = np.where(learn, np.minimum(self.lowest, v), self.lowest)
        wide = np.where(young, np.inf, 2.0 * t.clip * scale)
        absolute = np.minimum(np.abs(residual), wide)
        # A mean absolute deviation times 1.2533 is the standard deviation of a normal distribution.
        gain = np.maximum(1.0 / (self.samples + 1.0), self._scale_gain)
        first = self.samples == 0
        self.scale = np.where(learn & ~first, self.scale + gain * (1.2533 * absolute - self.scale), self.scale)
        gain = np.maximum(1.0 / (self.samples + 1.0), self._error_gain)
        # The first two seasons are learned from even while something deviates: else no series would ever
        # learn its weekend.
        untaught = ok & (at - self.born < 2.0 * (self.profiles[-1].season.period if self.profiles else 0.0))
        for k, guess in enumerate(guesses):
            miss = np.minimum(np.abs(v - guess), 3.0 * wide)
            moved = (learn | untaught) & ~first & usable[k] & ((self.error[k] > 0) | (k == 0))
            self.error[k] = np.where(moved, self.error[k] + gain * (miss - self.error[k]), self.error[k])
        for k, profile in enumerate(self.profiles):
            usual = guesses[k + 1] - self.offset[k]
            left = np.clip(v - usual - self.offset[k], -clip, clip)
            fast = np.maximum(1.0 / (self.since_gap + 4.0), self._offset_gain)
            self.offset[k] = np.where(learn & usable[k + 1], self.offset[k] + fast * left, self.offset[k])
            taught = learn | ok & (at - self.born < 2.0 * profile.season.period)
            deviation = np.abs(residual) * 1.2533 / np.maximum(self.scale, 1e-12)
            moved_to = None if advice is None else advice.season_at
            for when in (at,) if moved_to is None else np.unique(moved_to).tolist():
                here = taught if moved_to is None else taught & (moved_to == when)
                profile.learn(when, v - self.offset[k], deviation, clip, here)
        fast = np.maximum(1.0 / (self.since_gap + 1.0), self._level_gain)
        move = np.where(self.since_gap == 0, v - self.level, np.clip(v - self.level, -clip * 2, clip * 2))
        self.level = np.where(learn, self.level + fast * move, self.level)
        self.tails.learn(z, learn & calm & ~young)
        self.evidence.learn(self.samples, level, learn & calm & ~young, usable[-1])
        self.born = np.where(ok, np.minimum(self.born, at), self.born)
        self.samples = np.where(learn, self.samples + 1.0, self.samples)
        self.since_gap = np.where(learn, self.since_gap + 1.0, self.since_gap)


def _usual(profile: Profile, at: float, advice: Advice | None) -> Usual:
    """What is usual at a time, or on a day that is like another."""
    moved_to = None if advice is None else advice.season_at
    return profile.expect(at) if moved_to is None else profile.expect_each(moved_to)
