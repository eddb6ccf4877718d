"""Probes: slower than at this hour before, long before anybody calls it slow."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="probes.duration",
        system="probes",
        title="How long a probe takes",
        query="probes.duration",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=1.0,
        minimum_absolute=0.25,
        summary="{{ $labels.instance }} takes {{ $value }} to answer, far longer than usual",
        runbook="probes/slow",
        panel="probes/duration",
        source="Twice the usual and a quarter of a second: below a tenth nobody feels a delay, above one second the "
        "thread of thought is lost (Nielsen, Response time limits); the single probe scatters, so ten minutes.",
    ),
    Detector(
        key="probes.lookup_time",
        system="probes",
        title="How long a name takes to resolve",
        query="probes.lookup_time",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        minimum_relative=2.0,
        minimum_absolute=0.1,
        severity="info",
        summary="The name of {{ $labels.instance }} takes {{ $value }} to resolve, far longer than usual",
        runbook="probes/slow",
        panel="probes/lookup-time",
        source="Three times the usual and a tenth of a second: an answer from the cache takes a millisecond, so "
        "this is a resolver that asks anew each time or fails over (resolv.conf(5): 5 s until the next server).",
    ),
)
