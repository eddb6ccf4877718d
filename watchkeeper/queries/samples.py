"""Constructors over the samples of a signal: counters, gauges, and what they did in a window."""

from __future__ import annotations

from watchkeeper.durations import parse_duration
from watchkeeper.errors import QueryError
from watchkeeper.queries.arguments import (
    CounterLike,
    GaugeLike,
    fraction,
    offset_seconds,
    operand,
    select,
    window_seconds,
)
from watchkeeper.queries.nodes import (
    Constant,
    Instant,
    Number,
    Over,
    OverQuery,
    Query,
)
from watchkeeper.signals import Counter, Gauge, Info, Selection
from watchkeeper.units import ONE, Unit

__all__ = [
    "avg_over_time",
    "changes",
    "constant",
    "count_over_time",
    "delta",
    "deriv",
    "increase",
    "irate",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "number",
    "predict_linear",
    "quantile_over_time",
    "rate",
    "resets",
    "sum_over_time",
    "value",
]


def value(what: GaugeLike | Info | Selection[Info], *, offset: str | None = None) -> Query:
    """The newest value of each series of a gauge."""
    operand(what)
    selection = what if isinstance(what, Selection) else Selection(what)
    return Instant(selection, offset_seconds(offset))


def number(amount: float, unit: Unit) -> Query:
    """A number with a unit, such as `number(1024, BYTES)`; plain numbers take the unit of what they meet."""
    return Number(float(amount), unit)


def constant(amount: float, unit: Unit = ONE) -> Query:
    """One series without labels that always has the value."""
    return Constant(float(amount), unit)


def rate(what: CounterLike, over: str | None = None, *, offset: str | None = None) -> Query:
    """How fast a counter rises, per second, resets corrected; without `over` the reader's range is used."""
    instead = "deriv(…) for a trend, or delta(…)" if _is_gauge(what) else "rate of its .count or .sum, or quantile(…)"
    return Over("rate", select(what, Counter, "rate", instead), window_seconds(over), offset_seconds(offset))


def irate(what: CounterLike, over: str | None = None) -> Query:
    """How fast a counter rose between its last two samples in the window."""
    return Over("irate", select(what, Counter, "irate", "deriv(…) of a gauge"), window_seconds(over))


def increase(what: CounterLike, over: str | None = None, *, offset: str | None = None) -> Query:
    """By how much a counter rose in the window, resets corrected and extrapolated to its ends."""
    return Over(
        "increase",
        select(what, Counter, "increase", "delta(…) of a gauge"),
        window_seconds(over),
        offset_seconds(offset),
    )


def resets(what: CounterLike, over: str) -> Query:
    """How often a counter fell (its process restarted) in the window."""
    return Over("resets", select(what, Counter, "resets", "changes(…) of a gauge"), window_seconds(over))


def _is_gauge(what: object) -> bool:
    return isinstance(what.signal if isinstance(what, Selection) else what, Gauge)


def delta(what: GaugeLike, over: str | None = None) -> Query:
    """By how much a gauge changed in the window, extrapolated to its ends."""
    return Over("delta", select(what, Gauge, "delta", "increase(…)"), window_seconds(over))


def deriv(what: GaugeLike, over: str | None = None) -> Query:
    """The slope of a gauge, per second, by least squares."""
    return Over("deriv", select(what, Gauge, "deriv", "rate(…)"), window_seconds(over))


def predict_linear(what: GaugeLike, over: str, ahead: str) -> Query:
    """What a gauge will be after `ahead`, if it goes on as in the window (least squares)."""
    selection = select(what, Gauge, "predict_linear", "a gauge")
    return Over("predict_linear", selection, window_seconds(over), 0.0, parse_duration(ahead))


def changes(what: GaugeLike, over: str) -> Query:
    """How often a gauge changed its value in the window."""
    return Over("changes", select(what, Gauge, "changes", "resets(…)"), window_seconds(over))


def _over_time(
    function: str, what: GaugeLike | Query, over: str, step: str | None, parameter: float | None = None
) -> Query:
    window = window_seconds(over)
    if isinstance(what, Query):
        if isinstance(what, Number):
            raise QueryError(f"{function}() of a number: write a query")
        spacing = parse_duration(step) if step else max(1.0, window / 60)
        return OverQuery(function, what, window, spacing, parameter)
    if step is not None:
        raise QueryError(f"{function}() of a signal reads its samples: step is for queries")
    selection = select(what, Gauge, function, f"{function}(rate(…), …)")
    return Over(function, selection, window, 0.0, parameter)


def avg_over_time(what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """The mean of a gauge's samples in the window, or of a query's values read every `step` (default: window / 60)."""
    return _over_time("avg_over_time", what, over, step)


def max_over_time(what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """The largest value in the window; see `avg_over_time`."""
    return _over_time("max_over_time", what, over, step)


def min_over_time(what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """The smallest value in the window; see `avg_over_time`."""
    return _over_time("min_over_time", what, over, step)


def sum_over_time(what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """The sum of the values in the window; see `avg_over_time`."""
    return _over_time("sum_over_time", what, over, step)


def count_over_time(what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """How many values there are in the window; see `avg_over_time`."""
    return _over_time("count_over_time", what, over, step)


def last_over_time(what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """The newest value in the window; see `avg_over_time`."""
    return _over_time("last_over_time", what, over, step)


def quantile_over_time(q: float, what: GaugeLike | Query, over: str, *, step: str | None = None) -> Query:
    """A quantile of the values in the window; see `avg_over_time`."""
    return _over_time("quantile_over_time", what, over, step, fraction(q))
