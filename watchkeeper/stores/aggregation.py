"""Aggregation over series, step by step, with the corner cases of Prometheus' engine."""

from __future__ import annotations

import numpy as np

from watchkeeper.errors import UnsupportedQuery
from watchkeeper.stores.frames import Flags, Floats, Frame, Ints, LabelSet, Mode, empty

__all__ = ["aggregate", "grouped"]


def aggregate(
    operation: str,
    frame: Frame,
    by: tuple[str, ...],
    drop: tuple[str, ...] | None,
    parameter: float | None,
    mode: Mode,
) -> Frame:
    """One row for each group of rows; topk and bottomk keep the rows and drop values."""
    if not len(frame.labels):
        return empty(frame.values.shape[1])
    order, starts, labels = grouped(frame, by, drop)
    values, present = frame.values[order], frame.present[order]
    if operation in {"topk", "bottomk"}:
        kept = _ranked(values, present, starts, int(parameter or 0), largest=operation == "topk")
        return Frame([frame.labels[row] for row in order.tolist()], values, kept).pruned()
    count = np.add.reduceat(present, starts, axis=0, dtype=np.int64)
    return Frame(labels, _reduced(operation, values, present, starts, count, mode), count > 0)


def grouped(frame: Frame, by: tuple[str, ...], drop: tuple[str, ...] | None) -> tuple[Ints, Ints, list[LabelSet]]:
    """The rows in the order of their groups, the place of each group's first row in it, and the groups' labels."""
    places: dict[tuple[object, ...], int] = {}
    labels: list[LabelSet] = []
    group = np.empty(len(frame.labels), np.int64)
    lost = None if drop is None else {*drop, "__name__"}
    for row, full in enumerate(frame.labels):
        if lost is None:
            key: tuple[object, ...] = tuple(full.get(label, "") for label in by)
        else:
            key = tuple(sorted(item for item in full.items() if item[0] not in lost))
        place = places.get(key)
        if place is None:
            place = places[key] = len(labels)
            kept = (
                {label: full[label] for label in by if full.get(label)}
                if lost is None
                else {k: v for k, v in full.items() if k not in lost}
            )
            labels.append(kept)
        group[row] = place
    order = np.argsort(group, kind="stable")
    return order, np.searchsorted(group[order], np.arange(len(labels))), labels


def _reduced(operation: str, values: Floats, present: Flags, starts: Ints, count: Ints, mode: Mode) -> Floats:
    if operation == "count":
        return count.astype(np.float64)
    if operation == "group":
        return np.ones(count.shape)
    if operation in {"max", "min"}:
        return _extreme(np.fmax if operation == "max" else np.fmin, values, present, starts)
    # -0.0 and not 0.0 is what changes no sum.
    total: Floats = np.add.reduceat(np.where(present, values, -0.0), starts, axis=0)
    if operation == "sum":
        return total
    mean = total / np.maximum(count, 1)
    if operation == "avg":
        # The mean of equal values is that value, to the last bit.
        lowest = _extreme(np.fmin, values, present, starts)
        return np.minimum(np.maximum(mean, lowest), _extreme(np.fmax, values, present, starts))
    if operation == "stddev":
        sizes = np.diff(np.append(starts, len(values)))
        off = np.where(present, values - np.repeat(mean, sizes, axis=0), 0.0)
        result: Floats = np.sqrt(np.add.reduceat(off * off, starts, axis=0) / np.maximum(count, 1))
        # Prometheus 2.42 begins with a variance of zero and never looks at a single value again, NaN or not.
        return np.where(count == 1, 0.0, result) if mode.old else result
    raise UnsupportedQuery(f"the embedded store has no aggregation {operation}")


def _extreme(ufunc: np.ufunc, values: Floats, present: Flags, starts: Ints) -> Floats:
    """The largest or smallest value; fmax and fmin pass over NaN as Prometheus does: NaN only if all values are."""
    result: Floats = ufunc.reduceat(np.where(present, values, np.nan), starts, axis=0)
    return result


def _ranked(values: Floats, present: Flags, starts: Ints, k: int, *, largest: bool) -> Flags:
    """Which values are among the first k of their group at their step; NaN comes last, equals in the order of rows."""
    kept = np.zeros(present.shape, np.bool_)
    if k < 1:
        return kept
    for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
        part, here = values[start:end], present[start:end]
        best = np.lexsort((-part if largest else part, np.isnan(part), ~here), axis=0)[:k]
        chosen = np.zeros(part.shape, np.bool_)
        np.put_along_axis(chosen, best, True, axis=0)
        kept[start:end] = chosen & here
    return kept
