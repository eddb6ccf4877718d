"""Orientation for the detector: the score on the development half of NAB, and the throughput of a tick.

    python -m benchmarks.detectors --nab DIRECTORY     score all series of the directory (CSV
    timestamp,value and windows.json) python -m benchmarks.detectors --speed             points per second
    over 100 to 10,000 series

One set of parameters for all series, strictly causal, no range of the file known beforehand. The scorer
follows the published rules of the Numenta Anomaly Benchmark; the data is not part of this repository.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.seasonal import SeasonalDetector
from watchkeeper.signals import Polarity

Floats = NDArray[np.float64]
PROFILES = {
    "standard": (1.0, 1.0, 0.11),
    "reward_low_FP_rate": (1.0, 1.0, 0.22),
    "reward_low_FN_rate": (1.0, 2.0, 0.11),
}
DAY = 86_400.0


def read_series(path: Path) -> tuple[Floats, Floats]:
    """Times (seconds) and values of one CSV file."""
    with path.open(newline="") as file:
        rows = [(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    data = np.array(rows)
    return data[:, 0], data[:, 1]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def onset_scores(times: Floats, values: Floats) -> Floats:
    """One score in [0, 1] a row: the detector's score at an onset, else nothing."""
    step = float(np.median(np.diff(times[:50])))
    detector = SeasonalDetector(1, step=step, seasons=(DAY, 7 * DAY), polarity=Polarity.BOTH_ARE_BAD, hold=3 * step)
    scores = np.zeros(len(values))
    past = np.zeros(int(DAY / step))
    last = -math.inf
    for i, (at, value) in enumerate(zip(times, values, strict=True)):
        score = odds = 0.0
        if at > last:
            score = float(detector.tick(float(at), np.array([value])).score[0])
            last = float(at)
        # An onset is twice as surprising as anything of the past day; what goes on is not reported again.
        odds = score / (1.0 - min(score, 1.0 - 1e-9))
        scores[i] = score if odds > 2.0 * past.max() else 0.0
        past[i % len(past)] = odds
    return scores


def _sigmoid(y: float) -> float:
    return 2.0 / (1.0 + math.exp(5.0 * y)) - 1.0


def point_values(count: int, windows: Sequence[tuple[int, int]], a_fp: float) -> list[tuple[int, float]]:
    """What a detection at each point is worth: (window number or -1, value)."""
    values: list[tuple[int, float]] = []
    for i in range(count):
        inside = next((k for k, (left, right) in enumerate(windows) if left <= i <= right), None)
        if inside is not None:
            left, right = windows[inside]
            y = -(right - i + 1) / (right - left + 1)
            values.append((inside, _sigmoid(y) / _sigmoid(-1.0)))
            continue
        before = [(left, right) for left, right in windows if right < i]
        if not before:
            values.append((-1, -a_fp))
            continue
        left, right = before[-1]
        y = (i - right) / max(1, right - left)
        values.append((-1, a_fp * (-1.0 if y > 3 else _sigmoid(y))))
    return values


def nab_score(files: Sequence[tuple[Floats, Sequence[tuple[int, int]]]], profile: str) -> tuple[float, float]:
    """The best normalised score over one threshold for all files, and that threshold."""
    a_tp, a_fn, a_fp = PROFILES[profile]
    total_windows = sum(len(windows) for _, windows in files)
    null = -a_fn * total_windows
    perfect = a_tp * total_windows
    events = []
    for number, (scores, windows) in enumerate(files):
        probation = min(int(0.15 * len(scores)), 750)
        for i, (window, value) in enumerate(point_values(len(scores), windows, a_fp)):
            if i >= probation and scores[i] > 0:
                events.append((float(scores[i]), number, window, value))
    events.sort(key=lambda event: -event[0])
    best, best_at, total = 0.0, 1.0, float(null)
    credit: dict[tuple[int, int], float] = {}
    for index, (score, number, window, value) in enumerate(events):
        if window < 0:
            total += value
        else:
            held = credit.get((number, window))
            # The earliest detection counts; it is worth the most, so the largest value is the earliest.
            if held is None:
                credit[number, window] = value
                total += a_fn + a_tp * value
            elif value > held:
                credit[number, window] = value
                total += a_tp * (value - held)
        if index + 1 == len(events) or events[index + 1][0] < score:
            normal = 100.0 * (total - null) / (perfect - null)
            if normal > best:
                best, best_at = normal, score
    return best, best_at


def run_nab(directory: Path, verbose: bool) -> int:
    """Score every series of the directory and print the three profiles."""
    if not (directory / "windows.json").is_file():
        print(f"{directory}: no windows.json here: name the directory of the NAB series with --nab", file=sys.stderr)
        return 2
    labels = json.loads((directory / "windows.json").read_text())
    files = []
    started = time.perf_counter()
    for name, spans in sorted(labels.items()):
        times, values = read_series(directory / name)
        windows = []
        for left, right in spans:
            inside = np.flatnonzero((times >= _seconds(left)) & (times <= _seconds(right)))
            windows.append((int(inside[0]), int(inside[-1])))
        files.append((onset_scores(times, values), windows))
    seconds = time.perf_counter() - started
    _, threshold = nab_score(files, "standard")
    if verbose:
        for name, (scores, windows) in zip(sorted(labels), files, strict=True):
            hits = [i for i in np.flatnonzero(scores >= threshold) if i >= min(int(0.15 * len(scores)), 750)]
            found = sum(any(left <= i <= right for i in hits) for left, right in windows)
            false = sum(not any(left <= i <= right for left, right in windows) for i in hits)
            print(f"{name:60} {found}/{len(windows)} windows, {false} false")
    print(f"{len(files)} series in {seconds:.1f} s")
    for profile in PROFILES:
        score, at = nab_score(files, profile)
        print(f"{profile:20} {score:6.1f}  at threshold {at:.3f}")
    return 0


def run_speed() -> int:
    """Print the throughput of a tick."""
    random = np.random.default_rng(1)
    for series in (100, 1_000, 10_000):
        detector = SeasonalDetector(series, step=60.0, seasons=(DAY, 7 * DAY), hold=300.0)
        ticks = 100
        values = 10.0 + random.standard_normal((ticks, series))
        durations = []
        for i in range(ticks):
            started = time.perf_counter()
            detector.tick(60.0 * (i + 1), values[i])
            durations.append(time.perf_counter() - started)
        mean, p99 = float(np.mean(durations)), float(np.quantile(durations, 0.99))
        size = sum(array.nbytes for array in detector.arrays().values()) / series
        rate = f"{series / mean / 1e6:6.2f} million points/s"
        print(f"{series:7} series {rate}  tick {mean * 1e3:.2f} ms (p99 {p99 * 1e3:.2f})  {size:.0f} bytes/series")
    return 0


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, help="directory of the NAB series with windows.json")
    parser.add_argument("--speed", action="store_true", help="measure the throughput")
    parser.add_argument("--verbose", action="store_true", help="one line for each series")
    options = parser.parse_args()
    if options.nab is None and not options.speed:
        parser.error("say --nab DIRECTORY or --speed")
    code = run_nab(options.nab, options.verbose) if options.nab else 0
    return code or (run_speed() if options.speed else 0)


if __name__ == "__main__":
    sys.exit(main())
