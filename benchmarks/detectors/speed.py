"""The throughput of the detector, and of its peers beside it in the same run.

    python -m benchmarks.detectors.speed [--short]

First the ticks over 100 to 100,000 series. Then the detector and each peer take turns: a few ticks of 1,000 series, and
a history of one series through the peer, refits included. A peer scores what lies between two refits in one call, which
is kinder to it than a value at a time. Their series are the same.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.ours import Fleet
from benchmarks.detectors.peers import PEERS

Floats = NDArray[np.float64]

STEP = 60.0
START = 1_700_000_000.0
# Long enough that slots of the day close and the windows are full.
WARM, MEASURED = 120, 300
SIZES = (100, 1_000, 10_000, 100_000)
# Ticks whose values are made at once, and ticks of a turn beside a peer.
BLOCK, TURN = 64, 32
ROUNDS = 3
# A series as the peers get it: two weeks of five-minute steps.
HISTORY, HISTORY_STEP = 4_032, 300.0


def values_of(series: int, rows: int, step: float, begin: int = 0) -> Floats:
    """Noisy daily curves from row `begin` on: (rows, series)."""
    random = np.random.default_rng(begin)
    at = START + step * (begin + np.arange(rows))
    day = 2.0 * np.pi * (at[:, None] / 86_400.0 + np.arange(series) / series)
    return 20.0 + 5.0 * np.sin(day) + random.standard_normal((rows, series))


def ticks(fleet: Fleet, values: Floats, step: float, begin: int = 0) -> Floats:
    """Seconds of each tick; `begin` counts the ticks that came before."""
    found = np.empty(len(values))
    for i, row in enumerate(values):
        started = time.perf_counter()
        fleet.tick(START + (begin + i) * step, row)
        found[i] = time.perf_counter() - started
    return found


def sizes(short: bool) -> None:
    """Print the table of the ticks."""
    print("| series | mean tick ms | p99 ms | million points/s | bytes of state a series |\n|---:|---:|---:|---:|---:|")
    for series in SIZES[:-1] if short else SIZES:
        # A tick of the largest takes long, so there are fewer of them.
        rows = WARM + (MEASURED // 5 if short or series > 10_000 else MEASURED)
        fleet, spent = Fleet(series, STEP), np.empty(0)
        for begin in range(0, rows, BLOCK):
            block = values_of(series, min(BLOCK, rows - begin), STEP, begin)
            spent = np.append(spent, ticks(fleet, block, STEP, begin))
        spent = spent[WARM:]
        mean, late = float(spent.mean()), float(np.quantile(spent, 0.99))
        rate = series / mean / 1e6
        state = fleet.bytes() / series
        print(f"| {series:,} | {mean * 1e3:.2f} | {late * 1e3:.2f} | {rate:.2f} | {state:,.0f} |", flush=True)


def ratios() -> None:
    """Print the table of the peers."""
    series = 1_000
    values = values_of(series, HISTORY, HISTORY_STEP)
    times = START + HISTORY_STEP * np.arange(HISTORY, dtype=float)
    fleet = Fleet(series, HISTORY_STEP)
    ticks(fleet, values[:WARM], HISTORY_STEP)
    ours, theirs, begin = [0.0, 0.0], dict.fromkeys(PEERS, 0.0), WARM
    for turn in range(ROUNDS):
        for name, judge in PEERS.items():
            part = values[begin : begin + TURN]
            ours[0] += float(ticks(fleet, part, HISTORY_STEP, begin).sum())
            ours[1] += part.size
            begin += TURN
            started = time.perf_counter()
            judge(times, values[:, turn])
            theirs[name] += time.perf_counter() - started
    own = ours[1] / ours[0]
    print("\n| detector | points/s | Watchkeeper is |\n|---|---:|---:|")
    print(f"| **Watchkeeper**, {series:,} series | {own:,.0f} | |")
    for name, seconds in theirs.items():
        rate = ROUNDS * HISTORY / seconds
        print(f"| {name} | {rate:,.0f} | {own / rate:,.1f} x |")


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer ticks, without the largest size and the peers")
    options = parser.parse_args()
    sizes(options.short)
    if not options.short:
        with np.errstate(all="ignore"):
            ratios()
    return 0


if __name__ == "__main__":
    sys.exit(main())
