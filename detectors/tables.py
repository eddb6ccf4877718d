"""Wide tables: a first column of times and one column a signal, as CSV files or as answers of a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.files import FileError, cells_of, in_order, rows_of, seconds_of
from detectors.seasonal import DetectionError
from watchkeeper.stores import Matrix

__all__ = ["Table", "TableError", "read_table", "table_of"]

Floats = NDArray[np.float64]


class TableError(DetectionError):
    """Tables cannot be told apart, or do not fit together."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Table:
    """`times` (T,) in seconds since the epoch, rising; `columns` by name, (T,) each, NaN where there is no value.

    A signal here is one name, and each is judged for itself. `detectors.rootcause.Table` has its signals by component
    in one matrix, as ranking them together needs.
    """

    times: Floats
    columns: Mapping[str, Floats]

    def between(self, start: float, end: float) -> Table:
        """The rows from `start` to `end`, both included."""
        inside = (self.times >= start) & (self.times <= end)
        return Table(self.times[inside], {name: column[inside] for name, column in self.columns.items()})


def read_table(path: Path) -> Table:
    """A CSV file whose first column is the time and whose first row names the columns; see `detectors.files`.

    Rows are sorted; of several at one time the last counts; a column without any number is left out. Raises FileError.
    """
    rows = list(rows_of(path))
    header = [name.strip() for name in rows[0][1]] if rows else []
    if len(header) < 2 or len(rows) < 2:
        raise FileError(f"{path}:1: a first column of times and at least one column of values are needed")
    line = rows[0][0]
    if seconds_of(header[0]) is not None:
        raise FileError(f"{path}:{line}: no header: the first row names the columns")
    for i, name in enumerate(header[1:], 1):
        if not name:
            raise FileError(f"{path}:{line}: column {i + 1} has no name")
        if name in header[1:i]:
            raise FileError(f"{path}:{line}: two columns are named {name!r}")
    times, values = cells_of(path, rows[1:], len(header))
    order = in_order(times)
    columns = {name: values[order, i] for i, name in enumerate(header[1:]) if np.isfinite(values[:, i]).any()}
    if not columns:
        raise FileError(f"{path}: no column has a number in it")
    return Table(times[order], columns)


def table_of(key: str, matrix: Matrix, without: frozenset[str] = frozenset()) -> Table:
    """The answer to a query: a column for each series, named after the query and the labels not in `without`."""
    values = np.where(matrix.present & np.isfinite(matrix.values), matrix.values, np.nan)
    columns: dict[str, Floats] = {}
    for labels, row in zip(matrix.series, values, strict=True):
        shown = ",".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != "__name__" and k not in without)
        name = f"{key}{{{shown}}}" if shown else key
        if name in columns:
            raise TableError(f"{name}: two series have these labels: narrow the query by another label")
        columns[name] = row
    return Table(matrix.times, columns)
