"""Our encoder beside prometheus-client's, over the same families; their bytes are compared first.

python -m benchmarks.encoding [--series N] [--runs N]

`all new`: every value differs from the last text; a fifth are large (bytes), the rest counts and fractions.
`unchanged`: the same values again. `first`: series that were never seen before. All are given new label objects at each
run, as a read of a target gives them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from collectors.encoding import Encoder, merge
from collectors.families import Family, Point

__all__ = ["main"]

_PER_FAMILY = 100


class _Fixed:
    """A collector of prometheus-client that gives what it was given."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _families(series: int, seed: int) -> list[Family]:
    draw = random.Random(seed)

    def value(number: int) -> float:
        return (
            float(draw.randrange(10**6, 10**11)),
            float(draw.randrange(10**5)),
            draw.random() * 1000,
            float(draw.randrange(10**4)),
            draw.random(),
        )[number % 5]

    found = []
    for number in range(series // _PER_FAMILY):
        name = f"service_{number}_requests_total"
        points: list[Point] = [
            (name, (("instance", f"host-{n}.example.com:9100"), ("mode", "user"), ("cpu", str(n))), value(n))
            for n in range(_PER_FAMILY)
        ]
        found.append(Family(name, "counter", "Requests that were served.", points))
    return found


def _registry(families: Sequence[Family]) -> CollectorRegistry:
    metrics = []
    for one in families:
        metric = Metric(one.name.removesuffix("_total"), one.help, one.kind)
        for name, pairs, value in one.points:
            metric.add_sample(name, dict(pairs), value)
        metrics.append(metric)
    registry = CollectorRegistry()
    registry.register(_Fixed(metrics))
    return registry


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, taking turns, and print a table; 1 when the texts differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoding", description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args(arguments)
    encoder = Encoder()
    times: dict[str, list[float]] = {"prometheus-client": [], "first": [], "all new": [], "unchanged": []}
    for run in range(options.runs):
        families, again = _families(options.series, run), _families(options.series, run)
        registry = _registry(families)
        if merge([(families, Encoder())]) != generate_latest(registry):
            print("the texts differ", file=sys.stderr)
            return 1
        calls: dict[str, Callable[[], object]] = {
            "prometheus-client": partial(generate_latest, registry),
            "first": partial(merge, [(families, Encoder())]),
            "all new": partial(merge, [(families, encoder)]),
            "unchanged": partial(merge, [(again, encoder)]),
        }
        for name, call in calls.items():
            taken = _milliseconds(call)
            if run:  # the first run warms up, and `all new` has seen no series yet
                times[name].append(taken)
    theirs = statistics.median(times["prometheus-client"])
    print(f"| {options.series} series | median ms | best ms | times faster |\n|---|---|---|---|")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"| {name} | {median:.1f} | {min(measured):.1f} | {theirs / median:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
