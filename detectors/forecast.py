"""When something will be full: a disk, a quota, a budget, an error budget, a pool of connections.

The room that is left is followed along a line, and how far such lines were off in this series' own past says how far
this one may be: every past moment is taken as if it were now, the lowest room that followed within each time ahead is
compared with what was foretold, and the interval is as wide as the quantiles of these errors demand (a conformal
interval). Errors at times further ahead than the history can show are carried on by the law that they followed: noise
stays, a random walk grows with the root of the time, a wrong slope with the time itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import optimize, stats

from detectors.effects import long_run_variance
from detectors.seasonal import DetectionError
from watchkeeper.durations import spoken

__all__ = ["LEAST_VALUES", "OUTLOOKS", "Forecast", "Outlook", "add_up", "forecast"]

Floats = NDArray[np.float64]
Outlook = Literal["full", "fills", "may fill", "not at this rate", "not enough data"]

OUTLOOKS: tuple[Outlook, ...] = ("full", "fills", "may fill", "not at this rate", "not enough data")
"""What a forecast can say, in the order in which a reader wants it."""

LEAST_VALUES = 24
"""With fewer there are not even a dozen past moments to learn errors from, each after a dozen values."""

AHEAD = 4.0
"""How many times the length of the history a forecast looks ahead at most: what lies beyond is a guess."""

_BINS = 192
_LEADS = 14
_DAY = 86_400.0
# A jump of so much of the range, and of so many usual ones, between two neighbouring bins is a clean-up.
_CLEANED, _UNUSUAL = 0.2, 8.0
# A walk's neighbours are correlated by nearly one, noise's not at all.
_ALIKE = 0.5
# Four quarters give a variance that is by chance a third of the true one in one case of ten.
_FAR = 3.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the limit is reached.

    `outlook`: `full` it is reached now; `fills` it will be, at `at` (median) and with the probability `level` between
    `earliest` and `latest` (seconds since the epoch; infinite: not within the time that can be seen, which ends at
    `horizon`); `may fill` the median does not reach it, the early end does; `not at this rate` nothing does; `not
    enough data` see `why`. `rate` is the change of the value per second, `value` and `limit` those of now. `cleaned` is
    how often the value fell back at once, and `uncleaned` when it would be full if that did not happen again (NaN where
    it never did).
    """

    outlook: Outlook
    why: str
    value: float = math.nan
    limit: float = math.nan
    rate: float = math.nan
    at: float = math.inf
    earliest: float = math.inf
    latest: float = math.inf
    level: float = 0.8
    now: float = math.nan
    horizon: float = math.nan
    values: int = 0
    cleaned: int = 0
    uncleaned: float = math.nan


def forecast(
    times: Floats, values: Floats, limit: float | Floats, *, level: float = 0.8, falling: bool | None = None
) -> Forecast:
    """When `values` (T,) at `times` (T,), in any order and with gaps, reach a limit: one number, or one a time.

    `falling`: the limit is reached from above (what is left of a budget); by default from the side on which most values
    are. Raises DetectionError for arrays of different lengths and a level outside of (0, 1).
    """
    if not 0 < level < 1:
        raise DetectionError(f"the interval's level is {level}: it lies between 0 and 1")
    limits = np.broadcast_to(np.asarray(limit, np.float64), values.shape) if np.ndim(limit) == 0 else np.asarray(limit)
    if times.shape != values.shape or limits.shape != values.shape:
        raise DetectionError(f"{len(times)} times, {len(values)} values and {len(limits)} limits: give as many of each")
    known = np.isfinite(times) & np.isfinite(values) & np.isfinite(limits)
    order = np.argsort(times[known], kind="stable")
    t, v, bound = (np.asarray(a[known][order], np.float64) for a in (times, values, limits))
    if len(t) == 0:
        return Forecast("not enough data", "there is no value", level=level)
    if falling is None:
        falling = bool(np.median(v - bound) > 0)
    room = (v - bound) if falling else (bound - v)
    now = float(t[-1])
    facts = Forecast("full", "the limit is reached", float(v[-1]), float(bound[-1]), level=level, now=now)
    facts = replace(facts, values=len(t))
    if room[-1] <= 0:
        return replace(facts, at=now, earliest=now, latest=now)
    span = now - float(t[0])
    if len(t) < LEAST_VALUES or span <= 0:
        return replace(facts, outlook="not enough data", why=f"{len(t)} values: at least {LEAST_VALUES} are needed")
    grid, step = _binned(t, room)
    moments = int(np.isfinite(grid).sum())
    if moments < LEAST_VALUES:
        why = f"the values lie in {moments} moments between long gaps: at least {LEAST_VALUES} are needed"
        return replace(facts, outlook="not enough data", why=why)
    return _foretell(grid, step, AHEAD * span, -1.0 if not falling else 1.0, facts)


