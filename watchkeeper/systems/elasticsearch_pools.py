"""Elasticsearch: signals within a node (pools, breakers, mounts), beside where they stand in `_nodes/stats`."""

from __future__ import annotations

from watchkeeper.signals import Signal
from watchkeeper.systems.elasticsearch_names import HIGH, LOW, NODE_LABELS, counter, gauge
from watchkeeper.units import BYTES, KIBIBYTES, ONE, SECONDS

__all__ = [
    "BREAKERS",
    "COLLECTORS",
    "DATA_PATHS",
    "DEVICES",
    "ELASTICSEARCH_BREAKERS_ESTIMATED_SIZE_BYTES",
    "ELASTICSEARCH_BREAKERS_LIMIT_SIZE_BYTES",
    "ELASTICSEARCH_BREAKERS_TRIPPED",
    "ELASTICSEARCH_FILESYSTEM_DATA_AVAILABLE_BYTES",
    "ELASTICSEARCH_FILESYSTEM_DATA_SIZE_BYTES",
    "ELASTICSEARCH_INDEXING_PRESSURE_CURRENT_ALL_IN_BYTES",
    "ELASTICSEARCH_INDEXING_PRESSURE_LIMIT_IN_BYTES",
    "ELASTICSEARCH_INDICES_QUERY_CACHE_COUNT",
    "ELASTICSEARCH_INDICES_QUERY_MISS_COUNT",
    "ELASTICSEARCH_INDICES_REQUEST_CACHE_COUNT",
    "ELASTICSEARCH_INDICES_REQUEST_MISS_COUNT",
    "ELASTICSEARCH_JVM_BUFFER_POOL_USED_BYTES",
    "ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_COUNT",
    "ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_SUM",
    "ELASTICSEARCH_JVM_MEMORY_COMMITTED_BYTES",
    "ELASTICSEARCH_JVM_MEMORY_MAX_BYTES",
    "ELASTICSEARCH_JVM_MEMORY_USED_BYTES",
    "ELASTICSEARCH_JVM_UPTIME_SECONDS",
    "ELASTICSEARCH_NODES_ROLES",
    "ELASTICSEARCH_THREAD_POOL_QUEUE_COUNT",
    "ELASTICSEARCH_THREAD_POOL_REJECTED_COUNT",
    "MEMORY_POOLS",
    "POOL_SIGNALS",
    "THREAD_POOLS",
]

_AREA, _TYPE, _CACHE = (*NODE_LABELS, "area"), (*NODE_LABELS, "type"), (*NODE_LABELS, "cache")
_PRESSURE = ("cluster", "host", "indexing_pressure", "name")
_BREAKERS = (*NODE_LABELS, "breaker")
_THREAD_POOLS = (*NODE_LABELS, "type")
_MEMORY_POOLS = (*NODE_LABELS, "pool")
_COLLECTORS = (*NODE_LABELS, "gc")
_DATA_PATHS = (*NODE_LABELS, "mount", "path")
_DEVICES = (*NODE_LABELS, "device")
_DEVICE = "io_stats: Linux, and a data path on a device of its own"

