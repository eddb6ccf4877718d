"""Healthy seasonal series with faults, made from a seed and streamed a day at a time.

    fleet = Fleet(500, weeks=10, seed=7)
    for times, values in fleet.days():      # (B,), (S, B): a day each, whatever the length of the whole
        ...

Every series has a day, most have a week, each its own noise: Gaussian, heavy-tailed (Student's t with three degrees of
freedom), counts near zero, a utilisation between 0 and 100, noise in proportion to the level, and series without any
season. Noise is autocorrelated, and levels wander a little from day to day, as those of real series do. Faults
change nothing of other series, nor of their own before they begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from benchmarks.synthetic.faults import DAY, KINDS, WEEK, Kind, Label, bend, mar, other_time

__all__ = ["LAWS", "START", "Fleet", "injected", "suite"]

Floats = NDArray[np.float64]

START = 1_767_571_200.0
"""2026-01-05T00:00:00Z, a Monday."""

LAWS = ("gaussian", "heavy", "counts", "utilisation", "multiplicative", "plain")
_ROWS_OF_LAWS = np.array(LAWS)


@dataclass(frozen=True, slots=True, eq=False)
class _Base:
    """What the series of a fleet are when healthy, one entry a series: `table` (S, slots of a week)."""

    law: NDArray[np.str_]
    table: Floats
    noise: Floats
    relative: Floats
    memory: Floats
    wander: Floats
    step: float

    def expected(self, times: Floats, rows: NDArray[np.intp] | slice = slice(None)) -> Floats:
        slots = np.round((times % WEEK) / self.step).astype(np.intp) % self.table.shape[1]
        return np.asarray(self.table[rows][:, slots])


def _base(series: int, law: Sequence[str] | None, step: float, random: np.random.Generator) -> _Base:
    slots = round(WEEK / step)
    t = np.arange(slots) * step
    chosen = np.array(law if law is not None else [LAWS[i % len(LAWS)] for i in range(series)])
    uniform = random.uniform
    phase = uniform(0, 1, (3, series, 1))
    day = np.sin(2 * np.pi * (t / DAY + phase[0])) + uniform(0, 0.5, (series, 1)) * np.sin(
        4 * np.pi * (t / DAY + phase[1])
    )
    # Office hours: a plateau with slopes, for some of the series.
    hours = 1 / (1 + np.exp(-12 * (np.sin(2 * np.pi * (t / DAY + phase[2])) - 0.2)))
    office = random.random((series, 1)) < 0.5
    shape = np.where(office, 2 * hours - 1, day / 1.5)
    # The epoch was a Thursday: Saturday and Sunday are days 2 and 3 of its weeks.
    weekend = np.isin((t // DAY) % 7, (2, 3))
    weekly = np.where(random.random((series, 1)) < 0.7, uniform(0.3, 0.95, (series, 1)), 1.0)
    shape = (1 + uniform(0.2, 0.6, (series, 1)) * shape) * np.where(weekend, weekly, 1.0)
    shape[chosen == "plain"] = 1.0
    level = 10 ** uniform(-2, 5, (series, 1))
    level = np.where((chosen == "counts")[:, None], uniform(0.2, 4.0, (series, 1)), level)
    level = np.where((chosen == "utilisation")[:, None], uniform(30, 50, (series, 1)), level)
    table = level * shape
    relative = uniform(0.02, 0.1, series)
    mean = table.mean(axis=1)
    noise = relative * mean
    noise = np.where(chosen == "multiplicative", relative * np.sqrt(np.mean(table**2, axis=1)), noise)
    noise = np.where(chosen == "counts", np.sqrt(mean), noise)
    memory = uniform(0.0, 0.7, series)
    memory[chosen == "counts"] = 0.0
    return _Base(chosen, table, noise, relative, memory, uniform(0.0, 0.4, series), step)


@dataclass(frozen=True, eq=False)
class Fleet:
    """S series over some weeks, with the faults of `labels`.

    `noise` (S,) is the standard deviation of each series about its expectation, in its own unit: what sizes of
    faults are multiples of. `judged_from` (seconds) is where scores begin to count. The same seed gives the same
    values, with or without labels.
    """

    series: int
    weeks: float
    seed: int
    step: float = 300.0
    labels: tuple[Label, ...] = ()
    judged_from: float = START
    law: tuple[str, ...] | None = None
    kinds: Mapping[int, str] = field(default_factory=dict)
    _base: _Base = field(init=False, repr=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng([self.seed, 0])
        object.__setattr__(self, "_base", _base(self.series, self.law, self.step, random))

    @property
    def noise(self) -> Floats:
        """The standard deviation of each series about its expectation, (S,)."""
        return self._base.noise

    @property
    def extent(self) -> Floats:
        """The lowest and the highest expectation of each series in a week, (2, S)."""
        table = self._base.table
        return np.stack([table.min(axis=1), table.max(axis=1)])

    @property
    def laws(self) -> tuple[str, ...]:
        """The noise law of each series."""
        return tuple(map(str, self._base.law))

    @property
    def end(self) -> float:
        """The time after the last value."""
        return START + round(self.weeks * 7) * DAY

    @property
    def planned(self) -> tuple[Label, ...]:
        """What was announced: for detectors that know a calendar."""
        return tuple(label for label in self.labels if label.planned)

    def days(self) -> Iterator[tuple[Floats, Floats]]:
        """Times (B,) and values (S, B), NaN where missing, one day after the other."""
        base, size = self._base, round(DAY / self.step)
        memory = base.memory
        fresh = np.sqrt(1 - memory**2)
        first = np.random.default_rng([self.seed, 1])
        noise, wander = first.standard_normal(self.series), first.standard_normal(self.series)
        share = np.arange(size) / size
        held: dict[int, float] = {}
        for day in range(round(self.weeks * 7)):
            random = np.random.default_rng([self.seed, 2, day])
            times = np.asarray(START + DAY * day + self.step * np.arange(size), np.float64)
            unit = random.standard_normal((self.series, size))
            for i in range(size):
                noise = memory * noise + fresh * unit[:, i]
                unit[:, i] = noise
            tomorrow = 0.6 * wander + 0.8 * random.standard_normal(self.series)
            drift = wander[:, None] * (1 - share) + tomorrow[:, None] * share
            wander = tomorrow
            tails = np.sqrt(random.chisquare(3, (self.series, size)) / 3)
            yield times, self._day(times, unit, tails, drift, held)

    def _day(self, times: Floats, unit: Floats, tails: Floats, drift: Floats, held: dict[int, float]) -> Floats:
        base = self._base
        mean = base.expected(times)
        spread = np.ones_like(mean)
        active = [label for label in self.labels if label.start < times[-1] + self.step and label.end > times[0]]
        for label in active:
            shift = other_time(label)
            for row in label.series:
                shifted = base.expected(times + shift, np.array([row]))[0] if shift else mean[row]
                bend(label, times, mean[row], spread[row], float(base.noise[row]), shifted)
        law = base.law[:, None]
        centre = mean + np.where(law == "counts", 0.0, (base.wander * base.noise)[:, None] * drift)
        relative = base.relative[:, None]
        # A standard deviation of one for all laws: that of t with three degrees of freedom is the root of three.
        e = np.where(law == "heavy", unit / tails / np.sqrt(3.0), unit) * spread
        values = centre + base.noise[:, None] * e
        proportional = np.maximum(centre, 0.0) * np.exp(relative * e - relative**2 / 2)
        values = np.where(law == "multiplicative", proportional, values)
        values = np.where(law == "utilisation", np.clip(values, 0.0, 100.0), values)
        counted = np.flatnonzero(base.law == "counts")
        values[counted] = stats.poisson.ppf(special.ndtr(unit[counted]), np.maximum(mean[counted], 1e-9))
        for label in active:
            for row in label.series:
                held[row] = mar(label, times, values[row], held.get(row, float(values[row, 0])))
        # What is held over midnight has to be known before the next day.
        for label in self.labels:
            if label.kind == "flat line" and times[-1] < label.start <= times[-1] + self.step:
                held[label.series[0]] = float(values[label.series[0], -1])
        return np.asarray(values)

    def whole(self) -> tuple[Floats, Floats]:
        """Times (T,) and values (S, T) in one piece."""
        parts = list(self.days())
        return np.concatenate([times for times, _ in parts]), np.concatenate([values for _, values in parts], axis=1)


def _label(
    kind: Kind, rows: Sequence[int], start: float, last: float, size: float, random: np.random.Generator
) -> Label:
    up = {"spike": 1.0, "dip": -1.0}.get(kind.name)
    sign = up if up is not None else float(random.choice([-1.0, 1.0]))
    end = min(start + _length(kind, random), last)
    return Label(kind.name, tuple(rows), start, end, sign * size, start + kind.within)


def _length(kind: Kind, random: np.random.Generator) -> float:
    if np.isinf(kind.shortest):
        return float("inf")
    return float(np.ceil(random.uniform(kind.shortest, kind.longest) / 300.0) * 300.0)


def suite(
    *, per: int = 30, sizes: Sequence[float] = (3.0, 5.0, 10.0), seed: int = 1, warm: int = 3, step: float = 300.0
) -> Fleet:
    """The labelled suite: `per` series for each kind of fault and size (multiples of the series' own noise).

    `warm` weeks without faults, in which nothing is judged, then two weeks, with one fault in the first of them.
    Kinds without a size are there once. `Fleet.kinds` says which row is there for which kind.
    """
    random = np.random.default_rng([seed, 3])
    judged = START + warm * WEEK
    end = judged + 2 * WEEK
    labels: list[Label] = []
    laws: list[str] = []
    kinds: dict[int, str] = {}
    # Clocks change on a Sunday at 01:00 UTC; the holiday is a Wednesday: both are one day for all.
    fixed = {"DST change": judged + 6 * DAY + 3_600.0, "holiday": judged + 2 * DAY}
    for kind in KINDS.values():
        for size in sizes if kind.sized else sizes[:1]:
            for number in range(0, max(per - kind.members, 0) + 1, kind.members):
                rows = range(len(laws), len(laws) + kind.members)
                laws += [kind.laws[(number + i) % len(kind.laws)] for i in range(len(rows))]
                kinds |= dict.fromkeys(rows, kind.name)
                at = judged + DAY + step * int(random.integers(0, round(5 * DAY / step)))
                labels.append(_label(kind, rows, fixed.get(kind.name, at), end, size, random))
    return Fleet(
        len(laws), warm + 2, seed, step, tuple(labels), judged, tuple(laws), kinds
    )  # fmt: skip


def injected(
    series: int = 500,
    weeks: float = 10,
    *,
    seed: int = 7,
    faults: int = 100,
    sizes: tuple[float, float] = (3.0, 8.0),
    warm: float = 4,
    step: float = 300.0,
    kinds: Sequence[str] = ("spike", "dip", "level shift", "drift", "correlated outage"),
) -> Fleet:
    """The fleet of `Fleet(series, weeks, seed=seed)` with faults after `warm` weeks: at most one a series, sizes drawn
    evenly between the two, the kinds in turn.
    """
    healthy = Fleet(series, weeks, seed, step)
    random = np.random.default_rng([seed, 4])
    free = {law: [int(i) for i in random.permutation(np.flatnonzero(np.array(healthy.laws) == law))] for law in LAWS}
    first, last = START + warm * WEEK, healthy.end - 2 * DAY
    labels = []
    for number in range(faults):
        kind = KINDS[kinds[number % len(kinds)]]
        rows = []
        for _ in range(kind.members):
            # From the law of which most are left, so that all laws get their share.
            most = max(kind.laws, key=lambda law: len(free[law]))
            rows += [free[most].pop()] if free[most] else []
        if len(rows) < kind.members:
            raise ValueError(f"{faults} faults do not fit into {series} series: each befalls a series of its own")
        at = first + step * int(random.integers(0, round((last - first) / step)))
        labels.append(_label(kind, rows, at, healthy.end, float(random.uniform(*sizes)), random))
    return Fleet(series, weeks, seed, step, tuple(labels), START)
