"""Detectors: what the detection engine says of the series that it watches.

Each sample carries `detector` and, besides, the labels of the watched series, so that Grafana draws the
band beside the query itself.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Gauge, Polarity, Signal
from watchkeeper.units import ONE, SECONDS, UNIX_TIME

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_SERIES = ("detector",)

# Expectation and band are in the unit of the watched query, which a metric name cannot tell: hence a plain
# count here.
WATCHKEEPER_DETECTOR_EXPECTED = Gauge(
    "watchkeeper_detector_expected", "What the detector expects now, in the unit of its query.", ONE, _SERIES
)
WATCHKEEPER_DETECTOR_LOWER = Gauge(
    "watchkeeper_detector_lower", "Lower edge of the expected band, in the unit of the query.", ONE, _SERIES
)
WATCHKEEPER_DETECTOR_UPPER = Gauge(
    "watchkeeper_detector_upper", "Upper edge of the expected band, in the unit of the query.", ONE, _SERIES
)
WATCHKEEPER_DETECTOR_SCORE = Gauge(
    "watchkeeper_detector_score",
    "How surprising the value is by the series' own past: 0 ordinary, 0.5 the edge of the band, towards 1 beyond.",
    ONE,
    _SERIES,
    Polarity.HIGH_IS_BAD,
)
WATCHKEEPER_DETECTOR_DEVIATING = Gauge(
    "watchkeeper_detector_deviating", "Whether a deviation of the series is open.", ONE, _SERIES, Polarity.HIGH_IS_BAD
)
WATCHKEEPER_DETECTOR_SERIES = Gauge("watchkeeper_detector_series", "Series that the detector watches.", ONE, _SERIES)
WATCHKEEPER_DETECTOR_DURATION_SECONDS = Gauge(
    "watchkeeper_detector_duration_seconds",
    "How long the detector's last evaluation took, its query included.",
    SECONDS,
    _SERIES,
    Polarity.HIGH_IS_BAD,
)
WATCHKEEPER_DETECTOR_UP = Gauge(
    "watchkeeper_detector_up", "Whether the detector's last evaluation succeeded.", ONE, _SERIES, Polarity.LOW_IS_BAD
)
WATCHKEEPER_DETECTOR_LAST_TIMESTAMP_SECONDS = Gauge(
    "watchkeeper_detector_last_timestamp_seconds",
    "Time of the newest value that the detector has judged.",
    UNIX_TIME,
    _SERIES,
    Polarity.LOW_IS_BAD,
)

SIGNALS: tuple[Signal, ...] = (
    WATCHKEEPER_DETECTOR_EXPECTED,
    WATCHKEEPER_DETECTOR_LOWER,
    WATCHKEEPER_DETECTOR_UPPER,
    WATCHKEEPER_DETECTOR_SCORE,
    WATCHKEEPER_DETECTOR_DEVIATING,
    WATCHKEEPER_DETECTOR_SERIES,
    WATCHKEEPER_DETECTOR_DURATION_SECONDS,
    WATCHKEEPER_DETECTOR_UP,
    WATCHKEEPER_DETECTOR_LAST_TIMESTAMP_SECONDS,
)

SYSTEM = System(
    key="detectors",
    title="Detectors",
    summary="Expectation, band and score of the series that detectors watch, and how the detectors themselves are.",
    collected="ours",
    signals=SIGNALS,
    tested_against="itself",
)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="detectors.deviating",
        title="Open deviations by detector",
        query=q.sum_by(q.value(WATCHKEEPER_DETECTOR_DEVIATING), "detector"),
    ),
    NamedQuery(
        key="detectors.highest_score",
        title="Highest score by detector",
        query=q.max_by(q.value(WATCHKEEPER_DETECTOR_SCORE), "detector"),
    ),
    NamedQuery(
        key="detectors.failing",
        title="Detectors whose last evaluation failed",
        query=q.value(WATCHKEEPER_DETECTOR_UP) < 1,
    ),
    NamedQuery(
        key="detectors.age",
        title="Age of the newest judged value by detector",
        query=q.age(q.max_by(q.value(WATCHKEEPER_DETECTOR_LAST_TIMESTAMP_SECONDS), "detector")),
    ),
)