ELASTICSEARCH_BREAKERS_ESTIMATED_SIZE_BYTES = gauge(
    "breakers_estimated_size_bytes", "Memory that a circuit breaker counts.", BYTES, HIGH, labels=_BREAKERS
)
ELASTICSEARCH_BREAKERS_LIMIT_SIZE_BYTES = gauge(
    "breakers_limit_size_bytes", "Memory at which a circuit breaker refuses.", BYTES, labels=_BREAKERS
)
ELASTICSEARCH_BREAKERS_TRIPPED = counter(
    "breakers_tripped", "Requests that a circuit breaker refused.", ONE, HIGH, labels=_BREAKERS
)
ELASTICSEARCH_THREAD_POOL_QUEUE_COUNT = gauge(
    "thread_pool_queue_count", "Tasks that wait in a pool's queue.", ONE, HIGH, labels=_THREAD_POOLS
)
ELASTICSEARCH_THREAD_POOL_REJECTED_COUNT = counter(
    "thread_pool_rejected_count",
    "Tasks that a pool refused because its queue was full.",
    ONE,
    HIGH,
    labels=_THREAD_POOLS,
)
ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_COUNT = counter(
    "jvm_gc_collection_seconds_count", "Garbage collections.", ONE, HIGH, labels=_COLLECTORS
)
ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_SUM = counter(
    "jvm_gc_collection_seconds_sum", "Time spent in garbage collections.", SECONDS, HIGH, labels=_COLLECTORS
)
ELASTICSEARCH_FILESYSTEM_DATA_AVAILABLE_BYTES = gauge(
    "filesystem_data_available_bytes",
    "Bytes that the node may still use on a data path.",
    BYTES,
    LOW,
    labels=_DATA_PATHS,
)
ELASTICSEARCH_FILESYSTEM_DATA_SIZE_BYTES = gauge(
    "filesystem_data_size_bytes", "Size of a data path.", BYTES, labels=_DATA_PATHS
)
ELASTICSEARCH_JVM_MEMORY_USED_BYTES = gauge(
    "jvm_memory_used_bytes", "Memory of an area in use.", BYTES, HIGH, labels=_AREA
)
ELASTICSEARCH_JVM_MEMORY_COMMITTED_BYTES = gauge(
    "jvm_memory_committed_bytes", "Memory of an area that the system gave.", BYTES, labels=_AREA
)
ELASTICSEARCH_JVM_MEMORY_MAX_BYTES = gauge("jvm_memory_max_bytes", "Largest size of an area.", BYTES, labels=_AREA)
ELASTICSEARCH_JVM_BUFFER_POOL_USED_BYTES = gauge(
    "jvm_buffer_pool_used_bytes", "Memory of a buffer pool in use.", BYTES, labels=_TYPE
)
ELASTICSEARCH_JVM_UPTIME_SECONDS = gauge(
    "jvm_uptime_seconds", "Time since the node's process started.", SECONDS, labels=_TYPE
)
ELASTICSEARCH_INDICES_QUERY_CACHE_COUNT = counter(
    "indices_query_cache_count", "Hits in the query cache.", labels=_CACHE
)
ELASTICSEARCH_INDICES_QUERY_MISS_COUNT = counter(
    "indices_query_miss_count", "Misses in the query cache.", labels=_CACHE
)
ELASTICSEARCH_INDICES_REQUEST_CACHE_COUNT = counter(
    "indices_request_cache_count", "Hits in the request cache.", labels=_CACHE
)
ELASTICSEARCH_INDICES_REQUEST_MISS_COUNT = counter(
    "indices_request_miss_count", "Misses in the request cache.", labels=_CACHE
)
ELASTICSEARCH_INDEXING_PRESSURE_CURRENT_ALL_IN_BYTES = gauge(
    "indexing_pressure_current_all_in_bytes",
    "Memory of the indexing requests that run.",
    BYTES,
    HIGH,
    labels=_PRESSURE,
    requires="Elasticsearch 7.9 or later",
)
ELASTICSEARCH_INDEXING_PRESSURE_LIMIT_IN_BYTES = gauge(
    "indexing_pressure_limit_in_bytes",
    "Memory of indexing requests at which they are refused.",
    BYTES,
    labels=_PRESSURE,
    requires="Elasticsearch 7.10 or later",
)
ELASTICSEARCH_NODES_ROLES = gauge(
    "nodes_roles", "Whether a node has a role.", labels=("cluster", "host", "name", "node", "role")
)

BREAKERS: tuple[tuple[str, Signal], ...] = (
    ("estimated_size_in_bytes", ELASTICSEARCH_BREAKERS_ESTIMATED_SIZE_BYTES),
    ("limit_size_in_bytes", ELASTICSEARCH_BREAKERS_LIMIT_SIZE_BYTES),
    (
        "overhead",
        counter("breakers_overhead", "Factor that a circuit breaker multiplies estimates by.", labels=_BREAKERS),
    ),
    ("tripped", ELASTICSEARCH_BREAKERS_TRIPPED),
)

THREAD_POOLS: tuple[tuple[str, Signal], ...] = (
    ("active", gauge("thread_pool_active_count", "Threads of a pool that work.", ONE, HIGH, labels=_THREAD_POOLS)),
    ("completed", counter("thread_pool_completed_count", "Tasks that a pool completed.", labels=_THREAD_POOLS)),
    ("largest", gauge("thread_pool_largest_count", "Most threads that a pool ever had.", labels=_THREAD_POOLS)),
    ("queue", ELASTICSEARCH_THREAD_POOL_QUEUE_COUNT),
    ("rejected", ELASTICSEARCH_THREAD_POOL_REJECTED_COUNT),
    ("threads", gauge("thread_pool_threads_count", "Threads of a pool.", labels=_THREAD_POOLS)),
)

