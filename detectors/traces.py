"""Services: slower, or failing more, than at this hour before."""

from __future__ import annotations

from detectors.elastic_reading import reading_elastic
from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

_OF_METRICS: tuple[Detector, ...] = (
    Detector(
        key="traces.duration",
        system="traces",
        title="Duration of a service's calls",
        query="traces.duration_p95",
        polarity=Polarity.HIGH_IS_BAD,
        hold="5m",
        minimum_relative=0.5,
        minimum_absolute=0.1,
        summary="{{ $labels.service_name }}: {{ $labels.span_name }} takes {{ $value }}, longer than usual",
        runbook="traces/slow",
        panel="traces/duration-p95",
        source="Half longer than expected and a tenth of a second, the least that people notice (Nielsen, 1993).",
    ),
    Detector(
        key="traces.errors",
        system="traces",
        title="Failed calls of a service",
        query="traces.errors_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="5m",
        minimum_relative=1.0,
        minimum_absolute=0.05,
        summary="{{ $labels.service_name }}: {{ $labels.span_name }} fails {{ $value }}, more often than usual",
        runbook="traces/errors",
        panel="traces/error-ratio",
        source="Twice as many as expected and three a minute: single failures are what retries are for.",
    ),
)

DETECTORS: tuple[Detector, ...] = (*_OF_METRICS, *reading_elastic(_OF_METRICS))
