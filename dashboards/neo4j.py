"""The dashboard of Neo4j."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="neo4j",
    title="Neo4j",
    system="neo4j",
    description="Does it answer, do queries succeed, does the graph fit into memory.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("neo4j.up",),
                    kind="stat",
                    description="Whether the metrics endpoint answers Watchkeeper.",
                    legend="{{target}}",
                    threshold_of="Neo4jDown",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="failure-ratio",
                    title="Queries that fail",
                    queries=("neo4j.failure_ratio",),
                    kind="stat",
                    description="Share of the queries of the database neo4j.",
                    legend="{{instance}}",
                    threshold_of="Neo4jQueriesFail",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="page-cache-miss-ratio",
                    title="Page cache misses",
                    queries=("neo4j.page_cache_miss_ratio",),
                    kind="gauge",
                    description="Misses for one hit, by the counters of both, where there are any.",
                    legend="{{instance}}",
                    threshold_of="Neo4jPageCacheMisses",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="garbage-collection-ratio",
                    title="Time in garbage collection",
                    queries=("neo4j.garbage_collection_ratio",),
                    kind="stat",
                    description="Of each second.",
                    legend="{{instance}}",
                    threshold_of="Neo4jGarbageCollection",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Queries",
            panels=(
                Panel(
                    key="query-rate",
                    title="Queries",
                    queries=("neo4j.query_rate",),
                    description="Per second, succeeded and failed.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="query-p95",
                    title="Duration of queries",
                    queries=("neo4j.query_p95",),
                    description="95% of the queries stay below, as the server computes it.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="failure-rate",
                    title="Failures",
                    queries=("neo4j.failure_rate",),
                    description="Queries that fail per second.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="transactions",
                    title="Transactions",
                    queries=("neo4j.transactions",),
                    description="That run now, reads and writes.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="commit-rate",
                    title="Commits",
                    queries=("neo4j.commit_rate",),
                    description="Transactions per second.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="rollback-rate",
                    title="Rollbacks",
                    queries=("neo4j.rollback_rate",),
                    description="Conflicts, time-outs and clients that give up.",
                    legend="{{instance}}",
                ),
            ),
        ),
        Row(
            title="Memory and disk",
            panels=(
                Panel(
                    key="heap-bytes",
                    title="Heap",
                    queries=("neo4j.heap_bytes",),
                    description="In use.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="page-fault-rate",
                    title="Pages read from disk",
                    queries=("neo4j.page_fault_rate",),
                    description="What the page cache did not have.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="page-cache-usage-ratio",
                    title="Page cache in use",
                    queries=("neo4j.page_cache_usage_ratio",),
                    description="Full is normal once the server is warm.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="connections-running",
                    title="Connections that work",
                    queries=("neo4j.connections_running",),
                    description="Bolt connections that run a query.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="connections-idle",
                    title="Connections that wait",
                    queries=("neo4j.connections_idle",),
                    description="Bolt connections that run nothing.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="checkpoint-seconds",
                    title="Checkpoint",
                    queries=("neo4j.checkpoint_seconds",),
                    description="Duration of the last one.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="store-bytes",
                    title="Size on disk",
                    queries=("neo4j.store_bytes",),
                    description="The database neo4j and its logs.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="nodes",
                    title="Nodes",
                    queries=("neo4j.nodes",),
                    description="In the database neo4j.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="relationships",
                    title="Relationships",
                    queries=("neo4j.relationships",),
                    description="In the database neo4j.",
                    legend="{{instance}}",
                ),
            ),
            collapsed=True,
        ),
    ),
)
