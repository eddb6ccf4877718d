"""The Numenta Anomaly Benchmark: a reader of its series and a scorer that follows its published rules.

The series are no part of this repository. They are read from the folder `nab-dev` of the folder that the environment
variable WATCHKEEPER_DATA names (default: shared/data beside the checkout).

A window is worth what its earliest detection earns. As the threshold falls, that detection moves to the left: from one
running maximum of the scores inside of the window to the one before. So every threshold at once is a sorted list of
changes and its running sum.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FOLDS", "PROFILES", "SPLITS", "AbsentError", "Events", "File", "best", "cross_validated", "events", "hits",
    "probation", "read_corpus", "steps_of",
]  # fmt: skip

Floats = NDArray[np.float64]
Windows = Sequence[tuple[int, int]]

# Weights of a detected window, of a missed one, and of a false detection.
PROFILES = {
    "standard": (1.0, 1.0, 0.11),
    "reward_low_FP_rate": (1.0, 1.0, 0.22),
    "reward_low_FN_rate": (1.0, 2.0, 0.11),
}
FOLDS = 5
SPLITS = 20


class AbsentError(Exception):
    """The series are not there."""


@dataclass(frozen=True)
class File:
    """One series: times in seconds, values, and the first and last row of each anomaly window."""

    name: str
    times: Floats
    values: Floats
    windows: tuple[tuple[int, int], ...]


def data_folder() -> Path:
    """Where the data is looked for."""
    return Path(os.environ.get("WATCHKEEPER_DATA", Path(__file__).parents[3] / "shared" / "data"))


def read_corpus(folder: Path | None = None) -> list[File]:
    """All series with their windows, by name. Raises AbsentError where they are not."""
    folder = folder or data_folder() / "nab-dev"
    labels = folder / "windows.json"
    if not labels.is_file():
        raise AbsentError(
            f"{labels}: no such file, nothing was scored: set WATCHKEEPER_DATA to the folder that holds nab-dev"
        )
    return [_read(folder, name, spans) for name, spans in sorted(json.loads(labels.read_text()).items())]


def _read(folder: Path, name: str, spans: Sequence[tuple[str, str]]) -> File:
    with (folder / name).open(newline="") as file:
        rows = np.array([(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)])
    times, values = rows[:, 0], rows[:, 1]
    windows = []
    for left, right in spans:
        inside = np.flatnonzero((times >= _seconds(left)) & (times <= _seconds(right)))
        windows.append((int(inside[0]), int(inside[-1])))
    return File(name, times, values, tuple(windows))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def steps_of(times: Floats, seconds: float) -> int:
    """How many rows a span of time has, by the median spacing of the first fifty; at least one."""
    return max(1, round(seconds / float(np.median(np.diff(times[:50])))))


def probation(rows: int) -> int:
    """How many rows at the start are not scored."""
    return min(int(0.15 * rows), 750)


@dataclass(frozen=True)
class Events:
    """What lowering the threshold to each of `scores` (E,), highest first, changes: `found` windows, what detected
    windows earn more, and what false detections are worth, the last two before the weights of a profile.
    """

    windows: int
    scores: Floats
    found: Floats
    earned: Floats
    false: Floats

    def changes(self, profile: str) -> Floats:
        """What each change adds to the total under a profile."""
        a_tp, a_fn, a_fp = PROFILES[profile]
        return a_fn * self.found + a_tp * self.earned + a_fp * self.false


def _sigmoid(y: Floats) -> Floats:
    return 2.0 / (1.0 + np.exp(5.0 * y)) - 1.0


def events(scores: Floats, windows: Windows) -> Events:
    """The changes of one series; a score of 0 is never a detection."""
    rows = np.arange(len(scores), dtype=float)
    open_ = (rows >= probation(len(scores))) & (scores > 0)
    free = open_.copy()
    worth = np.full(len(scores), -1.0)
    parts = []
    for left, right in sorted(windows):
        # What a false detection costs depends on the window before it: later windows overwrite what earlier ones said.
        after = rows > right
        y = (rows[after] - right) / max(1, right - left)
        worth[after] = np.where(y > 3.0, -1.0, _sigmoid(y))
        free[left : right + 1] = False
        at = np.flatnonzero(open_[left : right + 1]) + left
        if len(at):
            held = scores[at]
            at = at[held > np.concatenate([[0.0], np.maximum.accumulate(held)[:-1]])]
            y = (at.astype(float) - right - 1.0) / (right - left + 1.0)
            gain = _sigmoid(y) / _sigmoid(np.array(-1.0))
            # A record to the right is replaced by this one; the last of them is the first that is detected.
            earned = gain - np.append(gain[1:], 0.0)
            parts.append((scores[at], np.arange(len(at)) == len(at) - 1, earned, np.zeros(len(at))))
    none = np.zeros(int(free.sum()))
    parts.append((scores[free], none, none, worth[free]))
    score, found, earned, false = (np.concatenate([part[k] for part in parts]).astype(float) for k in range(4))
    order = np.argsort(-score, kind="stable")
    return Events(len(windows), score[order], found[order], earned[order], false[order])


def best(files: Sequence[Events], profile: str) -> tuple[float, float]:
    """The best normalised score over one threshold for all files, and that threshold (infinite: detect nothing)."""
    score = np.concatenate([file.scores for file in files])
    order = np.argsort(-score, kind="stable")
    total = np.cumsum(np.concatenate([file.changes(profile) for file in files])[order])
    score = score[order]
    last = np.flatnonzero(np.append(score[1:] < score[:-1], True)) if len(score) else np.empty(0, np.intp)
    if not len(last) or total[last].max() <= 0:
        return 0.0, math.inf
    top = last[np.argmax(total[last])]
    return _normal(float(total[top]), files, profile), float(score[top])


def _normal(gained: float, files: Sequence[Events], profile: str) -> float:
    """The gain over no detection at all, as a share of what is perfect."""
    a_tp, a_fn, _ = PROFILES[profile]
    return 100.0 * gained / ((a_tp + a_fn) * max(1, sum(file.windows for file in files)))


def cross_validated(files: Sequence[Events], profile: str, *, folds: int = FOLDS, splits: int = SPLITS) -> float:
    """The normalised score with each series judged at the threshold that is best for the series of the other folds.

    The held-out folds are added up before they are normalised; the mean over `splits` seeded ways to deal the series.
    """
    found = []
    for seed in range(splits):
        fold = np.random.default_rng(seed).permutation(len(files)) % folds
        gained = 0.0
        for k in range(folds):
            _, threshold = best([file for file, its in zip(files, fold, strict=True) if its != k], profile)
            for file, its in zip(files, fold, strict=True):
                if its == k:
                    gained += float(file.changes(profile)[file.scores >= threshold].sum())
        found.append(_normal(gained, files, profile))
    return float(np.mean(found))


def hits(scores: Floats, windows: Windows, threshold: float) -> tuple[int, int]:
    """How many windows have a detection, and how many detections lie outside of all."""
    seen = events(scores, windows)
    above = seen.scores >= threshold
    return int(seen.found[above].sum()), int((seen.false[above] != 0).sum())
