"""Wide tables: a first column of times and one column a signal, as CSV files or as answers of a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.seasonal import DetectionError
from watchkeeper.stores import Matrix

__all__ = ["Table", "TableError", "read_table", "table_of"]

Floats = NDArray[np.float64]


class TableError(DetectionError):
    """A table cannot be read, or is no such table."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Table:
    """`times` (T,) in seconds since the epoch, rising; `columns` by name, (T,) each, NaN where there is no value."""

    times: Floats
    columns: Mapping[str, Floats]

    def between(self, start: float, end: float) -> Table:
        """The rows from `start` to `end`, both included."""
        inside = (self.times >= start) & (self.times <= end)
        return Table(self.times[inside], {name: column[inside] for name, column in self.columns.items()})


def read_table(path: Path) -> Table:
    """A CSV file whose first column is the time (ISO 8601, UTC where it says none, or seconds since the epoch).

    Rows are sorted; of several at one time the last counts; infinities and empty cells are gaps; a column without any
    number is left out. Raises TableError for what is no such table.
    """
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise TableError(f"{path}: cannot be read as CSV: {reason}") from None
    if frame.shape[1] < 2 or not len(frame):
        raise TableError(f"{path}: a first column of times and at least one column of values are needed")
    times = _seconds(frame.iloc[:, 0], path)
    columns = {}
    for name in frame.columns[1:]:
        column = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
        if np.isfinite(column).any():
            columns[str(name)] = np.where(np.isfinite(column), column, np.nan)
    if not columns:
        raise TableError(f"{path}: no column has a number in it")
    return _ordered(times, columns)


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


def _seconds(column: pd.Series, path: Path) -> Floats:
    if pd.api.types.is_numeric_dtype(column):
        seconds = column.to_numpy(np.float64)
        # Milliseconds of today have thirteen digits; as seconds they would be far beyond the year 5000.
        seconds = seconds / 1000.0 if np.nanmax(np.abs(seconds), initial=0.0) > 1e11 else seconds
    else:
        parsed = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
        seconds = np.where(parsed.isna(), np.nan, parsed.dt.as_unit("ns").astype("int64") / 1e9)
    wrong = np.flatnonzero(~np.isfinite(seconds))
    if wrong.size:
        text = str(column.iloc[wrong[0]])
        raise TableError(f"{path}:{wrong[0] + 2}: {text!r} is no time: write ISO 8601 or seconds since the epoch")
    return np.asarray(seconds, np.float64)


def _ordered(times: Floats, columns: Mapping[str, Floats]) -> Table:
    order = np.argsort(times, kind="stable")
    times = times[order]
    last = np.append(np.diff(times) > 0, True)
    return Table(times[last], {name: column[order][last] for name, column in columns.items()})
