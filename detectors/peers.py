"""Peers compared with peers: the one pod of twenty that is unlike the others.

At each tick every series is compared with the median of its group, in the logarithm for what is never negative, so that
a pod with twice the work is twice the others at every hour. From this difference its own usual difference is taken: a
pod that was always different is no deviation. What is left is averaged over the hold time and divided by the largest of
three scales: the series' own, its group's, and the spread of the group at this moment. When all move together the
median moves with them; when the group falls apart its spread grows; in neither is one of them to blame.

A declaration with `peers` has its query judged so by the engine (`detectors.watch`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.advice import Advice
from detectors.seasonal import DetectionError, Tick
from watchkeeper.deliveries import fingerprint
from watchkeeper.signals import Polarity

__all__ = ["PeerTuning", "Peers", "group_numbers"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# The median absolute deviation of normal noise, as a share of its standard deviation (Rousseeuw and Croux, 1993).
_MAD = 1.4826
# The same of the mean absolute value.
_MEAN = math.sqrt(math.pi / 2)
_SCALE_EVERY = 10
_ROOM = 1.5
# What a new series begins with; the last axis of each is the series.
_STATE = {
    "offset": 0.0,
    "scale": 0.0,
    "mean": 0.0,
    "count": 0.0,
    "outside": 0.0,
    "open": 0.0,
    "since": math.nan,
    "onset": math.nan,
    "common": math.nan,
    "born": math.inf,
    "seen_at": -math.inf,
    "judged_at": -math.inf,
    "adopted_at": -math.inf,
}


@dataclass(frozen=True, slots=True)
class PeerTuning:
    """One set of numbers for every series.

    `threshold`: scales from the group's median; 5, because the scales are estimates and noise has heavy tails: one
    false deviation in more than 1,000 pod-weeks of simulated normal noise with a memory, in 150 of Student's t with 4
    degrees of freedom. `least`: peers with a
    value, below which nobody is judged: the median of fewer says little. `minimum`: ticks before a group, or the usual
    difference of a series, is known. `memory`: of the usual difference and the scales, in seconds; `adopt`: after so
    many seconds a lasting difference is usual. `floor`: the least scale as a share of the value. `clip`: how many
    scales one value may teach.
    """

    threshold: float = 5.0
    least: int = 5
    minimum: int = 30
    memory: float = 86_400.0
    adopt: float = 86_400.0
    floor: float = 0.01
    clip: float = 3.0


def group_numbers(labels: Sequence[Mapping[str, str]], members: Collection[str] = ("pod",)) -> Ints:
    """The group of each series, (S,): series whose labels agree but for those that tell peers apart."""
    numbers: dict[str, int] = {}
    apart = {*members, "__name__"}
    keys = (fingerprint({k: v for k, v in one.items() if k not in apart}) for one in labels)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


class Peers:
    """The state of S series in groups, in arrays whose last axis is the series.

    `groups` (S,) are numbers of groups. `step`, `hold` and `patience` (how long a deviation outlives the time in which
    its series cannot be judged) are in seconds. With `ratio` values are compared by their
    logarithm, and must not be negative: those that are, are taken for missing. Raises DetectionError for values of
    another shape, or a time that is not later than the last.
    """

    def __init__(
        self,
        groups: Ints,
        *,
        step: float,
        hold: float,
        polarity: Polarity = Polarity.BOTH_ARE_BAD,
        minimum_relative: float = 0.2,
        minimum_absolute: float = 0.0,
        patience: float = 1_800.0,
        ratio: bool = True,
        tuning: PeerTuning | None = None,
    ) -> None:
        self.tuning = tuning or PeerTuning()
        self.step, self.ratio = step, ratio
        self.hold = max(1.0, round(hold / step))
        self.minimum_relative, self.minimum_absolute = minimum_relative, minimum_absolute
        self._up, self._down = polarity is not Polarity.LOW_IS_BAD, polarity is not Polarity.HIGH_IS_BAD
        self._gain = step / self.tuning.memory
        self.patience = patience
        self.last = -math.inf
        fresh = {name: np.full(len(groups), new) for name, new in _STATE.items()}
        self.offset, self.scale, self.mean = fresh["offset"], fresh["scale"], fresh["mean"]
        self.count, self.outside, self.open = fresh["count"], fresh["outside"], fresh["open"]
        self.since, self.onset, self.common = fresh["since"], fresh["onset"], fresh["common"]
        self.born, self.seen_at = fresh["born"], fresh["seen_at"]
        self.judged_at, self.adopted_at = fresh["judged_at"], fresh["adopted_at"]
        self.fellows = np.zeros(len(groups), np.int64)
        """With how many others each series was compared at the last tick, (S,)."""
        self._arrange(np.asarray(groups, np.int64))

    def _arrange(self, groups: Ints) -> None:
        """Lay the groups out as rows: `_rows` (G, K) are columns of series, the last of them standing for nobody."""
        _, self.groups = np.unique(groups, return_inverse=True)
        order = np.argsort(self.groups, kind="stable")
        sizes = np.bincount(self.groups) if len(groups) else np.zeros(0, np.int64)
        starts = np.cumsum(sizes) - sizes
        places = np.arange(len(groups)) - np.repeat(starts, sizes)
        self._rows = np.full((len(sizes), int(sizes.max(initial=0))), len(groups))
        self._rows[self.groups[order], places] = order

    # -- one tick --

    def tick(self, at: float, values: Floats, *, advice: Advice | None = None) -> Tick:
        """Judge the values (S,) of a time, NaN where missing, then learn from them. `advice` is what is known beside
        the past.

        `expected` is what the peers and the series' usual difference from them let expect; `score` is 0.5 at the
        threshold; `stage` is 0 while nothing is judged, 1 by the peers alone (a new one among known ones), 2 with its
        own past.
        """
        if values.shape != self.offset.shape:
            raise DetectionError(f"values of shape {values.shape}: expected {self.offset.shape}")
        if not at > self.last:
            raise DetectionError(f"a tick at {at:g}: expected one later than {self.last:g}")
        self.last = at
        t = self.tuning
        with np.errstate(all="ignore"):
            x, floor = self._compared(values)
            middle, peers = self._medians(x)
            middle, peers = middle[self.groups], peers[self.groups]
            there = np.isfinite(x)
            self.fellows = np.where(there, peers - 1, peers).astype(np.int64)
            ok = there & (peers >= t.least)
            self._heard(at, there, ok)
            difference = np.where(ok, x - middle, np.nan)
            # A series is known once its own usual difference is; a new one among known ones by its peers alone.
            known = self.count >= t.minimum
            grown = known if known.all() else self._share(known)[self.groups] >= 0.5
            own = np.where(known, self.offset, 0.0)
            residual = difference - own
            now = _MAD * self._medians(np.abs(residual))[0][self.groups]
            usual = np.where(known, self.scale, 0.0)
            common = self._common_scale(known)
            scale = np.fmax(np.fmax(usual, common), np.fmax(now, floor))
            if not known.all():
                # Who has no past yet is compared with how far apart the others are, their usual differences included.
                apart = _MAD * self._medians(np.abs(difference))[0][self.groups]
                scale = np.where(known, scale, np.fmax(scale, apart))
            gain = 2.0 / (self.hold + 1.0)
            # One value alone, however far, must not carry the mean over the threshold.
            room = _ROOM * t.threshold * scale
            held = np.clip(residual, -room, room)
            self.mean = np.where(ok, self.mean + gain * (held - self.mean), self.mean)
            z = self.mean / scale
            judged = ok & (known | grown)
            expected = self._back(middle + own)
            wider_up, wider_down = (1.0, 1.0) if advice is None else (advice.wider_up, advice.wider_down)
            wider = np.where(z > 0, wider_up, wider_down)
            deviating = self._follow(at, values, expected, z / wider, judged, advice)
            self._learn(difference, floor, z, ok if advice is None else ok & ~advice.frozen)
            half = t.threshold * scale
            lower = self._back(middle + own - half * wider_down)
            upper = self._back(middle + own + half * wider_up)
            # Over the threshold the value itself tells how far.
            size = np.where(np.abs(z) > t.threshold, np.fmax(np.abs(z), np.abs(residual) / scale), np.abs(z)) / wider
            one_sided = np.where((z > 0) & self._up | (z < 0) & self._down, size, 0.0)
            score = np.where(judged, one_sided / (one_sided + t.threshold), 0.0)
        for band in (expected, lower, upper):
            band[~judged] = math.nan
        stage = np.where(judged, np.where(known, 2, 1), 0).astype(np.int8)
        return Tick(
            at, expected, lower, upper, score, deviating, self.since.copy(), stage, np.full(len(stage), -1, np.int8)
        )

    def _heard(self, at: float, there: Bools, ok: Bools) -> None:
        """Note who has a value, and can be compared; what was not for longer than its patience deviates no more."""
        self.seen_at = np.where(there, at, self.seen_at)
        self.born = np.where(there, np.minimum(self.born, at), self.born)
        self.judged_at = np.where(ok, at, self.judged_at)
        self._close((self.open > 0) & (at - self.judged_at > self.usual_gap + self.patience))

    def _close(self, which: Bools) -> None:
        self.open[which] = 0.0
        self.outside[which] = 0.0
        self.since[which] = math.nan

    @property
    def usual_gap(self) -> Floats:
        """For how many seconds a series may not be judged without being called silent; (S,)."""
        return np.full(len(self.offset), max(self.hold + 1, 5) * self.step)

    def adopted(self, column: int, since: float) -> bool:
        """Whether a difference of a series that began at `since` became its usual one."""
        return bool(self.adopted_at[column] > since)

    @property
    def spans(self) -> Peers:
        """Itself: `since`, `usual_gap` and `adopted`, where a seasonal detector has them."""
        return self

    def _common_scale(self, known: Bools) -> Floats:
        """The usual scale of each series' group, (S,): it changes with the memory, and is not looked at every tick."""
        if round(self.last / self.step) % _SCALE_EVERY == 0 or not known.all():
            self.common = self._medians(np.where(known, self.scale, np.nan))[0][self.groups]
        return self.common

    def _compared(self, values: Floats) -> tuple[Floats, Floats]:
        """What is compared, and the least scale of it; (S,) each."""
        t = self.tuning
        if not self.ratio:
            x = np.where(np.isfinite(values), values, np.nan)
            size = self._medians(np.abs(x))[0][self.groups]
            return x, np.maximum(t.floor * size, np.maximum(self.minimum_absolute / t.threshold, 1e-12))
        x = np.where(np.isfinite(values) & (values >= 0), values, np.nan)
        # Below what counts as a difference at all, ratios mean nothing; at nought they do not exist.
        self._nil = max(self.minimum_absolute, 1e-9)
        return np.log(x + self._nil), np.full(len(x), t.floor)

    def _back(self, x: Floats) -> Floats:
        return np.maximum(np.exp(x) - self._nil, 0.0) if self.ratio else x

    def _follow(
        self, at: float, values: Floats, expected: Floats, z: Floats, judged: Bools, advice: Advice | None
    ) -> Bools:
        """Count what is outside, open and close; which series deviate, (S,)."""
        demanded = np.maximum(self.minimum_relative * np.abs(expected), self.minimum_absolute)
        far = np.abs(values - expected) >= demanded
        threshold = np.where(self.open > 0, 0.5 * self.tuning.threshold, self.tuning.threshold)
        up, down = (z > threshold) & self._up, (z < -threshold) & self._down
        patience: Floats | float = self.tuning.adopt
        if advice is not None:
            up, down = up & ~advice.up_muted, down & ~advice.down_muted
            self._close((self.open > 0) & np.where(self.mean >= 0, advice.up_muted, advice.down_muted))
            patience = np.where(advice.frozen, np.inf, patience * advice.patience)
        bad = judged & far & (up | down)
        self.onset[bad & (self.outside == 0)] = at
        counted = np.clip(self.outside + np.where(bad, 1.0, -1.0), 0.0, self.hold)
        self.outside = np.where(judged, counted, self.outside)
        was = self.open > 0
        now = np.where(was, self.outside > 0, self.outside >= self.hold)
        self.since = np.where(now, np.where(was, self.since, self.onset), np.nan)
        lasted = now & judged & (at - self.since >= np.maximum(patience, 2 * self.hold * self.step))
        if lasted.any():
            # What has lasted for so long is what this one is like: it is learned anew.
            now &= ~lasted
            for name in ("count", "outside", "mean", "offset", "scale"):
                getattr(self, name)[lasted] = 0.0
            self.since[lasted] = math.nan
            self.adopted_at[lasted] = at
        self.open = now.astype(np.float64)
        return np.asarray(now)

    def _learn(self, difference: Floats, floor: Floats, z: Floats, ok: Bools) -> None:
        t = self.tuning
        known = self.count >= t.minimum
        # What is outside teaches nothing: a drift would teach its own normality. While it is new it is all there is.
        learns = ok & (self.open == 0) & (~known | (np.abs(z) < 0.5 * t.threshold))
        # Before it is known, by how much it varies is seen from what is known of its offset so far.
        early = np.where(self.count >= 1, difference - self.offset, 0.0)
        self.count = np.where(learns, self.count + 1.0, self.count)
        gain = np.maximum(1.0 / np.maximum(self.count, 1.0), self._gain)
        room = np.where(known, t.clip * np.maximum(self.scale, floor) * math.sqrt(self.hold), np.inf)
        step = np.clip(np.where(learns, difference - self.offset, 0.0), -room, room)
        self.offset += gain * step
        # The scale is that of the averaged residual, so that noise with a memory has the scale that it shows.
        seen = _MEAN * np.abs(np.where(known, self.mean, early))
        most = np.where(known, t.clip * np.maximum(self.scale, floor), np.inf)
        self.mean[~known & (self.count >= t.minimum)] = 0.0  # it was that from the others, and is from its own past now
        self.scale += np.where(learns, gain * (np.minimum(seen, most) - self.scale), 0.0)

    # -- over groups --

    def _medians(self, x: Floats) -> tuple[Floats, Floats]:
        """The median of each group without its NaN, and how many values it has; (G,) each."""
        if not self._rows.size:
            return np.zeros(0), np.zeros(0)
        laid = np.append(x, np.nan)[self._rows]
        laid.sort(axis=1)  # NaN come last
        count = laid.shape[1] - np.isnan(laid).sum(axis=1)
        low = np.maximum((count - 1) // 2, 0)[:, None]
        high = np.maximum(count // 2, 0)[:, None]
        high = np.minimum(high, np.maximum(count - 1, 0)[:, None])
        middle = 0.5 * (np.take_along_axis(laid, low, 1) + np.take_along_axis(laid, high, 1))[:, 0]
        return middle, count.astype(np.float64)

    def _share(self, which: Bools) -> Floats:
        sizes = np.bincount(self.groups, minlength=len(self._rows))
        return np.bincount(self.groups, which, len(self._rows)) / np.maximum(sizes, 1)

    # -- saved, restored, rearranged --

    def arrays(self) -> dict[str, Floats]:
        """Its state, by name; the last axis is the series."""
        return {name: getattr(self, name) for name in _STATE}

    def put(self, name: str, array: NDArray[np.floating]) -> None:
        """Put a saved array back. Raises DetectionError for one of another shape."""
        if array.shape != self.offset.shape:
            raise DetectionError(f"{name} of shape {array.shape}: expected {self.offset.shape}")
        setattr(self, name, np.array(array, np.float64))

    def rearrange(self, columns: Sequence[int], groups: Ints) -> None:
        """Keep the series of these columns, in this order; -1 is a new one. `groups` are those of all of them."""
        places = np.asarray(columns, np.int64)
        for name, new in _STATE.items():
            setattr(self, name, np.append(getattr(self, name), new)[places])
        self.fellows = np.zeros(len(places), np.int64)
        self._arrange(np.asarray(groups, np.int64))
