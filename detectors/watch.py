"""One detector at work: its series in columns, its place in time, and the recent past for charts."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detectors.advice import Advice
from detectors.budget import WEEK, Budget
from detectors.knowledge import Guide, Knowledge
from detectors.peers import Peers, group_numbers
from detectors.seasonal import SeasonalDetector, Tick
from detectors.tuning import Tuning
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import fingerprint
from watchkeeper.durations import parse_duration
from watchkeeper.queries import Query, scaled
from watchkeeper.stores import Matrix, Store

__all__ = ["MOST_SERIES", "Band", "Judgement", "Watch"]

Floats = NDArray[np.float64]
_HOUR = 3_600.0
# How long a deviation stays open after its series fell silent: a restart takes less, and who was called has looked.
_PATIENCE = 1_800.0

MOST_SERIES = 5_000
"""How many series one detector watches, unless said otherwise."""

_log = logging.getLogger("watchkeeper.detectors")


@dataclass(frozen=True, slots=True)
class Band:
    """A series and its band over time, each of shape (T,); NaN where nothing was measured or nothing is
    expected.
    """

    times: Floats
    observed: Floats
    lower: Floats
    upper: Floats
    expected: Floats


@dataclass(frozen=True, slots=True)
class Judgement:
    """The tick of one time with the observed values (S,) that it judged, and what was known beside the past."""

    tick: Tick
    observed: Floats
    advice: Advice | None = None


class Watch:
    """A detector declaration bound to a query and a store, at a pace.

    Times are whole multiples of the step. `advance` judges everything between its place and a time, in one
    range query. Beyond `most_series` further series are left alone, and that is logged once. `knowledge` is what
    calendars and people say.
    """

    def __init__(
        self,
        detector: Detector,
        query: Query,
        store: Store,
        *,
        pace: float,
        most_series: int = MOST_SERIES,
        remember: int = 1_440,
        knowledge: Knowledge | None = None,
        budget: Budget | None = None,
    ) -> None:
        # Bills come by the calendar, whatever the pace of the rest.
        pace = 1.0 if detector.reads == "bills" else pace
        self.pace = pace
        self.declared = detector
        self.unscaled = query
        self.query = scaled(query, pace)
        self.store = store
        self.step = parse_duration(detector.step) / pace
        self.hold = parse_duration(detector.hold) / pace
        self.auto = parse_duration(detector.window) / pace
        self.patience = _PATIENCE / pace
        # Who is compared with peers at the same time needs no season.
        self.seasons = () if detector.peers else tuple(parse_duration(text) / pace for text in detector.seasons)
        self._budget = budget
        self.place: int | None = None
        self.labels: list[Mapping[str, str]] = []
        self.keys: dict[str, int] = {}
        self.detector = self._new()
        self.lock = threading.RLock()
        self._knowledge = knowledge
        self._guide: Guide | None = None
        self._guided: int | None = None
        self._most = most_series
        self._full = False
        self._ring = np.full((5, remember, 0), np.nan, np.float32)
        self._ring_times = np.full(remember, np.nan)
        self.remembered = remember

    def _new(self) -> SeasonalDetector | Peers:
        d = self.declared
        if d.peers:
            return Peers(
                group_numbers(self.labels, d.peers),
                step=self.step,
                hold=self.hold,
                polarity=d.polarity,
                minimum_relative=d.minimum_relative,
                minimum_absolute=d.minimum_absolute,
                patience=self.patience,
            )
        detector = self.maker()(len(self.labels))
        detector.budget = self._budget
        return detector

    def maker(self) -> Callable[[int], SeasonalDetector]:
        """What makes its detector, if it has no peers, for so many series; it can be sent to another process."""
        d = self.declared
        return partial(
            SeasonalDetector,
            step=self.step,
            seasons=self.seasons,
            polarity=d.polarity,
            hold=self.hold,
            minimum_relative=d.minimum_relative,
            minimum_absolute=d.minimum_absolute,
            patience=self.patience,
            week=WEEK / self.pace,
            # Elsewhere nothing is counted and nobody is told: there the limit of now holds.
            tuning=None if self._budget is None else replace(Tuning(), limit=self._budget.limit),
        )

    @property
    def shape(self) -> str:
        """What a saved state must agree with to be of use."""
        if isinstance(self.detector, Peers):
            compared = f"peers={self.declared.peers}"
        else:
            compared = f"seasons={[profile.season for profile in self.detector.profiles]}"
        return f"{self.declared.key} step={self.step:g} {compared} query={self.query.promql('auto')}"

    def fellows(self, column: int) -> int:
        """With how many peers a series was compared last; none where it is compared with its own past."""
        return int(self.detector.fellows[column]) if isinstance(self.detector, Peers) else 0

    def horizon(self, at: float) -> float:
        """Until when values may be judged at a time: the last complete day of bills, else the time itself."""
        complete = getattr(self.store, "complete_until", None)
        if complete is None:
            return at
        until = complete(at)
        return -math.inf if until is None else float(until)

    def due(self, at: float) -> bool:
        """Whether there is a time to judge."""
        horizon = self.horizon(at)
        return math.isfinite(horizon) and (self.place is None or math.floor(horizon / self.step + 1e-9) > self.place)

    def advance(self, at: float, *, most_ticks: int, judge_all: bool = True) -> list[Judgement]:
        """Judge the times between its place and `at`, at most the newest `most_ticks`; those that were
        judged, oldest first.

        With `judge_all` False only the last is returned: the rest is learned. Raises StoreError when the
        store does not answer.
        """
        found = self.read(at, most_ticks=most_ticks)
        if found is None:
            return []
        ks, values = found
        judged: list[Judgement] = []
        with self.lock:
            for i, k in enumerate(ks):
                advice = self._advice(k * self.step)
                tick = self.detector.tick(k * self.step, values[:, i], advice=advice)
                self.remember(tick, values[:, i])
                if judge_all or i == len(ks) - 1:
                    judged.append(Judgement(tick, values[:, i], advice))
        return judged

    def _advice(self, at: float) -> Advice | None:
        if self._knowledge is None:
            return None
        if self._guided != self._knowledge.version:
            self._guide = self._knowledge.guide([(self.declared, labels) for labels in self.labels])
            self._guided = self._knowledge.version
        return None if self._guide is None else self._guide.at(at, self.detector.spans.since)

    def read(self, at: float, *, most_ticks: int, leave: int = 0) -> tuple[list[int], Floats] | None:
        """The steps between its place and `at` with their values (S, T), NaN where missing, from the first
        value on; it is then in place.

        Raises StoreError when the store does not answer.
        """
        horizon = self.horizon(at)
        if not math.isfinite(horizon):
            return None
        last = math.floor(horizon / self.step + 1e-9) - leave
        first = last - most_ticks + 1 if self.place is None else max(self.place + 1, last - most_ticks + 1)
        if first > last:
            return None
        matrix = self.store.range(self.query, first * self.step, last * self.step, self.step, auto=self.auto)
        with self.lock:
            columns, rows = self._columns(matrix, first * self.step)
            values = np.full((len(self.labels), len(matrix.times)), np.nan)
            values[columns] = np.where(matrix.present, matrix.values, np.nan)[rows]
            ks = np.round(np.asarray(matrix.times) / self.step).astype(np.int64)
            kept = (ks >= first) & (ks <= last)
            if self.detector.last == -math.inf:
                # Before the first value there is nothing to learn, and history may be much shorter than
                # what was asked for.
                kept &= np.logical_or.accumulate(np.isfinite(values).any(axis=0))
            self.place = last
            return [int(k) for k in ks[kept]], values[:, kept]

    def _columns(self, matrix: Matrix, at: float) -> tuple[list[int], list[int]]:
        """Columns of the detector for rows of the answer; new series get a column, those long gone lose
        theirs.
        """
        names = [{k: v for k, v in labels.items() if k != "__name__"} for labels in matrix.series]
        keys = [fingerprint(labels) for labels in names]
        new = [i for i, key in enumerate(keys) if key not in self.keys]
        if new:
            forgotten = at - 2 * max((*self.seasons, 24 * _HOUR))
            keep = [c for c in range(len(self.labels)) if self.detector.seen_at[c] >= forgotten]
            room = max(0, self._most - len(keep))
            if len(new) > room and not self._full:
                self._full = True
                _log.warning("%s: more than %d series: the others are not watched", self.declared.key, self._most)
            new = new[:room]
            self.rearrange(keep, [names[i] for i in new])
        known = [(self.keys[key], row) for row, key in enumerate(keys) if key in self.keys]
        return [column for column, _ in known], [row for _, row in known]

    def put(self, place: int, labels: Sequence[Mapping[str, str]], arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Take over what was learned of series with these labels up to a step."""
        with self.lock:
            self.rearrange([], labels)
            for name, array in arrays.items():
                self.detector.put(name, array)
            self.place = place
            self.detector.last = place * self.step

    def rearrange(self, keep: Sequence[int], added: Sequence[Mapping[str, str]]) -> None:
        """Keep these columns, in this order, and add series with these labels; for who holds `lock`."""
        columns = [*keep, *([-1] * len(added))]
        self.labels = [*(self.labels[c] for c in keep), *added]
        if isinstance(self.detector, Peers):
            self.detector.rearrange(columns, group_numbers(self.labels, self.declared.peers))
        else:
            self.detector.rearrange(columns)
        self.keys = {fingerprint(labels): i for i, labels in enumerate(self.labels)}
        self._guided = None
        fresh = np.full((*self._ring.shape[:2], len(added)), np.nan, np.float32)
        self._ring = np.concatenate([self._ring[:, :, list(keep)], fresh], axis=2)

    def remember(self, tick: Tick, observed: Floats) -> None:
        """Keep what was judged for charts."""
        place = round(tick.at / self.step) % len(self._ring_times)
        self._ring_times[place] = tick.at
        for i, row in enumerate((observed, tick.lower, tick.upper, tick.expected, tick.score)):
            self._ring[i, place] = row

    def band(self, labels: Mapping[str, str], start: float, end: float) -> Band | None:
        """The recent past of one series; None when it is not watched."""
        with self.lock:
            own = {k: v for k, v in labels.items() if k != "__name__"}
            column = self.keys.get(fingerprint(own))
            if column is None:
                # A delivery carries more labels than the series: the series whose own labels all agree.
                fits = [i for i, mine in enumerate(self.labels) if all(own.get(k) == v for k, v in mine.items())]
                if len(fits) != 1:
                    return None
                column = fits[0]
            return self._recent(column, start, end)

    def bands(self, labels: Mapping[str, str], start: float, end: float) -> list[Band]:
        """The recent past of every series that agrees with the labels in all that both have."""
        with self.lock:
            fits = [i for i, mine in enumerate(self.labels) if all(labels.get(k, v) == v for k, v in mine.items())]
            return [self._recent(column, start, end) for column in fits]

    def _recent(self, column: int, start: float, end: float) -> Band:
        wanted = (self._ring_times >= start) & (self._ring_times <= end)
        order = np.argsort(self._ring_times[wanted])
        rows = self._ring[:4, wanted, column].astype(np.float64)[:, order]
        return Band(self._ring_times[wanted][order], rows[0], rows[1], rows[2], rows[3])
