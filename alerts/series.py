"""Input series under which a condition holds, and under which it just does not.

The condition is solved backwards: what its values must be gives what its parts must be, down to the series. Each
series stands still or rises evenly, with at most one change: from `before` (what the parts with an offset see) to
`after`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from watchkeeper.errors import DefinitionError
from watchkeeper.queries import Query, walk
from watchkeeper.queries.nodes import (
    COMPARISONS,
    Absent,
    Aggregate,
    Binary,
    Constant,
    Function,
    HistogramQuantile,
    Instant,
    Number,
    Over,
    OverQuery,
    SetOperation,
)
from watchkeeper.signals import Counter, Distribution, Matcher, Selection, Signal
from watchkeeper.units import UNIX_TIME

__all__ = ["Situation", "Track", "situation"]

_STEP = 60.0
_MARGIN = 0.1
# What shares are shares of: enough that no guard against a trickle of traffic is in the way.
_WHOLE = 100.0
_RANGES = {"avg_over_time", "max_over_time", "min_over_time", "last_over_time", "quantile_over_time"}


class UnsolvableError(DefinitionError):
    """No input series could be made for a condition."""


@dataclass(slots=True)
class Track:
    """One series: its level before and after the change, for a counter its slope per second.

    A gauge may have a `slope` per second besides, after the change.
    """

    name: str
    labels: dict[str, str]
    counter: bool
    before: float | None = None
    after: float | None = None
    slope: float = 0.0

    def values(self, change: float, end: float, anchor: float) -> list[float]:
        """Its values every minute from 0 to `end` seconds; one with a slope has its level at `anchor`."""
        after = self.after if self.after is not None else self.before if self.before is not None else 0.0
        before = self.before if self.before is not None else after
        found, level = [], 0.0
        for index in range(round(end / _STEP) + 1):
            time = index * _STEP
            if self.counter:
                found.append(level)
                level += _STEP * (before if time < change else after)
            else:
                found.append(before if time < change else after + self.slope * (time - anchor))
        return found


@dataclass(slots=True)
class Situation:
    """Series from 0 to `end` seconds; the condition holds (or does not) throughout the last `hold` seconds."""

    end: float
    change: float
    hold: float = 0.0
    fires: bool = True
    tracks: dict[tuple[str, tuple[tuple[str, str], ...]], Track] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def series(self) -> list[tuple[str, dict[str, str], list[float]]]:
        """Name, labels and values of each series, sorted."""
        # What moves is beyond its bound when the hold begins, or has not reached it at the end.
        anchor = self.end - self.hold - 2 * _STEP if self.fires else self.end
        tracks = sorted(self.tracks.values(), key=lambda t: (t.name, sorted(t.labels.items())))
        return [(t.name, t.labels, t.values(self.change, self.end, anchor)) for t in tracks]


def situation(condition: Query, hold: float, *, fires: bool, system: str = "example") -> Situation | None:
    """Series under which the condition holds for `hold` seconds, or does not; None when it always holds.

    Raises DefinitionError when the condition is of a form that cannot be solved backwards.
    """
    if not any(isinstance(node, Instant | Over | HistogramQuantile | Absent) for node in walk(condition)):
        return None if not fires else Situation(hold + 5 * _STEP, 0.0)
    offsets = [node.offset for node in walk(condition) if isinstance(node, Instant | Over | HistogramQuantile)]
    windows = [
        float(node.window or 0.0)
        for node in walk(condition)
        if isinstance(node, OverQuery) or (isinstance(node, Over | HistogramQuantile) and not node.offset)
    ]
    # Long windows need not be full: series that stand still have the same mean over a part of them. An increase is no
    # mean: a part of its window has a part of it.
    increases = [node.window for node in walk(condition) if isinstance(node, Over) and node.function == "increase"]
    whole = [float(window) for window in increases if window is not None]
    warm = max(min(max(windows, default=0.0), 1800.0), *whole, 0.0)
    change = max(offsets) + 10 * _STEP if any(offsets) else 0.0
    end = change + _rounded(warm + hold) + 5 * _STEP
    made = Situation(end, change, hold, fires, places={"job": system, "instance": f"{system}-1"})
    _hold(made, condition, fires)
    return made


def _rounded(seconds: float) -> float:
    return -(-seconds // _STEP) * _STEP


# --- conditions: series that are kept or dropped ----------------------------------------------------------------------


def _hold(made: Situation, query: Query, fires: bool) -> None:
    """Make series under which `query` has a series (or none)."""
    if isinstance(query, Binary) and query.operator in COMPARISONS and not query.truth:
        _compare(made, query, fires)
    elif isinstance(query, SetOperation) and query.operator == "and":
        # Not firing: the left side alone decides, so that the test is of the threshold and not of the guard.
        _hold(made, query.right, fires=True)
        _hold(made, query.left, fires)
    elif (isinstance(query, SetOperation) and query.operator == "unless") or isinstance(query, SetOperation):
        _hold(made, query.left, fires)
    elif isinstance(query, Absent):
        if not fires:
            _assign(made, query.selection, 0.0, 1.0)
    elif isinstance(query, Aggregate):
        _hold(made, query.query, fires)
    elif fires:
        _reach(made, query, 1.0)
    else:
        raise UnsolvableError(f"{query.promql('5m')}: it has a value always: an alert needs a condition")


def _compare(made: Situation, query: Binary, fires: bool) -> None:
    left, right = query.left, query.right
    if isinstance(left, SetOperation) and left.operator in {"and", "unless"}:
        # (value and guard) > threshold: the guard holds, the value decides.
        if left.operator == "and":
            _guard(made, left.right)
        _compare(made, Binary(query.operator, left.left, right), fires)
        return
    if not isinstance(right, Number):
        if isinstance(left, Number):
            mirrored = {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(query.operator, query.operator)
            _compare(made, Binary(mirrored, right, left), fires)  # type: ignore[arg-type]
            return
        _reach(made, right, 10.0)
        right = Number(10.0)
    _reach(made, left, _beside(query.operator, right.value, fires))


def _guard(made: Situation, query: Query) -> None:
    if isinstance(query, Binary | SetOperation | Absent):
        _hold(made, query, fires=True)
    else:
        _reach(made, query, 1.0)


def _beside(operator: str, bound: float, fires: bool) -> float:
    """A value a little beyond the bound, on the side that was asked for."""
    gap = abs(bound) * _MARGIN or 0.001
    above = {">": True, ">=": True, "<": False, "<=": False}.get(operator)
    if above is None:
        return bound if (operator == "==") == fires else bound + 1.0
    return bound + gap if above == fires else bound - gap


# --- values -----------------------------------------------------------------------------------------------------------


def _reach(made: Situation, query: Query, want: float) -> None:
    """Make series under which the query's value is `want`."""
    if isinstance(query, Instant):
        _assign(made, query.selection, query.offset, want)
    elif isinstance(query, Over):
        _over(made, query, want)
    elif isinstance(query, HistogramQuantile):
        _quantile(made, query, want)
    elif isinstance(query, Aggregate):
        _reach(made, query.query, 1.0 if query.operation == "count" else want)
    elif isinstance(query, OverQuery) and query.function in _RANGES:
        _reach(made, query.query, want)
    elif isinstance(query, Function) and query.name == "age":
        # An age rises by itself: it is beyond the bound when the hold begins.
        past = made.hold + 2 * _STEP if made.fires else 0.0
        _reach(made, query.query, made.end - past - want)
    elif isinstance(query, Function):
        _reach(made, query.query, want)
    elif isinstance(query, SetOperation):
        if query.operator == "and":
            _guard(made, query.right)
        _reach(made, query.left, want)
    elif isinstance(query, Binary):
        _arithmetic(made, query, want)
    elif not isinstance(query, Number | Constant):
        raise UnsolvableError(f"{query.promql('5m')}: no input series can be made for it")


