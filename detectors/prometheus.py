"""Prometheus: another number of series, samples or pending samples than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="prometheus.head_series",
        system="prometheus",
        title="Series in the memory of Prometheus",
        query="prometheus.head_series",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        minimum_relative=0.3,
        minimum_absolute=10_000,
        summary="{{ $labels.instance }} holds {{ $value }} series, far more than usual",
        runbook="prometheus/cardinality",
        panel="prometheus/head-series",
        source="A third more than usual and 10,000 series: a deployment replaces series and adds a share of its own; "
        "each series costs about 3 to 8 KiB of memory, so a third more is felt.",
    ),
    Detector(
        key="prometheus.samples",
        system="prometheus",
        title="Samples that Prometheus stores",
        query="prometheus.samples_rate",
        polarity=Polarity.LOW_IS_BAD,
        hold="10m",
        minimum_relative=0.2,
        minimum_absolute=100,
        summary="{{ $labels.instance }} stores {{ $value }} samples per second, fewer than usual",
        runbook="prometheus/limits",
        panel="prometheus/samples-rate",
        source="A fifth less than usual and 100 samples per second: scrapes run at a fixed pace, so that a fifth less "
        "is a fifth of the targets.",
    ),
)