MEMORY_POOLS: tuple[tuple[str, Signal], ...] = (
    (
        "used_in_bytes",
        gauge("jvm_memory_pool_used_bytes", "Memory of a pool in use.", BYTES, HIGH, labels=_MEMORY_POOLS),
    ),
    (
        "max_in_bytes",
        counter("jvm_memory_pool_max_bytes", "Largest size of a memory pool.", BYTES, labels=_MEMORY_POOLS),
    ),
    (
        "peak_used_in_bytes",
        counter(
            "jvm_memory_pool_peak_used_bytes",
            "Most memory of a pool that was ever in use.",
            BYTES,
            labels=_MEMORY_POOLS,
        ),
    ),
    (
        "peak_max_in_bytes",
        counter(
            "jvm_memory_pool_peak_max_bytes", "Largest size that a memory pool ever had.", BYTES, labels=_MEMORY_POOLS
        ),
    ),
)

COLLECTORS: tuple[tuple[str, Signal], ...] = (
    ("collection_count", ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_COUNT),
    ("collection_time_in_millis", ELASTICSEARCH_JVM_GC_COLLECTION_SECONDS_SUM),
)

DATA_PATHS: tuple[tuple[str, Signal], ...] = (
    ("available_in_bytes", ELASTICSEARCH_FILESYSTEM_DATA_AVAILABLE_BYTES),
    (
        "free_in_bytes",
        gauge("filesystem_data_free_bytes", "Bytes free on a data path.", BYTES, LOW, labels=_DATA_PATHS),
    ),
    ("total_in_bytes", ELASTICSEARCH_FILESYSTEM_DATA_SIZE_BYTES),
)

DEVICES: tuple[tuple[str, Signal], ...] = (
    (
        "operations",
        counter(
            "filesystem_io_stats_device_operations_count", "Operations of a device.", labels=_DEVICES, requires=_DEVICE
        ),
    ),
    (
        "read_operations",
        counter(
            "filesystem_io_stats_device_read_operations_count", "Reads of a device.", labels=_DEVICES, requires=_DEVICE
        ),
    ),
    (
        "write_operations",
        counter(
            "filesystem_io_stats_device_write_operations_count",
            "Writes of a device.",
            labels=_DEVICES,
            requires=_DEVICE,
        ),
    ),
    (
        "read_kilobytes",
        counter(
            "filesystem_io_stats_device_read_size_kilobytes_sum",
            "Kibibytes read from a device.",
            KIBIBYTES,
            labels=_DEVICES,
            requires=_DEVICE,
        ),
    ),
    (
        "write_kilobytes",
        counter(
            "filesystem_io_stats_device_write_size_kilobytes_sum",
            "Kibibytes written to a device.",
            KIBIBYTES,
            labels=_DEVICES,
            requires=_DEVICE,
        ),
    ),
)

POOL_SIGNALS: tuple[Signal, ...] = (
    *(
        signal
        for table in (BREAKERS, THREAD_POOLS, MEMORY_POOLS, COLLECTORS, DATA_PATHS, DEVICES)
        for _, signal in table
    ),
    ELASTICSEARCH_JVM_MEMORY_USED_BYTES,
    ELASTICSEARCH_JVM_MEMORY_COMMITTED_BYTES,
    ELASTICSEARCH_JVM_MEMORY_MAX_BYTES,
    ELASTICSEARCH_JVM_BUFFER_POOL_USED_BYTES,
    ELASTICSEARCH_JVM_UPTIME_SECONDS,
    ELASTICSEARCH_INDICES_QUERY_CACHE_COUNT,
    ELASTICSEARCH_INDICES_QUERY_MISS_COUNT,
    ELASTICSEARCH_INDICES_REQUEST_CACHE_COUNT,
    ELASTICSEARCH_INDICES_REQUEST_MISS_COUNT,
    ELASTICSEARCH_INDEXING_PRESSURE_CURRENT_ALL_IN_BYTES,
    ELASTICSEARCH_INDEXING_PRESSURE_LIMIT_IN_BYTES,
    ELASTICSEARCH_NODES_ROLES,
)
