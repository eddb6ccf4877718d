"""The throughput of the detector, and of its peers beside it in the same run.

    python -m benchmarks.detectors.speed [--short]

First the ticks over 100 to 100,000 series, a minute apart, in one process and one thread, with all channels. They are
measured once a day and a half lies behind the series, so that what is usual is known, the windows are full and slots of
the day close; which ticks are measured is in the table, as the largest size gets fewer, and its series are copies of
those of 10,000 until then. Processor time stands beside the time that passed: where the first is less, other processes
had the machine. Then the detector and each peer take turns: a few ticks of 1,000 series, and a history of one series
through the peer, refits included. A peer scores what lies between two refits in one call, which is kinder to it than a
value at a time. Their series are the same.
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
# A day and a half, and eight hours: 32 slots of the day and as many snapshots as come in eight hours are among them.
WARM, MEASURED = 2_160, 480
SIZES = (100, 1_000, 10_000, 100_000)
# The largest takes long: it grows out of copies of the one before, and a few slots of it are measured.
LARGE, MEASURED_LARGE = 100_000, 60
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
    """Seconds that passed and seconds of the processor in each tick: (2, T); `begin` counts the ticks before."""
    found = np.empty((2, len(values)))
    for i, row in enumerate(values):
        started, worked = time.perf_counter(), time.process_time()
        fleet.tick(START + (begin + i) * step, row)
        found[:, i] = time.perf_counter() - started, time.process_time() - worked
    return found


def through(fleet: Fleet, series: int, begin: int, end: int) -> Floats:
    """The seconds of ticks `begin` to `end`: (2, T). Values are made in blocks, outside of what is measured."""
    parts = [
        ticks(fleet, values_of(series, min(BLOCK, end - row), STEP, row), STEP, row) for row in range(begin, end, BLOCK)
    ]
    return np.concatenate(parts, axis=1)


def sizes(short: bool) -> None:
    """Print the table of the ticks."""
    heads = (
        "series",
        "ticks",
        "mean ms",
        "p99 ms",
        "largest ms",
        "processor ms",
        "its p99",
        "million points/s",
        "bytes",
    )
    print("| " + " | ".join(heads) + " |\n|" + "---:|" * len(heads))
    fleet = Fleet(0, STEP)
    for series in SIZES[:-1] if short else SIZES:
        measured = MEASURED_LARGE if series >= LARGE or short else MEASURED
        if series >= LARGE:
            begin, fleet = WARM + MEASURED, fleet.repeated(series // SIZES[-2])
        else:
            begin, fleet = WARM, Fleet(series, STEP)
            through(fleet, series, 0, WARM)
        passed, worked = through(fleet, series, begin, begin + measured)
        cells = [f"{series:,}", f"{begin:,} to {begin + measured:,}"]
        cells += [
            f"{value * 1e3:.2f}"
            for value in (
                passed.mean(),
                np.quantile(passed, 0.99),
                passed.max(),
                worked.mean(),
                np.quantile(worked, 0.99),
            )
        ]
        cells += [f"{series / float(passed.mean()) / 1e6:.2f}", f"{fleet.bytes() / series:,.0f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


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
            ours[0] += float(ticks(fleet, part, HISTORY_STEP, begin)[0].sum())
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
