"""Container: memory and processor time beyond what the hour explains."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="container.memory",
        system="container",
        title="Memory of a container",
        query="container.memory_working_set",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=128 * 2**20,
        summary="{{ $labels.name }} on {{ $labels.instance }} uses {{ $value }}, far more than usual",
        runbook="container/memory-near-limit",
        panel="container/memory-working-set",
        source="Half more than usual and 128 MiB: the working set leaves out page cache that can go, so only the "
        "program moves it this far (cAdvisor, container_memory_working_set_bytes). It needs no limit.",
    ),
    Detector(
        key="container.cpu",
        system="container",
        title="Processors that a container uses",
        query="container.cpu_used",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=0.5,
        severity="info",
        summary="{{ $labels.name }} on {{ $labels.instance }} uses {{ $value }} processors, far more than usual",
        runbook="container/throttled",
        panel="container/cpu-used",
        source="Twice the usual and half a processor for a quarter of an hour: a loop or a retry storm. "
        "For information: users feel latency, not utilisation (Google SRE book, symptoms over causes).",
    ),
)
