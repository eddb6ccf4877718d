"""Pinecone: the names of its own metrics endpoint, and a few of ours for what its API says beside."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.units import BYTES, MILLISECONDS, ONE, PERCENT, RATIO, SECONDS, UNIX_TIME, Unit

__all__ = [
    "PINECONE_API_CALLS_LEFT",
    "PINECONE_API_CALLS_TOTAL",
    "PINECONE_DB_INDEX_FULLNESS",
    "PINECONE_DB_INDEX_MEMORY_FULLNESS",
    "PINECONE_DB_INDEX_STORAGE_FULLNESS",
    "PINECONE_DB_RECORD_TOTAL",
    "PINECONE_INDEX_READY",
    "PINECONE_LAST_READ_TIMESTAMP_SECONDS",
    "PINECONE_NAMESPACE_RECORDS",
    "PINECONE_PART_SUCCESS",
    "PINECONE_UP",
    "QUERIES",
    "SIGNALS",
    "SYSTEM",
]

_ORIGIN = "Pinecone's metrics endpoint"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL
_INDEX = ("capacity_mode", "cloud", "index_name", "region")
# Pinecone calls a server of its own `instance`, which is the label of the target: Prometheus would store it like this.
_COUNTED = ("capacity_mode", "cloud", "exported_instance", "index_name", "region")
_METRICS = "the option project_id, and a plan with the metrics endpoint (Builder, Standard, Enterprise)"
_DEDICATED = "an index with dedicated read nodes, or of pods"


def _count(name: str, help: str, unit: Unit = ONE, polarity: Polarity = _NEUTRAL) -> Counter:
    return Counter(f"pinecone_db_{name}", help, unit, _COUNTED, polarity, _METRICS, _ORIGIN)


def _gauge(
    name: str, help: str, unit: Unit, polarity: Polarity, requires: str | None, labels: tuple[str, ...] = _INDEX
) -> Gauge:
    return Gauge(f"pinecone_db_{name}", help, unit, labels, polarity, requires, _ORIGIN)


# What we say of the reading itself: the API is asked at an interval and up to a limit, not at every scrape.
PINECONE_UP = Gauge("pinecone_up", "Whether the API answered when it was last asked.", ONE, (), _LOW)
PINECONE_LAST_READ_TIMESTAMP_SECONDS = Gauge(
    "pinecone_last_read_timestamp_seconds", "When the values that are exposed were read.", UNIX_TIME, (), _LOW
)
PINECONE_API_CALLS_TOTAL = Counter("pinecone_api_calls_total", "Requests that this collector sent to the API.")
PINECONE_API_CALLS_LEFT = Gauge(
    "pinecone_api_calls_left", "Requests that the option calls_per_day leaves for today (UTC).", ONE, (), _LOW
)

PINECONE_PART_SUCCESS = Gauge(
    "pinecone_part_success",
    "Whether a part of the last reading was answered: the indexes' statistics, the metrics endpoint.",
    ONE,
    ("part",),
    _LOW,
    "an index, or the option project_id",
)

# The list of indexes, and describe_index_stats
PINECONE_INDEX_READY = Gauge(
    "pinecone_index_ready", "Whether an index answers requests.", ONE, _INDEX, _LOW, "an index"
)
PINECONE_NAMESPACE_RECORDS = Gauge(
    "pinecone_namespace_records",
    "Records of a namespace.",
    ONE,
    ("index_name", "namespace"),
    _NEUTRAL,
    "the option namespaces above 0, and a namespace",
)
PINECONE_DB_RECORD_TOTAL = _gauge("record_total", "Records of an index.", ONE, _NEUTRAL, "an index")
PINECONE_DB_INDEX_FULLNESS = _gauge(
    "index_fullness", "Share of the index's room in use, of storage or memory.", RATIO, _HIGH, _DEDICATED
)
PINECONE_DB_INDEX_MEMORY_FULLNESS = _gauge(
    "index_memory_fullness", "Share of the index's memory in use.", RATIO, _HIGH, _DEDICATED
)
PINECONE_DB_INDEX_STORAGE_FULLNESS = _gauge(
    "index_storage_fullness", "Share of the index's storage in use.", RATIO, _HIGH, _DEDICATED
)

# The metrics endpoint
PINECONE_DB_STORAGE_SIZE_BYTES = _gauge("storage_size_bytes", "Size of an index.", BYTES, _NEUTRAL, _METRICS)
PINECONE_DB_OP_QUERY_COUNT = _count("op_query_count", "Query requests.")
PINECONE_DB_OP_QUERY_DURATION_SUM = _count("op_query_duration_sum", "Time spent in queries.", MILLISECONDS, _HIGH)
PINECONE_DB_OP_UPSERT_COUNT = _count("op_upsert_count", "Upsert requests.")
PINECONE_DB_OP_UPSERT_DURATION_SUM = _count("op_upsert_duration_sum", "Time spent in upserts.", MILLISECONDS, _HIGH)
PINECONE_DB_OP_FETCH_COUNT = _count("op_fetch_count", "Fetch requests.")
PINECONE_DB_OP_FETCH_DURATION_SUM = _count("op_fetch_duration_sum", "Time spent in fetches.", MILLISECONDS, _HIGH)
PINECONE_DB_OP_UPDATE_COUNT = _count("op_update_count", "Update requests.")
PINECONE_DB_OP_UPDATE_DURATION_SUM = _count("op_update_duration_sum", "Time spent in updates.", MILLISECONDS, _HIGH)
PINECONE_DB_OP_DELETE_COUNT = _count("op_delete_count", "Delete requests.")
PINECONE_DB_OP_DELETE_DURATION_SUM = _count("op_delete_duration_sum", "Time spent in deletes.", MILLISECONDS, _HIGH)
PINECONE_DB_OP_LIST_COUNT = _count("op_list_count", "List requests.")
PINECONE_DB_OP_LIST_DURATION_SUM = _count("op_list_duration_sum", "Time spent in lists.", MILLISECONDS, _HIGH)
PINECONE_DB_READ_UNIT_COUNT = _count("read_unit_count", "Read units that an index used.", ONE, _HIGH)
PINECONE_DB_WRITE_UNIT_COUNT = _count("write_unit_count", "Write units that an index used.", ONE, _HIGH)
PINECONE_DB_SCHEDULED_BACKUP_FAILURE_TOTAL = _count(
    "scheduled_backup_failure_total", "Scheduled backups that failed for good.", ONE, _HIGH
)
PINECONE_DB_DRN_CPU_USAGE_PERCENT = _gauge(
    "drn_cpu_usage_percent",
    "Processor use of a shard's dedicated read nodes.",
    PERCENT,
    _HIGH,
    f"{_METRICS}; {_DEDICATED}",
    ("capacity_mode", "cloud", "index_name", "region", "shard_id"),
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="pinecone",
    title="Pinecone",
    summary="A managed vector database: indexes, namespaces, units that cost money.",
    collected="ours",
    signals=SIGNALS,
    exporter=_ORIGIN,
    tested_against=(
        "replies written from Pinecone's public API reference (2026-04 and 2026-07) and its monitoring guide, played "
        "by an HTTP stub; never against Pinecone itself"
    ),
)

_OF = ("job", "instance", "index_name")
_QUERIES_RATE = q.sum_by(q.rate(PINECONE_DB_OP_QUERY_COUNT, "15m"), *_OF)
_UPSERTS_RATE = q.sum_by(q.rate(PINECONE_DB_OP_UPSERT_COUNT, "15m"), *_OF)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="pinecone.up", title="Whether the API answers", query=q.min_by(PINECONE_UP, "job", "instance")),
    NamedQuery(
        key="pinecone.read_age",
        title="Age of the values",
        query=q.max_by(q.age(PINECONE_LAST_READ_TIMESTAMP_SECONDS), "job", "instance"),
    ),
    NamedQuery(
        key="pinecone.calls_left",
        title="Requests that the limit leaves for today",
        query=q.min_by(PINECONE_API_CALLS_LEFT, "job", "instance"),
    ),
    NamedQuery(
        key="pinecone.calls_rate",
        title="Requests of this collector per second",
        query=q.sum_by(q.rate(PINECONE_API_CALLS_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="pinecone.index_ready",
        title="Whether an index answers requests",
        query=q.min_by(PINECONE_INDEX_READY, *_OF),
    ),
    NamedQuery(key="pinecone.records", title="Records of an index", query=q.max_by(PINECONE_DB_RECORD_TOTAL, *_OF)),
    NamedQuery(
        key="pinecone.fullness",
        title="Share of an index's room in use",
        query=q.max_by(PINECONE_DB_INDEX_FULLNESS, *_OF),
    ),
    NamedQuery(
        key="pinecone.storage_bytes",
        title="Size of an index",
        query=q.max_by(PINECONE_DB_STORAGE_SIZE_BYTES, *_OF),
    ),
    NamedQuery(key="pinecone.query_rate", title="Queries per second", query=_QUERIES_RATE),
    NamedQuery(
        key="pinecone.query_seconds",
        title="Mean duration of a query",
        query=q.convert(
            q.ratio(q.sum_by(q.rate(PINECONE_DB_OP_QUERY_DURATION_SUM, "15m"), *_OF), _QUERIES_RATE > 0),
            SECONDS,
        ),
    ),
    NamedQuery(key="pinecone.upsert_rate", title="Upserts per second", query=_UPSERTS_RATE),
    NamedQuery(
        key="pinecone.upsert_seconds",
        title="Mean duration of an upsert",
        query=q.convert(
            q.ratio(q.sum_by(q.rate(PINECONE_DB_OP_UPSERT_DURATION_SUM, "15m"), *_OF), _UPSERTS_RATE > 0),
            SECONDS,
        ),
    ),
    NamedQuery(
        key="pinecone.read_units_rate",
        title="Read units per second",
        query=q.sum_by(q.rate(PINECONE_DB_READ_UNIT_COUNT, "15m"), *_OF),
    ),
    NamedQuery(
        key="pinecone.write_units_rate",
        title="Write units per second",
        query=q.sum_by(q.rate(PINECONE_DB_WRITE_UNIT_COUNT, "15m"), *_OF),
    ),
    NamedQuery(
        key="pinecone.backup_failures",
        title="Scheduled backups that failed within a day",
        query=q.sum_by(q.increase(PINECONE_DB_SCHEDULED_BACKUP_FAILURE_TOTAL, "1d"), *_OF),
    ),
    NamedQuery(
        key="pinecone.read_node_percent",
        title="Processor use of dedicated read nodes",
        query=q.max_by(PINECONE_DB_DRN_CPU_USAGE_PERCENT, *_OF),
    ),
)
