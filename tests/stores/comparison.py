"""Whether two stores gave the same answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tests.stores.strategies import Case
from watchkeeper import queries as q
from watchkeeper.errors import StoreError
from watchkeeper.queries.nodes import Absent, Aggregate, HistogramQuantile, Instant, Over
from watchkeeper.stores import Matrix, Store
from watchkeeper.stores.embedded import EmbeddedStore

__all__ = ["answer", "difference", "largest_operand"]

RELATIVE = 1e-9
OF_LARGEST_OPERAND = 1e-12

Key = tuple[tuple[str, str], ...]
Rows = Mapping[Key, tuple[NDArray[np.float64], NDArray[np.bool_]]]


def answer(store: Store, case: Case) -> Matrix:
    """What a store answers to a case; an instant answer as a range of one step."""
    if case.steps > 1:
        return store.range(case.query, case.start, case.end, case.step, auto=case.auto)
    vector = store.instant(case.query, case.start, auto=case.auto)
    values = np.array(vector.values, np.float64).reshape(-1, 1)
    return Matrix(np.array([case.start]), vector.series, values, np.ones(values.shape, np.bool_))


def difference(case: Case, ours: Matrix, theirs: Matrix, store: EmbeddedStore) -> str | None:
    """What differs between two answers, or None. Values may differ by rounding; see the constants."""
    if isinstance(case.query, Aggregate) and case.query.operation in {"topk", "bottomk"}:
        return _ranked(ours, theirs)
    mine, yours = _rows(ours), _rows(theirs)
    if mine.keys() != yours.keys():
        extra, missing = sorted(mine.keys() - yours.keys()), sorted(yours.keys() - mine.keys())
        return f"series: only ours {extra}, only Prometheus' {missing}"
    largest: float | None = None
    for key, (values, present) in mine.items():
        expected, there = yours[key]
        if (present != there).any():
            step = int(np.argmax(present != there))
            a, b = _shown(values, present, step), _shown(expected, there, step)
            return f"{key} at step {step}: ours {a}, Prometheus' {b}"
        for step in np.nonzero(present & ~_close(values, expected, 0.0))[0].tolist():
            largest = largest_operand(store, case) if largest is None else largest
            if not _close(values, expected, largest)[step]:
                x, y = float(values[step]), float(expected[step])
                return f"{key} at step {step}: ours {x!r}, Prometheus' {y!r} (largest operand {largest:g})"
    return None


def largest_operand(store: EmbeddedStore, case: Case) -> float:
    """The largest finite number that a query computes with: samples, numbers, and the values of its parts."""
    found = [0.0]
    begin, end = round((case.start - 3600) * 1000), round(case.end * 1000)
    for node in q.walk(case.query):
        if isinstance(node, Instant | Over | HistogramQuantile | Absent):
            found.append(_largest(store.select(node.selection.signal.name, (), begin, end).values))
        if node is not case.query:
            try:
                found.append(_largest(store.range(node, case.start, case.end, case.step, auto=case.auto).values))
            except StoreError:
                continue
    return max(found)


def _largest(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def _rows(matrix: Matrix) -> Rows:
    rows = zip(matrix.series, matrix.values, matrix.present, strict=True)
    return {tuple(sorted(labels.items())): (values, present) for labels, values, present in rows}


def _close(a: NDArray[np.float64], b: NDArray[np.float64], largest: float) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= np.maximum(RELATIVE * np.maximum(np.abs(a), np.abs(b)), OF_LARGEST_OPERAND * largest)
        finite = np.isfinite(a) & np.isfinite(b)
        close: NDArray[np.bool_] = (finite & near) | (a == b) | (np.isnan(a) & np.isnan(b))
        return close


def _shown(values: NDArray[np.float64], present: NDArray[np.bool_], step: int) -> str:
    return repr(float(values[step])) if present[step] else "nothing"


def _ranked(ours: Matrix, theirs: Matrix) -> str | None:
    """Of equal values any may be among the first: the values must be the same, and the series of values that differ."""
    if ours.times.shape != theirs.times.shape:
        return "times"
    for step in range(len(ours.times)):
        mine, yours = _at(ours, step), _at(theirs, step)
        first, second = sorted(mine.values()), sorted(yours.values())
        if len(first) != len(second) or not _close(np.array(first), np.array(second), 0.0).all():
            return f"step {step}: ours {mine}, Prometheus' {yours}"
        for key in mine.keys() ^ yours.keys():
            value = {**mine, **yours}[key]
            if list({**mine}.values()).count(value) + list({**yours}.values()).count(value) < 2:
                return f"step {step}: {key}: ours {mine}, Prometheus' {yours}"
    return None


def _at(matrix: Matrix, step: int) -> dict[Key, float]:
    rows = zip(matrix.series, matrix.values[:, step], matrix.present[:, step], strict=True)
    # NaN sorts nowhere: it stands for itself as the smallest value.
    return {
        tuple(sorted(labels.items())): -1e308 if np.isnan(value) else float(value)
        for labels, value, present in rows
        if present
    }
