"""VictoriaMetrics: fewer samples, or more new series, than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="victoriametrics.inserted",
        system="victoriametrics",
        title="Samples that VictoriaMetrics receives",
        query="victoriametrics.inserted_rate",
        polarity=Polarity.LOW_IS_BAD,
        hold="10m",
        minimum_relative=0.2,
        minimum_absolute=100,
        summary="{{ $labels.instance }} receives {{ $value }} samples per second, fewer than usual",
        runbook="victoriametrics/rows-missing",
        panel="victoriametrics/inserted-rate",
        source="A fifth less than usual and 100 samples per second: senders keep a fixed pace, so that a fifth less is "
        "a fifth of them.",
    ),
    Detector(
        key="victoriametrics.series_created",
        system="victoriametrics",
        title="Series that VictoriaMetrics begins",
        query="victoriametrics.series_created_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        window="15m",
        minimum_relative=1.0,
        minimum_absolute=50,
        summary="{{ $labels.instance }} begins {{ $value }} series per second, far more than usual",
        runbook="victoriametrics/slow-inserts",
        panel="victoriametrics/series-created-rate",
        source="Twice the usual and 50 series per second: a deployment begins some thousands once; this goes on.",
    ),
)
