"""Cost and performance in one: what a request costs, told apart from how many there are and how fast they are.

Total cost is traffic times unit cost. More traffic makes the total dearer and is no deviation; a unit that is dearer
while latency is as always is one that no latency alert sees (a longer prompt, a dearer model, a cache that is never
hit); dearer and slower at once is one deviation and not two; dearer because fewer requests share what is paid anyway is
none of the request's. The engine asks it of each deviation of a trio's detector (`detectors.beside`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import WatchkeeperError
from watchkeeper.queries import Query, narrowed
from watchkeeper.stores import Store

__all__ = [
    "EXPLAINED",
    "KINDS",
    "RULES",
    "WITH_LATENCY",
    "Split",
    "Trio",
    "UnitCost",
    "UnitCostSpan",
    "explain",
    "kind_of",
    "kinds",
    "spans",
    "split",
]

Floats = NDArray[np.float64]
Kinds = NDArray[np.int8]

KINDS = (
    "unit cost as expected",
    "unit cost up, traffic and latency normal",
    "unit cost up with traffic, latency normal",
    "unit cost up because traffic is down",
    "unit cost and latency up",
)
"""What is the matter; the first is no deviation, nor is the fourth, which is told where the unit cost is told of."""

DEVIATE = (1, 2, 4)
"""The kinds that are deviations."""

EXPLAINED = KINDS[3]
"""What is none of the unit: fewer requests share what is paid anyway."""

WITH_LATENCY = KINDS[4]


@dataclass(frozen=True, slots=True)
class Trio:
    """The detector that watches a unit cost, and the named queries that say what it is: each of the same labels, or
    fewer.
    """

    detector: str
    unit: str
    traffic: str
    latency: str


RULES: tuple[Trio, ...] = (
    Trio(
        "agent_platform.cost_per_task",
        "agent_platform.cost_per_task",
        "agent_platform.task_rate",
        "agent_platform.task_duration_p95",
    ),
    Trio(
        "agent_platform.tokens_per_task",
        "agent_platform.tokens_per_task",
        "agent_platform.task_rate",
        "agent_platform.task_duration_p95",
    ),
)
"""The shipped ones. The cost of a cloud bill has no traffic beside it in one store, and is not among them."""


def kinds(unit: Floats, traffic: Floats, latency: Floats, *, diluted: float = 0.5) -> Kinds:
    """Index into KINDS for each element; inputs are residuals of one shape, each divided by its own half band.

    1 is the upper edge of what is expected, -1 the lower, NaN is unknown: an unknown traffic or latency is taken for
    normal, and an unknown unit cost for expected. Traffic that is down by at least `diluted` of the unit's excess
    explains it. Latency is asked before traffic: what is slower and dearer is one thing.
    """
    unit, traffic, latency = (np.nan_to_num(np.asarray(x, np.float64)) for x in (unit, traffic, latency))
    up = unit > 1.0
    explained = (traffic < -1.0) & (-traffic >= diluted * unit)
    found = np.select([latency > 1.0, explained, traffic > 1.0], [4, 3, 2], 1)
    return np.where(up, found, 0).astype(np.int8)


def kind_of(found: Kinds) -> int:
    """What a span is, as an index into KINDS, from the kinds (T,) of its ticks: explained by traffic where most of them
    are, else the gravest that half of the others agree on; the first where nothing is known.
    """
    votes = np.bincount(found, minlength=len(KINDS))
    bad = int(votes[list(DEVIATE)].sum())
    if not bad + votes[3]:
        return 0
    if votes[3] > bad:
        return 3
    # Half of all are in one of them and those that are graver: down to the mildest, that is all.
    return next(kind for kind in DEVIATE[::-1] if 2 * votes[[k for k in DEVIATE if k >= kind]].sum() >= bad)


@dataclass(frozen=True, slots=True)
class UnitCostSpan:
    """One deviation: from `since` to `until` (seconds; None while it lasts), what it is, and the farthest it went."""

    since: float
    until: float | None
    kind: str
    worst: float


class UnitCost:
    """The deviations of S series, one tick at a time: `hold` ticks outside open one, as many inside close it.

    What it is may become clearer while it lasts (latency follows a minute later) and is one deviation all the same: its
    kind is the gravest that half of its ticks so far agree on.
    """

    def __init__(self, series: int, *, hold: int) -> None:
        self.hold = hold
        self.outside = np.zeros(series)
        self.open = np.zeros(series, np.bool_)
        self.since, self.onset = np.full(series, math.nan), np.full(series, math.nan)
        self.votes = np.zeros((len(KINDS), series))

    def tick(self, at: float, found: Kinds) -> tuple[NDArray[np.bool_], Kinds]:
        """Take the kinds (S,) of a time; which series deviate, and as what (0 for those that do not)."""
        bad = np.isin(found, DEVIATE)
        fresh = bad & (self.outside == 0)
        self.onset[fresh] = at
        self.votes[:, fresh] = 0.0
        self.outside = np.clip(self.outside + np.where(bad, 1.0, -1.0), 0.0, self.hold)
        opens = ~self.open & (self.outside >= self.hold)
        self.since[opens] = self.onset[opens]
        self.open = np.where(self.open, self.outside > 0, opens)
        self.since[~self.open] = math.nan
        columns = np.flatnonzero(bad)
        self.votes[found[columns], columns] += 1.0
        return self.open.copy(), np.where(self.open, self._kind(), 0).astype(np.int8)

    def _kind(self) -> Kinds:
        votes = self.votes[list(DEVIATE)]
        order = votes[::-1] >= 0.5 * votes.sum(axis=0)
        return np.asarray(np.asarray(DEVIATE, np.int8)[::-1][np.argmax(order, axis=0)], np.int8)


def spans(
    times: Floats, unit: Floats, traffic: Floats, latency: Floats, *, hold: int = 5, diluted: float = 0.5
) -> tuple[UnitCostSpan, ...]:
    """The deviations of one series over time: `times` and the three residuals (T,), as `kinds` takes them."""
    state = UnitCost(1, hold=hold)
    done: list[UnitCostSpan] = []
    last: UnitCostSpan | None = None
    worst = 0.0
    for at, kind, size in zip(times, kinds(unit, traffic, latency, diluted=diluted), unit, strict=True):
        is_open, what = state.tick(float(at), np.array([kind], np.int8))
        worst = max(worst, float(size)) if kind in DEVIATE else worst if state.outside[0] else 0.0
        if is_open[0]:
            last = UnitCostSpan(float(state.since[0]), None, KINDS[what[0]], worst)
        elif last is not None:
            done.append(UnitCostSpan(last.since, float(at), last.kind, last.worst))
            last = None
    return (*done, *([last] if last is not None else []))


@dataclass(frozen=True, slots=True)
class Split:
    """A change of the total and its parts, which add up to it, in the unit of the total."""

    total: float
    by_traffic: float
    by_unit: float


def split(traffic_before: float, unit_before: float, traffic_now: float, unit_now: float) -> Split:
    """How much of the change of traffic times unit is due to each: the logarithmic mean Divisia index (Ang, 2004),
    which leaves no rest. NaN when one of the four is unknown; what was nought is all traffic.
    """
    before, now = traffic_before * unit_before, traffic_now * unit_now
    total = now - before
    if not math.isfinite(total):
        return Split(math.nan, math.nan, math.nan)
    if min(traffic_before, unit_before, traffic_now, unit_now) <= 0:
        return Split(total, total, 0.0)
    mean = before if math.isclose(now, before, rel_tol=1e-12) else total / math.log(now / before)
    by_unit = mean * math.log(unit_now / unit_before)
    return Split(total, total - by_unit, by_unit)


def explain(
    trio: Trio,
    lookup: Callable[[str], Query],
    store: Store,
    labels: Mapping[str, str],
    before: float,
    now: float,
    *,
    auto: float = 300.0,
    normal: float = 0.25,
) -> str:
    """What a deviation of a unit cost is, in one sentence for the person on call, from six instant queries: each of the
    trio before its onset and now, narrowed to the labels that it has.

    `normal` is the relative change of traffic and latency that is none. Empty when the store does not answer.
    """
    try:
        values = [
            [_one(store, _narrow(lookup(key), labels), at, auto) for at in (before, now)]
            for key in (trio.unit, trio.traffic, trio.latency)
        ]
    except WatchkeeperError:
        return ""
    (unit, unit_now), (traffic, traffic_now) = values[:2]
    changes = [_change(*pair) for pair in values]
    if not math.isfinite(changes[0]):
        return ""
    # The unit cost deviates by its own detector's word; only what the others do is asked here.
    kind = kinds(np.array([max(changes[0] / normal, 1.01)]), *(np.array([c / normal]) for c in changes[1:]))
    parts = split(traffic, unit, traffic_now, unit_now)
    text = f"{KINDS[int(kind[0])]}: unit cost {changes[0]:+.0%}"
    text += "".join(
        f", {name} {change:+.0%}" if math.isfinite(change) else f", {name} unknown"
        for name, change in (("traffic", changes[1]), ("latency", changes[2]))
    )
    if math.isfinite(parts.total) and parts.total > 0:
        share = min(max(parts.by_unit / parts.total, 0.0), 1.0)
        text += f"; {share:.0%} of the rise of the total is the unit's, the rest the traffic's"
    return text


def _narrow(query: Query, labels: Mapping[str, str]) -> Query:
    return narrowed(query, {name: value for name, value in labels.items() if name != "__name__"})


def _one(store: Store, query: Query, at: float, auto: float) -> float:
    """The sum over what a query gives; NaN for nothing."""
    values = [value for value in store.instant(query, at, auto=auto).values if value == value]
    return float(sum(values)) if values else math.nan


def _change(before: float, now: float) -> float:
    return now / before - 1.0 if before > 0 and math.isfinite(now) else math.nan
