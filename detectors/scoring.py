"""One series as it comes, row by row: a score, and the band that was expected, both from what came before."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from detectors.ensemble import LARGEST, Ensemble
from detectors.files import FileError, number_of, rows_of, time_of

__all__ = ["Row", "Scored", "Scorer", "read_rows", "write_scores"]

_LEARN = 30
"""Rows after which the distance of rows is taken for known; before them nothing is said anyway."""
_GOING_ON = 0.15
"""What goes on scores so much of its surprise: below every onset that matters, and still in the order of surprise."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: time and value as they were written, and in seconds and as a number; NaN is a gap."""

    time_text: str
    value_text: str
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Scored:
    """A score in [0, 1], and the band, NaN while nothing is expected.

    The score is made of `surprise`, in decades from 0 up (see `detectors.ensemble`), and `onset`, whether something
    begins.
    """

    score: float
    lower: float
    upper: float
    surprise: float = 0.0
    onset: bool = False


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
    surprise, onset = float(found.score[0]), bool(found.onset[0])
    score = surprise / LARGEST * (1.0 if onset else _GOING_ON)
    return Scored(score, float(found.lower[0]), float(found.upper[0]), surprise, onset)


def read_rows(path: Path, time_column: str, value_column: str) -> Iterator[Row]:
    """The rows of a CSV file, one by one; how times, numbers and gaps are written: see `detectors.files`. A cell that a
    short row lacks is empty. Raises FileError with the line.
    """
    rows = rows_of(path)
    _, names = next(rows, (1, []))
    for option, name in (("--time-column", time_column), ("--value-column", value_column)):
        if name not in names:
            there = ", ".join(map(repr, names)) or "none: the file is empty"
            raise FileError(f"{path}:1: no column {name!r}: name one with {option} (columns: {there})")
    time_at, value_at = names.index(time_column), names.index(value_column)
    for line, row in rows:
        where = f"{path}:{line}"
        time_text = row[time_at] if time_at < len(row) else ""
        value_text = row[value_at].strip() if value_at < len(row) else ""
        yield Row(time_text, value_text, time_of(time_text, where), number_of(value_text, where))


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