def _over(made: Situation, query: Over, want: float) -> None:
    window = float(query.window or 300.0)
    match query.function:
        case "rate" | "irate":
            _assign(made, query.selection, query.offset, want)
        case "increase":
            _assign(made, query.selection, query.offset, want / window)
        case "deriv":
            _track(made, query.selection).slope = want
        case "delta":
            _track(made, query.selection).slope = want / window
        case "predict_linear":
            track = _track(made, query.selection)
            if track.after is None:
                track.after = 1.0 + abs(want)
            track.slope = (want - track.after) / float(query.parameter or 1.0)
        case function if function in _RANGES:
            _assign(made, query.selection, query.offset, want)
        case function:
            raise UnsolvableError(f"{function}(): no input series can be made for it")


def _quantile(made: Situation, query: HistogramQuantile, want: float) -> None:
    """All observations in the bucket that holds `want`, one a second."""
    bounds = [*(query.selection.signal.buckets or (want / 2, want, want * 2)), float("inf")]
    bucket = query.selection.signal.bucket
    for bound in bounds:
        text = "+Inf" if bound == float("inf") else f"{bound:g}"
        selection = Selection(bucket, query.selection.matchers).where(le=text)
        _assign(made, selection, query.offset, 1.0 if bound >= want else 0.0)


