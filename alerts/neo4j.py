"""Alerts of Neo4j."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="Neo4jDown",
        system="neo4j",
        query="neo4j.up",
        op="==",
        threshold=0,
        hold="2m",
        severity="critical",
        summary="{{ $labels.target }} does not answer",
        description="Its metrics endpoint cannot be read: the server is down, or stands still in garbage collection.",
        runbook="neo4j/down",
        panel="neo4j/up",
        source="watchkeeper_target_up is 0 when a scrape fails; two minutes span a restart",
    ),
    Alert(
        name="Neo4jQueriesFail",
        system="neo4j",
        query="neo4j.failure_ratio",
        threshold=0.05,
        hold="10m",
        severity="warning",
        summary="{{ $value }} of the queries of {{ $labels.instance }} fail",
        description="Time-outs, dead-locks, no memory for a transaction, or wrong queries.",
        runbook="neo4j/queries-fail",
        panel="neo4j/failure-ratio",
        source="One query in twenty, for ten minutes: more than a deployment's first minute",
    ),
    Alert(
        name="Neo4jPageCacheMisses",
        system="neo4j",
        query="neo4j.page_cache_miss_ratio",
        threshold=0.1,
        hold="15m",
        severity="warning",
        summary="The page cache of {{ $labels.instance }} misses {{ $value }} for each hit",
        description="The graph does not fit into memory: queries wait for the disk.",
        runbook="neo4j/page-cache",
        panel="neo4j/page-cache-miss-ratio",
        source=(
            "Neo4j's operations manual wants hits near 100 %; a tenth of all look-ups on disk is felt by "
            "every query, and a warm-up ends in less than 15 minutes"
        ),
    ),
    Alert(
        name="Neo4jGarbageCollection",
        system="neo4j",
        query="neo4j.garbage_collection_ratio",
        threshold=0.1,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }} spends {{ $value }} of its time in garbage collection",
        description="The heap is too small for what the queries hold.",
        runbook="neo4j/heap",
        panel="neo4j/garbage-collection-ratio",
        source=(
            "A tenth of the time is what every query loses at least; collections of a healthy heap take one "
            "or two hundredths"
        ),
    ),
)
