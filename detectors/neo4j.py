"""Neo4j: slower queries, more transactions at once than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="neo4j.query",
        system="neo4j",
        title="Duration of queries of Neo4j",
        query="neo4j.query_p95",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=0.05,
        summary="95 % of the queries of {{ $labels.instance }} take up to {{ $value }}, longer than usual",
        runbook="neo4j/queries-slow",
        panel="neo4j/query-p95",
        source="Half longer than usual and 50 ms: the reservoir of the server's quantile forgets within five minutes",
    ),
    Detector(
        key="neo4j.transactions",
        system="neo4j",
        title="Transactions of Neo4j at once",
        query="neo4j.transactions",
        polarity=Polarity.HIGH_IS_BAD,
        hold="10m",
        minimum_relative=1.0,
        minimum_absolute=10.0,
        summary="{{ $value }} transactions run in {{ $labels.instance }}, more than usual",
        runbook="neo4j/queries-slow",
        panel="neo4j/transactions",
        source="Twice as many as usual and ten: they pile up behind a lock or a slow query",
    ),
)
