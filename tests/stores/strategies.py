"""Random typed queries, built through the public constructors, with a note of the constructors used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.stores import samples
from watchkeeper import queries as q
from watchkeeper.queries import Query
from watchkeeper.signals import Gauge, Selection, Signal, is_not, matches, matches_not
from watchkeeper.units import BYTES, HOURS, MILLISECONDS, MINUTES, ONE

__all__ = ["CONSTRUCTORS", "Case", "cases"]

T = TypeVar("T")

WINDOWS = ("30s", "1m", "95s", "2m", "5m", "10m")
STEPS = ("5s", "17s", "30s", "1m")
LABELS = ("path", "instance", "job", "cluster")
# No mean of whole numbers is one of these but 0: a last bit must not decide whether a series is there.
THRESHOLDS = (0.0, 0.4321, 1.5017, 3.0419, 1.0007e9, -0.2503)


@dataclass(frozen=True)
class Case:
    """A query, the names of the constructors and operators in it, and when it is asked (one step: at an instant)."""

    query: Query
    used: tuple[str, ...]
    start: float
    step: float
    steps: int
    auto: float

    @property
    def end(self) -> float:
        """The time of the last step."""
        return self.start + self.step * (self.steps - 1)


@st.composite
def cases(draw: st.DrawFn, root: str, data_sets: int) -> Case:
    """Queries whose outermost constructor is `root`, asked at any time of one of the data sets."""
    maker = Maker(draw)
    query = maker.make(root, draw(st.integers(1, 3)))
    start = samples.BASE + draw(st.integers(0, data_sets - 1)) * samples.SPACING
    # Whole multiples of the scrape interval meet window boundaries, others miss them; a few are after the samples.
    start += draw(
        st.one_of(
            st.integers(4, 40).map(lambda n: n * 60.0), st.integers(300, 2700), st.sampled_from((907.5, 1801.234))
        )
    )
    steps = draw(st.sampled_from((1, 1, 2, 7, 25)))
    step = draw(st.sampled_from((5.0, 15.0, 37.5, 60.0)))
    return Case(query, tuple(maker.used), start, step, steps, draw(st.sampled_from((60.0, 120.0, 300.0))))


class Maker:
    """Makes queries from what is drawn, and notes which constructors it called."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.used: list[str] = []

    def make(self, root: str, depth: int) -> Query:
        """A query whose outermost constructor is `root`."""
        return _ROOTS[root](self, depth)

    def pick(self, *options: T) -> T:
        return self._draw(st.sampled_from(options))

    def call(self, name: str, *args: Any, **kwargs: Any) -> Query:
        """The public constructor of that name."""
        query: Query = getattr(q, name)(*args, **kwargs)
        self.used.append(name)
        return query

    def operate(self, symbol: str, left: Any, right: Any) -> Query:
        """An operator of queries."""
        query: Query = _OPERATORS[symbol](left, right)
        self.used.append(f"operator {symbol}")
        return query

    # --- selections -----------------------------------------------------------------------------------------------

    def select(self, *signals: Signal) -> Any:
        """One of the signals, or some of its series."""
        signal = self.pick(*signals)
        if not self.pick(0, 0, 0, 1):
            return signal
        conditions: list[dict[str, Any]] = [
            {"instance": self.pick("a:1", "b:2")},
            {"instance": matches("a.*|c:3")},
            {"job": is_not("other")},
            {"cluster": ""},
            {"job": matches_not("oth.r"), "instance": is_not("")},
        ]
        if "path" in signal.labels:
            conditions += [{"path": "/buy"}, {"path": matches("/(buy|old)?")}, {"path": is_not("/old")}]
        if "code" in signal.labels:
            conditions += [{"code": "500"}, {"code": matches_not("4..|5..")}]
        return signal.where(**self.pick(*conditions))

    def counter(self) -> Any:
        return self.select(*samples.COUNTERS)

    def gauge(self) -> Any:
        return self.select(*samples.GAUGES)

    def histogram(self) -> Any:
        return self.select(*samples.HISTOGRAMS)

    def window(self, *, auto: bool = True) -> str | None:
        options: tuple[str | None, ...] = (*WINDOWS, None, None) if auto else WINDOWS
        return self.pick(*options)

    # --- operands -------------------------------------------------------------------------------------------------

    def leaf(self, signal: Any) -> Query:
        """A series of values for each series of a counter or gauge, in the signal's own unit or that per second."""
        kind = signal.signal if isinstance(signal, Selection) else signal
        if isinstance(kind, Gauge):
            function = self.pick("value", "avg_over_time", "max_over_time", "min_over_time", "last_over_time")
            return (
                self.call(function, signal)
                if function == "value"
                else self.call(function, signal, self.window(auto=False))
            )
        return self.call(self.pick("rate", "rate", "increase", "irate"), signal, self.window())

    def any(self, depth: int) -> Query:
        """A query with any labels and unit."""
        if depth <= 0:
            return self.leaf(self.pick(self.counter(), self.gauge()))
        return self.make(self.pick(*_INNER), depth - 1)

    def exact(self) -> Query:
        """Values that have no rounding, for what jumps where a value is off by a little."""
        signal = self.select(*samples.EXACT_GAUGES)
        function = self.pick("value", "value", "max_over_time", "count_over_time", "sum_over_time")
        return self.call(function, signal, *(() if function == "value" else (self.window(auto=False),)))

    def total(self, depth: int, *by: str) -> Query:
        """A query with just these labels."""
        query = self.any(depth)
        while not set(by) <= query.labels:
            query = self.leaf(self.gauge())
        return self.call(self.pick("sum_by", "avg_by", "max_by", "min_by", "count_by"), query, *by)

    def pair(self, depth: int) -> tuple[Query, Query]:
        """Two queries with the same labels and unit."""
        first, second = self.pick(
            (samples.REQUESTS, samples.ERRORS), (samples.MEMORY, samples.LIMIT), (samples.LOAD, samples.STATE)
        )
        function, window = self.pick("rate", "increase"), self.window()
        sides = []
        for signal in (first, second):
            chosen = self.select(signal)
            if isinstance(signal, Gauge):
                sides.append(self.leaf(chosen))
            else:
                sides.append(self.call(function, chosen, window))
        if self.pick(True, False):
            by = self.labels(sides[0])
            sides = [self.call(self.pick("sum_by", "max_by", "avg_by"), side, *by) for side in sides]
        if depth > 0:
            sides[0] = self.call("absolute", sides[0])
        return sides[0], sides[1]

    def labels(self, query: Query) -> tuple[str, ...]:
        """Some labels of a query."""
        possible = [label for label in (*LABELS, "code") if label in query.labels]
        return tuple(label for label in possible if self.pick(True, False))


