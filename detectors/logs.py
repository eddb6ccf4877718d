"""Logs: more errors, or far more or fewer records, than at this hour before."""

from __future__ import annotations

from detectors.elastic_reading import reading_elastic
from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

_OF_METRICS: tuple[Detector, ...] = (
    Detector(
        key="logs.errors",
        system="logs",
        title="Errors in the log",
        query="logs.errors_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="5m",
        minimum_relative=1.0,
        minimum_absolute=0.1,
        summary="{{ $labels.service }} writes {{ $value }} errors, far more than usual",
        runbook="logs/errors-high",
        panel="logs/errors-rate",
        source="Twice as many as expected and six a minute: below that a single retry loop of one client is enough.",
    ),
    Detector(
        key="logs.records",
        system="logs",
        title="Records in the log",
        query="logs.records_rate",
        polarity=Polarity.BOTH_ARE_BAD,
        hold="15m",
        minimum_relative=0.8,
        minimum_absolute=1.0,
        severity="info",
        summary="{{ $labels.service }} writes {{ $value }} records, unlike what is usual",
        runbook="logs/errors-high",
        panel="logs/records-rate",
        source="Four fifths more or less than expected and one a second: logs follow the traffic, which varies by "
        "half within an hour on most services.",
    ),
)

DETECTORS: tuple[Detector, ...] = (
    *_OF_METRICS,
    *reading_elastic(_OF_METRICS),
    # Over metrics the alert LogNewErrors says it; no rule reads a cluster.
    Detector(
        key="logs.new_errors_in_elasticsearch",
        system="logs",
        title="New kinds of error",
        query="logs.new_error_templates",
        polarity=Polarity.HIGH_IS_BAD,
        hold="1m",
        minimum_relative=1.0,
        minimum_absolute=0.5,
        severity="info",
        summary="{{ $labels.service }} writes {{ $value }} kinds of error, or has spans fail, as never before",
        runbook="logs/new-errors",
        panel="logs/new-error-templates",
        source="Any, and more than this service is used to: what was written before is no news. Severity info, because "
        "new errors accompany most incidents and many harmless deploys.",
        reads="logs",
    ),
)
