"""Redis: slower commands, more memory, fewer hits than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="redis.memory",
        system="redis",
        title="Memory used by Redis",
        query="redis.memory_used_bytes",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=64 * 2**20,
        summary="Redis {{ $labels.instance }} uses {{ $value }}, far more than usual",
        runbook="redis/memory-high",
        panel="redis/memory-used-bytes",
        source="Half more than usual and 64 MiB: the buffers of clients and replicas and fragmentation "
        "move by less (Redis documentation, "
        "memory optimization). The alert on maxmemory is the limit; this one comes before it.",
    ),
    Detector(
        key="redis.hit_ratio",
        system="redis",
        title="Share of lookups that Redis answers",
        query="redis.hit_ratio",
        polarity=Polarity.LOW_IS_BAD,
        hold="10m",
        window="10m",
        minimum_relative=0.2,
        minimum_absolute=0.1,
        severity="info",
        summary="Redis {{ $labels.instance }} answers {{ $value }} of the lookups, less than usual",
        runbook="redis/memory-high",
        panel="redis/hit-ratio",
        source="A fifth below the expectation and ten points: what the cache no longer answers goes to "
        "the database behind it, which "
        "notices a tenth of its load.",
    ),
    Detector(
        key="redis.command_duration",
        system="redis",
        title="Duration of a command in Redis",
        query="redis.command_duration",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=1.0,
        minimum_absolute=0.001,
        summary="{{ $labels.cmd }} takes {{ $value }} in Redis, far longer than usual",
        runbook="redis/slow-commands",
        panel="redis/command-duration",
        source="Twice as long as usual and one millisecond: Redis runs one command at a time (Redis documentation, "
        "latency), so that what one command takes, all others wait.",
    ),
)
