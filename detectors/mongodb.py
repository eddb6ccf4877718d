"""MongoDB: slower operations, more documents read for each that is returned, than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="mongodb.latency",
        system="mongodb",
        title="Duration of operations of MongoDB",
        query="mongodb.latency",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=0.005,
        summary="{{ $labels.op_type }} of MongoDB {{ $labels.instance }} take {{ $value }}, longer than usual",
        runbook="mongodb/slow-operations",
        panel="mongodb/latency",
        source=(
            "Half longer than usual and five milliseconds: a cold cache after a restart costs about as much, "
            "and is over within ten minutes"
        ),
    ),
    Detector(
        key="mongodb.scanned",
        system="mongodb",
        title="Documents read for one returned",
        query="mongodb.scanned_per_returned",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        minimum_relative=1.0,
        minimum_absolute=10.0,
        severity="info",
        summary="MongoDB {{ $labels.instance }} reads {{ $value }} documents for each that it returns",
        runbook="mongodb/slow-operations",
        panel="mongodb/scanned-per-returned",
        source=(
            "Twice as many as usual and ten more: MongoDB's own advisor speaks of a missing index from far "
            "higher ratios on; this is the change"
        ),
    ),
    Detector(
        key="mongodb.connections",
        system="mongodb",
        title="Connections to MongoDB",
        query="mongodb.connections",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=50.0,
        summary="{{ $value }} connections to MongoDB {{ $labels.instance }}, more than usual",
        runbook="mongodb/connections-high",
        panel="mongodb/connections",
        source=(
            "Half more than usual and fifty: a new replica of an application brings a pool of up to a "
            "hundred (the drivers' default)"
        ),
    ),
)
