"""The nodes of a query: frozen values that know their unit and labels and give their PromQL text.

They are made by the constructors of `watchkeeper.queries`, which check what may be combined; the embedded store
evaluates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watchkeeper.durations import format_duration
from watchkeeper.errors import QueryError
from watchkeeper.queries.render import call_text, number_text, offset_text, selector_text, window_text
from watchkeeper.signals import Histogram, Selection, Signal
from watchkeeper.units import ONE, RATIO, SECONDS, UNIX_TIME, Unit

__all__ = [
    "AUTO",
    "Absent",
    "Aggregate",
    "Binary",
    "Constant",
    "Function",
    "HistogramQuantile",
    "Instant",
    "Number",
    "Over",
    "OverQuery",
    "Query",
    "SetOperation",
]

AUTO = "$__rate_interval"
"""The range that panels use where a query gives none: Grafana replaces it by one that fits step and scrape interval."""

COMPARISONS = frozenset({">", "<", ">=", "<=", "==", "!="})
AggregateOp = Literal["sum", "avg", "max", "min", "count", "group", "stddev", "topk", "bottomk"]
BinaryOp = Literal["+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!="]


@dataclass(frozen=True, slots=True)
class Query:
    """A typed expression over signals: `unit`, `labels` (target labels included), `promql()`.

    Arithmetic (`+ - * / %`) and comparison (`> >= < <=`, `equals`, `differs`) work between queries with the same
    labels and with numbers; a comparison keeps the series for which it holds.
    """

    @property
    def unit(self) -> Unit:
        """The unit of its values."""
        raise NotImplementedError

    @property
    def labels(self) -> frozenset[str]:
        """The labels that its series can have."""
        raise NotImplementedError

    def promql(self, auto: str = AUTO) -> str:
        """The PromQL text; `auto` is the range of `rate()` and its kin where the query gives none."""
        raise NotImplementedError

    @property
    def loose(self) -> bool:
        """Whether its text needs parentheses inside another."""
        return False

    def __add__(self, other: Query | float) -> Query:
        return _binary("+", self, other)

    def __radd__(self, other: float) -> Query:
        return _binary("+", other, self)

    def __sub__(self, other: Query | float) -> Query:
        return _binary("-", self, other)

    def __rsub__(self, other: float) -> Query:
        return _binary("-", other, self)

    def __mul__(self, other: Query | float) -> Query:
        return _binary("*", self, other)

    def __rmul__(self, other: float) -> Query:
        return _binary("*", other, self)

    def __truediv__(self, other: Query | float) -> Query:
        return _binary("/", self, other)

    def __rtruediv__(self, other: float) -> Query:
        return _binary("/", other, self)

    def __mod__(self, other: Query | float) -> Query:
        return _binary("%", self, other)

    def __gt__(self, other: Query | float) -> Query:
        return _binary(">", self, other)

    def __ge__(self, other: Query | float) -> Query:
        return _binary(">=", self, other)

    def __lt__(self, other: Query | float) -> Query:
        return _binary("<", self, other)

    def __le__(self, other: Query | float) -> Query:
        return _binary("<=", self, other)

    def equals(self, other: Query | float) -> Query:
        """The series whose value is the other's."""
        return _binary("==", self, other)

    def differs(self, other: Query | float) -> Query:
        """The series whose value is not the other's."""
        return _binary("!=", self, other)

    def __bool__(self) -> bool:
        # `1 < query < 2` would silently drop its first half.
        raise QueryError("a query has no truth value: write and_(query > 1, query < 2)")


@dataclass(frozen=True, slots=True, eq=True)
class Number(Query):
    """A scalar; a plain number takes the unit of what it is combined with."""

    value: float
    scalar_unit: Unit | None = None

    @property
    def unit(self) -> Unit:
        return self.scalar_unit or ONE

    @property
    def labels(self) -> frozenset[str]:
        return frozenset()

    def promql(self, auto: str = AUTO) -> str:
        return number_text(self.value)


@dataclass(frozen=True, slots=True)
class Constant(Query):
    """One series without labels that always has the value: `vector(0)`."""

    value: float
    constant_unit: Unit = ONE

    @property
    def unit(self) -> Unit:
        return self.constant_unit

    @property
    def labels(self) -> frozenset[str]:
        return frozenset()

    def promql(self, auto: str = AUTO) -> str:
        return f"vector({number_text(self.value)})"