def add_up(times: Floats, values: Floats, since: float) -> Floats:
    """The sum of amounts (T,) from a time on: what was spent of a budget. Before that time it is negative, so that the
    history is there to learn from.

    Times rise. A missing amount stays missing, and weighs as much as the median of the others in the sums after it.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, np.nan)
    sums = np.cumsum(np.where(known, values, np.median(values[known])))
    before = int(np.searchsorted(times, since, side="left"))
    return np.where(known, sums - (sums[before - 1] if before else 0.0), np.nan)


def _binned(times: Floats, room: Floats) -> tuple[Floats, float]:
    """The medians of evenly spaced moments, the last of them now; NaN where there is no value; and their distance."""
    span = float(times[-1] - times[0])
    step = max(span / _BINS, float(np.median(np.diff(times))), span / (len(times) - 1))
    place = np.ceil((times - times[-1]) / step - 1e-9).astype(np.intp)
    place -= place[0]
    grid = np.full(place[-1] + 1, np.nan)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    for start, end in zip(starts, np.append(starts[1:], len(times)), strict=True):
        grid[place[start]] = np.median(room[start:end])
    return grid, step


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Level and slope (per bin) of the line at each moment that has a window of history behind it."""

    level: Floats
    slope: Floats


def _lines(grid: Floats, window: int) -> list[_Lines]:
    """The candidates: what is best for noise, for a random walk, for teeth of a saw, for what stands still."""
    behind = sliding_window_view(grid, window)
    age = np.arange(window) - (window - 1.0)
    half = window // 2
    with np.errstate(invalid="ignore"), _quiet():
        # Theil's incomplete method: the median of the differences of values half a window apart.
        robust = np.nanmedian(behind[:, half:] - behind[:, : window - half], axis=1) / half
        seen = np.isfinite(behind)
        weight = seen.sum(axis=1)
        centre = (age * seen).sum(axis=1) / weight
        mean = np.nanmean(behind, axis=1)
        spread = np.where(seen, age - centre[:, None], 0.0)
        least = np.nansum(spread * (behind - mean[:, None]), axis=1) / (spread**2).sum(axis=1)
        last = np.nanmedian(behind[:, -3:], axis=1)
        along = np.nanmedian(behind - robust[:, None] * age, axis=1)
        middle = np.nanmedian(behind, axis=1)
    return [
        _Lines(along, robust),
        _Lines(last, robust),
        _Lines(mean - least * centre, least),
        _Lines(last, least),
        _Lines(middle, np.zeros_like(middle)),
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without NumPy's warnings of medians over nothing but gaps: their NaN is what is wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _lowest(lines: _Lines, lead: int) -> Floats:
    """The least room that a line foretells within so many bins."""
    return np.asarray(lines.level + np.minimum(lines.slope, 0.0) * lead)


def _foretell(grid: Floats, step: float, ahead: float, sign: float, facts: Forecast) -> Forecast:
    size = len(grid)
    window = max(size // 2, 8)
    if window * step >= 2 * _DAY:
        window = min(window, max(8, int(window * step // _DAY * _DAY / step)))
    most = size - window - 4
    leads = np.unique(np.geomspace(1, most, _LEADS).astype(int))
    candidates = _lines(grid, window)
    errors = [_errors(grid, lines, window, leads) for lines in candidates]
    typical = [float(np.mean([np.median(np.abs(e)) for e in found if e.size])) for found in errors]
    chosen = min(range(len(candidates)), key=lambda i: (typical[i] * (1.0 if i else 0.95), i))
    line, found = candidates[chosen], errors[chosen]
    level, slope = float(line.level[-1]), float(line.slope[-1])
    growth = _growth(leads, found, window)
    pooled = np.concatenate([e / growth.scale(float(lead)) for lead, e in zip(leads, found, strict=True) if e.size])
    # The interval allows for a walk that the past errors may have hidden; the median does not lean on it.
    wide = _Growth(np.maximum(growth.shares, np.array([0.0, _walk(grid), 0.0])), window)
    last = int(ahead / step)
    future = np.unique(np.concatenate([np.arange(1, min(last, 256)), np.geomspace(1, last, 512)]).astype(int))
    below = level + min(slope, 0.0) * future
    h = future.astype(np.float64)
    middle = float(np.quantile(pooled, 0.5)) * growth.usual(h)
    tail = (1.0 - facts.level) / 2.0
    out = []
    for q in (tail, None, 1.0 - tail):
        path = below + middle
        if q is not None:
            # Of walks and slopes that far ahead the history holds few that do not overlap.
            widen = stats.t.ppf(1.0 - tail, np.maximum(2.0, 3.0 * size / h)) / stats.norm.ppf(1.0 - tail)
            path = path + (float(np.quantile(pooled, q)) - float(np.quantile(pooled, 0.5))) * wide.scale(h, widen)
        reached = np.flatnonzero(path <= 0)
        out.append(facts.now + future[reached[0]] * step if reached.size else math.inf)
    earliest, at, latest = out
    outlook: Outlook = "fills" if math.isfinite(at) else "may fill" if math.isfinite(earliest) else "not at this rate"
    cleaned, uncleaned = _cleanings(grid, step, facts.now)
    why = ""
    if outlook != "fills":
        why = f"looked {spoken(ahead)} ahead, {AHEAD:g} times the history: further is a guess"
    return replace(
        facts, outlook=outlook, why=why, rate=sign * slope / step, at=at, earliest=earliest, latest=latest,
        horizon=facts.now + ahead, cleaned=cleaned, uncleaned=uncleaned,
    )  # fmt: skip


def _errors(grid: Floats, lines: _Lines, window: int, leads: NDArray[np.intp]) -> list[Floats]:
    """For each lead, the least room that followed within it less the least that was foretold, at every past moment."""
    found = []
    for lead in leads:
        with _quiet():
            followed = np.nanmin(sliding_window_view(grid[window - 1 :], lead + 1)[:, 1:], axis=1)
        foretold = _lowest(lines, int(lead))[: len(followed)]
        error = followed - foretold
        found.append(error[np.isfinite(error)])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Growth:
    """How errors grow with the time ahead: noise, a random walk, and a slope that changes, each with the error that it
    brings into a slope taken from a window. `shares` (3,) are their variances at one bin.
    """

    shares: Floats
    window: int

    def scale(self, ahead: Floats | float, widen: Floats | float = 1.0) -> Floats:
        """The size of errors so many bins ahead; `widen` is a factor for what is not noise."""
        h, w = np.asarray(ahead, np.float64), float(self.window)
        noise = self.shares[0] * (1.0 + 2.0 * np.log(h) + 12.0 * (h + w / 2) ** 2 / w**3)
        rest = self.shares[1] * (h + h**2 / w) + self.shares[2] * h**2
        return np.asarray(np.sqrt(np.maximum(noise + widen**2 * rest, 1e-300)))

    def usual(self, ahead: Floats) -> Floats:
        """The same without what a wrong slope adds, which goes either way."""
        return np.asarray(np.sqrt(self.shares[0] * (1.0 + 2.0 * np.log(ahead)) + self.shares[1] * ahead))


def _growth(leads: NDArray[np.intp], errors: list[Floats], window: int) -> _Growth:
    usable = [(float(lead), e) for lead, e in zip(leads, errors, strict=True) if e.size >= 4]
    size = np.array([float(np.mean(np.minimum(np.abs(e), 4 * np.median(np.abs(e)) + 1e-300) ** 2)) for _, e in usable])
    parts = [_Growth(row, window) for row in np.eye(3)]
    basis = np.array([[float(part.scale(lead)) ** 2 for part in parts] for lead, _ in usable])
    # Of errors far ahead there are few that do not overlap.
    weight = 1.0 / np.maximum(size, size.max() * 1e-6 + 1e-300) / np.array([lead for lead, _ in usable]) ** 0.5
    unit = basis.max(axis=0)
    shares, _ = optimize.nnls(basis / unit * weight[:, None], size * weight)
    return _Growth(np.asarray(shares / unit), window)


def _walk(grid: Floats) -> float:
    """The least that has to be taken for a random walk: the variance that steps from bin to bin pile up.

    A single history shows few of a walk's long ways, and by chance none that goes far; its many short steps do not
    leave that to chance. Steps that undo each other (waves, clean-ups) are told by how far the values came in a quarter
    of the history, and noise, whose neighbours do not resemble each other, is no walk at all.
    """
    known = np.flatnonzero(np.isfinite(grid))
    values = grid[known]
    rest = values - np.polyval(np.polyfit(known, values, 1), known)
    if float(rest[1:] @ rest[:-1]) <= _ALIKE * float(rest @ rest):
        return 0.0
    lag = max(1, len(grid) // 4)
    apart = grid[lag:] - grid[:-lag]
    apart = apart[np.isfinite(apart)]
    far = float(apart.var()) / lag * len(grid) / (len(grid) - lag) if apart.size else 0.0
    return min(long_run_variance(np.diff(values)), _FAR * far)


def _cleanings(grid: Floats, step: float, now: float) -> tuple[int, float]:
    """How often room came back at once, and when there would be none if it did not again."""
    known = grid[np.isfinite(grid)]
    jumps = np.diff(known)
    width = float(known.max() - known.min())
    back = jumps > max(_CLEANED * width, _UNUSUAL * float(np.median(np.abs(jumps))))
    if width <= 0 or not back.any():
        return 0, math.nan
    pace = float(np.mean(jumps[~back])) if (~back).any() else 0.0
    # One that falls into the middle of a bin shows as two jumps.
    times = int(np.count_nonzero(back & ~np.concatenate([[False], back[:-1]])))
    return times, now + float(known[-1]) / -pace * step if pace < 0 else math.inf
