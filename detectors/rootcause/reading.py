"""Wide tables and dependency graphs from CSV files. Whatever is wrong is one line with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from detectors.files import FileError, cells_of, number_of, rows_of, seconds_of, time_of
from detectors.rootcause.columns import split_names
from detectors.rootcause.tables import Column, Table, ordered

__all__ = ["read_edges", "read_table"]

_MOST_HEADERS = 4


def read_table(path: Path, components: Iterable[str] = ()) -> Table:
    """A CSV file with the time in its first column; how times, numbers and gaps are written: see `detectors.files`.

    Its header is one row of `component_signal` (split by `split_names`), or two and more: component, signal, and
    what goes on the signal's name; a row that names only the first column is passed over. A column without a number is
    left out. Raises FileError with file and line.
    """
    rows = list(rows_of(path))
    first = next((i for i, (_, row) in enumerate(rows[: _MOST_HEADERS + 2]) if seconds_of(row[0]) is not None), None)
    if first is None:
        line, row = rows[min(1, len(rows) - 1)] if rows else (1, ["nothing"])
        time_of(row[0], f"{path}:{line}")
    if not first:
        raise FileError(f"{path}:1: no header: the first row names the columns, component_signal each")
    header = [row for _, row in rows[:first]]
    width = len(header[0])
    header = [row for i, row in enumerate(header) if i == 0 or any(cell.strip() for cell in row[1:])]
    columns = _columns(path, header, components)
    times, values = cells_of(path, rows[first:], width)
    if not np.isfinite(values).any():
        raise FileError(f"{path}: no column has a number in it")
    return ordered(times, values, columns)


def read_edges(path: Path) -> tuple[tuple[str, str], ...]:
    """Who calls whom: an edge list (caller, callee; more columns are passed over; a header begins with `caller`,
    `source`, `client` or the like), or an adjacency matrix, whose row calls the columns with a number other than 0.

    Raises FileError with file and line.
    """
    rows = list(rows_of(path))
    if not rows:
        raise FileError(f"{path}: empty: write an edge list (caller,callee) or an adjacency matrix")
    head = [cell.strip() for cell in rows[0][1]]
    names = {row[0].strip() for _, row in rows[1:]}
    if len(head) > 1 and not head[0] and names & set(head[1:]):
        return _matrix(path, rows, head)
    found = []
    for line, row in rows:
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise FileError(f"{path}:{line}: an edge has a caller and a callee: write caller,callee")
        found.append((row[0].strip(), row[1].strip()))
    if found[0][0].casefold() in _HEADS:
        found = found[1:]
    return tuple(dict.fromkeys(found))


_HEADS = frozenset({"caller", "source", "from", "client", "parent", "src"})


def _matrix(path: Path, rows: Sequence[tuple[int, list[str]]], head: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for line, row in rows[1:]:
        for callee, cell in zip(head[1:], row[1:], strict=False):
            calls = number_of(cell, f"{path}:{line}")
            # A gap is no call.
            if calls and not np.isnan(calls):
                found.append((row[0].strip(), callee))
    return tuple(dict.fromkeys(found))


def _columns(path: Path, header: Sequence[Sequence[str]], components: Iterable[str]) -> tuple[Column, ...]:
    names = [cell.strip() for cell in header[0][1:]]
    if not names:
        raise FileError(f"{path}:1: one column alone: after the time comes one column a signal")
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
            raise FileError(f"{path}:1: column {i + 2} has no name")
        if column in columns[:i]:
            raise FileError(f"{path}:1: two columns are named {'_'.join(column)!r}")
    return columns