@dataclass(frozen=True, slots=True)
class Instant(Query):
    """The newest sample of each series of a selection, at most five minutes old."""

    selection: Selection[Signal]
    offset: float = 0.0

    @property
    def unit(self) -> Unit:
        return self.selection.signal.unit

    @property
    def labels(self) -> frozenset[str]:
        return self.selection.signal.all_labels

    def promql(self, auto: str = AUTO) -> str:
        return selector_text(self.selection) + offset_text(self.offset)


@dataclass(frozen=True, slots=True)
class Over(Query):
    """A function of the samples of a selection in a window (seconds; None where the reader decides).

    `parameter` is the quantile of `quantile_over_time` and the seconds ahead of `predict_linear`.
    """

    function: str
    selection: Selection[Signal]
    window: float | None
    offset: float = 0.0
    parameter: float | None = None

    @property
    def unit(self) -> Unit:
        return over_unit(self.function, self.selection.signal.unit)

    @property
    def labels(self) -> frozenset[str]:
        return self.selection.signal.all_labels

    def promql(self, auto: str = AUTO) -> str:
        inner = f"{selector_text(self.selection)}[{window_text(self.window, auto)}]{offset_text(self.offset)}"
        return call_text(self.function, inner, self.parameter)


@dataclass(frozen=True, slots=True)
class OverQuery(Query):
    """A function of the values that a query has in a window, read every `step` seconds (a subquery)."""

    function: str
    query: Query
    window: float
    step: float
    parameter: float | None = None

    @property
    def unit(self) -> Unit:
        return over_unit(self.function, self.query.unit)

    @property
    def labels(self) -> frozenset[str]:
        return self.query.labels

    def promql(self, auto: str = AUTO) -> str:
        inner = self.query.promql(auto)
        if not isinstance(self.query, Instant):
            inner = f"({inner})"
        text = f"{inner}[{format_duration(self.window)}:{format_duration(self.step)}]"
        return call_text(self.function, text, self.parameter)


@dataclass(frozen=True, slots=True)
class Aggregate(Query):
    """Many series made one for each combination of the `by` labels; `drop` names labels to lose instead."""

    operation: AggregateOp
    query: Query
    by: tuple[str, ...] = ()
    drop: tuple[str, ...] | None = None
    parameter: float | None = None

    @property
    def unit(self) -> Unit:
        return ONE if self.operation in {"count", "group"} else self.query.unit

    @property
    def labels(self) -> frozenset[str]:
        if self.operation in {"topk", "bottomk"}:
            return self.query.labels
        return self.query.labels - frozenset(self.drop) if self.drop is not None else frozenset(self.by)

    def promql(self, auto: str = AUTO) -> str:
        clause = f" without ({', '.join(self.drop)}) " if self.drop is not None else ""
        if self.by:
            clause = f" by ({', '.join(self.by)}) "
        parameter = "" if self.parameter is None else f"{number_text(self.parameter)}, "
        return f"{self.operation}{clause}({parameter}{self.query.promql(auto)})"


@dataclass(frozen=True, slots=True)
class HistogramQuantile(Query):
    """A quantile of the observations in a window, for each combination of the `by` labels (None: each series)."""

    quantile: float
    selection: Selection[Histogram]
    window: float | None
    by: tuple[str, ...] | None
    offset: float = 0.0

    @property
    def unit(self) -> Unit:
        return self.selection.signal.unit

    @property
    def labels(self) -> frozenset[str]:
        return self.selection.signal.all_labels if self.by is None else frozenset(self.by)

    @property
    def buckets(self) -> Query:
        """The per-second rates of the buckets that the quantile is read from."""
        selection = Selection(self.selection.signal.bucket, self.selection.matchers)
        rates = Over("rate", selection, self.window, self.offset)
        return rates if self.by is None else Aggregate("sum", rates, ("le", *self.by))

    def promql(self, auto: str = AUTO) -> str:
        return f"histogram_quantile({number_text(self.quantile)}, {self.buckets.promql(auto)})"