# --- one maker for each constructor and operator ------------------------------------------------------------------


def _counter_function(name: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        if name in {"rate", "increase"} and m.pick(True, False, False):
            return m.call(name, m.counter(), m.window(), offset=m.pick("30s", "5m"))
        return m.call(name, m.counter(), m.window(auto=name != "resets"))

    return make


def _gauge_function(name: str) -> Callable[[Maker, int], Query]:
    return lambda m, depth: m.call(name, m.gauge(), m.window(auto=name not in {"changes"}))


def _over_time(name: str, *parameters: float) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        first = (m.pick(*parameters),) if parameters else ()
        if depth > 0 and m.pick(True, False):
            window, step = m.pick("1m", "5m", "10m"), m.pick(None, *STEPS)
            return m.call(name, *first, m.any(depth - 1), window, step=step)
        return m.call(name, *first, m.gauge(), m.window(auto=False))

    return make


def _aggregation(name: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        query = m.any(depth - 1)
        return m.call(name, query, *m.labels(query))

    return make


def _sum_without(m: Maker, depth: int) -> Query:
    query = m.leaf(m.pick(m.counter(), m.gauge()))
    return m.call("sum_without", query, m.pick("instance", "path"), *m.pick((), ("job",)))


def _ranked(name: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        signal = m.pick(m.counter(), m.select(samples.MEMORY, samples.LOAD))
        return m.call(name, m.pick(1, 2, 3, 50), m.leaf(signal))

    return make


def _arithmetic(symbol: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        kind = m.pick("pair", "number", "number on the left")
        if kind == "pair":
            left, right = m.pair(depth)
            return m.operate(symbol, left, right)
        query, number = m.any(depth - 1), m.pick(2, 0.5, -3, 0, 100)
        return m.operate(symbol, query, number) if kind == "number" else m.operate(symbol, number, query)

    return make


def _modulo(m: Maker, depth: int) -> Query:
    return m.operate("%", m.exact(), m.pick(2, 3, -2, 0.5, 1 << 31))


def _power(m: Maker, depth: int) -> Query:
    if m.pick(True, False):
        return m.operate("^", q.number(m.pick(2, 0.5, -2), ONE), m.call("value", m.select(samples.STATE)))
    return m.operate("^", m.any(depth - 1), q.number(m.pick(2, 0.5, -1, 0), ONE))


def _comparison(symbol: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        if m.pick(True, False):
            return m.operate(symbol, *m.pair(depth))
        query = m.any(depth - 1)
        return m.operate(symbol, query, m.pick(*THRESHOLDS))

    return make


def _equality(symbol: str) -> Callable[[Maker, int], Query]:
    return lambda m, depth: m.operate(symbol, m.exact(), m.pick(0, 1, 2, float(1 << 30)))


def _number(m: Maker, depth: int) -> Query:
    number = m.call("number", m.pick(0, 1, 4e8, -1), BYTES)
    query = m.leaf(m.select(samples.MEMORY, samples.LIMIT))
    return m.operate(m.pick("+", "-", ">", "<="), query, number)


def _constant(m: Maker, depth: int) -> Query:
    total = m.total(depth - 1)
    return m.operate(m.pick("*", "/"), total, m.call("constant", m.pick(0, 2, 1e6)))


def _ratio(m: Maker, depth: int) -> Query:
    if m.pick(True, False):
        return m.call("ratio", *m.pair(depth))
    by = m.pick((), ("path",), ("instance", "path"))
    return m.call("ratio", m.total(depth - 1, *by), m.total(depth - 1, *by))


def _join(m: Maker, depth: int) -> Query:
    kind = m.pick("info", "info on the left", "group", "group right", "one to one")
    many = m.leaf(m.pick(m.counter(), m.gauge()))
    if kind == "info":
        info = m.call("value", samples.INFO)
        return m.call("join", "*", many, info, on=("instance",), group="left", include=("version",))
    if kind == "info on the left":
        info = m.call("value", samples.INFO)
        include = m.pick(("version",), ("version", "job"))
        return m.call("join", "*", info, many, on=("instance",), group="right", include=include)
    on = m.pick(("path",), ("path", "instance"))
    if kind == "one to one":
        left, right = m.total(0, "path", "instance"), m.total(0, "path", "instance", "job")
        return m.call("join", m.pick("*", "/"), left, right, on=("path", "instance"))
    single = m.total(0, *on)
    if kind == "group":
        return m.call("join", m.pick("/", "*"), many, single, on=on, group="left")
    return m.call("join", m.pick("/", "*"), single, many, on=on, group="right")


def _truth(m: Maker, depth: int) -> Query:
    comparison = m.make(f"operator {m.pick('>', '<', '>=', '<=', '==', '!=')}", depth)
    return m.call("truth", comparison)


def _set_operation(name: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        left, right = m.pair(depth)
        if name != "or_":
            right = m.operate(m.pick(">", "<"), right, m.pick(*THRESHOLDS))
        if m.pick(True, False):
            return m.call(name, left, right)
        labels = m.pick(("instance",), ("job", "instance"))
        return m.call(name, left, right, on=[label for label in labels if label in left.labels & right.labels])

    return make


def _absent(m: Maker, depth: int) -> Query:
    signal = m.pick(*samples.COUNTERS, *samples.GAUGES, *samples.HISTOGRAMS)
    selection = m.pick(
        signal.where(path="/none", job="diff"),
        signal.where(path="/none"),
        signal.where(instance="z:9", path=matches("/.*")),
        signal.where(instance="a:1", path="/buy"),
    )
    return m.call("absent", selection)


def _age(m: Maker, depth: int) -> Query:
    moment = m.select(*samples.TIMES)
    if m.pick(True, False):
        return m.call("age", moment)
    return m.call("age", m.call(m.pick("max_by", "min_by"), moment, "instance"))


def _each_value(name: str) -> Callable[[Maker, int], Query]:
    def make(m: Maker, depth: int) -> Query:
        if name in {"ceil", "floor"}:
            # A value is whole or not: no rounding may decide.
            signal, function = m.gauge(), m.pick("value", "max_over_time", "last_over_time")
            return m.call(name, m.call(function, signal, *(() if function == "value" else (m.window(auto=False),))))
        return m.call(name, m.any(depth - 1), *((m.pick(*THRESHOLDS),) if name.startswith("clamp") else ()))

    return make


def _convert(m: Maker, depth: int) -> Query:
    if m.pick(True, False):
        return m.call("convert", m.call("age", m.select(*samples.TIMES)), m.pick(MINUTES, HOURS))
    return m.call("convert", m.call("mean", samples.LATENCY, m.window(), by=("path",)), MILLISECONDS)


def _quantile(m: Maker, depth: int) -> Query:
    by = m.pick(None, (), ("path",), ("path", "instance"), ("job",))
    return m.call("quantile", m.pick(0, 0.123, 0.5, 0.9, 0.99, 1), m.histogram(), m.window(), by=by)


def _share_above(m: Maker, depth: int) -> Query:
    histogram = m.histogram()
    bounds = histogram.signal.buckets if isinstance(histogram, Selection) else histogram.buckets
    return m.call("share_above", m.pick(*bounds), histogram, m.window(), by=m.pick((), ("path",), ("instance", "path")))


def _mean(m: Maker, depth: int) -> Query:
    return m.call("mean", m.histogram(), m.window(), by=m.pick((), ("path",), ("instance", "path")))


def _narrowed(m: Maker, depth: int) -> Query:
    return m.call(
        "narrowed", m.any(depth - 1), m.pick({"path": "/buy"}, {"instance": "a:1", "path": "/"}, {"nowhere": "x"})
    )


def _value(m: Maker, depth: int) -> Query:
    return m.call("value", m.select(*samples.GAUGES, samples.INFO), offset=m.pick(None, "30s", "7m"))


def _predict(m: Maker, depth: int) -> Query:
    return m.call("predict_linear", m.gauge(), m.window(auto=False), m.pick("30s", "5m", "1h"))


_OPERATORS: Mapping[str, Callable[[Any, Any], Query]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "^": lambda a, b: q.combine("^", a, b),
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a.equals(b),
    "!=": lambda a, b: a.differs(b),
}

_ROOTS: Mapping[str, Callable[[Maker, int], Query]] = {
    **{name: _counter_function(name) for name in ("rate", "increase", "irate", "resets")},
    **{name: _gauge_function(name) for name in ("delta", "deriv", "changes")},
    **{
        name: _over_time(name)
        for name in (
            "avg_over_time",
            "count_over_time",
            "last_over_time",
            "max_over_time",
            "min_over_time",
            "sum_over_time",
        )
    },
    "quantile_over_time": _over_time("quantile_over_time", 0, 0.31, 0.5, 0.95, 1),
    **{name: _aggregation(name) for name in ("sum_by", "avg_by", "max_by", "min_by", "count_by", "stddev_by")},
    **{name: _ranked(name) for name in ("topk", "bottomk")},
    **{name: _set_operation(name) for name in ("and_", "or_", "unless")},
    **{name: _each_value(name) for name in ("absolute", "ceil", "floor", "clamp_min", "clamp_max")},
    **{f"operator {symbol}": _arithmetic(symbol) for symbol in ("+", "-", "*", "/")},
    **{f"operator {symbol}": _comparison(symbol) for symbol in (">", "<", ">=", "<=")},
    **{f"operator {symbol}": _equality(symbol) for symbol in ("==", "!=")},
    "operator %": _modulo,
    "operator ^": _power,
    "absent": _absent,
    "age": _age,
    "constant": _constant,
    "convert": _convert,
    "join": _join,
    "mean": _mean,
    "narrowed": _narrowed,
    "number": _number,
    "or_zero": lambda m, depth: m.call("or_zero", m.total(depth - 1)),
    "predict_linear": _predict,
    "quantile": _quantile,
    "ratio": _ratio,
    "scaled": lambda m, depth: m.call("scaled", m.any(depth - 1), m.pick(2.0, 3.0, 20.0)),
    "share_above": _share_above,
    "sum_without": _sum_without,
    "truth": _truth,
    "value": _value,
}

CONSTRUCTORS = tuple(sorted(_ROOTS))
"""Every public constructor and operator, but PromQL text, which the embedded store refuses."""

# What may stand inside another query without that a last bit decides between two series or two numbers.
_INNER = tuple(
    name
    for name in CONSTRUCTORS
    if name not in {"topk", "bottomk", "absent", "truth", "operator ==", "operator !=", "unless"}
)
