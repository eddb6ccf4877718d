"""The embedded store: writing, bulk history, and a range query over 1,000 series.

python -m benchmarks.stores
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from watchkeeper import queries as q
from watchkeeper.signals import Counter
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

__all__ = ["main"]

REQUESTS = Counter("bench_requests_total", help="Requests.", labels=("route", "code"))
SERIES, STEP, HOUR = 1000, 15.0, 3600.0
START = 1_700_000_000.0


def timed(what: Callable[[], object]) -> float:
    """Seconds that something took."""
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def main() -> int:
    """Measure and print a Markdown table."""
    labels = [{"job": "bench", "instance": "a", "route": str(i // 5), "code": str(i % 5)} for i in range(SERIES)]
    times = np.arange(START, START + 2 * HOUR, STEP)
    generator = np.random.default_rng(1)
    print("| what | result |\n|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        store = EmbeddedStore(Path(directory), retention=10 * 365 * 86_400.0, clock=lambda: START + 3 * HOUR)
        columns = [generator.poisson(20, len(times)).cumsum().astype(float) for _ in labels]
        started = time.perf_counter()
        for label, column in zip(labels, columns, strict=True):
            store.write_columns(REQUESTS.name, label, times, column)
        seconds = time.perf_counter() - started
        print(f"| history (`write_columns`) | {SERIES * len(times) / seconds / 1e6:.1f} million samples/s |")
        end = times[-1]
        scrapes = [
            [
                Sample(REQUESTS.name, label, float(column[-1] + n), end + n)
                for label, column in zip(labels, columns, strict=True)
            ]
            for n in range(1, 61)
        ]
        spent = [timed(partial(store.write, scrape)) for scrape in scrapes]
        print(f"| a scrape of {SERIES} samples written, median | {statistics.median(spent) * 1e3:.2f} ms |")
        query = q.sum_by(q.rate(REQUESTS, "5m"), "route")
        asked = [timed(lambda: store.range(query, end - HOUR, end, STEP)) for _ in range(20)]
        what = f"`sum by (route) (rate(…[5m]))`, {SERIES} series, 1 h at 15 s"
        print(f"| {what} | {statistics.median(asked) * 1e3:.0f} ms |")
        instant = [timed(lambda: store.instant(query, end)) for _ in range(50)]
        print(f"| the same, one instant | {statistics.median(instant) * 1e3:.1f} ms |")
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
