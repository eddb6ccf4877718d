"""One series as it comes, row by row: a score, and the band that was expected, both from what came before."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from detectors.ensemble import LARGEST, Ensemble
from detectors.seasonal import DetectionError

__all__ = ["FileError", "Row", "Scored", "Scorer", "read_rows", "write_scores"]

_LEARN = 30
"""Rows after which the distance of rows is taken for known; before them nothing is said anyway."""
_GOING_ON = 0.15
"""What goes on scores so much of its surprise: below every onset that matters, and still in the order of surprise."""


class FileError(DetectionError):
    """A file cannot be read as a series."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One row: time and value as they were written, and in seconds and as a number; NaN is a gap."""

    time_text: str
    value_text: str
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Scored:
    """A score in [0, 1], and the band; NaN while nothing is expected."""

    score: float
    lower: float
    upper: float


class Scorer:
    """Scores one series, strictly causally: what it says of a row depends on that row and those before.

    The score is the surprise of the ensemble as a share of the largest it can tell, where something begins, and a part
    of that while it goes on. A row that is not later than the latest one is no news: it scores 0 and nothing is learned
    from it. The distance of rows is the median of the first 30, which all score 0.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, float]] = []
        self._last = -math.inf
        self._ensemble: Ensemble | None = None
        self._said = Scored(0.0, math.nan, math.nan)
        self.late = 0
        self.gaps = 0

    def score(self, at: float, value: float) -> Scored:
        """Judge the next row. A value that is NaN or infinite is a gap, which scores 0."""
        if not at > self._last:
            self.late += 1
            return Scored(0.0, self._said.lower, self._said.upper)
        self._last = at
        self.gaps += not math.isfinite(value)
        if self._ensemble is not None:
            self._said = _judge(self._ensemble, at, value)
        else:
            self._waiting.append((at, value))
            if len(self._waiting) == _LEARN:
                self._begin()
        return self._said

    def _begin(self) -> None:
        times = [at for at, _ in self._waiting]
        self._ensemble = Ensemble(1, step=float(np.median(np.diff(times))))
        for at, value in self._waiting:
            _judge(self._ensemble, at, value)
        self._waiting = []


def _judge(ensemble: Ensemble, at: float, value: float) -> Scored:
    found = ensemble.tick(at, np.array([value]))
    share = float(found.score[0]) / LARGEST
    score = share if found.onset[0] else _GOING_ON * share
    return Scored(score, float(found.lower[0]), float(found.upper[0]))


def read_rows(path: Path, time_column: str, value_column: str) -> Iterator[Row]:
    """The rows of a CSV file, one by one; an empty value is a gap. Raises FileError with the line."""
    try:
        file = path.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        reader = csv.DictReader(file)
        try:
            names = reader.fieldnames or ()
            for option, name in (("--time-column", time_column), ("--value-column", value_column)):
                if name not in names:
                    there = ", ".join(map(repr, names)) or "none: the file is empty"
                    raise FileError(f"{path}:1: no column {name!r}: name one with {option} (columns: {there})")
            for record in reader:
                text = record[time_column] or ""
                at = _seconds(text)
                if at is None:
                    raise FileError(
                        f"{path}:{reader.line_num}: {text!r} is no time: expected 2026-01-31 12:00:00 (UTC where "
                        "it says no zone) or seconds since the epoch"
                    )
                value_text = (record[value_column] or "").strip()
                yield Row(text, value_text, at, _number(value_text, f"{path}:{reader.line_num}"))
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileError(f"{path}:{reader.line_num + 1}: cannot be read as CSV: {error}") from None


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
        return found if math.isfinite(found) else None
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _number(text: str, where: str) -> float:
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise FileError(f"{where}: {text!r} is no number: expected one, or nothing for a gap") from None


def write_scores(rows: Iterable[Row], out: TextIO) -> Scorer:
    """Score rows as they come and write `timestamp,value,score,lower,upper`, one line a row, in their order. What the
    band is not known for stays empty.
    """
    scorer = Scorer()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("timestamp", "value", "score", "lower", "upper"))
    for row in rows:
        said = scorer.score(row.at, row.value)
        band = ("" if math.isnan(edge) else f"{edge:.9g}" for edge in (said.lower, said.upper))
        writer.writerow((row.time_text, row.value_text, f"{said.score:.6f}", *band))
    return scorer