def _arithmetic(made: Situation, query: Binary, want: float) -> None:
    left, right = query.left, query.right
    if query.truth:
        _hold(made, Binary(query.operator, left, right), fires=bool(want))
    elif isinstance(right, Number):
        n = right.value
        inner = {"*": want / n if n else 0.0, "/": want * n, "+": want - n, "-": want + n}.get(query.operator)
        if inner is None:
            _hold(made, query, fires=True)
        else:
            _reach(made, left, inner)
    elif isinstance(left, Number):
        n = left.value
        inner = {"*": want / n if n else 0.0, "+": want - n, "-": n - want}.get(query.operator)
        if inner is None:
            raise UnsolvableError(f"{query.promql('5m')}: no input series can be made for it")
        _reach(made, right, inner)
    elif query.operator == "/":
        _divide(made, left, right, want)
    elif query.operator in {"-", "+"}:
        other = _known_value(made, right, 1.0)
        _reach(made, left, want + other if query.operator == "-" else want - other)
    elif query.operator in COMPARISONS:
        _compare(made, query, fires=True)
        _reach(made, left, want)
    else:
        raise UnsolvableError(f"{query.promql('5m')}: no input series can be made for it")


def _divide(made: Situation, left: Query, right: Query, want: float) -> None:
    parts, whole = _selections(left), _selections(right)
    shared = [s for s in whole if any(s.signal == part.signal and s != part for part in parts)]
    if shared and 0 <= want <= 1 and not _shifted(left) and not _shifted(right):
        # A share: the part is among the whole, so the rest of the whole is what is left of it.
        _reach(made, right, _WHOLE)
        _reach(made, left, want * _WHOLE)
        for selection in shared:
            rest = _track(made, selection)
            rest.after = (1.0 - want) * _WHOLE
        return
    whole_value = _known_value(made, right, _WHOLE)
    _reach(made, left, want * whole_value)


def _known_value(made: Situation, query: Query, default: float) -> float:
    """The value that the query has by what was assigned before, or `default` after assigning it."""
    while isinstance(query, Aggregate | Binary):
        if isinstance(query, Aggregate) and query.operation == "count":
            _reach(made, query.query, 1.0)
            return 1.0
        if isinstance(query, Binary):
            if query.operator in COMPARISONS and isinstance(query.right, Number):
                # A guard inside a denominator, such as `max > 0`.
                default = max(default, query.right.value * 2)
                query = query.left
                continue
            break
        query = query.query
    if isinstance(query, Instant):
        track = _track(made, query.selection)
        known = track.before if query.offset else track.after
        if known is not None:
            return known
    _reach(made, query, default)
    return default


def _shifted(query: Query) -> bool:
    return any(getattr(node, "offset", 0.0) for node in walk(query))


def _selections(query: Query) -> list[Selection[Signal]]:
    return [node.selection for node in walk(query) if isinstance(node, Instant | Over)]


# --- series -----------------------------------------------------------------------------------------------------------


def _assign(made: Situation, selection: Selection[Signal], offset: float, value: float) -> None:
    track = _track(made, selection)
    if offset:
        track.before = value
    else:
        track.after = value


def _track(made: Situation, selection: Selection[Signal]) -> Track:
    signal = selection.signal
    labels = _labels(made, signal, selection.matchers)
    key = (signal.name, tuple(sorted(labels.items())))
    counter = isinstance(signal, Counter | Distribution)
    if key not in made.tracks:
        made.tracks[key] = Track(signal.name, labels, counter)
        if signal.unit == UNIX_TIME:
            made.tracks[key].before = made.end
    return made.tracks[key]


def _labels(made: Situation, signal: Signal, matchers: Iterable[Matcher]) -> dict[str, str]:
    """Labels that fulfil the matchers; those that nothing asks for have a plain value, and an error is empty."""
    labels = {**made.places, **{name: f"{name.rpartition('_')[2]}-1" for name in signal.labels}}
    # An empty label is no label; in the conventions that is success.
    labels.pop("error_type", None)
    labels.pop("le", None)
    for matcher in matchers:
        value = _fulfilling(matcher, labels.get(matcher.label, ""))
        if value:
            labels[matcher.label] = value
        else:
            labels.pop(matcher.label, None)
    return labels


def _fulfilling(matcher: Matcher, current: str) -> str:
    if matcher.op == "=":
        return matcher.value
    if matcher.op == "!=":
        return current if current != matcher.value else "other"
    words = [re.sub(r"[\\^$]", "", word) for word in re.split(r"[|()]", matcher.value)]
    wanted = matcher.op == "=~"
    for candidate in (current, *words, "other", "1", ""):
        if bool(re.fullmatch(matcher.value, candidate)) == wanted:
            return candidate
    raise UnsolvableError(f"{matcher.label}{matcher.op}{matcher.value!r}: no value was found that fulfils it")
