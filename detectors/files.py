"""CSV files with a column of times, read by one set of rules. Whatever is wrong is one line with file and line.

A time is ISO 8601, in UTC where it says no zone, or seconds or milliseconds since the epoch. A number is what it looks
like; an empty cell and the words of `GAPS` are gaps. Anything else is an error: a mistake in a file is no gap.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.seasonal import DetectionError

__all__ = ["GAPS", "FileError", "cells_of", "in_order", "number_of", "rows_of", "seconds_of", "time_of"]

Floats = NDArray[np.float64]
NumberedRow = tuple[int, list[str]]
"""The line in the file and the cells."""

GAPS = frozenset({"", "nan", "null", "none", "na", "n/a"})
"""What stands for no value, in lower case."""

_LARGEST = 1e11
"""Milliseconds of today have thirteen digits; as seconds they would be far beyond the year 5000."""


class FileError(DetectionError):
    """A file cannot be read, or is not what it is given for: wrong input."""

    exit_code = 2


def rows_of(path: Path) -> Iterator[NumberedRow]:
    """The rows of a CSV file in UTF-8 as they are read, each with its line; those without anything in them are passed
    over. Raises FileError.
    """
    line = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            for row in reader:
                line = reader.line_num
                if any(map(str.strip, row)):
                    yield line, row
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is no CSV text in UTF-8: {error}") from None
    except csv.Error as error:
        raise FileError(f"{path}:{line + 1}: cannot be read as CSV: {error}") from None


def seconds_of(text: str) -> float | None:
    """Seconds since the epoch; None for what is no time. Each text is judged by itself, so a file may be read as it
    comes.
    """
    try:
        found = _float(text)
    except ValueError:
        pass
    else:
        found = found / 1000.0 if abs(found) > _LARGEST else found
        return found if abs(found) <= _LARGEST else None
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def time_of(text: str, where: str) -> float:
    """`seconds_of`, for a cell that has to be a time. Raises FileError, which begins with `where`."""
    found = seconds_of(text)
    if found is None:
        raise FileError(
            f"{where}: {text!r} is no time: expected 2026-01-31 12:00:00 (UTC where it says no zone), or seconds or "
            "milliseconds since the epoch"
        )
    return found


def number_of(text: str, where: str, column: int | None = None) -> float:
    """The number in a cell, NaN for a gap. Raises FileError, which begins with `where` and names the column (counted
    from 1) where one is given.
    """
    try:
        return _float(text)
    except ValueError:
        if text.strip().casefold() in GAPS:
            return math.nan
    of = "" if column is None else f" (column {column})"
    raise FileError(f"{where}: {text!r} is no number{of}: expected one, or nothing for a gap") from None


def cells_of(path: Path, rows: Iterable[NumberedRow], width: int) -> tuple[Floats, Floats]:
    """Times (T,) and values (T, width - 1) of the rows below a header with `width` cells, in the order of the file.

    Infinities are gaps, as are the cells that a short row lacks. Raises FileError.
    """
    times, values = [], []
    for line, row in rows:
        where = f"{path}:{line}"
        if len(row) > width:
            raise FileError(f"{where}: {len(row)} cells, but the header has {width}")
        times.append(time_of(row[0], where))
        values.append(_numbers(row[1:], where) + [math.nan] * (width - len(row)))
    found = np.array(values, np.float64).reshape(len(times), width - 1)
    return np.array(times, np.float64), np.where(np.isfinite(found), found, np.nan)


def in_order(times: Floats) -> NDArray[np.intp]:
    """The rows by rising time; of several at one time only the last."""
    order = np.argsort(times, kind="stable")
    return order[np.append(np.diff(times[order]) > 0, True)] if len(times) else order


def _numbers(cells: list[str], where: str) -> list[float]:
    if "_" not in "".join(cells):
        # Most rows have numbers alone, and are read at once.
        try:
            return list(map(float, cells))
        except ValueError:
            pass
    return [number_of(cell, where, column) for column, cell in enumerate(cells, 2)]


def _float(text: str) -> float:
    # Python reads 1_000 as a thousand; in a file it is a mistake.
    if "_" in text:
        raise ValueError(text)
    return float(text)
