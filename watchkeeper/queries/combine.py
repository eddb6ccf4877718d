"""Aggregation and combination of queries, with the checks of labels and units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from watchkeeper.errors import QueryError
from watchkeeper.queries.arguments import (
    Operand,
    brief,
    known,
    operand,
)
from watchkeeper.queries.nodes import (
    COMPARISONS,
    Aggregate,
    AggregateOp,
    Binary,
    BinaryOp,
    Constant,
    Number,
    Query,
    SetOperation,
)

__all__ = [
    "and_",
    "avg_by",
    "bottomk",
    "combine",
    "count_by",
    "join",
    "max_by",
    "min_by",
    "or_",
    "or_zero",
    "ratio",
    "stddev_by",
    "sum_by",
    "sum_without",
    "topk",
    "truth",
    "unless",
]


def _aggregate(operation: AggregateOp, what: Operand, by: tuple[str, ...]) -> Query:
    query = operand(what)
    if isinstance(query, Number):
        raise QueryError(f"{operation} of a number: write a query")
    return Aggregate(operation, query, known(by, query.labels, f"{operation}_by({brief(query)})"))


def sum_by(what: Operand, *by: str) -> Query:
    """The sum of all series for each combination of the labels; without labels, of all."""
    return _aggregate("sum", what, by)


def avg_by(what: Operand, *by: str) -> Query:
    """The mean of all series for each combination of the labels."""
    return _aggregate("avg", what, by)


def max_by(what: Operand, *by: str) -> Query:
    """The largest of all series for each combination of the labels."""
    return _aggregate("max", what, by)


def min_by(what: Operand, *by: str) -> Query:
    """The smallest of all series for each combination of the labels."""
    return _aggregate("min", what, by)


def count_by(what: Operand, *by: str) -> Query:
    """How many series there are for each combination of the labels."""
    return _aggregate("count", what, by)


def stddev_by(what: Operand, *by: str) -> Query:
    """The standard deviation over the series for each combination of the labels."""
    return _aggregate("stddev", what, by)


def sum_without(what: Operand, *drop: str) -> Query:
    """The sum over the dropped labels; all others, target labels included, stay."""
    query = operand(what)
    if not drop:
        raise QueryError("sum_without() needs the labels to drop: for a total write sum_by(…)")
    return Aggregate("sum", query, (), known(drop, query.labels, f"sum_without({brief(query)})"))


def topk(k: int, what: Operand) -> Query:
    """The k series with the largest values."""
    return Aggregate("topk", operand(what), (), None, float(k))


def bottomk(k: int, what: Operand) -> Query:
    """The k series with the smallest values."""
    return Aggregate("bottomk", operand(what), (), None, float(k))


def combine(operator: BinaryOp, left: Query, right: Query) -> Query:
    """Two operands matched on all labels. Raises QueryError when labels or units differ."""
    if not isinstance(left, Number) and not isinstance(right, Number) and left.labels != right.labels:
        raise QueryError(_labels_differ(operator, left, right))
    _check_units(operator, left, right)
    return Binary(operator, left, right)


def ratio(part: Operand, whole: Operand) -> Query:
    """One query over another with the same labels."""
    return combine("/", operand(part), operand(whole))


def join(
    operator: BinaryOp,
    left: Operand,
    right: Operand,
    *,
    on: Iterable[str],
    group: Literal["left", "right"] | None = None,
    include: Iterable[str] = (),
) -> Query:
    """Two queries with different labels, matched on those named.

    `group` says which side may have several series to one of the other; `include` are labels of the single side to add.
    Raises QueryError when a side does not have a label that it is matched on, or units differ.
    """
    first, second, labels, added = operand(left), operand(right), tuple(on), tuple(include)
    known(labels, first.labels, f"join: left side {brief(first)}")
    known(labels, second.labels, f"join: right side {brief(second)}")
    if added:
        if group is None:
            raise QueryError("join: include needs group='left' or 'right': say which side has several series")
        known(added, second.labels if group == "left" else first.labels, "join: the single side")
    _check_units(operator, first, second)
    return Binary(operator, first, second, labels, group, added)


def truth(comparison: Query) -> Query:
    """1 where a comparison holds, 0 where it does not, in place of keeping and dropping series."""
    if not isinstance(comparison, Binary) or comparison.operator not in COMPARISONS:
        raise QueryError("truth() takes a comparison, such as truth(query > 5)")
    c = comparison
    return Binary(c.operator, c.left, c.right, c.on, c.group, c.include, truth=True)


def _set(operator: Literal["and", "or", "unless"], left: Operand, right: Operand, on: Iterable[str] | None) -> Query:
    first, second = operand(left), operand(right)
    if isinstance(first, Number) or isinstance(second, Number):
        raise QueryError(f"{operator}: a number is no set of series: write a comparison")
    if on is None:
        if first.labels != second.labels:
            raise QueryError(_labels_differ(operator, first, second))
        return SetOperation(operator, first, second)
    labels = tuple(on)
    known(labels, first.labels, f"{operator}: left side {brief(first)}")
    known(labels, second.labels, f"{operator}: right side {brief(second)}")
    return SetOperation(operator, first, second, labels)


def and_(left: Operand, right: Operand, *, on: Iterable[str] | None = None) -> Query:
    """The series of the left side for which the right side has one with the same labels (or the same `on` labels)."""
    return _set("and", left, right, on)


def or_(left: Operand, right: Operand, *, on: Iterable[str] | None = None) -> Query:
    """The series of the left side, and those of the right that the left does not have. Units must agree."""
    _check_units("==", operand(left), operand(right))
    return _set("or", left, right, on)


def unless(left: Operand, right: Operand, *, on: Iterable[str] | None = None) -> Query:
    """The series of the left side for which the right side has none."""
    return _set("unless", left, right, on)


def or_zero(what: Operand) -> Query:
    """A total, and zero where there is no series: only for what is known to be zero then, such as a count of events.

    Raises QueryError for a query with labels, for which it is not known which series are missing.
    """
    query = operand(what)
    if query.labels:
        raise QueryError(
            f"or_zero({brief(query)}): a query with labels has no zero series: aggregate it first, sum_by(…)"
        )
    return SetOperation("or", query, Constant(0.0, query.unit))


def _check_units(operator: BinaryOp, left: Query, right: Query) -> None:
    if operator in {"*", "/"}:
        return
    if any(isinstance(side, Number) and side.scalar_unit is None for side in (left, right)):
        return
    if operator == "^" and not right.unit.dimensionless:
        raise QueryError(f"the exponent {brief(right)} has the unit {right.unit}")
    if left.unit.same(right.unit) or operator == "^":
        return
    if left.unit.dimensions == right.unit.dimensions:
        raise QueryError(
            f"{brief(left)} is in {left.unit}, {brief(right)} in {right.unit}: "
            f"write convert(…, {str(left.unit).upper()})"
        )
    raise QueryError(
        f"{brief(left)} is in {left.unit}, {brief(right)} in {right.unit}: {operator!r} needs the same unit"
    )


def _labels_differ(operator: str, left: Query, right: Query) -> str:
    common = sorted(left.labels & right.labels)
    only_left, only_right = sorted(left.labels - right.labels), sorted(right.labels - left.labels)
    sides = " and ".join(
        f"{', '.join(labels)} only on the {side}"
        for labels, side in ((only_left, "left"), (only_right, "right"))
        if labels
    )
    shared = ", ".join(repr(label) for label in common)
    advice = (
        f"aggregate both sides by the same labels (sum_by(…{', ' + shared if shared else ''})) or use join(…, on=…)"
    )
    return f"{brief(left)} {operator} {brief(right)}: the labels differ ({sides}): {advice}"
