"""PostgreSQL: connections, long transactions and cache misses that this hour has not seen before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="postgresql.connections",
        system="postgresql",
        title="Share of the connections of PostgreSQL in use",
        query="postgresql.connections_used_ratio",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=0.2,
        summary="PostgreSQL {{ $labels.instance }} uses {{ $value }} of its connections, far more than usual",
        runbook="postgresql/connections-high",
        panel="postgresql/connections-used-ratio",
        source="Half more than usual and a fifth of max_connections: a pool that leaks shows so hours "
        "before the limit; a restart of an "
        "application, which holds both pools for a moment, ends within the hold time.",
    ),
    Detector(
        key="postgresql.longest_transaction",
        system="postgresql",
        title="Age of the longest transaction of PostgreSQL",
        query="postgresql.longest_transaction",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=1.0,
        minimum_absolute=300.0,
        summary="A transaction of PostgreSQL {{ $labels.instance }} has been open for {{ $value }}",
        runbook="postgresql/long-transaction",
        panel="postgresql/longest-transaction",
        source="Twice the usual and five minutes more: a nightly batch that is long each night is "
        "expected, one that is longer is not. Old "
        "snapshots keep vacuum from removing rows (PostgreSQL documentation, routine vacuuming).",
    ),
    Detector(
        key="postgresql.cache_hit_ratio",
        system="postgresql",
        title="Share of blocks that PostgreSQL finds in its buffers",
        query="postgresql.cache_hit_ratio",
        polarity=Polarity.LOW_IS_BAD,
        hold="15m",
        minimum_relative=0.05,
        minimum_absolute=0.05,
        severity="info",
        summary="PostgreSQL {{ $labels.instance }} finds only {{ $value }} of the blocks of {{ $labels.datname }} in "
        "its buffers",
        runbook="postgresql/cache-misses",
        panel="postgresql/cache-hit-ratio",
        source="Five points below what this hour has: the usual ratio is a property of the load (99 % for most that "
        "answer users, far less for reports), so a fixed threshold says little.",
    ),
)
