"""What constructors take, and the checks that they share."""

from __future__ import annotations

from typing import TypeVar, overload

from watchkeeper.durations import parse_duration
from watchkeeper.errors import QueryError
from watchkeeper.queries.nodes import Instant, Number, Query
from watchkeeper.signals import Counter, Distribution, Gauge, Histogram, Info, Selection, Signal

__all__ = [
    "CounterLike",
    "DistributionLike",
    "GaugeLike",
    "HistogramLike",
    "Operand",
    "brief",
    "fraction",
    "known",
    "offset_seconds",
    "operand",
    "select",
    "window_seconds",
]

CounterLike = Counter | Selection[Counter]
GaugeLike = Gauge | Selection[Gauge]
HistogramLike = Histogram | Selection[Histogram]
DistributionLike = Distribution | Selection[Distribution]
K = TypeVar("K", bound=Signal)
Operand = Query | Gauge | Info | Selection[Gauge] | Selection[Info]


def operand(what: object) -> Query:
    """A query from what constructors take: a query, a gauge or info signal, a selection of one, a number.

    Raises QueryError for a counter or histogram, and says what to write instead.
    """
    if isinstance(what, Query):
        return what
    if isinstance(what, int | float):
        return Number(float(what))
    selection = what if isinstance(what, Selection) else Selection(what) if isinstance(what, Signal) else None
    if selection is None:
        raise QueryError(f"{what!r} is no query: write a query, a gauge, or a number")
    signal = selection.signal
    if isinstance(signal, Gauge | Info):
        return Instant(selection)
    advice = "rate(…) or increase(…)"
    if isinstance(signal, Distribution):
        advice = "quantile(0.95, …) or mean(…)" if isinstance(signal, Histogram) else "mean(…), or its .quantiles"
    raise QueryError(f"{signal.name} is a {signal.kind}: its plain value says nothing: write {advice}")


def select(what: object, kind: type[K], function: str, instead: str) -> Selection[K]:
    """The selection that a constructor was given, if its signal is of the kind. Raises QueryError."""
    selection = what if isinstance(what, Selection) else Selection(what) if isinstance(what, Signal) else None
    if selection is None:
        found = brief(what) if isinstance(what, Query) else repr(what)
        raise QueryError(
            f"{function}() takes a signal, not {found}: it comes before any aggregation: write sum_by({function}(…))"
        )
    signal = selection.signal
    if not isinstance(signal, kind):
        raise QueryError(f"{function}({signal.name}): {signal.name} is a {signal.kind}: write {instead}")
    return Selection(signal, selection.matchers)


@overload
def window_seconds(text: str) -> float: ...
@overload
def window_seconds(text: str | None) -> float | None: ...
def window_seconds(text: str | None) -> float | None:
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds <= 0:
        raise QueryError(
            f"a window of {text!r} is empty: write one of at least four scrape intervals, for example '5m'"
        )
    return seconds


def offset_seconds(text: str | None) -> float:
    return 0.0 if text is None else parse_duration(text)


def known(labels: tuple[str, ...], available: frozenset[str], what: str) -> tuple[str, ...]:
    for label in labels:
        if label not in available:
            raise QueryError(f"{what} has no label {label!r}: it has {', '.join(sorted(available)) or 'no labels'}")
    if len(set(labels)) != len(labels):
        raise QueryError(f"{what}: a label stands twice in {', '.join(labels)}")
    return labels


def fraction(q: float) -> float:
    if not 0 <= q <= 1:
        raise QueryError(f"quantile {q:g} is not between 0 and 1: write 0.95 for the 95th percentile")
    return float(q)


def brief(query: Query) -> str:
    text = query.promql("5m")
    return text if len(text) <= 60 else text[:57] + "…"
