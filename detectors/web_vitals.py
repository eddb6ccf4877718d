"""Web vitals: pages that became slower than they were at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="web_vitals.lcp",
        system="web_vitals",
        title="Loading of pages",
        query="web_vitals.lcp",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        minimum_relative=0.3,
        minimum_absolute=0.5,
        summary="{{ $labels.page }} loads in {{ $value }}, slower than usual",
        runbook="web_vitals/slow-pages",
        panel="web_vitals/lcp",
        source="A third slower and half a second: less is within what networks and devices vary from hour to hour.",
    ),
)
