"""Wide tables and dependency graphs from CSV files. Whatever is wrong is one line with file and line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from detectors.rootcause.columns import split_names
from detectors.rootcause.tables import Column, Floats, Table, ordered
from detectors.seasonal import DetectionError

__all__ = ["read_edges", "read_table"]

_MOST_HEADERS = 4
_GAPS = frozenset({"", "nan", "null", "none", "na", "n/a"})


def read_table(path: Path, components: Iterable[str] = ()) -> Table:
    """A CSV file with the time in its first column: seconds since the epoch (or milliseconds), or ISO 8601.

    Its header is one row of `component_signal` (split by `split_names`), or two and more: component, signal, and
    what goes on the signal's name; a row that names only the first column is passed over. Cells are numbers; empty,
    `NaN` and `null` are gaps; a column without a number is left out. Raises DetectionError with file and line.
    """
    rows = _rows(path)
    first = next((i for i, (_, row) in enumerate(rows[: _MOST_HEADERS + 2]) if _seconds(row[0]) is not None), None)
    if first is None:
        line, row = rows[min(1, len(rows) - 1)] if rows else (1, ["nothing"])
        raise DetectionError(
            f"{path}:{line}: {row[0]!r} is no time: the first column has seconds since the epoch or ISO 8601"
        )
    if first == 0:
        raise DetectionError(f"{path}:1: no header: the first row names the columns, component_signal each")
    header = [row for _, row in rows[:first]]
    width = len(header[0])
    header = [row for i, row in enumerate(header) if i == 0 or any(cell.strip() for cell in row[1:])]
    times, cells = [], []
    for line, row in rows[first:]:
        if len(row) > width:
            raise DetectionError(f"{path}:{line}: {len(row)} cells, but the header has {width}")
        at = _seconds(row[0])
        if at is None:
            raise DetectionError(f"{path}:{line}: {row[0]!r} is no time: write seconds since the epoch or ISO 8601")
        times.append(at)
        cells.append(row[1:] + [""] * (width - len(row)))
    columns = _columns(path, header, components)
    values = np.column_stack([_numbers(path, rows[first:], cells, i) for i in range(width - 1)])
    if not np.isfinite(values).any():
        raise DetectionError(f"{path}: no column has a number in it")
    # Milliseconds of today have thirteen digits; as seconds they would be far beyond the year 5000.
    scale = 1000.0 if max(abs(at) for at in times) > 1e11 else 1.0
    return ordered(np.array(times) / scale, values, columns)


def read_edges(path: Path) -> tuple[tuple[str, str], ...]:
    """Who calls whom: an edge list (caller, callee; more columns are passed over; a header begins with `caller`,
    `source`, `client` or the like), or an adjacency matrix, whose row calls the columns with a number other than 0.

    Raises DetectionError with file and line.
    """
    rows = _rows(path)
    if not rows:
        raise DetectionError(f"{path}: empty: write an edge list (caller,callee) or an adjacency matrix")
    head = [cell.strip() for cell in rows[0][1]]
    names = {row[0].strip() for _, row in rows[1:]}
    if len(head) > 1 and not head[0] and names & set(head[1:]):
        return _matrix(path, rows, head)
    found = []
    for line, row in rows:
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise DetectionError(f"{path}:{line}: an edge has a caller and a callee: write caller,callee")
        found.append((row[0].strip(), row[1].strip()))
    if found[0][0].casefold() in _HEADS:
        found = found[1:]
    return tuple(dict.fromkeys(found))


_HEADS = frozenset({"caller", "source", "from", "client", "parent", "src"})


def _matrix(path: Path, rows: Sequence[tuple[int, list[str]]], head: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for line, row in rows[1:]:
        for callee, cell in zip(head[1:], row[1:], strict=False):
            try:
                calls = float(cell or 0) != 0.0
            except ValueError:
                raise DetectionError(
                    f"{path}:{line}: {cell!r} is no number: a matrix has 1 where a row calls"
                ) from None
            if calls:
                found.append((row[0].strip(), callee))
    return tuple(dict.fromkeys(found))


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line and cells of every row that is not empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise DetectionError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DetectionError(f"{path}: is no CSV text in UTF-8: {error}") from None


def _seconds(text: str) -> float | None:
    text = text.strip()
    try:
        found = float(text)
        return found if np.isfinite(found) else None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _columns(path: Path, header: Sequence[Sequence[str]], components: Iterable[str]) -> tuple[Column, ...]:
    names = [cell.strip() for cell in header[0][1:]]
    if not names:
        raise DetectionError(f"{path}:1: one column alone: after the time comes one column a signal")
    if len(header) > 1:
        # Spreadsheets write the name of merged cells once.
        for i in range(1, len(names)):
            names[i] = names[i] or names[i - 1]
        below = [[row[i].strip() if i < len(row) else "" for row in header[1:]] for i in range(1, len(names) + 1)]
        columns = tuple(
            (name, "_".join(part for part in parts if part) or "value")
            for name, parts in zip(names, below, strict=True)
        )
    else:
        columns = split_names(names, components)
    for i, column in enumerate(columns):
        if not names[i]:
            raise DetectionError(f"{path}:1: column {i + 2} has no name")
        if column in columns[:i]:
            raise DetectionError(f"{path}:1: two columns are named {'_'.join(column)!r}")
    return columns


def _numbers(path: Path, rows: Sequence[tuple[int, list[str]]], cells: Sequence[Sequence[str]], column: int) -> Floats:
    texts = [row[column] for row in cells]
    found: Floats = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(np.float64)
    if np.isfinite(found).any():
        for i in np.flatnonzero(np.isnan(found)).tolist():
            if texts[i].strip().casefold() not in _GAPS:
                raise DetectionError(f"{path}:{rows[i][0]}: {texts[i]!r} is no number (column {column + 2})")
    return found
