"""Binary and set operators between frames and scalars, with Prometheus' vector matching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from watchkeeper.errors import StoreError, UnsupportedQuery
from watchkeeper.queries.nodes import COMPARISONS, Binary, SetOperation
from watchkeeper.stores.frames import Flags, Floats, Frame, Ints, LabelSet, Scalar, empty, key_of, unique, unnamed

__all__ = ["binary", "set_operation"]


def _power(base: Floats, exponent: Floats) -> Floats:
    result = np.power(base, exponent)
    # NumPy may take a square root for 0.5, which is NaN for -Inf, where a power is +Inf.
    rooted = (exponent == 0.5) & (np.isneginf(base) | (base == 0))
    return np.where(rooted, np.abs(base), result)


_ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": _power,
}
_COMPARE: dict[str, Callable[[Floats, Floats], Flags]] = {
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def binary(node: Binary, left: Frame | Scalar, right: Frame | Scalar) -> Frame | Scalar:
    """The operator of a node between its evaluated sides. Raises StoreError where series cannot be matched."""
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        if node.operator not in COMPARISONS:
            return Scalar(_ARITHMETIC[node.operator](left.values, right.values))
        if not node.truth:
            raise UnsupportedQuery(f"{node.promql('5m')}: a comparison of two numbers: write truth(…)")
        return Scalar(_COMPARE[node.operator](left.values, right.values).astype(np.float64))
    if isinstance(left, Scalar) or isinstance(right, Scalar):
        return _with_scalar(node, left, right)
    return _matched(node, left, right)


def _with_scalar(node: Binary, left: Frame | Scalar, right: Frame | Scalar) -> Frame:
    frame = left if isinstance(left, Frame) else right
    if isinstance(frame, Scalar):
        raise TypeError("one side is a frame")
    if node.operator not in COMPARISONS:
        return unnamed(replace(frame, values=_ARITHMETIC[node.operator](left.values, right.values)))
    holds = _COMPARE[node.operator](left.values, right.values)
    if node.truth:
        return unnamed(replace(frame, values=holds.astype(np.float64)))
    # The value that stays is the series', on whichever side it stands.
    return replace(frame, present=frame.present & holds).pruned()


def _matched(node: Binary, left: Frame, right: Frame) -> Frame:
    steps = left.values.shape[1]
    # Prometheus complains of nothing at a step where one side is empty.
    both = left.present.any(axis=0) & right.present.any(axis=0)
    if not both.any():
        return empty(steps)
    left_rows, right_rows = _by_key(left, node.on), _by_key(right, node.on)
    single_rows = left_rows if node.group == "right" else right_rows
    single = left if node.group == "right" else right
    for rows in single_rows.values():
        if len(rows) > 1 and (_overlap(single, rows) & both).any():
            raise StoreError(
                f"{node.promql('5m')}: several series on the {'left' if node.group == 'right' else 'right'} match one: "
                f"{_text(single.labels[rows[0]])} and {_text(single.labels[rows[1]])}: aggregate that side"
            )
    pairs = [(a, b) for key, rows in left_rows.items() for a in rows for b in right_rows.get(key, ())]
    if not pairs:
        return empty(steps)
    index = np.array(pairs, np.int64)
    a, b = index[:, 0], index[:, 1]
    x, y = left.values[a], right.values[b]
    present = left.present[a] & right.present[b]
    if node.operator not in COMPARISONS:
        values = _ARITHMETIC[node.operator](x, y)
    elif node.truth:
        values = _COMPARE[node.operator](x, y).astype(np.float64)
    else:
        values, present = x, present & _COMPARE[node.operator](x, y)
    if node.group is None:
        _check_single(node, left, a, present, left_rows)
    labels = [_labels(node, left.labels[i], right.labels[j]) for i, j in pairs]
    return unique(Frame(labels, values, present).pruned())


def _by_key(frame: Frame, on: tuple[str, ...] | None) -> dict[tuple[object, ...], list[int]]:
    rows: dict[tuple[object, ...], list[int]] = {}
    for row, labels in enumerate(frame.labels):
        rows.setdefault(key_of(labels, on), []).append(row)
    return rows


def _overlap(frame: Frame, rows: Sequence[int]) -> Flags:
    """The steps at which more than one of the rows has a value."""
    overlap: Flags = frame.present[list(rows)].sum(axis=0) > 1
    return overlap


def _check_single(
    node: Binary, left: Frame, row: Ints, present: Flags, groups: dict[tuple[object, ...], list[int]]
) -> None:
    """Raise StoreError where several series of the left side give a result for one match."""
    given = np.zeros(left.present.shape, np.bool_)
    np.logical_or.at(given, row, present)
    for rows in groups.values():
        if len(rows) > 1 and (given[rows].sum(axis=0) > 1).any():
            raise StoreError(
                f"{node.promql('5m')}: several series on the left match one: {_text(left.labels[rows[0]])} and "
                f"{_text(left.labels[rows[1]])}: write join(…, group='left')"
            )


def _labels(node: Binary, left: LabelSet, right: LabelSet) -> LabelSet:
    many, single = (right, left) if node.group == "right" else (left, right)
    labels = dict(many)
    if node.operator not in COMPARISONS or node.truth:
        labels.pop("__name__", None)
    if node.group is None and node.on is not None:
        labels = {label: value for label, value in labels.items() if label in node.on}
    for label in node.include:
        if value := single.get(label, ""):
            labels[label] = value
        else:
            labels.pop(label, None)
    return labels


def set_operation(node: SetOperation, left: Frame | Scalar, right: Frame | Scalar) -> Frame:
    """`and`, `or`, `unless` of a node between its evaluated sides."""
    if isinstance(left, Scalar) or isinstance(right, Scalar):
        raise UnsupportedQuery(f"{node.promql('5m')}: a number is no set of series")
    if node.operator == "or":
        seen = _any_by_key(right, left, node.on)
        joined = Frame(
            [*left.labels, *right.labels],
            np.concatenate((left.values, right.values)),
            np.concatenate((left.present, right.present & ~seen)),
        )
        return unique(joined.pruned())
    seen = _any_by_key(left, right, node.on)
    return replace(left, present=left.present & (seen if node.operator == "and" else ~seen)).pruned()


def _any_by_key(frame: Frame, other: Frame, on: tuple[str, ...] | None) -> Flags:
    """For each row and step of a frame, whether a row of the other with the same key has a value."""
    groups = _by_key(other, on)
    nothing = np.zeros(frame.values.shape[1], np.bool_)
    present = {key: other.present[rows].any(axis=0) for key, rows in groups.items()}
    rows = [present.get(key_of(labels, on), nothing) for labels in frame.labels]
    return np.stack(rows) if rows else np.empty((0, frame.values.shape[1]), np.bool_)


def _text(labels: LabelSet) -> str:
    return "{" + ", ".join(f"{k}={v!r}" for k, v in sorted(labels.items())) + "}"
