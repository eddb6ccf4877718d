"""Elasticsearch: names, kinds and labels as elasticsearch_exporter has them; the signals stand in modules beside."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Signal
from watchkeeper.systems import elasticsearch_cluster as cluster
from watchkeeper.systems import elasticsearch_nodes as node
from watchkeeper.systems import elasticsearch_pools as pool
from watchkeeper.systems.elasticsearch_indices import (
    ELASTICSEARCH_INDEX_STATS_INDEXING_INDEX_TOTAL,
    ELASTICSEARCH_INDICES_STORE_SIZE_BYTES_TOTAL,
    INDEX_SIGNALS,
)

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

SIGNALS: tuple[Signal, ...] = (
    *cluster.CLUSTER_SIGNALS,
    *(signal for _, signal in node.NODE),
    *pool.POOL_SIGNALS,
    *INDEX_SIGNALS,
)

SYSTEM = System(
    key="elasticsearch",
    title="Elasticsearch",
    summary="A search engine and store of documents, logs and events.",
    collected="ours",
    signals=SIGNALS,
    exporter="elasticsearch_exporter",
    tested_against=(
        "recorded replies of Elasticsearch 5.4, 6.6, 6.8, 7.13, 7.15, 7.17, 8.7 and 8.x, compared with what "
        "elasticsearch_exporter (2026) makes of them; no live server"
    ),
)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="elasticsearch.up",
        title="Whether the cluster answers",
        query=q.min_by(cluster.ELASTICSEARCH_CLUSTER_HEALTH_UP, "job", "instance"),
    ),
    NamedQuery(
        key="elasticsearch.red",
        title="Whether primary shards are missing",
        query=q.max_by(cluster.ELASTICSEARCH_CLUSTER_HEALTH_STATUS.where(color="red"), "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.yellow",
        title="Whether replicas are missing",
        query=q.max_by(cluster.ELASTICSEARCH_CLUSTER_HEALTH_STATUS.where(color="yellow"), "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.unassigned_shards",
        title="Shards without a node",
        query=q.max_by(cluster.ELASTICSEARCH_CLUSTER_HEALTH_UNASSIGNED_SHARDS, "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.nodes",
        title="Nodes in the cluster",
        query=q.min_by(cluster.ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_NODES, "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.pending_tasks",
        title="Changes that wait for the master",
        query=q.max_by(cluster.ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_PENDING_TASKS, "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.heap_used_ratio",
        title="Heap in use over its limit",
        query=q.max_by(
            q.ratio(
                pool.ELASTICSEARCH_JVM_MEMORY_USED_BYTES.where(area="heap"),
                pool.ELASTICSEARCH_JVM_MEMORY_MAX_BYTES.where(area="heap"),
            ),
            "job",
            "cluster",
            "name",
        ),
    ),
    NamedQuery(
        key="elasticsearch.garbage_collection_ratio",
        title="Share of time spent in garbage collection",
        query=q.sum_by(q.rate(pool.ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_SUM), "job", "cluster", "name"),
    ),
    NamedQuery(
        key="elasticsearch.disk_available_ratio",
        title="Room left on the data paths",
        query=q.min_by(
            q.ratio(pool.ELASTICSEARCH_FILESYSTEM_DATA_AVAILABLE_BYTES, pool.ELASTICSEARCH_FILESYSTEM_DATA_SIZE_BYTES),
            "job",
            "cluster",
            "name",
        ),
    ),
    NamedQuery(
        key="elasticsearch.processor_percent",
        title="Processor use of the nodes",
        query=q.max_by(node.ELASTICSEARCH_PROCESS_CPU_PERCENT, "job", "cluster", "name"),
    ),
    NamedQuery(
        key="elasticsearch.search_rate",
        title="Query phases per second",
        query=q.sum_by(q.rate(node.ELASTICSEARCH_INDICES_SEARCH_QUERY_TOTAL), "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.search_seconds",
        title="Mean duration of a query phase",
        query=q.ratio(
            q.sum_by(q.rate(node.ELASTICSEARCH_INDICES_SEARCH_QUERY_TIME_SECONDS), "job", "cluster"),
            q.sum_by(q.rate(node.ELASTICSEARCH_INDICES_SEARCH_QUERY_TOTAL), "job", "cluster") > 0,
        ),
    ),
    NamedQuery(
        key="elasticsearch.indexing_rate",
        title="Documents indexed per second",
        query=q.sum_by(q.rate(node.ELASTICSEARCH_INDICES_INDEXING_INDEX_TOTAL), "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.indexing_seconds",
        title="Mean duration of indexing a document",
        query=q.ratio(
            q.sum_by(q.rate(node.ELASTICSEARCH_INDICES_INDEXING_INDEX_TIME_SECONDS_TOTAL), "job", "cluster"),
            q.sum_by(q.rate(node.ELASTICSEARCH_INDICES_INDEXING_INDEX_TOTAL), "job", "cluster") > 0,
        ),
    ),
    NamedQuery(
        key="elasticsearch.rejected_rate",
        title="Tasks refused per second, by pool",
        query=q.sum_by(q.rate(pool.ELASTICSEARCH_THREAD_POOL_REJECTED_COUNT), "job", "cluster", "name", "type"),
    ),
    NamedQuery(
        key="elasticsearch.queue",
        title="Tasks that wait, by pool",
        query=q.sum_by(pool.ELASTICSEARCH_THREAD_POOL_QUEUE_COUNT, "job", "cluster", "type"),
    ),
    NamedQuery(
        key="elasticsearch.breakers_tripped_rate",
        title="Requests refused by circuit breakers per second",
        query=q.sum_by(q.rate(pool.ELASTICSEARCH_BREAKERS_TRIPPED), "job", "cluster", "name", "breaker"),
    ),
    NamedQuery(
        key="elasticsearch.store_bytes",
        title="Size of the shards",
        query=q.sum_by(node.ELASTICSEARCH_INDICES_STORE_SIZE_BYTES, "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.documents",
        title="Documents, replicas included",
        query=q.sum_by(node.ELASTICSEARCH_INDICES_DOCS, "job", "cluster"),
    ),
    NamedQuery(
        key="elasticsearch.snapshot_age",
        title="Age of the newest snapshot, by repository",
        query=q.min_by(
            q.age(cluster.ELASTICSEARCH_SNAPSHOT_STATS_LATEST_SNAPSHOT_TIMESTAMP_SECONDS),
            "job",
            "instance",
            "repository",
        ),
    ),
    NamedQuery(
        key="elasticsearch.index_bytes",
        title="Size of an index",
        query=q.max_by(ELASTICSEARCH_INDICES_STORE_SIZE_BYTES_TOTAL, "job", "cluster", "index"),
    ),
    NamedQuery(
        key="elasticsearch.index_rate",
        title="Documents indexed per second, by index",
        query=q.max_by(q.rate(ELASTICSEARCH_INDEX_STATS_INDEXING_INDEX_TOTAL), "job", "cluster", "index"),
    ),
    NamedQuery(
        key="elasticsearch.collector_success",
        title="Whether a part of the scrape was answered",
        query=q.min_by(cluster.ELASTICSEARCH_EXPORTER_COLLECTOR_SUCCESS, "job", "instance", "collector"),
    ),
)
