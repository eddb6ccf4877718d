"""Host: processor and memory pressure beyond what the hour explains."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="host.cpu_used_ratio",
        system="host",
        title="Processor time in use",
        query="host.cpu_used_ratio",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        window="10m",
        minimum_relative=0.5,
        minimum_absolute=0.3,
        severity="info",
        summary="{{ $labels.instance }} uses {{ $value }} of its processors, far more than usual at this hour",
        runbook="host/cpu-saturated",
        panel="host/cpu-used-ratio",
        source="Half more than usual and three tenths of the machine for a quarter of an hour: "
        "compilations and backups are shorter or come "
        "each day. For information: what users feel is measured by latency, not here (Google SRE book, "
        "symptoms over causes).",
    ),
    Detector(
        key="host.memory_available",
        system="host",
        title="Share of the memory that is available",
        query="host.memory_available_ratio",
        polarity=Polarity.LOW_IS_BAD,
        hold="10m",
        minimum_relative=0.4,
        minimum_absolute=0.15,
        summary="{{ $labels.instance }} has {{ $value }} of its memory left, far less than usual",
        runbook="host/memory-low",
        panel="host/memory-available-ratio",
        source="Two fifths less than usual and 15 points of the machine's memory: page cache does not "
        "count against MemAvailable, so only "
        "programs move it this far (Linux kernel documentation, /proc/meminfo).",
    ),
    Detector(
        key="host.network_drops",
        system="host",
        title="Packets that a network device drops",
        query="host.network_drop_rate",
        polarity=Polarity.HIGH_IS_BAD,
        hold="15m",
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=10.0,
        severity="info",
        summary="{{ $labels.instance }} drops {{ $value }} packets on {{ $labels.device }}, far more than usual",
        runbook="host/network-errors",
        panel="host/network-drop-rate",
        source="Twice the usual and ten packets a second: some drops are usual (multicast that nobody asked for, "
        "Linux kernel documentation, statistics of network devices), a change of their rate is not.",
    ),
)
