"""A detector over a fake store, and the worlds that it looks at."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from detectors.engine import DetectionEngine
from detectors.seasonal import SeasonalDetector
from detectors.watch import Watch
from tests.detectors.series import FakeStore, Sink
from watchkeeper import queries as q
from watchkeeper.declarations import Detector
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge, Histogram, Polarity
from watchkeeper.units import SECONDS, USD

HOUR = 3_600.0
LATENCY = Histogram("test_tool_duration_seconds", "Duration of a tool.", SECONDS, ("tool",), buckets=(0.1, 1.0))
COST = Counter("test_cost_total", "Cost.", USD, ("model",))
AGE = Gauge("test_age_seconds", "Age.", SECONDS, ("tool",))
TOOL = (("tool", "search"),)
START = 1_000 * 86_400.0


def declare(**changes: object) -> Detector:
    options: dict[str, object] = {
        "key": "test.latency",
        "system": "test",
        "title": "p95 tool latency",
        "query": "test.latency_p95",
        "polarity": Polarity.HIGH_IS_BAD,
        "step": "10m",
        "seasons": ("1d",),
        "hold": "30m",
        "window": "20m",
        "summary": "{{ $labels.tool }} takes {{ $value }}",
        "runbook": "test/latency",
        "panel": "test/latency-p95",
        "source": "a test",
        **changes,
    }
    return Detector(**options)  # type: ignore[arg-type]


def lookup(key: str) -> Query:
    return {"test.latency_p95": q.quantile(0.95, LATENCY, by=("tool",)), "test.cost": q.sum_by(q.rate(COST))}[key]


def healthy(at: float) -> float:
    """0.45 s, by day up to 0.15 s around it, with a noise that is the same for each time."""
    return 0.45 + 0.1 * math.sin(2 * math.pi * at / 86_400) + 0.02 * math.sin(at * 12.9898)


def faulty(begin: float, end: float, value: float = 4.1) -> Callable[[float], float]:
    return lambda at: value if begin <= at < end else healthy(at)


def shifted(by: float) -> Callable[[float], float]:
    return lambda at: healthy(at + by)


def engine(store: FakeStore, sink: Sink, **changes: object) -> DetectionEngine:
    detectors = changes.pop("detectors", (declare(),))
    return DetectionEngine(detectors, lookup, {"metrics": store}, sink, history_ticks=1_000, **changes)  # type: ignore[arg-type]


def run(found: DetectionEngine, start: float, end: float, step: float = 600.0) -> None:
    for at in np.arange(start, end, step):
        found.tick(float(at))


def seasonal_of(watch: Watch) -> SeasonalDetector:
    """The detector of a watch that compares its series with their own past."""
    assert isinstance(watch.detector, SeasonalDetector)
    return watch.detector
