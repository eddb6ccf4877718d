"""Alerts of Elasticsearch."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="ElasticsearchDown",
        system="elasticsearch",
        query="elasticsearch.up",
        op="==",
        threshold=0,
        hold="2m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        description=(
            "The collector cannot connect or log in, or the node does not answer: it has no master, or no thread left."
        ),
        runbook="elasticsearch/down",
        panel="elasticsearch/up",
        source="elasticsearch_cluster_health_up is 0 when a scrape fails; two minutes span a restart of a node",
    ),
    Alert(
        name="ElasticsearchRed",
        system="elasticsearch",
        query="elasticsearch.red",
        op="==",
        threshold=1,
        hold="1m",
        severity="critical",
        summary="{{ $labels.cluster }} ({{ $labels.job }}) is red: primary shards are missing",
        description="Some data can be neither searched nor written.",
        runbook="elasticsearch/shards-missing",
        panel="elasticsearch/red",
        source="elasticsearch_exporter's mixin: red at once; a minute, since a new index is red for a moment",
    ),
    Alert(
        name="ElasticsearchYellow",
        system="elasticsearch",
        query="elasticsearch.yellow",
        op="==",
        threshold=1,
        hold="30m",
        severity="warning",
        summary="{{ $labels.cluster }} ({{ $labels.job }}) is yellow: replicas are missing",
        description="All data is there, some of it once only.",
        runbook="elasticsearch/shards-missing",
        panel="elasticsearch/yellow",
        source=(
            "Yellow is usual while a node restarts (index.unassigned.node_left.delayed_timeout is 1m) and "
            "its shards recover; half an hour is not"
        ),
    ),
    Alert(
        name="ElasticsearchDiskLow",
        system="elasticsearch",
        query="elasticsearch.disk_available_ratio",
        op="<",
        threshold=0.15,
        hold="5m",
        severity="warning",
        summary="{{ $labels.name }} of {{ $labels.cluster }} ({{ $labels.job }}) has {{ $value }} of its disk left",
        description="Elasticsearch puts no further shard on this node.",
        runbook="elasticsearch/disk-low",
        panel="elasticsearch/disk-available-ratio",
        source="cluster.routing.allocation.disk.watermark.low is 85 % by default",
    ),
    Alert(
        name="ElasticsearchDiskFlood",
        system="elasticsearch",
        query="elasticsearch.disk_available_ratio",
        op="<",
        threshold=0.05,
        hold="1m",
        severity="critical",
        summary="{{ $labels.name }} of {{ $labels.cluster }} ({{ $labels.job }}) has {{ $value }} of its disk left",
        description="Elasticsearch makes every index with a shard on this node read-only: writes fail now.",
        runbook="elasticsearch/disk-low",
        panel="elasticsearch/disk-available-ratio",
        source="cluster.routing.allocation.disk.watermark.flood_stage is 95 % by default",
    ),
    Alert(
        name="ElasticsearchHeapHigh",
        system="elasticsearch",
        query="elasticsearch.heap_used_ratio",
        threshold=0.9,
        hold="15m",
        severity="critical",
        summary="{{ $labels.name }} of {{ $labels.cluster }} ({{ $labels.job }}) uses {{ $value }} of its heap",
        description=(
            "Garbage collection does not free enough: the node gets slow, then breakers refuse requests, "
            "then it leaves the cluster."
        ),
        runbook="elasticsearch/heap-high",
        panel="elasticsearch/heap-used-ratio",
        source="elasticsearch_exporter's mixin: ElasticsearchHeapUsageTooHigh, 90 % for 15 minutes",
    ),
    Alert(
        name="ElasticsearchTasksRejected",
        system="elasticsearch",
        query="elasticsearch.rejected_rate",
        threshold=0,
        hold="5m",
        severity="warning",
        summary=(
            "{{ $labels.name }} of {{ $labels.cluster }} ({{ $labels.job }}) "
            "refuses tasks of its pool {{ $labels.type }}"
        ),
        description="The queue of a thread pool is full: clients get status 429 and have to try again.",
        runbook="elasticsearch/tasks-rejected",
        panel="elasticsearch/rejected-rate",
        source=(
            "A pool refuses only with a full queue: every refusal is a client's failure; five minutes, since "
            "bulk clients try again"
        ),
    ),
    Alert(
        name="ElasticsearchSnapshotOld",
        system="elasticsearch",
        query="elasticsearch.snapshot_age",
        threshold=172800,
        hold="1h",
        severity="warning",
        summary="The newest snapshot of {{ $labels.instance }} in {{ $labels.repository }} is {{ $value }} old",
        description="Two daily snapshots are missing, or all of them fail.",
        runbook="elasticsearch/snapshot-old",
        panel="elasticsearch/snapshot-age",
        source=(
            "Elastic's tutorial of snapshot life-cycle management takes one a day: two days are one missed, "
            "and the time for the next"
        ),
    ),
)
