"""Resilience patterns: more retries than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="resilience.retries",
        system="resilience",
        title="Retries of an application",
        query="resilience.retries_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="5m",
        minimum_relative=1.0,
        minimum_absolute=0.1,
        summary="{{ $labels.instance }} retries {{ $labels.operation }} {{ $value }}, far more than usual",
        runbook="resilience/retries-exhausted",
        panel="resilience/retries-rate",
        source="Twice as many as expected and six a minute. Retries rise before failures do: they are the earliest "
        "sign that the other side is getting worse.",
    ),
)