@dataclass(frozen=True, slots=True)
class Binary(Query):
    """Two operands, matched series by series.

    `on` names the labels that match (None: all); `group` says which side may have several series to one of the other;
    `include` are labels that the single side adds; `truth` makes a comparison give 0 or 1.
    """

    operator: BinaryOp
    left: Query
    right: Query
    on: tuple[str, ...] | None = None
    group: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()
    truth: bool = False

    @property
    def unit(self) -> Unit:
        if self.operator in COMPARISONS:
            return ONE if self.truth else _free(self.left, self.right)
        if self.operator == "*":
            return self.left.unit * self.right.unit
        if self.operator == "/":
            if self.left.unit == ONE == self.right.unit and not isinstance(self.right, Number):
                return RATIO  # a count over a count; over a number it stays a count
            return self.left.unit / self.right.unit
        if self.operator == "-" and self.left.unit == UNIX_TIME == self.right.unit:
            return SECONDS
        return _free(self.left, self.right)

    @property
    def loose(self) -> bool:
        return True

    @property
    def labels(self) -> frozenset[str]:
        if isinstance(self.left, Number):
            return self.right.labels
        if isinstance(self.right, Number) or self.on is None:
            return self.left.labels
        if self.group is None:
            return frozenset(self.on)
        many = self.left if self.group == "left" else self.right
        return many.labels | frozenset(self.include)

    def promql(self, auto: str = AUTO) -> str:
        words: list[str] = [self.operator]
        if self.truth:
            words.append("bool")
        if self.on is not None:
            words.append(f"on ({', '.join(self.on)})")
        if self.group is not None:
            words.append(f"group_{self.group} ({', '.join(self.include)})")
        left = _wrapped(self.left, auto)
        if self.operator == "^" and left.startswith("-"):
            left = f"({left})"  # `-2 ^ x` is -(2 ^ x)
        return f"{left} {' '.join(words)} {_wrapped(self.right, auto)}"


@dataclass(frozen=True, slots=True)
class SetOperation(Query):
    """`and`, `or`, `unless`: series of the left side kept, completed or removed by those of the right."""

    operator: Literal["and", "or", "unless"]
    left: Query
    right: Query
    on: tuple[str, ...] | None = None

    @property
    def unit(self) -> Unit:
        return self.left.unit

    @property
    def loose(self) -> bool:
        return True

    @property
    def labels(self) -> frozenset[str]:
        return self.left.labels | self.right.labels if self.operator == "or" else self.left.labels

    def promql(self, auto: str = AUTO) -> str:
        on = "" if self.on is None else f" on ({', '.join(self.on)})"
        return f"{_wrapped(self.left, auto)} {self.operator}{on} {_wrapped(self.right, auto)}"


@dataclass(frozen=True, slots=True)
class Absent(Query):
    """1 when a selection has no series at all; its labels are those that the matchers fix."""

    selection: Selection[Signal]

    @property
    def unit(self) -> Unit:
        return ONE

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(m.label for m in self.selection.matchers if m.op == "=")

    def promql(self, auto: str = AUTO) -> str:
        return f"absent({selector_text(self.selection)})"


@dataclass(frozen=True, slots=True)
class Function(Query):
    """A function of each value: `abs`, `ceil`, `floor`, `sqrt`, `clamp_min`, `clamp_max`, and `age` (seconds since
    a point in time).
    """

    name: str
    query: Query
    parameter: float | None = None

    @property
    def unit(self) -> Unit:
        return SECONDS if self.name == "age" else self.query.unit

    @property
    def loose(self) -> bool:
        return self.name == "age"

    @property
    def labels(self) -> frozenset[str]:
        return self.query.labels

    def promql(self, auto: str = AUTO) -> str:
        if self.name == "age":
            return f"time() - {_wrapped(self.query, auto)}"
        tail = "" if self.parameter is None else f", {number_text(self.parameter)}"
        return f"{self.name}({self.query.promql(auto)}{tail})"


def over_unit(function: str, unit: Unit) -> Unit:
    """The unit of a range function's result for values of `unit`."""
    if function in {"rate", "irate", "deriv"}:
        return unit / SECONDS
    if function in {"changes", "resets", "count_over_time", "present_over_time"}:
        return ONE
    return unit


def _binary(operator: BinaryOp, left: Query | float, right: Query | float) -> Query:
    from watchkeeper.queries.arguments import operand
    from watchkeeper.queries.combine import combine

    return combine(operator, operand(left), operand(right))


def _free(left: Query, right: Query) -> Unit:
    """The unit of two operands of which a plain number has none."""
    return right.unit if isinstance(left, Number) and left.scalar_unit is None else left.unit


def _wrapped(query: Query, auto: str) -> str:
    text = query.promql(auto)
    return f"({text})" if query.loose else text
