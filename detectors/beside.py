"""What traffic and latency do while a unit cost deviates: expectations beside a detector, never delivered themselves.

A deviation of a unit cost is what its ticks so far are by most of their votes (`detectors.unit_cost.kinds`): traffic
and latency are compared with their own bands at the same ticks, as ratios, so that the part of a dearer unit that fewer
requests explain is a share of its logarithm, whatever the units.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.deviations import Deviation
from detectors.knowledge import Knowledge
from detectors.unit_cost import KINDS, Trio, kind_of, kinds
from detectors.watch import Band, Watch
from watchkeeper.errors import WatchkeeperError
from watchkeeper.queries import Query
from watchkeeper.signals import Polarity

__all__ = ["Beside", "Companions"]

Floats = NDArray[np.float64]

# A change of traffic or latency below a tenth is none, however narrow their band: it hardly moves a unit cost.
_NORMAL = math.log(1.1)
# A band that reaches down to nothing lets traffic be low only where next to none is left.
_LEAST = 0.05

_log = logging.getLogger("watchkeeper.detectors")


@dataclass(frozen=True, slots=True)
class Beside:
    """The watch of a unit cost, and those of the traffic and the latency that say what its deviations are."""

    trio: Trio
    unit: Watch
    traffic: Watch
    latency: Watch

    def judge(self, deviation: Deviation) -> None:
        """Say what a deviation of the unit cost is by now; where too little of its time is remembered, since a restart
        for example, what was said of it stays.
        """
        start, end = deviation.since, deviation.at
        step = self.unit.step
        ticks = round((end - start) / step) + 1
        own = self.unit.band(deviation.labels, start, end)
        if deviation.worst < deviation.worst_expected or own is None or 2 * len(own.times) < ticks:
            return
        with np.errstate(all="ignore"):
            seen, expected = (_laid(own, name, start, step, ticks) for name in ("observed", "expected"))
            dearer = np.log(seen / expected)
            busier, down = self._traffic(deviation.labels, start, end, ticks)
            slower, half = self._latency(deviation.labels, start, end, ticks)
            # In units of the traffic's own band below, both, so that their ratio is a share.
            excess = np.where(dearer > 0, np.maximum(dearer / down, 1.01), np.nan)
            found = kind_of(kinds(excess, busier / down, slower / half))
            changes = [
                float(np.exp(np.nanmedian(x)) - 1.0) if np.isfinite(x).any() else math.nan for x in (busier, slower)
            ]
        deviation.kind = KINDS[found] if found else ""
        deviation.beside = ", ".join(
            f"{name} {change:+.0%} against its expectation" if math.isfinite(change) else f"{name} unknown"
            for name, change in zip(("traffic", "latency"), changes, strict=True)
        )

    def _traffic(self, labels: Mapping[str, str], start: float, end: float, ticks: int) -> tuple[Floats, Floats]:
        """The logarithm of the ratio to what is expected, and the half of the band on its side, of the sum of all."""
        bands = self.traffic.bands(labels, start, end)
        laid = {
            name: [_laid(band, name, start, self.unit.step, ticks) for band in bands]
            for name in ("observed", "lower", "upper", "expected")
        }
        expected = _sum(laid["expected"], ticks)
        below, above = (
            np.sqrt(_sum([(e - edge) ** 2 for e, edge in zip(laid["expected"], laid[name], strict=True)], ticks))
            for name in ("lower", "upper")
        )
        ratio = np.log(_sum(laid["observed"], ticks) / expected)
        down = -np.log(np.maximum(1.0 - below / expected, _LEAST))
        up = np.log(1.0 + above / expected)
        half = np.where(ratio > 0, up, down)
        return ratio, np.fmax(half, _NORMAL)

    def _latency(self, labels: Mapping[str, str], start: float, end: float, ticks: int) -> tuple[Floats, Floats]:
        """The same of the slowest of all."""
        worst, half = np.full(ticks, math.nan), np.full(ticks, _NORMAL)
        for band in self.latency.bands(labels, start, end):
            observed, upper, expected = (
                _laid(band, name, start, self.unit.step, ticks) for name in ("observed", "upper", "expected")
            )
            ratio, own = np.log(observed / expected), np.fmax(np.log(upper / expected), _NORMAL)
            slower = np.isnan(worst) | (ratio / own > worst / half)
            worst, half = np.where(slower, ratio, worst), np.where(slower, own, half)
        return worst, half


class Companions:
    """The expectations beside the detectors of some trios; those of one query, step and hold are one."""

    def __init__(
        self,
        trios: Iterable[Trio],
        watches: Mapping[str, Watch],
        lookup: Callable[[str], Query],
        *,
        pace: float,
        knowledge: Knowledge | None,
    ) -> None:
        self._watches: dict[str, Watch] = {}
        self._of: dict[str, Beside] = {}
        for trio in trios:
            if (unit := watches.get(trio.detector)) is None:
                continue
            beside = []
            for query in (trio.traffic, trio.latency):
                d = unit.declared
                key = f"{query} beside step={d.step} hold={d.hold} window={d.window}"
                if key not in self._watches:
                    own = replace(d, key=key, query=query, polarity=Polarity.BOTH_ARE_BAD, peers=())
                    self._watches[key] = Watch(own, lookup(query), unit.store, pace=pace, knowledge=knowledge)
                beside.append(self._watches[key])
            self._of[trio.detector] = Beside(trio, unit, *beside)

    @property
    def watches(self) -> Sequence[Watch]:
        """Those that are watched beside the declared ones."""
        return tuple(self._watches.values())

    def of(self, detector: str) -> Beside | None:
        """What is beside a detector; None for one that watches no unit cost."""
        return self._of.get(detector)

    def advance(self, detector: str, at: float, *, most_ticks: int) -> None:
        """Judge what is beside a detector up to a time; what is not known is logged, and counts as normal."""
        if (beside := self._of.get(detector)) is None:
            return
        for watch in (beside.traffic, beside.latency):
            if not watch.due(at):
                continue
            try:
                watch.advance(at, most_ticks=most_ticks, judge_all=False)
            except WatchkeeperError as error:
                _log.warning("%s: not known beside %s: %s", watch.declared.query, detector, error)

    def place(self, detector: str, place: int) -> None:
        """Begin beside a detector after a step."""
        if (beside := self._of.get(detector)) is not None:
            beside.traffic.place = beside.latency.place = place


def _laid(band: Band, name: str, start: float, step: float, ticks: int) -> Floats:
    """One row of a band at the ticks from `start` on; NaN where it is not known."""
    laid = np.full(ticks, math.nan)
    places = np.round((band.times - start) / step).astype(np.int64)
    inside = (places >= 0) & (places < ticks)
    laid[places[inside]] = getattr(band, name)[inside]
    return laid


def _sum(rows: Sequence[Floats], ticks: int) -> Floats:
    """The sum of what is known; NaN where nothing is."""
    if not rows:
        return np.full(ticks, math.nan)
    stacked = np.stack(rows)
    return np.asarray(np.where(np.isfinite(stacked).any(axis=0), np.nansum(stacked, axis=0), math.nan))
