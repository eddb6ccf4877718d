"""Backtest: what detectors would have told, had they been at work in a past time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from detectors.deviations import Deviation
from detectors.engine import DetectionEngine
from detectors.history import CELLS, History
from detectors.knowledge import Knowledge
from detectors.watch import Judgement, Watch
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import Nobody
from watchkeeper.queries import Query
from watchkeeper.stores import Store

__all__ = ["WEEK", "Replayed", "replay"]

WEEK = 7 * 86_400.0
# A judgement holds eight numbers a series beside the value: as much memory as a block of history.
_CELLS = CELLS // 8
# However few series are expected: there may be more than at the times that were looked at.
_TICKS = 1_440


@dataclass(frozen=True, slots=True)
class Replayed:
    """The deviations of one detector between two times, in the order of their onset; the last may still be open.

    `series` is how many it watched at most, `ticks` how many times it judged. A deviation that had begun when the time
    begins is among them.
    """

    detector: Detector
    start: float
    end: float
    series: int
    ticks: int
    deviations: tuple[Deviation, ...] = field(default=())

    def weekly(self) -> list[int]:
        """How many began in each week from the start on; the last may be cut short."""
        counts = [0] * max(1, math.ceil((self.end - self.start) / WEEK - 1e-9))
        for one in self.deviations:
            counts[min(len(counts) - 1, max(0, int((one.since - self.start) // WEEK)))] += 1
        return counts


def replay(
    detector: Detector,
    lookup: Callable[[str], Query],
    stores: Mapping[str, Store],
    start: float,
    end: float,
    *,
    learn: float,
    pace: float = 1.0,
    knowledge: Knowledge | None = None,
) -> Replayed:
    """Run a fresh detector over the history between two times, after it has learned from `learn` seconds before.

    Calendars and feedback count as `knowledge` has them, an opinion from when it was given on. History is read in
    blocks: what is held at once does not grow with the time. Raises StoreError, also half way: a count that leaves
    something out would be taken for the whole.
    """
    if knowledge is not None:
        knowledge.refresh(end, ())
    engine = DetectionEngine((detector,), lookup, stores, Nobody(), pace=pace, knowledge=knowledge)
    watch = engine.watches.get(detector.key)
    if watch is None:
        return Replayed(detector, start, end, 0, 0)
    first = math.floor(start / watch.step + 1e-9)
    watch.place = first - 1 - math.ceil(max(0.0, learn) / watch.step)
    for _ in _advance(watch, (first - 1) * watch.step, judge_all=False):
        pass
    told: dict[int, Deviation] = {}
    ticks = series = 0
    for judgement in _advance(watch, end, judge_all=True):
        ticks += 1
        series = max(series, len(judgement.observed))
        engine.follow(watch, judgement)
        # At work it is delivered with the tick that opens it: each that is seen open has been told.
        told |= {id(one): one for one in engine.deviations()}
    return Replayed(detector, start, end, series, ticks, tuple(sorted(told.values(), key=lambda one: one.since)))


def _advance(watch: Watch, until: float, *, judge_all: bool) -> Iterator[Judgement]:
    """The judgements up to a time, block by block."""
    last = math.floor(until / watch.step + 1e-9)
    if watch.place is None or watch.place >= last:
        return
    expected = len(History(watch.query, watch.step, watch.place + 1, last, watch.auto).sample(watch.store))
    while watch.place < last:
        before = watch.place
        block = max(1, min(_TICKS, _CELLS // max(expected, len(watch.labels), 1)))
        yield from watch.advance(min(last, before + block) * watch.step, most_ticks=block, judge_all=judge_all)
        if watch.place == before:
            return  # bills are not complete so far
