"""Functions of each value of a query, and of the absence of a signal."""

from __future__ import annotations

from typing import overload

from watchkeeper.errors import QueryError
from watchkeeper.queries.arguments import (
    Operand,
    brief,
    operand,
)
from watchkeeper.queries.nodes import (
    Absent,
    Binary,
    Function,
    Number,
    Query,
)
from watchkeeper.signals import Distribution, Selection, Signal
from watchkeeper.units import UNIX_TIME, Unit

__all__ = ["absent", "absolute", "age", "ceil", "clamp_max", "clamp_min", "convert", "floor"]


@overload
def absent(what: Signal) -> Query: ...
@overload
def absent(what: Selection[Signal]) -> Query: ...
def absent(what: Signal | Selection[Signal]) -> Query:
    """1 when the selection has no series at all. A histogram is looked for by its count."""
    selection = what if isinstance(what, Selection) else Selection(what)
    if isinstance(selection.signal, Distribution):
        selection = Selection(selection.signal.count, selection.matchers)
    return Absent(selection)


def age(what: Operand) -> Query:
    """Seconds since a point in time. Raises QueryError when the unit is not a point in time."""
    query = operand(what)
    if query.unit != UNIX_TIME:
        raise QueryError(f"age({brief(query)}): its unit is {query.unit}, not seconds since the epoch")
    return Function("age", query)


def absolute(what: Operand) -> Query:
    """Each value without its sign."""
    return Function("abs", operand(what))


def ceil(what: Operand) -> Query:
    """Each value rounded up."""
    return Function("ceil", operand(what))


def floor(what: Operand) -> Query:
    """Each value rounded down."""
    return Function("floor", operand(what))


def clamp_min(what: Operand, low: float) -> Query:
    """Each value, at least `low`."""
    return Function("clamp_min", operand(what), float(low))


def clamp_max(what: Operand, high: float) -> Query:
    """Each value, at most `high`."""
    return Function("clamp_max", operand(what), float(high))


def convert(what: Operand, unit: Unit) -> Query:
    """The same quantity in another unit, for example milliseconds in seconds. Raises UnitError when it measures
    something else.
    """
    query = operand(what)
    factor = query.unit.conversion(unit)
    return query if factor == 1.0 else Binary("*", query, Number(factor, unit / query.unit))
