"""Neo4j: the names of its own metrics endpoint, in the scheme of 5 (`neo4j_dbms_`, `neo4j_database_NAME_`) and of 4.

A database's name is a part of the metric's name. Declared are `neo4j` and `system`, which every server has; the docs
say how to declare others. Queries take whichever scheme a server speaks.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge, Polarity, Signal, Summary
from watchkeeper.systems.watchkeeper_signals import WATCHKEEPER_TARGET_UP
from watchkeeper.units import BYTES, MILLISECONDS, ONE, RATIO, SECONDS, Unit

__all__ = ["DATABASES", "QUERIES", "SIGNALS", "SYSTEM"]

_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL
_V5, _V4 = "Neo4j 5, Enterprise", "Neo4j 4.x, Enterprise"
_ORIGIN = "Neo4j's metrics endpoint"

DATABASES = ("neo4j", "system")
"""The databases whose signals are declared."""

Gauges = tuple[Gauge, Gauge]
Counters = tuple[Counter, Counter]


def _names(name: str, database: str | None) -> tuple[str, str]:
    """The name in the schemes of 5 and of 4; `DB` within is the database once more."""
    if database is None:
        return f"neo4j_dbms_{name}", f"neo4j_{name}"
    name = name.replace("DB", database)
    return f"neo4j_database_{database}_{name}", f"neo4j_{database}_{name}"


def _gauges(
    name: str, help: str, unit: Unit = ONE, polarity: Polarity = _NEUTRAL, *, database: str | None = None
) -> Gauges:
    five, four = _names(name, database)
    return (
        Gauge(five, help, unit, (), polarity, _V5, _ORIGIN),
        Gauge(four, help, unit, (), polarity, _V4, _ORIGIN),
    )


def _counters(
    name: str, help: str, unit: Unit = ONE, polarity: Polarity = _NEUTRAL, *, database: str | None = None
) -> Counters:
    five, four = _names(name, database)
    return (
        Counter(five, help, unit, (), polarity, _V5, _ORIGIN),
        Counter(four, help, unit, (), polarity, _V4, _ORIGIN),
    )


# The server
BOLT_CONNECTIONS_RUNNING = _gauges("bolt_connections_running", "Bolt connections that run a query.", ONE, _HIGH)
BOLT_CONNECTIONS_IDLE = _gauges("bolt_connections_idle", "Bolt connections that run nothing.")
BOLT_CONNECTIONS_OPENED = _counters("bolt_connections_opened_total", "Bolt connections opened.")
BOLT_CONNECTIONS_CLOSED = _counters("bolt_connections_closed_total", "Bolt connections closed.")
BOLT_MESSAGES_RECEIVED = _counters("bolt_messages_received_total", "Bolt messages received.")
BOLT_MESSAGES_STARTED = _counters("bolt_messages_started_total", "Bolt messages whose work began.")
PAGE_CACHE_HIT_RATIO = _gauges("page_cache_hit_ratio", "Share of page look-ups that hit, of late.", RATIO, _LOW)
PAGE_CACHE_USAGE_RATIO = _gauges("page_cache_usage_ratio", "Share of the page cache in use.", RATIO)
PAGE_CACHE_HITS = _counters("page_cache_hits_total", "Page look-ups that hit.")
PAGE_CACHE_FAULTS = _counters("page_cache_page_faults_total", "Page look-ups that read from disk.", ONE, _HIGH)
HEAP_USED = _gauges("vm_heap_used", "Heap in use.", BYTES, _HIGH)
FILE_DESCRIPTORS = _gauges("vm_file_descriptors_count", "Open file descriptors.", ONE, _HIGH)
GC_OLD = _counters(
    "vm_gc_time_g1_old_generation_total", "Time spent in collections of the old generation.", MILLISECONDS, _HIGH
)
GC_YOUNG = _counters(
    "vm_gc_time_g1_young_generation_total", "Time spent in collections of the young generation.", MILLISECONDS, _HIGH
)
_SERVER: tuple[Gauges | Counters, ...] = (
    BOLT_CONNECTIONS_RUNNING,
    BOLT_CONNECTIONS_IDLE,
    BOLT_CONNECTIONS_OPENED,
    BOLT_CONNECTIONS_CLOSED,
    BOLT_MESSAGES_RECEIVED,
    BOLT_MESSAGES_STARTED,
    PAGE_CACHE_HIT_RATIO,
    PAGE_CACHE_USAGE_RATIO,
    PAGE_CACHE_HITS,
    PAGE_CACHE_FAULTS,
    HEAP_USED,
    FILE_DESCRIPTORS,
    GC_OLD,
    GC_YOUNG,
    _gauges("vm_memory_buffer_direct_used", "Direct memory in use.", BYTES),
    _gauges("vm_memory_pool_g1_eden_space", "Memory of the eden space.", BYTES),
    _gauges("vm_memory_pool_g1_old_gen", "Memory of the old generation.", BYTES),
)

# Names that the two schemes do not share.
PAUSE_TIME = Counter(
    "neo4j_dbms_vm_pause_time_total", "Time for which the JVM stood still.", MILLISECONDS, (), _HIGH, _V5, _ORIGIN
)
_SINGLE: tuple[Signal, ...] = (
    PAUSE_TIME,
    Gauge("neo4j_vm_pause_time", "Time for which the JVM stood still.", MILLISECONDS, (), _HIGH, _V4, _ORIGIN),
    Gauge("neo4j_dbms_vm_threads", "Threads of the JVM.", ONE, (), _NEUTRAL, _V5, _ORIGIN),
    Gauge("neo4j_vm_thread_count", "Threads of the JVM.", ONE, (), _NEUTRAL, _V4, _ORIGIN),
    Gauge("neo4j_vm_thread_total", "Live threads of the JVM.", ONE, (), _NEUTRAL, _V4, _ORIGIN),
    # Of the same name in both schemes.
    *(
        Gauge(f"neo4j_dbms_pool_bolt_{name}", help, BYTES, (), _NEUTRAL, "Neo4j 4.x or 5, Enterprise", _ORIGIN)
        for name, help in (
            ("free", "Memory of the Bolt pool that is free."),
            ("total_size", "Size of the Bolt pool."),
            ("total_used", "Memory of the Bolt pool in use."),
            ("used_heap", "Heap of the Bolt pool in use."),
        )
    ),
)


def _database(name: str) -> tuple[dict[str, Gauges], dict[str, Counters]]:
    """The gauges and the counters of a database that both schemes have, by their last part."""
    gauges = (
        ("transaction_active_read", "Read transactions that run.", ONE, _HIGH),
        ("transaction_active_write", "Write transactions that run.", ONE, _HIGH),
        ("check_point_duration", "Duration of the last checkpoint.", MILLISECONDS, _HIGH),
        ("store_size_total", "Size of the database and its logs on disk.", BYTES, _HIGH),
        ("store_size_database", "Size of the database on disk.", BYTES, _HIGH),
        ("ids_in_use_node", "Nodes.", ONE, _NEUTRAL),
        ("ids_in_use_relationship", "Relationships.", ONE, _NEUTRAL),
        ("ids_in_use_relationship_type", "Types of relationships.", ONE, _NEUTRAL),
        ("ids_in_use_property", "Properties.", ONE, _NEUTRAL),
        ("pool_transaction_DB_total_used", "Memory of transactions.", BYTES, _HIGH),
        ("pool_transaction_DB_used_heap", "Heap of transactions.", BYTES, _HIGH),
        ("pool_transaction_DB_used_native", "Memory of transactions outside the heap.", BYTES, _HIGH),
    )
    counters = (
        ("transaction_committed_total", "Transactions committed.", ONE, _NEUTRAL),
        ("transaction_committed_read_total", "Read transactions committed.", ONE, _NEUTRAL),
        ("transaction_committed_write_total", "Write transactions committed.", ONE, _NEUTRAL),
        ("transaction_rollbacks_total", "Transactions rolled back.", ONE, _HIGH),
        ("transaction_rollbacks_read_total", "Read transactions rolled back.", ONE, _HIGH),
        ("transaction_rollbacks_write_total", "Write transactions rolled back.", ONE, _HIGH),
        ("transaction_peak_concurrent_total", "Most transactions that ever ran at once.", ONE, _NEUTRAL),
        ("transaction_last_committed_tx_id_total", "Identifier of the last transaction.", ONE, _NEUTRAL),
        ("db_query_execution_success_total", "Queries that succeeded.", ONE, _NEUTRAL),
        ("db_query_execution_failure_total", "Queries that failed.", ONE, _HIGH),
        ("cypher_replan_events_total", "Queries that were planned anew.", ONE, _HIGH),
        ("check_point_total_time_total", "Time spent in checkpoints.", MILLISECONDS, _NEUTRAL),
    )
    return (
        {key: _gauges(key, help, unit, polarity, database=name) for key, help, unit, polarity in gauges},
        {key: _counters(key, help, unit, polarity, database=name) for key, help, unit, polarity in counters},
    )


def _newer(name: str) -> tuple[Signal, ...]:
    """The signals of a database that only 5 has."""
    rows = (
        ("flushed_bytes", "Bytes that the last checkpoint wrote.", BYTES),
        ("pages_flushed", "Pages that the last checkpoint wrote.", ONE),
        ("io_performed", "Writes of the last checkpoint.", ONE),
        ("io_limit", "Limit of a checkpoint's writes, -1 for none.", ONE),
        ("limit_millis", "Time for which the last checkpoint was held back.", MILLISECONDS),
        ("limit_times", "Times that the last checkpoint was held back.", ONE),
    )
    return (
        Counter(f"neo4j_database_{name}_check_point_events_total", "Checkpoints.", ONE, (), _NEUTRAL, _V5, _ORIGIN),
        *(
            Gauge(f"neo4j_database_{name}_check_point_{key}", help, unit, (), _NEUTRAL, _V5, _ORIGIN)
            for key, help, unit in rows
        ),
    )


def _latency(name: str) -> tuple[Summary, Summary]:
    five, four = _names("db_query_execution_latency_millis", name)
    help = "Duration of queries."
    return (
        Summary(five, help, MILLISECONDS, (), _HIGH, _V5, _ORIGIN),
        Summary(four, help, MILLISECONDS, (), _HIGH, _V4, _ORIGIN),
    )


_BY_DATABASE = {name: _database(name) for name in DATABASES}
_LATENCIES = {name: _latency(name) for name in DATABASES}

SIGNALS: tuple[Signal, ...] = (
    *(signal for pair in _SERVER for signal in pair),
    *_SINGLE,
    *(signal for gauges, _ in _BY_DATABASE.values() for pair in gauges.values() for signal in pair),
    *(signal for _, counters in _BY_DATABASE.values() for pair in counters.values() for signal in pair),
    *(signal for pair in _LATENCIES.values() for signal in pair),
    *(signal for name in DATABASES for signal in _newer(name)),
)

SYSTEM = System(
    key="neo4j",
    title="Neo4j",
    summary="A graph database: nodes, relationships, and Cypher.",
    collected="theirs",
    signals=SIGNALS,
    exporter="Neo4j Enterprise's own Prometheus endpoint",
    open_prefixes=("neo4j_",),  # the names of further databases are parts of names
    tested_against="recorded metrics pages of Neo4j 4.4 and 5.11 Enterprise, both of idle databases; no live server",
)


def _either(pair: Gauges, of: Callable[[Gauge], Query]) -> Query:
    """A query of whichever scheme there is; 5 first."""
    return q.or_(of(pair[0]), of(pair[1]))


def _rates(pair: Counters) -> Query:
    return q.or_(*(q.sum_by(q.rate(signal), "job", "instance") for signal in pair))


def _value_of(pair: Gauges) -> Query:
    return _either(pair, lambda signal: q.max_by(signal, "job", "instance"))


_GAUGE, _COUNTER = _BY_DATABASE["neo4j"]
_HITS, _FAULTS = _rates(PAGE_CACHE_HITS), _rates(PAGE_CACHE_FAULTS)
_SUCCEEDED = _rates(_COUNTER["db_query_execution_success_total"])
_FAILED = _rates(_COUNTER["db_query_execution_failure_total"])

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="neo4j.up",
        title="Whether the metrics endpoint answers",
        query=q.min_by(WATCHKEEPER_TARGET_UP.where(target_system="neo4j"), "job", "instance", "target"),
    ),
    NamedQuery(key="neo4j.query_rate", title="Queries per second", query=_SUCCEEDED + _FAILED),
    NamedQuery(key="neo4j.failure_rate", title="Queries that fail per second", query=_FAILED),
    NamedQuery(
        key="neo4j.failure_ratio",
        title="Share of queries that fail",
        query=q.ratio(_FAILED, (_SUCCEEDED + _FAILED) > 0),
    ),
    NamedQuery(
        key="neo4j.query_p95",
        title="Duration that 95 % of the queries stay below",
        query=q.convert(
            q.or_(
                *(
                    q.max_by(signal.quantiles.where(quantile="0.95"), "job", "instance")
                    for signal in _LATENCIES["neo4j"]
                )
            ),
            SECONDS,
        ),
    ),
    NamedQuery(
        key="neo4j.transactions",
        title="Transactions that run",
        query=_value_of(_GAUGE["transaction_active_read"]) + _value_of(_GAUGE["transaction_active_write"]),
    ),
    NamedQuery(
        key="neo4j.commit_rate",
        title="Transactions committed per second",
        query=_rates(_COUNTER["transaction_committed_total"]),
    ),
    NamedQuery(
        key="neo4j.rollback_rate",
        title="Transactions rolled back per second",
        query=_rates(_COUNTER["transaction_rollbacks_total"]),
    ),
    NamedQuery(key="neo4j.heap_bytes", title="Heap in use", query=_value_of(HEAP_USED)),
    NamedQuery(
        key="neo4j.garbage_collection_ratio",
        title="Share of time spent in garbage collection",
        query=q.convert(_rates(GC_OLD) + _rates(GC_YOUNG), RATIO),
    ),
    # By the counters, not the ratio that the server computes: that is 0 for a server that nobody asks.
    NamedQuery(
        key="neo4j.page_cache_miss_ratio",
        title="Page look-ups that read from disk, for one that hits",
        query=q.ratio(_FAULTS, _HITS > 0),
    ),
    NamedQuery(key="neo4j.page_fault_rate", title="Pages read from disk per second", query=_FAULTS),
    NamedQuery(
        key="neo4j.page_cache_usage_ratio",
        title="Share of the page cache in use",
        query=_value_of(PAGE_CACHE_USAGE_RATIO),
    ),
    NamedQuery(
        key="neo4j.connections_running",
        title="Bolt connections that run a query",
        query=_value_of(BOLT_CONNECTIONS_RUNNING),
    ),
    NamedQuery(
        key="neo4j.connections_idle", title="Bolt connections that run nothing", query=_value_of(BOLT_CONNECTIONS_IDLE)
    ),
    NamedQuery(
        key="neo4j.store_bytes",
        title="Size of the database and its logs on disk",
        query=_value_of(_GAUGE["store_size_total"]),
    ),
    NamedQuery(
        key="neo4j.checkpoint_seconds",
        title="Duration of the last checkpoint",
        query=q.convert(_value_of(_GAUGE["check_point_duration"]), SECONDS),
    ),
    NamedQuery(key="neo4j.nodes", title="Nodes", query=_value_of(_GAUGE["ids_in_use_node"])),
    NamedQuery(key="neo4j.relationships", title="Relationships", query=_value_of(_GAUGE["ids_in_use_relationship"])),
)
