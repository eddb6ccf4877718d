"""Wide tables in memory: rows of times, a column for each signal of each component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.files import in_order
from detectors.rootcause.columns import split_names
from detectors.seasonal import DetectionError
from watchkeeper.stores import Labels, Matrix

__all__ = ["Column", "Floats", "Table", "from_frame", "from_matrices"]

Floats = NDArray[np.float64]
Column = tuple[str, str]
"""Component and signal."""


@dataclass(frozen=True, slots=True)
class Table:
    """`times` (T,) in seconds since the epoch, rising; `values` (T, S), NaN where there is none; S `columns`.

    A signal here belongs to a component, and all are ranked together, as one matrix. `detectors.tables.Table` has
    signals of one name each, for what judges them one by one.

    Raises DetectionError when the shapes do not fit, for times that do not rise and for columns named twice.
    """

    times: Floats
    values: Floats
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.times), len(self.columns)):
            raise DetectionError(
                f"a table of {len(self.times)} times and {len(self.columns)} columns has values of shape "
                f"{self.values.shape}: expected {(len(self.times), len(self.columns))}"
            )
        if not np.isfinite(self.times).all() or (np.diff(self.times) <= 0).any():
            raise DetectionError("the times of a table have to rise: sort its rows, and keep one of each time")
        if len(set(self.columns)) != len(self.columns):
            twice = next(c for i, c in enumerate(self.columns) if c in self.columns[:i])
            raise DetectionError(f"the table has two columns for {twice[1]!r} of {twice[0]!r}: name them apart")

    @property
    def components(self) -> tuple[str, ...]:
        """Every component once, in the order of the columns."""
        return tuple(dict.fromkeys(component for component, _ in self.columns))

    def step(self) -> float:
        """The usual distance in seconds of a signal's values; NaN when there are not two.

        Taken signal by signal: signals that are sampled in turns make rows that lie closer together.
        """
        seen = np.isfinite(self.values)
        sampled = sorted(set(np.linspace(0, len(self.columns) - 1, 32).astype(int).tolist())) if self.columns else []
        steps = [float(np.median(np.diff(self.times[seen[:, i]]))) for i in sampled if seen[:, i].sum() > 1]
        return float(np.median(steps)) if steps else float("nan")

    def aligned(self, columns: tuple[Column, ...]) -> Floats:
        """The values of these columns (T, len(columns)), NaN for those that the table does not have."""
        at = {column: i for i, column in enumerate(self.columns)}
        found = np.full((len(self.times), len(columns)), np.nan)
        have = [(i, at[column]) for i, column in enumerate(columns) if column in at]
        if have:
            to, of = (list(part) for part in zip(*have, strict=True))
            found[:, to] = self.values[:, of]
        return found


def from_frame(frame: pd.DataFrame, components: Iterable[str] = ()) -> Table:
    """A frame whose index is the time (seconds or timestamps) and whose columns are `component_signal`, or two levels
    or more of component and signal. Rows are sorted; of several at one time the last counts. Raises DetectionError.
    """
    if isinstance(frame.index, pd.DatetimeIndex):
        index = frame.index if frame.index.tz is not None else frame.index.tz_localize("UTC")
        times = index.as_unit("ns").astype("int64").to_numpy(np.float64) / 1e9
    else:
        times = pd.to_numeric(frame.index, errors="coerce").to_numpy(np.float64)
    if isinstance(frame.columns, pd.MultiIndex):
        columns = tuple((str(c[0]), "_".join(str(part) for part in c[1:])) for c in frame.columns)
    else:
        columns = split_names([str(name) for name in frame.columns], components)
    values = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return ordered(times, values, columns)


def from_matrices(matrices: Mapping[str, Matrix], component: Callable[[Labels], str]) -> Table:
    """The answers of a store to range queries, by the name of the signal; `component` names the owner of a series.

    Series of one signal with the same owner are added up. Raises DetectionError when no matrix has a series.
    """
    sums: dict[Column, dict[float, float]] = {}
    for signal, matrix in matrices.items():
        for labels, row, present in zip(matrix.series, matrix.values, matrix.present, strict=True):
            cells = sums.setdefault((component(labels), signal), {})
            for at, value in zip(matrix.times[present], row[present], strict=True):
                cells[float(at)] = cells.get(float(at), 0.0) + float(value)
    if not sums:
        raise DetectionError("none of the queries has a series: there is nothing to rank")
    times = np.array(sorted({at for cells in sums.values() for at in cells}), np.float64)
    row_of = {float(at): i for i, at in enumerate(times)}
    values = np.full((len(times), len(sums)), np.nan)
    for column, cells in enumerate(sums.values()):
        values[[row_of[at] for at in cells], column] = list(cells.values())
    return Table(times, values, tuple(sums))


def ordered(times: Floats, values: Floats, columns: tuple[Column, ...]) -> Table:
    """A table with sorted rows, the last of each time, infinities as gaps, without columns that have no number."""
    if not np.isfinite(times).all():
        raise DetectionError("a row of the table has no time")
    order = in_order(times)
    values = np.where(np.isfinite(values), values, np.nan)
    some = np.asarray(np.isfinite(values).any(axis=0), np.bool_)
    return Table(
        times[order], values[order][:, some], tuple(c for c, kept in zip(columns, some.tolist(), strict=True) if kept)
    )
