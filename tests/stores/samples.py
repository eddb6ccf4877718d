"""Random samples for the differential test: gaps, resets, stale series, NaN and infinities now and then."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchkeeper.signals import Counter, Gauge, Histogram, Info, Signal
from watchkeeper.stores import STALE_NAN
from watchkeeper.units import BYTES, SECONDS, UNIX_TIME

__all__ = [
    "BASE",
    "COUNTERS",
    "EXACT_GAUGES",
    "GAUGES",
    "HISTOGRAMS",
    "INFO",
    "LATENCY",
    "LIMIT",
    "LOAD",
    "MEMORY",
    "SPACING",
    "SPAN",
    "STATE",
    "TIMES",
    "Run",
    "runs",
]

BASE = 1_700_000_000.0
SPACING = 7200.0
"""Seconds from the start of one data set to the next."""
SPAN = 2400.0
"""Seconds of samples in a data set."""

REQUESTS = Counter("diff_requests_total", "Requests.", labels=("path", "code"))
ERRORS = Counter("diff_errors_total", "Errors.", labels=("path", "code"))
SENT = Counter("diff_sent_bytes_total", "Bytes sent.", BYTES, ("path", "code"))
COUNTERS = (REQUESTS, ERRORS, SENT)

MEMORY = Gauge("diff_memory_bytes", "Memory.", BYTES, ("path",))
LIMIT = Gauge("diff_limit_bytes", "Memory allowed.", BYTES, ("path",))
LOAD = Gauge("diff_load", "Load.", labels=("path",))
STATE = Gauge("diff_state", "A small whole number.", labels=("path",))
GAUGES = (MEMORY, LIMIT, LOAD, STATE)
EXACT_GAUGES = (STATE, LIMIT)
TIMES = (
    Gauge("diff_started_timestamp_seconds", "Start.", UNIX_TIME, ("path",)),
    Gauge("diff_saved_timestamp_seconds", "Last save.", UNIX_TIME, ("path",)),
)
INFO = Info("diff_build_info", "Version.", labels=("version",))

LATENCY = Histogram("diff_latency_seconds", "Latency.", SECONDS, ("path",), buckets=(0.1, 0.5, 1.0, 2.5))
SIZE = Histogram("diff_size_bytes", "Sizes.", BYTES, ("path",), buckets=(-10.0, 0.0, 100.0, 1000.0))
HISTOGRAMS = (LATENCY, SIZE)

INSTANCES = ("a:1", "b:2", "c:3")
PATHS = ("/", "/buy", "/old")
CODES = ("200", "500")

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Run:
    """One series: its labels, `__name__` among them, and its samples, oldest first."""

    labels: Mapping[str, str]
    points: Points


def runs(number: int) -> Iterator[Run]:
    """The series of data set `number`, sorted by their labels; the same for the same number."""
    chance = random.Random(f"data set {number}")
    # Data set 0 has every series, so that both stores meet them in the same order.
    share = 1.0 if number == 0 else chance.choice((0.6, 0.8, 0.95))
    series = sorted(_all(), key=lambda each: sorted(each[0].items()))
    pace = chance.choice((5.0, 10.0, 15.0, 30.0))
    grids = {instance: _grid(chance, BASE + number * SPACING, pace) for instance in INSTANCES}
    histograms: dict[tuple[str, str, str], random.Random] = {}
    for labels, signal in series:
        if chance.random() > share:
            continue
        times = _with_gaps(chance, grids[labels["instance"]])
        if isinstance(signal, Histogram):
            # Parts of one histogram rise together, or the quantiles would say nothing.
            key = (signal.name, labels["instance"], labels["path"])
            seed = histograms.setdefault(key, random.Random(f"{number} {key}")).getstate()
            values = _part(random.Random(repr(seed)[:200]), chance, labels, len(times))
        elif isinstance(signal, Counter):
            values = _counter(chance, len(times))
        else:
            values = _gauge(chance, signal, times)
        yield Run(labels, _with_stale(chance, list(zip(times, values, strict=True))))


def _all() -> Iterator[tuple[dict[str, str], Signal]]:
    for instance, path in itertools.product(INSTANCES, PATHS):
        target = {"job": "diff" if instance != "c:3" else "other", "instance": instance}
        for counter, code in itertools.product(COUNTERS, CODES):
            yield {"__name__": counter.name, "path": path, "code": code, **target}, counter
        for gauge in (*GAUGES, *TIMES):
            yield {"__name__": gauge.name, "path": path, **target}, gauge
        for histogram in HISTOGRAMS:
            for bound in (*(f"{bound:g}" for bound in histogram.buckets), "+Inf"):
                yield {"__name__": histogram.bucket.name, "path": path, "le": bound, **target}, histogram
            yield {"__name__": histogram.count.name, "path": path, **target}, histogram
            yield {"__name__": histogram.sum.name, "path": path, **target}, histogram
        if path == PATHS[0]:
            yield {"__name__": INFO.name, "version": f"1.{INSTANCES.index(instance)}", **target}, INFO


def _grid(chance: random.Random, start: float, pace: float) -> list[float]:
    """Times of scrapes, on whole multiples of the pace, or off them and late by some milliseconds."""
    jitter = chance.choice((0, 0, 3, 900))
    offset = chance.choice((0.0, 0.0, 1.234))
    count = int(SPAN / pace)
    return [round(start + offset + step * pace + chance.randint(0, jitter) / 1000, 3) for step in range(count)]


def _with_gaps(chance: random.Random, grid: list[float]) -> list[float]:
    kept = list(grid)
    if chance.random() < 0.2:
        kept = [time for time in kept if chance.random() > 0.3]
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        begin = chance.uniform(grid[0], grid[-1])
        end = begin + chance.choice((45.0, 150.0, 299.0, 301.0, 600.0))
        kept = [time for time in kept if not begin < time < end]
    return kept


def _with_stale(chance: random.Random, points: Points) -> Points:
    """Some samples replaced by stale markers: one at the end of a life, or one alone."""
    if points and chance.random() < 0.25:
        cut = chance.randrange(len(points))
        points[cut] = (points[cut][0], STALE_NAN)
        if chance.random() < 0.5:
            points = points[: cut + 1]
    return points


def _counter(chance: random.Random, count: int) -> list[float]:
    value = chance.choice((0.0, 0.0, chance.uniform(0, 50), chance.uniform(1e6, 1e9)))
    fraction = chance.random() < 0.5
    lazy = chance.choice((0.0, 0.0, 0.7))
    restarts = chance.choice((0.0, 0.0, 0.01, 0.1))
    values = []
    for _ in range(count):
        if chance.random() >= lazy:
            value += chance.uniform(0, 20) if fraction else chance.randint(0, 20)
        if chance.random() < restarts:
            value = chance.choice((0.0, chance.uniform(0, 5)))
        values.append(value)
    return _odd(chance, values)


def _gauge(chance: random.Random, signal: Signal, times: list[float]) -> list[float]:
    if isinstance(signal, Info):
        return [1.0] * len(times)
    if signal in TIMES:
        return [math.floor(time / 60) * 60 - chance.choice((0, 1)) for time in times]
    if signal is STATE:
        values = [float(chance.randint(1, 6)) for _ in times]  # a mean of 0 would be a matter of rounding
        return values if chance.random() < 0.7 else values[:1] * len(times)
    if signal is LIMIT:
        return [float(chance.choice((1, 2, 4)) << 30)] * len(times)
    scale = chance.choice((1.0, 1.0, 1e-3, 1e9))
    level, step = chance.uniform(-scale, 3 * scale), scale * chance.choice((0.0, 0.01, 0.3))
    values = []
    for _ in times:
        level += chance.gauss(0, step)
        values.append(level)
    return _odd(chance, values)


def _part(shared: random.Random, chance: random.Random, labels: Mapping[str, str], count: int) -> list[float]:
    """A bucket, the count or the sum of a histogram whose observations the shared chance makes."""
    share = 1.0
    if "le" in labels:
        bounds = {"-10": 0.02, "0": 0.05, "0.1": 0.2, "100": 0.5, "0.5": 0.6, "1": 0.6, "1000": 0.95, "2.5": 0.97}
        share = bounds.get(labels["le"], 1.0)
    idle = shared.random() < 0.1
    values = []
    total = 0.0
    for _ in range(count):
        total += 0 if idle else shared.randint(0, 40)
        values.append(float(math.floor(total * share)))
    if chance.random() < 0.05:
        values = [max(0.0, value - chance.randint(0, 3)) for value in values]
    return values if labels["__name__"].endswith(("_bucket", "_count")) else [value * 0.37 for value in values]


def _odd(chance: random.Random, values: list[float]) -> list[float]:
    """Now and then a value that is none, or has no end."""
    if chance.random() < 0.06:
        for _ in range(chance.choice((1, 3))):
            if values:
                values[chance.randrange(len(values))] = chance.choice((math.nan, math.inf, -math.inf))
    return values
