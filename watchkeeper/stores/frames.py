"""What the evaluator computes with: frames of series over steps, and scalars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import StoreError

__all__ = [
    "Flags",
    "Floats",
    "Frame",
    "Ints",
    "LabelSet",
    "Mode",
    "Scalar",
    "Steps",
    "empty",
    "key_of",
    "unique",
    "unnamed",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Steps = Ints
"""The times of the steps of a range query, int64 milliseconds, shape (T,); an instant query has one step."""

LabelSet = dict[str, str]
"""The labels of a row; never changed in place, since rows share them."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What differs between the major versions of Prometheus; `old` is 2.42."""

    old: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One row a series, one column a step: `values` (S, T), and `present` (S, T), which tells missing from NaN."""

    labels: Sequence[LabelSet]
    values: Floats
    present: Flags

    def pruned(self) -> Frame:
        """Without the rows that have no value at any step."""
        used = self.present.any(axis=1)
        return self if used.all() else self.rows(np.nonzero(used)[0])

    def rows(self, which: Ints) -> Frame:
        """Some rows, in that order."""
        return Frame([self.labels[row] for row in which.tolist()], self.values[which], self.present[which])


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number a step, `values` (T,)."""

    values: Floats


def empty(steps: int) -> Frame:
    """A frame without rows."""
    return Frame([], np.empty((0, steps)), np.empty((0, steps), np.bool_))


def key_of(labels: LabelSet, on: Iterable[str] | None = None) -> tuple[object, ...]:
    """What tells label sets apart: the values of the `on` labels, or all labels but the name."""
    if on is not None:
        return tuple(labels.get(label, "") for label in on)
    return tuple(sorted(item for item in labels.items() if item[0] != "__name__"))


def unnamed(frame: Frame, *, strict: bool = False) -> Frame:
    """Without metric names. Raises StoreError when two series become one; see `unique`."""
    labels = [{k: v for k, v in row.items() if k != "__name__"} for row in frame.labels]
    return unique(replace(frame, labels=labels), strict=strict)


def unique(frame: Frame, *, strict: bool = False) -> Frame:
    """Rows with the same labels made one, as Prometheus does step by step.

    Raises StoreError when both have a value at the same step, or, if `strict`, in any case: range functions look at all
    steps at once.
    """
    places: dict[tuple[tuple[str, str], ...], int] = {}
    targets = [places.setdefault(tuple(sorted(row.items())), len(places)) for row in frame.labels]
    if len(places) == len(targets):
        return frame
    values = np.zeros((len(places), frame.values.shape[1]))
    present = np.zeros(values.shape, np.bool_)
    for row, target in enumerate(targets):
        here = frame.present[row]
        if (present[target] & here).any() or (strict and present[target].any() and here.any()):
            text = ", ".join(f"{k}={v!r}" for k, v in sorted(frame.labels[row].items()))
            raise StoreError(
                f"the result would hold several series with the labels {{{text}}}: aggregate, or narrow the selection"
            )
        values[target][here] = frame.values[row][here]
        present[target] |= here
    return Frame([dict(key) for key in places], values, present)
