"""The dashboard of Pinecone."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="pinecone",
    title="Pinecone",
    system="pinecone",
    description="Does the API answer, are the indexes ready and not full, what do they cost.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("pinecone.up",),
                    kind="stat",
                    description="Whether the API answered when it was last asked.",
                    legend="{{instance}}",
                    threshold_of="PineconeDown",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="index-ready",
                    title="Ready",
                    queries=("pinecone.index_ready",),
                    kind="stat",
                    description="Whether an index answers requests.",
                    legend="{{instance}} {{index_name}}",
                    threshold_of="PineconeIndexNotReady",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="fullness",
                    title="Fullness",
                    queries=("pinecone.fullness",),
                    kind="gauge",
                    description="Of indexes with dedicated read nodes or pods; others grow by themselves.",
                    legend="{{instance}} {{index_name}}",
                    threshold_of="PineconeIndexFull",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="read-age",
                    title="Age of the values",
                    queries=("pinecone.read_age",),
                    kind="stat",
                    description="The API is asked at an interval: everything here is that old.",
                    legend="{{instance}}",
                    threshold_of="PineconeReadingOld",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Requests",
            panels=(
                Panel(
                    key="query-rate",
                    title="Queries",
                    queries=("pinecone.query_rate",),
                    description="Per second. From the metrics endpoint, as all of this row.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="query-seconds",
                    title="Duration of a query",
                    queries=("pinecone.query_seconds",),
                    description="Mean time in Pinecone, without the network.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="upsert-rate",
                    title="Upserts",
                    queries=("pinecone.upsert_rate",),
                    description="Requests, not records.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="upsert-seconds",
                    title="Duration of an upsert",
                    queries=("pinecone.upsert_seconds",),
                    description="Mean time in Pinecone.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="read-node-percent",
                    title="Read nodes",
                    queries=("pinecone.read_node_percent",),
                    description="Processor use of the busiest shard of dedicated read nodes.",
                    legend="{{instance}} {{index_name}}",
                ),
            ),
        ),
        Row(
            title="Size and cost",
            panels=(
                Panel(
                    key="read-units-rate",
                    title="Read units",
                    queries=("pinecone.read_units_rate",),
                    description="Per second; they are billed.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="write-units-rate",
                    title="Write units",
                    queries=("pinecone.write_units_rate",),
                    description="Per second; they are billed.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="records",
                    title="Records",
                    queries=("pinecone.records",),
                    description="Of an index, all namespaces.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="storage-bytes",
                    title="Size",
                    queries=("pinecone.storage_bytes",),
                    description="Of an index; storage is billed.",
                    legend="{{instance}} {{index_name}}",
                ),
                Panel(
                    key="backup-failures",
                    title="Backups that failed",
                    queries=("pinecone.backup_failures",),
                    description="Scheduled ones, within a day.",
                    legend="{{instance}} {{index_name}}",
                    threshold_of="PineconeBackupFailed",
                ),
            ),
        ),
        Row(
            title="This collector",
            panels=(
                Panel(
                    key="calls-rate",
                    title="Requests to the API",
                    queries=("pinecone.calls_rate",),
                    description="Of this collector alone.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="calls-left",
                    title="Requests left today",
                    queries=("pinecone.calls_left",),
                    description="Of the option calls_per_day; at 0 the values grow old until midnight UTC.",
                    legend="{{instance}}",
                ),
            ),
            collapsed=True,
        ),
    ),
)
