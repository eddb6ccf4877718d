"""Typed queries evaluated with NumPy, all steps of a range query at once, with the results that Prometheus gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from watchkeeper.errors import StoreError, UnsupportedQuery
from watchkeeper.queries.nodes import (
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
    Query,
    SetOperation,
)
from watchkeeper.signals import Matcher, Selection, Signal
from watchkeeper.stores.aggregation import aggregate
from watchkeeper.stores.binary import binary, set_operation
from watchkeeper.stores.frames import Floats, Frame, LabelSet, Mode, Scalar, Steps, unnamed
from watchkeeper.stores.functions import apply
from watchkeeper.stores.histograms import histogram_quantile
from watchkeeper.stores.windows import Samples, Windows, latest, windows

__all__ = ["Evaluator", "Source", "milliseconds"]

MAX_CELLS = 200_000_000
"""The most values of one result, rows times steps: 1.8 GB."""


class Source(Protocol):
    """Where an evaluator reads samples."""

    def select(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> Samples:
        """The samples of a metric's series in start..end (milliseconds, both included), stale markers among them."""


def milliseconds(seconds: float) -> int:
    """Seconds as whole milliseconds, as Prometheus keeps time."""
    return round(seconds * 1000)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates queries over a source.

    `auto` is the range of queries that give none, `lookback` how old a value may be, both in milliseconds.
    """

    source: Source
    auto: int
    lookback: int
    mode: Mode

    def evaluate(self, query: Query, steps: Steps) -> Frame | Scalar:
        """The values of a query at steps.

        Raises StoreError where Prometheus refuses, UnsupportedQuery where this is not Prometheus.
        """
        with np.errstate(all="ignore"):
            return self._any(query, steps)

    def _any(self, query: Query, steps: Steps) -> Frame | Scalar:
        match query:
            case Number():
                return Scalar(np.full(len(steps), query.value))
            case Constant():
                return Frame([{}], np.full((1, len(steps)), query.value), np.ones((1, len(steps)), np.bool_))
            case Instant():
                return self._instant(query.selection, query.offset, steps)
            case Over():
                width = self.auto if query.window is None else milliseconds(query.window)
                seen = self._windows(query.selection, width, query.offset, steps)
                return self._over(query.function, seen, query.parameter)
            case OverQuery():
                return self._subquery(query, steps)
            case Aggregate():
                frame = self._frame(query.query, steps, query.operation)
                return aggregate(query.operation, frame, query.by, query.drop, query.parameter, self.mode)
            case HistogramQuantile():
                return histogram_quantile(query.quantile, self._frame(query.buckets, steps, "quantile"), self.mode)
            case Binary():
                return binary(query, self._any(query.left, steps), self._any(query.right, steps))
            case SetOperation():
                return set_operation(query, self._any(query.left, steps), self._any(query.right, steps))
            case Absent():
                return self._absent(query, steps)
            case Function():
                return self._function(query, steps)
        raise UnsupportedQuery(
            f"the embedded store cannot evaluate {type(query).__name__}: {query.promql('5m')}: "
            "write it with the constructors of watchkeeper.queries"
        )

    def _frame(self, query: Query, steps: Steps, function: str) -> Frame:
        result = self._any(query, steps)
        if isinstance(result, Scalar):
            raise UnsupportedQuery(f"{function} of the number {query.promql('5m')}: it takes series")
        return result

    def _instant(self, selection: Selection[Signal], offset: float, steps: Steps) -> Frame:
        ends = steps - milliseconds(offset)
        samples = self._select(selection, int(ends[0]) - self.lookback, int(ends[-1]), len(steps))
        return latest(samples, ends, self.lookback, self.mode).pruned()

    def _windows(self, selection: Selection[Signal], width: int, offset: float, steps: Steps) -> Windows:
        ends = steps - milliseconds(offset)
        samples = self._select(selection, int(ends[0]) - width, int(ends[-1]), len(steps))
        return windows(samples.living(), ends, width, self.mode)

    def _over(self, function: str, seen: Windows, parameter: float | None) -> Frame:
        frame = apply(function, seen, parameter, self.mode).pruned()
        return frame if function == "last_over_time" else unnamed(frame, strict=True)

    def _subquery(self, query: OverQuery, steps: Steps) -> Frame:
        width, step = milliseconds(query.window), milliseconds(query.step)
        if step <= 0:
            raise UnsupportedQuery(f"{query.function}: a step of {query.step:g} s is below a millisecond")
        # The inner steps are multiples of the inner step, whenever the query is asked.
        begin = int(steps[0]) - width
        first = -(-begin // step) * step
        if first == begin and not self.mode.old:
            first += step
        inner = np.arange(first, int(steps[-1]) + 1, step, dtype=np.int64)
        if not len(inner):
            inner = np.array([first], np.int64)
        frame = self._frame(query.query, inner, query.function)
        return self._over(
            query.function,
            windows(Samples.of_frame(frame, inner), steps, width, self.mode),
            query.parameter,
        )

    def _absent(self, query: Absent, steps: Steps) -> Frame:
        present = self._instant(query.selection, 0.0, steps).present
        labels: LabelSet = {}
        fixed: set[str] = set()
        for matcher in query.selection.matchers:
            # A label that is asked for in a second way is not fixed: Prometheus leaves it out.
            if matcher.op == "=" and matcher.label not in fixed:
                labels[matcher.label] = matcher.value
                fixed.add(matcher.label)
            else:
                labels.pop(matcher.label, None)
        labels = {label: value for label, value in labels.items() if value}
        return Frame([labels], np.ones((1, len(steps))), np.logical_not(present.any(axis=0))[None, :]).pruned()

    def _function(self, query: Function, steps: Steps) -> Frame | Scalar:
        result = self._any(query.query, steps)
        if query.name == "age":
            now = steps / 1000
            if isinstance(result, Scalar):
                return Scalar(now - result.values)
            return unnamed(replace(result, values=now - result.values))
        if isinstance(result, Scalar):
            raise UnsupportedQuery(f"{query.name} of the number {query.query.promql('5m')}: it takes series")
        if query.name in _BOUNDED and query.parameter is not None:
            values = _BOUNDED[query.name](result.values, query.parameter)
        elif query.name in _PLAIN:
            values = _PLAIN[query.name](result.values)
        else:
            known = ", ".join(sorted({*_PLAIN, *_BOUNDED, "age"}))
            raise UnsupportedQuery(f"the embedded store has no function {query.name}(): it has {known}")
        return unnamed(replace(result, values=values))

    def _select(self, selection: Selection[Signal], start: int, end: int, steps: int) -> Samples:
        samples = self.source.select(selection.signal.name, selection.matchers, start, end)
        if len(samples.labels) * steps > MAX_CELLS:
            raise StoreError(
                f"{selection.signal.name}: {len(samples.labels):,} series at {steps:,} steps are too many: "
                "ask for a longer step"
            )
        return samples


_PLAIN: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "sqrt": np.sqrt,
}
_BOUNDED: dict[str, Callable[[Floats, float], Floats]] = {
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
}
