"""The dashboard of Elasticsearch."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="elasticsearch",
    title="Elasticsearch",
    system="elasticsearch",
    description="Are all shards there, is there room, is it fast, does it refuse anything.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("elasticsearch.up",),
                    kind="stat",
                    description="Whether the cluster answers the collector.",
                    legend="{{instance}}",
                    threshold_of="ElasticsearchDown",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="red",
                    title="Primary shards missing",
                    queries=("elasticsearch.red",),
                    kind="stat",
                    description="1: the health is red, and some data cannot be read.",
                    legend="{{job}} {{cluster}}",
                    threshold_of="ElasticsearchRed",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="yellow",
                    title="Replicas missing",
                    queries=("elasticsearch.yellow",),
                    kind="stat",
                    description="1: the health is yellow, and a further failure would lose data.",
                    legend="{{job}} {{cluster}}",
                    threshold_of="ElasticsearchYellow",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="disk-available-ratio",
                    title="Room on the disks",
                    queries=("elasticsearch.disk_available_ratio",),
                    kind="gauge",
                    description="Of each node. At 5% its indices become read-only.",
                    legend="{{job}} {{cluster}} {{name}}",
                    threshold_of="ElasticsearchDiskLow",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Cluster",
            panels=(
                Panel(
                    key="unassigned-shards",
                    title="Shards without a node",
                    queries=("elasticsearch.unassigned_shards",),
                    description="Falls to 0 again after a restart; what stays has a reason.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="nodes",
                    title="Nodes",
                    queries=("elasticsearch.nodes",),
                    description="As the node that answers sees them.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="pending-tasks",
                    title="Changes that wait for the master",
                    queries=("elasticsearch.pending_tasks",),
                    description="A master that does not keep up holds up every mapping, index and shard.",
                    legend="{{job}} {{cluster}}",
                ),
            ),
        ),
        Row(
            title="Searches and writes",
            panels=(
                Panel(
                    key="search-rate",
                    title="Queries",
                    queries=("elasticsearch.search_rate",),
                    description="Query phases per second: one search is one for each shard.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="search-seconds",
                    title="Duration of a query",
                    queries=("elasticsearch.search_seconds",),
                    description="Mean time of a query phase on a shard.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="indexing-rate",
                    title="Documents indexed",
                    queries=("elasticsearch.indexing_rate",),
                    description="Per second, replicas included.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="indexing-seconds",
                    title="Duration of indexing",
                    queries=("elasticsearch.indexing_seconds",),
                    description="Mean time to index a document.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="rejected-rate",
                    title="Tasks refused",
                    queries=("elasticsearch.rejected_rate",),
                    description="A pool whose queue is full refuses: clients get status 429.",
                    legend="{{job}} {{cluster}} {{name}} {{type}}",
                    threshold_of="ElasticsearchTasksRejected",
                ),
                Panel(
                    key="queue",
                    title="Tasks that wait",
                    queries=("elasticsearch.queue",),
                    description="In the queues of the thread pools.",
                    legend="{{job}} {{cluster}} {{type}}",
                ),
            ),
        ),
        Row(
            title="Memory and disk",
            panels=(
                Panel(
                    key="heap-used-ratio",
                    title="Heap",
                    queries=("elasticsearch.heap_used_ratio",),
                    description="A saw tooth below 75% is health; a plateau near 100% is the end.",
                    legend="{{job}} {{cluster}} {{name}}",
                    threshold_of="ElasticsearchHeapHigh",
                ),
                Panel(
                    key="garbage-collection-ratio",
                    title="Time in garbage collection",
                    queries=("elasticsearch.garbage_collection_ratio",),
                    description="Of each second.",
                    legend="{{job}} {{cluster}} {{name}}",
                ),
                Panel(
                    key="breakers-tripped-rate",
                    title="Requests refused by breakers",
                    queries=("elasticsearch.breakers_tripped_rate",),
                    description="Requests that would have taken too much memory.",
                    legend="{{job}} {{cluster}} {{name}} {{breaker}}",
                ),
                Panel(
                    key="processor-percent",
                    title="Processor",
                    queries=("elasticsearch.processor_percent",),
                    description="Of the node's process.",
                    legend="{{job}} {{cluster}} {{name}}",
                ),
                Panel(
                    key="store-bytes",
                    title="Size of the shards",
                    queries=("elasticsearch.store_bytes",),
                    description="Of the nodes that are read, replicas included.",
                    legend="{{job}} {{cluster}}",
                ),
                Panel(
                    key="documents",
                    title="Documents",
                    queries=("elasticsearch.documents",),
                    description="Replicas included.",
                    legend="{{job}} {{cluster}}",
                ),
            ),
            collapsed=True,
        ),
        Row(
            title="Parts that are read on demand",
            panels=(
                Panel(
                    key="snapshot-age",
                    title="Age of the newest snapshot",
                    queries=("elasticsearch.snapshot_age",),
                    description="With the option `collect: [snapshots]`.",
                    legend="{{instance}} {{repository}}",
                    threshold_of="ElasticsearchSnapshotOld",
                ),
                Panel(
                    key="index-bytes",
                    title="Size of indices",
                    queries=("elasticsearch.index_bytes",),
                    description="With the option `collect: [indices]`.",
                    legend="{{job}} {{cluster}} {{index}}",
                ),
                Panel(
                    key="index-rate",
                    title="Documents indexed, by index",
                    queries=("elasticsearch.index_rate",),
                    description="With the option `collect: [indices]`.",
                    legend="{{job}} {{cluster}} {{index}}",
                ),
                Panel(
                    key="collector-success",
                    title="Parts of the scrape",
                    queries=("elasticsearch.collector_success",),
                    description="0: a part was refused or did not answer in time, and its signals are missing.",
                    legend="{{instance}} {{collector}}",
                ),
            ),
            collapsed=True,
        ),
    ),
)
